//! With what an answer came from, the answer goes: from memory and from the database.

use crate::world::{TEXT, World, asked, cache_status, commission};
use serde_json::{Value, json};

const MISS: &str = "synoptic; fwd=miss; stored";
const HIT: &str = "synoptic; hit; detail=memory";

async fn kept(world: &World) -> u64 {
    world.services.cache.size().await.0
}

async fn ask(world: &World, path: &str, request: &Value, status: &str) -> Value {
    let answer = world.post(path, request.clone()).await;
    assert_eq!(cache_status(&answer), status);
    answer.body.clone()
}

#[tokio::test]
async fn a_deleted_analysis_is_asked_for_again() {
    let world = World::new("plain").await;
    let first = ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
    let other = asked(json!({"sentences": 1}));
    ask(&world, "/api/summarize", &other, MISS).await;
    world
        .delete(format!("/api/analyses/{}", first["id"].as_str().unwrap()))
        .await
        .gone();
    assert_eq!(kept(&world).await, 1);
    let again = ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
    assert_ne!(again["id"], first["id"]);
    ask(&world, "/api/summarize", &other, HIT).await;
    assert_eq!(world.calls(), 3);
}

#[tokio::test]
async fn what_was_replaced_does_not_come_back_when_its_successor_is_deleted() {
    for replacing in [json!({"cache": "write_only"}), json!({"max_age": 59})] {
        let world = World::new("plain").await;
        let first = ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
        world.let_pass(std::time::Duration::from_mins(1));
        let second = world.summarize(replacing).await.ok().body.clone();
        assert_ne!(second["id"], first["id"]);
        world
            .delete(format!("/api/analyses/{}", second["id"].as_str().unwrap()))
            .await
            .gone();
        ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
        // It is on record all the same.
        assert_eq!(world.get("/api/analyses").await.items().len(), 2);
        assert_eq!(world.calls(), 3);
    }
}

#[tokio::test]
async fn with_a_document_or_its_collection_go_the_answers() {
    let world = World::new("plain").await;
    let (note, memo) = (world.document("notes", TEXT).await, world.document("memos", TEXT).await);
    let about = |id: &str| asked(json!({"text": null, "document_id": id}));
    for id in [&note, &memo] {
        for sentences in 1..4 {
            let request = asked(json!({"text": null, "document_id": id, "sentences": sentences}));
            ask(&world, "/api/summarize", &request, MISS).await;
        }
    }
    ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
    assert_eq!(kept(&world).await, 7);
    world
        .delete(format!("/api/collections/notes/documents/{note}"))
        .await
        .gone();
    assert_eq!(kept(&world).await, 4);
    world
        .post("/api/summarize", about(&note))
        .await
        .problem(404, "not-found");
    ask(&world, "/api/summarize", &about(&memo), HIT).await;
    world.delete("/api/collections/memos?with_documents=true").await.gone();
    assert_eq!(kept(&world).await, 1);
    world
        .post("/api/summarize", about(&memo))
        .await
        .problem(404, "not-found");
    ask(&world, "/api/summarize", &asked(json!({})), HIT).await;
}

#[tokio::test]
async fn with_a_taxonomy_or_a_prompt_go_the_answers() {
    let world = World::new("plain").await;
    world.prompt().await;
    let taxonomy = json!({"name": "Trouble", "slug": "trouble", "labels": [{"name": "Late"}, {"name": "Lost"}]});
    world.post("/api/taxonomies", taxonomy.clone()).await.created();
    let classify = asked(json!({"taxonomy": "trouble"}));
    ask(&world, "/api/classify", &classify, MISS).await;
    ask(&world, "/api/generate", &commission(json!({})), MISS).await;
    ask(&world, "/api/summarize", &asked(json!({})), MISS).await;
    assert_eq!(kept(&world).await, 3);
    world.delete("/api/taxonomies/trouble?with_analyses=true").await.gone();
    assert_eq!(kept(&world).await, 2);
    world.delete("/api/prompts/reply?with_analyses=true").await.gone();
    assert_eq!(kept(&world).await, 1);
    // Others of the same name know nothing of it.
    world.post("/api/taxonomies", taxonomy).await.created();
    world.prompt().await;
    ask(&world, "/api/classify", &classify, MISS).await;
    ask(&world, "/api/generate", &commission(json!({})), MISS).await;
    ask(&world, "/api/summarize", &asked(json!({})), HIT).await;
}

#[tokio::test]
async fn what_is_deleted_while_a_model_answers_leaves_nothing_behind() {
    let world = World::new("plain").await;
    world.prompt().await;
    let document = world.document("notes", TEXT).await;
    let about = asked(json!({"text": null, "document_id": document}));
    let (about, reply) = (about, commission(json!({})));
    world.upstream.hold();
    let asking = async { tokio::join!(world.post("/api/summarize", about), world.post("/api/generate", reply)) };
    let deleting = async {
        world.until_called(2).await;
        world
            .delete(format!("/api/collections/notes/documents/{document}"))
            .await
            .gone();
        world.delete("/api/prompts/reply?with_analyses=true").await.gone();
        world.upstream.release();
    };
    let ((summary, reply), ()) = tokio::join!(asking, deleting);
    summary.problem(404, "not-found");
    reply.problem(409, "conflict");
    assert_eq!(kept(&world).await, 0);
    assert!(world.get("/api/analyses").await.items().is_empty());
    // The provider has been paid all the same.
    assert_eq!(world.used().await["calls"], 2);
}

#[tokio::test]
async fn an_answer_that_comes_while_something_else_is_deleted_is_kept_in_the_database() {
    let world = World::new("plain").await;
    let other = world.document("notes", TEXT).await;
    world.upstream.hold();
    let deleting = async {
        world.until_called(1).await;
        world
            .delete(format!("/api/collections/notes/documents/{other}"))
            .await
            .gone();
        world.upstream.release();
    };
    let (first, ()) = tokio::join!(world.summarize(json!({})), deleting);
    assert_eq!(cache_status(&first), MISS);
    let again = world.summarize(json!({})).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=database");
    assert_eq!(again.body, first.body);
    assert_eq!(world.calls(), 1);
}
