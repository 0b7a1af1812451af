//! Names of collections in a body, which both databases are asked for.

use crate::{
    databases::on_both,
    fixtures::{collection, services, store},
};
use synoptic::{
    config::Auth,
    domain::principal::{Actor, Reach},
};
use tokio_util::task::TaskTracker;

#[tokio::test]
async fn a_name_that_no_collection_can_have_is_told_as_such() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let services = services(db, Auth::default(), &TaskTracker::new());
        let names = [
            "notes".to_owned(),
            "a\0b".to_owned(),
            "x".repeat(100),
            "none".to_owned(),
        ];
        let resolved = services.users.resolve_reach(&Actor::operator(), Some(&names)).await;
        let error = resolved.unwrap_err().to_string();
        for place in 1..4 {
            assert!(error.contains(&format!("/collections/{place}")), "{error}");
        }
        assert!(!error.contains("/collections/0"), "{error}");
        let reach = services
            .users
            .resolve_reach(&Actor::operator(), Some(&names[..1]))
            .await;
        assert_eq!(reach.unwrap(), Reach::only([notes.id]));
    })
    .await;
}
