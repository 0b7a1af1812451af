//! `repositories::sessions`: sessions, their refresh tokens, and sign-ins under way at a provider.

use crate::{
    databases::on_both,
    fixtures::{at, enrol, session, user, write},
};
use std::time::Duration;
use synoptic::{
    db::Db,
    domain::{
        identifiers::SessionId,
        sessions::{Session, SignInMethod},
        users::UserRow,
    },
    repositories::sessions::{self, Flow, RefreshToken},
};

/// Stores somebody with these sessions.
async fn begin(db: &Db, user: &UserRow, begun: &[&Session]) {
    enrol(db, &[user]).await;
    let mut tx = write(db).await;
    for session in begun {
        sessions::insert(&mut tx, session).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn revoked_at(db: &Db, all: &[&Session]) -> Vec<bool> {
    let mut tx = db.read().await.unwrap();
    let mut revoked = Vec::new();
    for session in all {
        let session = sessions::find(&mut tx, session.id).await.unwrap().unwrap();
        revoked.push(session.revoked_at.is_some());
    }
    revoked
}

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let ann = user("Ann");
        let tokens = session(&ann);
        let browser = Session {
            method: SignInMethod::Oidc,
            cookie_hash: Some(vec![7; 32]),
            address: Some("2001:db8::1".into()),
            ..session(&ann)
        };
        begin(db, &ann, &[&tokens, &browser]).await;
        let mut tx = write(db).await;
        for session in [&tokens, &browser] {
            let found = sessions::find(&mut tx, session.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(session));
        }
        assert_eq!(sessions::find(&mut tx, SessionId::generate()).await.unwrap(), None);
        let found = sessions::find_by_cookie(&mut tx, &[7; 32]).await.unwrap();
        assert_eq!(found.as_ref(), Some(&browser));
        assert_eq!(sessions::find_by_cookie(&mut tx, &[8; 32]).await.unwrap(), None);
        sessions::delete(&mut tx, browser.id).await.unwrap();
        assert_eq!(sessions::find(&mut tx, browser.id).await.unwrap(), None);
        assert_eq!(sessions::find(&mut tx, tokens.id).await.unwrap(), Some(tokens));
    })
    .await;
}

#[tokio::test]
async fn live_sessions_are_listed_newest_first() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        let (old, revoked, new, theirs) = (session(&ann), session(&ann), session(&ann), session(&bob));
        let expired = Session {
            expires_at: at(10),
            ..session(&ann)
        };
        begin(db, &ann, &[&old, &revoked, &new, &expired]).await;
        begin(db, &bob, &[&theirs]).await;
        let mut tx = write(db).await;
        assert!(sessions::revoke(&mut tx, revoked.id, at(1)).await.unwrap());
        assert!(!sessions::revoke(&mut tx, revoked.id, at(2)).await.unwrap());
        let live = sessions::list_live(&mut tx, ann.id, at(10)).await.unwrap();
        assert_eq!(live, [new.clone(), old.clone()]);
        let earlier = sessions::list_live(&mut tx, ann.id, at(9)).await.unwrap();
        assert_eq!(earlier, [expired, new, old]);
        let revoked = sessions::find(&mut tx, revoked.id).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(1)));
    })
    .await;
}

#[tokio::test]
async fn use_moves_forward_and_an_extension_lasts() {
    on_both(async |db| {
        let ann = user("Ann");
        let signed_in = session(&ann);
        begin(db, &ann, &[&signed_in]).await;
        let mut tx = write(db).await;
        for (used, stored) in [(5, 5), (3, 5), (9, 9)] {
            sessions::used(&mut tx, signed_in.id, at(used)).await.unwrap();
            let found = sessions::find(&mut tx, signed_in.id).await.unwrap().unwrap();
            assert_eq!(found.last_used_at, at(stored));
        }
        sessions::extend(&mut tx, signed_in.id, at(600), at(20)).await.unwrap();
        let found = sessions::find(&mut tx, signed_in.id).await.unwrap().unwrap();
        assert_eq!((found.expires_at, found.last_used_at), (at(600), at(20)));
    })
    .await;
}

#[tokio::test]
async fn all_sessions_of_a_user_end_but_the_one_that_is_kept() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        let (one, two, three, theirs) = (session(&ann), session(&ann), session(&ann), session(&bob));
        let all = [&one, &two, &three, &theirs];
        begin(db, &ann, &all[..3]).await;
        begin(db, &bob, &all[3..]).await;
        let mut tx = write(db).await;
        assert!(sessions::revoke(&mut tx, three.id, at(1)).await.unwrap());
        let ended = sessions::revoke_of_user(&mut tx, ann.id, Some(two.id), at(2)).await;
        assert_eq!(ended.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(revoked_at(db, &all).await, [true, false, true, false]);
        let mut tx = write(db).await;
        let ended = sessions::revoke_of_user(&mut tx, ann.id, None, at(3)).await;
        assert_eq!(ended.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(revoked_at(db, &all).await, [true, true, true, false]);
    })
    .await;
}

