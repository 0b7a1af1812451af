//! Two servers over one PostgreSQL database: what one of them does holds for the other.

use crate::{fixtures::services, postgres};
use std::time::Duration;
use synoptic::{
    config::Auth,
    db::{Db, Pool},
    domain::{
        Error,
        api_keys::ApiKeyFields,
        audit::AuditFilter,
        etags::Expected,
        paging::PageRequest,
        permissions::Role,
        principal::{Actor, PrincipalId},
        refusals::Refusal,
        users::{UserFields, UserFilter, UserState},
    },
    services::{
        Services,
        recognition::Recognised,
        sign_in::{Credential, Origin, TokenPair, Wanted},
        users::UserPatch,
    },
};
use tokio_util::task::TaskTracker;

const EMAIL: &str = "admin@example.org";
const PASSWORD: &str = "heron by the river 42";
/// How long one of them goes on believing what it has looked up, and a little longer.
const RECHECK: Duration = Duration::from_secs(1);
const AFTER_RECHECK: Duration = Duration::from_millis(1_200);

/// A server that starts over this database.
async fn start(url: &str) -> Services {
    let pool = Pool {
        connections: 4,
        acquire_timeout: Duration::from_secs(10),
    };
    let db = Db::connect(url, pool).await.unwrap();
    db.migrate().await.unwrap();
    let auth = Auth {
        recheck_seconds: RECHECK.as_secs(),
        ..Auth::default()
    };
    services(&db, auth, &TaskTracker::new())
}

/// Two servers that have started at once, over a database with an admin.
async fn two() -> [Services; 2] {
    let url = postgres::new_database().await;
    let (one, two) = tokio::join!(start(&url), start(&url));
    let made = one.users.create_first_admin(EMAIL, PASSWORD).await.unwrap();
    assert!(made.is_some());
    [one, two]
}

async fn sign_in(server: &Services, email: &str) -> TokenPair {
    let signed_in = server
        .sign_in
        .by_password(email, PASSWORD, &Origin::default(), Wanted::Tokens)
        .await;
    let Credential::Tokens(pair) = signed_in.unwrap().credential else {
        panic!("there should be tokens")
    };
    pair
}

async fn recognise(server: &Services, pair: &TokenPair) -> Recognised {
    server.recognition.access_token(&pair.access_token).await.unwrap()
}

