//! Who is given what was answered to somebody else: only those who may see it anyway.

use crate::world::{TEXT, World, cache_status};
use serde_json::{Value, json};
use synoptic::domain::{
    identifiers::CollectionId,
    permissions::{Role, Scope, Scopes},
    principal::Reach,
};

const MISS: &str = "synoptic; fwd=miss; stored";
const HIT: &str = "synoptic; hit; detail=memory";

struct House {
    world: World,
    notes: CollectionId,
    memos: CollectionId,
    note: String,
    memo: String,
}

impl House {
    async fn new() -> Self {
        let world = World::new("plain").await;
        let (note, memo) = (world.document("notes", TEXT).await, world.document("memos", TEXT).await);
        let id = async |slug: &str| {
            let found = world.get(format!("/api/collections/{slug}")).await;
            found.ok().body["id"].as_str().unwrap().parse().unwrap()
        };
        let (notes, memos) = (id("notes").await, id("memos").await);
        Self {
            world,
            notes,
            memos,
            note,
            memo,
        }
    }

    async fn key(&self, reach: Reach) -> String {
        self.world.key_with(Scopes::ALL, reach).await.1
    }

    async fn ask(&self, key: &str, document: Option<&str>, status: &str) -> Value {
        let fields = document.map_or(json!({}), |id| json!({"text": null, "document_id": id}));
        let answer = self.world.summarize_as(key, fields).await;
        assert_eq!(cache_status(&answer), status, "{answer:?}");
        answer.body.clone()
    }
}

#[tokio::test]
async fn a_restricted_key_is_given_nothing_of_what_others_have_asked_about_texts() {
    let house = House::new().await;
    let (one, other) = (
        house.key(Reach::only([house.notes])).await,
        house.key(Reach::only([house.notes])).await,
    );
    let everything = house.world.key.clone();
    let of_all = house.ask(&everything, None, MISS).await;
    let of_one = house.ask(&one, None, MISS).await;
    let of_other = house.ask(&other, None, MISS).await;
    assert!(of_all["id"] != of_one["id"] && of_one["id"] != of_other["id"]);
    // What is one's own is given again, and can be read.
    for (key, analysis) in [(&one, &of_one), (&other, &of_other), (&everything, &of_all)] {
        assert_eq!(&house.ask(key, None, HIT).await["id"], &analysis["id"]);
        let path = format!("/api/analyses/{}", analysis["id"].as_str().unwrap());
        crate::support::send(house.world.with_token(key, "GET", path))
            .await
            .ok();
    }
}

#[tokio::test]
async fn two_who_see_everything_share() {
    let house = House::new().await;
    let key = house.key(Reach::Everything).await;
    let (_, person) = house.world.signed_in("someone@example.org", Role::Editor).await;
    let first = house.ask(&house.world.key, None, MISS).await;
    assert_eq!(house.ask(&key, None, HIT).await, first);
    assert_eq!(house.ask(&person.access, None, HIT).await, first);
}

#[tokio::test]
async fn answers_about_a_document_are_shared_by_those_who_reach_it() {
    let house = House::new().await;
    let of_notes = house.key(Reach::only([house.notes])).await;
    let of_memos = house.key(Reach::only([house.memos])).await;
    let of_both = house.key(Reach::only([house.notes, house.memos])).await;
    let first = house.ask(&of_notes, Some(&house.note), MISS).await;
    assert_eq!(house.ask(&of_both, Some(&house.note), HIT).await, first);
    assert_eq!(house.ask(&house.world.key, Some(&house.note), HIT).await, first);
    // The same text elsewhere is another document.
    let other = house.ask(&of_memos, Some(&house.memo), MISS).await;
    assert_ne!(other["id"], first["id"]);
    let out_of_reach = json!({"text": null, "document_id": house.note});
    house
        .world
        .summarize_as(&of_memos, out_of_reach)
        .await
        .problem(404, "not-found");
    // Nor is the text by itself the document.
    house.ask(&of_notes, None, MISS).await;
    house.ask(&house.world.key, None, MISS).await;
}

#[tokio::test]
async fn a_key_that_may_not_read_documents_may_not_read_what_is_kept_about_them() {
    let house = House::new().await;
    house.ask(&house.world.key, Some(&house.note), MISS).await;
    let scopes = Scopes::of(&[Scope::AnalysesRun]);
    let (_, key) = house.world.key_with(scopes, Reach::Everything).await;
    let about = json!({"text": null, "document_id": house.note});
    let refused = house.world.summarize_as(&key, about).await;
    refused.problem(403, "forbidden");
    assert_eq!(refused.header("cache-status"), None);
}

#[tokio::test]
async fn a_key_whose_reach_ends_is_given_nothing_more() {
    let house = House::new().await;
    let (made, key) = house.world.key_with(Scopes::ALL, Reach::only([house.notes])).await;
    house.ask(&key, Some(&house.note), MISS).await;
    house.ask(&key, Some(&house.note), HIT).await;
    house.world.delete(format!("/api/keys/{}", made.row.id)).await.gone();
    let about = json!({"text": null, "document_id": house.note});
    house.world.summarize_as(&key, about).await.problem(401, "unauthorized");
}
