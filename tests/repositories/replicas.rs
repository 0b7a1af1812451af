//! Two servers over one PostgreSQL database: what one of them does holds for the other.

use crate::{
    fixtures::{at, collection, document, services, store, summary},
    postgres,
};
use std::time::{Duration, Instant};
use synoptic::{
    config::{Auth, Work},
    db::{Db, Pool},
    domain::{
        Clock, Error,
        analyses::SharedAnalysis,
        api_keys::ApiKeyFields,
        audit::AuditFilter,
        documents::Document,
        etags::Expected,
        paging::PageRequest,
        permissions::Role,
        principal::{Actor, PrincipalId},
        refusals::Refusal,
        text_fields::NameOrId,
        users::{UserFields, UserFilter, UserState},
        workers::ServerRole,
    },
    jobs::Workers,
    repositories::evictions,
    services::{
        Services,
        recognition::Recognised,
        sign_in::{Credential, Origin, TokenPair, Wanted},
        users::UserPatch,
    },
    telemetry::metrics::Metrics,
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

/// How late a server may be: as `docs/caching.md` says.
const STALE_FOR: Duration = synoptic::cache::TRUSTED_FOR;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_deletes_the_other_gives_no_more() {
    let url = postgres::new_database().await;
    let (one, two) = (start(&url).await, start(&url).await);
    let db = Db::connect(
        &url,
        Pool {
            connections: 2,
            acquire_timeout: Duration::from_secs(10),
        },
    )
    .await
    .unwrap();
    let notes = collection("notes");
    let theirs = document(&notes, Some("D-1"), 0, "It rained.");
    let others = document(&notes, Some("D-2"), 1, "It snowed.");
    store(&db, &notes, &[&theirs, &others]).await;
    let settings = Work {
        role: ServerRole::Api,
        ..Work::default()
    };
    let workers = Workers::start(&two, &Metrics::new("test").unwrap(), &Clock::system(), &settings);
    let keep = async |key: u8, of| {
        let answer = SharedAnalysis::new(summary(Some(of), 2));
        two.cache
            .keep([key; 32], answer, Some(notes.id), two.cache.epoch())
            .await;
    };
    let has = async |key: u8| two.cache.at_hand(&[key; 32], at(0)).await.is_some();
    // Nothing is kept before the log was read.
    keep(1, &theirs).await;
    assert!(!has(1).await);
    let began = Instant::now();
    while !has(1).await {
        assert!(began.elapsed() < STALE_FOR, "nothing is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
        keep(1, &theirs).await;
    }
    keep(2, &others).await;
    // An answer that is on its way while its document is deleted elsewhere.
    let epoch = two.cache.epoch();
    let name = NameOrId::Id(notes.id);
    one.documents
        .delete(&Actor::operator(), &name, "D-1", &Expected::Any)
        .await
        .unwrap();
    let deleted = Instant::now();
    while has(1).await {
        assert!(deleted.elapsed() < STALE_FOR, "the other has it still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("gone on the other server after {:?}", deleted.elapsed());
    assert!(has(2).await, "what was not deleted is there");
    let late = SharedAnalysis::new(summary(Some(&theirs), 2));
    two.cache.keep([1; 32], late, Some(notes.id), epoch).await;
    assert!(!has(1).await, "an answer to what was deleted meanwhile is not kept");
    // A server that hears nothing believes nothing.
    workers.drain(Duration::from_secs(10)).await;
    let ended = Instant::now();
    while has(2).await {
        assert!(ended.elapsed() < STALE_FOR + Duration::from_secs(1), "it is believed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    two.follow_evictions().await.unwrap();
    assert!(has(2).await, "nothing was deleted meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_becomes_visible_after_a_later_one_is_not_missed() {
    let url = postgres::new_database().await;
    let two = start(&url).await;
    let db = Db::connect(
        &url,
        Pool {
            connections: 4,
            acquire_timeout: Duration::from_secs(10),
        },
    )
    .await
    .unwrap();
    two.cache.listen();
    two.follow_evictions().await.unwrap();
    let documents: Vec<_> = (0..2)
        .map(|_| document(&collection("notes"), None, 0, "It rained."))
        .collect();
    for (key, of) in (0..).zip(&documents) {
        let answer = SharedAnalysis::new(summary(Some(of), 2));
        two.cache.keep([key; 32], answer, None, two.cache.epoch()).await;
    }
    let subject = |of: &Document| vec![format!("document:{}", of.head.id)];
    let (mut slow, mut fast) = (db.write().await.unwrap(), db.write().await.unwrap());
    let elsewhere = uuid::Uuid::now_v7();
    evictions::insert(&mut slow, elsewhere, &subject(&documents[0]))
        .await
        .unwrap();
    evictions::insert(&mut fast, elsewhere, &subject(&documents[1]))
        .await
        .unwrap();
    fast.commit().await.unwrap();
    two.follow_evictions().await.unwrap();
    assert!(two.cache.at_hand(&[0; 32], at(0)).await.is_some());
    assert!(two.cache.at_hand(&[1; 32], at(0)).await.is_none());
    slow.commit().await.unwrap();
    two.follow_evictions().await.unwrap();
    assert!(two.cache.at_hand(&[0; 32], at(0)).await.is_none());
    // A log that is not the one that was read: everything is forgotten.
    let answer = SharedAnalysis::new(summary(None, 2));
    two.cache.keep([9; 32], answer, None, two.cache.epoch()).await;
    let mut tx = db.write().await.unwrap();
    evictions::delete(&mut tx, &[1, 2]).await.unwrap();
    tx.commit().await.unwrap();
    two.follow_evictions().await.unwrap();
    assert!(two.cache.at_hand(&[9; 32], at(0)).await.is_none());
}