#[tokio::test]
async fn expired_sessions_are_forgotten_with_their_tokens() {
    on_both(async |db| {
        let ann = user("Ann");
        let (live, expired) = (
            session(&ann),
            Session {
                expires_at: at(10),
                ..session(&ann)
            },
        );
        begin(db, &ann, &[&live, &expired]).await;
        let mut tx = write(db).await;
        for (session, byte) in [(&live, 1), (&expired, 2)] {
            sessions::insert_refresh_token(&mut tx, &[byte; 32], session.id, at(0), at(99))
                .await
                .unwrap();
        }
        sessions::delete_expired(&mut tx, at(10)).await.unwrap();
        assert!(sessions::find(&mut tx, expired.id).await.unwrap().is_some());
        sessions::delete_expired(&mut tx, at(11)).await.unwrap();
        assert!(sessions::find(&mut tx, expired.id).await.unwrap().is_none());
        assert!(sessions::find(&mut tx, live.id).await.unwrap().is_some());
        let (kept, gone) = ([1; 32], [2; 32]);
        assert!(sessions::find_refresh_token(&mut tx, &kept).await.unwrap().is_some());
        assert!(sessions::find_refresh_token(&mut tx, &gone).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_used_once_by_whoever_is_first() {
    on_both(async |db| {
        let ann = user("Ann");
        let signed_in = session(&ann);
        begin(db, &ann, &[&signed_in]).await;
        let hash = [5; 32];
        let mut tx = write(db).await;
        sessions::insert_refresh_token(&mut tx, &hash, signed_in.id, at(0), at(60))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let take = async |seconds| {
            let mut tx = write(db).await;
            let used = sessions::use_refresh_token(&mut tx, &hash, at(seconds)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
            tx.commit().await.unwrap();
            used
        };
        let (one, other) = tokio::join!(take(5), take(6));
        assert!(one != other, "exactly one is first: {one} and {other}");
        let mut tx = write(db).await;
        let stored = RefreshToken {
            session_id: signed_in.id,
            expires_at: at(60),
            used_at: Some(at(if one { 5 } else { 6 })),
        };
        assert_eq!(
            sessions::find_refresh_token(&mut tx, &hash).await.unwrap(),
            Some(stored)
        );
        assert!(!sessions::use_refresh_token(&mut tx, &[6; 32], at(7)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn expired_tokens_of_one_session_are_forgotten() {
    on_both(async |db| {
        let ann = user("Ann");
        let (one, two) = (session(&ann), session(&ann));
        begin(db, &ann, &[&one, &two]).await;
        let mut tx = write(db).await;
        for (session, byte, end) in [(&one, 1, 10), (&one, 2, 11), (&two, 3, 10)] {
            sessions::insert_refresh_token(&mut tx, &[byte; 32], session.id, at(0), at(end))
                .await
                .unwrap();
        }
        sessions::delete_refresh_tokens(&mut tx, one.id, at(11)).await.unwrap();
        let mut left = Vec::new();
        for byte in 1..=3 {
            let found = sessions::find_refresh_token(&mut tx, &[byte; 32]).await.unwrap();
            left.push(found.is_some());
        }
        assert_eq!(left, [false, true, true]);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_at_a_provider_is_finished_at_most_once() {
    on_both(async |db| {
        let flow = |end| Flow {
            nonce: "nonce".into(),
            verifier: "verifier".into(),
            return_to: "/docs".into(),
            expires_at: at(end),
        };
        let mut tx = write(db).await;
        for (byte, end) in [(1, 60), (2, 10), (3, 11)] {
            sessions::insert_flow(&mut tx, &[byte; 32], &flow(end), at(0))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let take = async || {
            let mut tx = write(db).await;
            let taken = sessions::take_flow(&mut tx, &[1; 32]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
            tx.commit().await.unwrap();
            taken
        };
        let (one, other) = tokio::join!(take(), take());
        assert!(one.is_some() != other.is_some(), "{one:?} and {other:?}");
        assert_eq!(one.or(other), Some(flow(60)));
        let mut tx = write(db).await;
        assert_eq!(sessions::take_flow(&mut tx, &[1; 32]).await.unwrap(), None);
        sessions::delete_flows(&mut tx, at(11)).await.unwrap();
        assert_eq!(sessions::take_flow(&mut tx, &[2; 32]).await.unwrap(), None);
        assert_eq!(sessions::take_flow(&mut tx, &[3; 32]).await.unwrap(), Some(flow(11)));
    })
    .await;
}