async fn actor(server: &Services, pair: &TokenPair) -> Actor {
    Actor::new(recognise(server, pair).await.unwrap(), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_start_at_once_one_makes_what_there_is_to_be_one_of() {
    for round in 0..4 {
        let url = postgres::new_database().await;
        let (one, two) = tokio::join!(start(&url), start(&url));
        // Configured alike, as they should be, and differently.
        let other = if round % 2 == 0 { EMAIL } else { "other@example.org" };
        let admins = tokio::join!(
            one.users.create_first_admin(EMAIL, PASSWORD),
            two.users.create_first_admin(other, PASSWORD)
        );
        let admins = [admins.0.unwrap(), admins.1.unwrap()];
        let [admin] = admins.iter().flatten().collect::<Vec<_>>()[..] else {
            panic!("there should be one admin: {admins:?}")
        };
        let keys = tokio::join!(one.api_keys.create_first("first"), two.api_keys.create_first("first"));
        let keys = [keys.0.unwrap(), keys.1.unwrap()];
        assert_eq!(keys.iter().flatten().count(), 1, "{keys:?}");
        let email = admin.row.email.as_str();
        let (mine, theirs) = tokio::join!(sign_in(&one, email), sign_in(&two, email));
        for server in [&one, &two] {
            assert_eq!(server.signing_keys.list().await.unwrap().len(), 1);
            for pair in [&mine, &theirs] {
                assert_eq!(recognise(server, pair).await.unwrap().user_id, Some(admin.row.id));
            }
        }
        let page = PageRequest { limit: 10, after: None };
        let users = one.users.list(UserFilter::default(), None, page).await.unwrap();
        assert_eq!(users.rows.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_revokes_the_other_refuses_within_the_recheck_time() {
    let [one, two] = Box::pin(two()).await;
    let operator = Actor::operator();
    let pair = sign_in(&one, EMAIL).await;
    let (key, secret) = one
        .api_keys
        .create(&operator, ApiKeyFields::named("job").unwrap())
        .await
        .unwrap();
    let fields = UserFields::new(
        "ed@example.org",
        None,
        Role::Editor,
        UserState::Active,
        operator.principal.reach.clone(),
    );
    let editor = one
        .users
        .create(&operator, fields.unwrap(), Some(PASSWORD))
        .await
        .unwrap();
    let theirs = sign_in(&two, "ed@example.org").await;
    for server in [&one, &two] {
        let principal = recognise(server, &pair).await.unwrap();
        assert_eq!(principal.role, Some(Role::Admin));
        assert!(recognise(server, &theirs).await.is_ok());
        let principal = server.recognition.api_key(secret.reveal()).await.unwrap().unwrap();
        assert_eq!(principal.id, PrincipalId::Key(key.row.id));
    }
    let admin = actor(&one, &pair).await;
    one.api_keys
        .revoke(&operator, key.row.id, &Expected::Any)
        .await
        .unwrap();
    let patch = UserPatch {
        state: Some(UserState::Disabled),
        ..UserPatch::default()
    };
    one.users
        .update(&admin, editor.row.id, &Expected::Any, patch)
        .await
        .unwrap();
    one.sessions.sign_out(&admin).await.unwrap();
    for (server, wait) in [(&one, Duration::ZERO), (&two, AFTER_RECHECK)] {
        tokio::time::sleep(wait).await;
        assert_eq!(recognise(server, &pair).await, Err(Refusal::SessionEnded));
        assert!(recognise(server, &theirs).await.is_err());
        let recognised = server.recognition.api_key(secret.reveal()).await.unwrap();
        assert_eq!(recognised, Err(Refusal::RevokedKey));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_comes_to_both_at_once_is_taken_once_at_most() {
    let [one, two] = Box::pin(two()).await;
    for _ in 0..5 {
        let pair = sign_in(&one, EMAIL).await;
        let token = pair.refresh_token.reveal();
        let outcomes = tokio::join!(one.sign_in.refresh(token, None), two.sign_in.refresh(token, None));
        let outcomes = [outcomes.0, outcomes.1];
        let refused = |outcome: &&Result<TokenPair, Error>| matches!(outcome, Err(Error::Unauthorized));
        assert_eq!(outcomes.iter().filter(refused).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().flatten().count(), 1);
        // One of the two may have stolen it, so that neither goes on.
        for next in outcomes.iter().flatten() {
            let again = two.sign_in.refresh(next.refresh_token.reveal(), None).await;
            assert!(matches!(again, Err(Error::Unauthorized)), "{again:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_key_that_one_has_just_made_is_known_to_the_other() {
    let [one, two] = Box::pin(two()).await;
    let operator = Actor::operator();
    let before = sign_in(&one, EMAIL).await;
    assert!(recognise(&two, &before).await.is_ok());
    one.signing_keys.rotate(&operator, false).await.unwrap();
    let after = sign_in(&one, EMAIL).await;
    for server in [&one, &two] {
        assert!(recognise(server, &after).await.is_ok(), "the new key's");
        assert!(recognise(server, &before).await.is_ok(), "the old key's");
    }
    two.signing_keys.rotate(&operator, true).await.unwrap();
    tokio::time::sleep(AFTER_RECHECK).await;
    for server in [&one, &two] {
        for pair in [&before, &after] {
            assert_eq!(recognise(server, pair).await, Err(Refusal::TokenUnknownKey));
        }
    }
    let (mine, theirs) = tokio::join!(
        one.signing_keys.rotate(&operator, false),
        two.signing_keys.rotate(&operator, false)
    );
    assert_ne!(mine.unwrap(), theirs.unwrap());
    let keys = one.signing_keys.list().await.unwrap();
    let signing = keys.iter().filter(|key| key.retired_at.is_none()).count();
    assert_eq!(signing, 1, "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_two_admins_cannot_remove_each_other_at_once() {
    let [one, two] = Box::pin(two()).await;
    let operator = Actor::operator();
    for round in 0..4 {
        let fields = UserFields::new(
            &format!("admin-{round}@example.org"),
            None,
            Role::Admin,
            UserState::Active,
            operator.principal.reach.clone(),
        );
        one.users.create(&operator, fields.unwrap(), None).await.unwrap();
        let page = || PageRequest { limit: 10, after: None };
        let admins = UserFilter {
            role: Some(Role::Admin),
            ..UserFilter::default()
        };
        let listed = one.users.list(admins.clone(), None, page()).await.unwrap().rows;
        let [first, second] = &listed[..] else {
            panic!("there should be two admins: {listed:?}")
        };
        let demotion = UserPatch {
            role: Some(Role::Editor),
            ..UserPatch::default()
        };
        let outcomes = tokio::join!(
            one.users.update(&operator, first.row.id, &Expected::Any, demotion),
            two.users.delete(&operator, second.row.id, &Expected::Any)
        );
        let outcomes = [outcomes.0.map(drop), outcomes.1];
        let refused = |outcome: &&Result<(), Error>| matches!(outcome, Err(Error::Conflict(_)));
        assert_eq!(outcomes.iter().filter(refused).count(), 1, "{outcomes:?}");
        let left = one.users.list(admins, None, page()).await.unwrap().rows;
        assert_eq!(left.len(), 1);
    }
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let trail = one.audit.list(&AuditFilter::default(), page).await.unwrap().rows;
    assert_eq!(trail.len(), 1 + 4 * 2, "an audit row for each that was done: {trail:?}");
}
