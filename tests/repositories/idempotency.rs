//! `repositories::idempotency`.

use crate::{
    databases::on_both,
    fixtures::{at, write},
};
use synoptic::repositories::idempotency;
use uuid::Uuid;

#[tokio::test]
async fn a_claim_is_made_once_and_keeps_its_answer() {
    on_both(async |db| {
        let mut tx = write(db).await;
        let (mine, theirs) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(idempotency::claim(&mut tx, mine, "k", &[1; 32], at(0)).await.unwrap());
        assert!(!idempotency::claim(&mut tx, mine, "k", &[2; 32], at(1)).await.unwrap());
        assert!(idempotency::claim(&mut tx, theirs, "k", &[2; 32], at(1)).await.unwrap());
        let open = idempotency::find(&mut tx, mine, "k").await.unwrap().unwrap();
        assert_eq!(
            (open.fingerprint, open.status, open.headers, open.body),
            (vec![1; 32], None, None, None)
        );
        idempotency::complete(&mut tx, mine, "k", 201, "[]", b"{\0}")
            .await
            .unwrap();
        let done = idempotency::find(&mut tx, mine, "k").await.unwrap().unwrap();
        assert_eq!(
            (done.status, done.headers.as_deref(), done.body.as_deref()),
            (Some(201), Some("[]"), Some(b"{\0}".as_slice()))
        );
        idempotency::release(&mut tx, mine, "k").await.unwrap();
        assert!(
            idempotency::find(&mut tx, mine, "k").await.unwrap().is_some(),
            "an answer is not released"
        );
        idempotency::release(&mut tx, theirs, "k").await.unwrap();
        assert!(idempotency::find(&mut tx, theirs, "k").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn old_claims_go() {
    on_both(async |db| {
        let mut tx = write(db).await;
        let owner = Uuid::now_v7();
        for (key, seconds) in [("old", 0), ("new", 10)] {
            assert!(
                idempotency::claim(&mut tx, owner, key, &[1; 32], at(seconds))
                    .await
                    .unwrap()
            );
        }
        idempotency::delete_before(&mut tx, at(10)).await.unwrap();
        assert!(idempotency::find(&mut tx, owner, "old").await.unwrap().is_none());
        assert!(idempotency::find(&mut tx, owner, "new").await.unwrap().is_some());
    })
    .await;
}
