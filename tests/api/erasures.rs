//! Erasures over the API, retention of collections, and what is left in the database's file.

use crate::support::{TestApp, send};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::domain::{
    permissions::{Scope, Scopes},
    principal::Reach,
};

const MARK: &str = "xylographquetzal";
const WHO: &str = "wolpertinger-7311";

async fn holds(app: &TestApp, text: &str) -> bool {
    let bytes = app.database_bytes().await;
    bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

/// `notes` with a document of theirs, analysed, and others around it.
async fn with_theirs() -> TestApp {
    let app = TestApp::with_notes().await;
    for number in 0..40 {
        app.note(json!({"text": format!("Note {number} says that it rained all night and the river rose.")}))
            .await;
    }
    let theirs = json!({"external_id": WHO, "title": MARK, "text": format!("{MARK} wrote. It rained. {MARK} again."),
        "attributes": {"customer": {"mail": WHO}}});
    let id = app.note(theirs).await["id"].clone();
    app.post("/api/summarize", json!({"document_id": id, "sentences": 1}))
        .await
        .ok();
    let batch = json!({"documents": [{"external_id": format!("{WHO}-b"), "text": "In a batch.",
        "attributes": {"customer": {"mail": WHO}}}]});
    let request = app.request("POST", "/api/collections/notes/batch");
    send(request.header("idempotency-key", "k").body_json(&batch))
        .await
        .ok();
    app
}

fn counts(documents: u64, analyses: u64, kept_answers: u64) -> Value {
    json!({"documents": documents, "analyses": analyses, "kept_answers": kept_answers, "work_items": 0, "jobs": 0,
        "exports": 0, "upload_chunks": 0, "cache_subjects": documents})
}

#[tokio::test]
async fn of_what_is_erased_not_a_word_is_left_in_the_file() {
    let app = Box::pin(with_theirs()).await;
    assert!(holds(&app, MARK).await && holds(&app, WHO).await);
    let wish = json!({"attribute": {"path": "customer.mail", "value": WHO}});
    let erased = app.post("/api/erasures", wish.clone()).await;
    let receipt = erased.ok().body.clone();
    assert_eq!(receipt["removed"], counts(2, 1, 1));
    assert_eq!(
        (&receipt["status"], &receipt["kind"]),
        (&json!("done"), &json!("attribute"))
    );
    assert!(receipt.get("last_check").is_none() && receipt.get("collection_id").is_none());
    assert_eq!(receipt["selection_hmac"].as_str().unwrap().len(), 64);
    // Beginnings of words are shared in the search index.
    for text in [MARK, &MARK[4..], WHO, &WHO[4..]] {
        assert!(!holds(&app, text).await, "`{text}` is in the file");
    }
    let at = erased.header("location").unwrap().to_owned();
    assert_eq!(app.get(&at).await.ok().body, receipt);
    let checked = app.post(format!("{at}/check"), wish).await.ok().body.clone();
    assert_eq!(checked["last_check"]["found"], counts(0, 0, 0));
    assert_eq!(checked["last_check"]["nothing_found"], json!(true));
    let other = json!({"attribute": {"path": "customer.mail", "value": "else"}});
    app.post(format!("{at}/check"), other).await.problem(409, "conflict");
    assert_eq!(app.get("/api/erasures").await.items().len(), 1);
    let trail = send(app.as_admin(
        "GET",
        "/api/audit?target_id=".to_owned() + receipt["id"].as_str().unwrap(),
    ))
    .await;
    assert_eq!(trail.each("action"), ["erasure_checked", "erasure_requested"]);
}

#[tokio::test]
async fn of_a_deleted_document_no_word_is_left_when_the_log_was_folded() {
    let app = Box::pin(with_theirs()).await;
    app.delete(format!("/api/collections/notes/documents/{WHO}"))
        .await
        .gone();
    app.delete(format!("/api/collections/notes/documents/{WHO}-b"))
        .await
        .gone();
    let app = app.restart().await;
    for text in [MARK, &MARK[4..], WHO] {
        assert!(!holds(&app, text).await, "`{text}` is in the file");
    }
}

#[tokio::test]
async fn an_erasure_says_whom_it_is_about_in_one_way() {
    let app = TestApp::with_notes().await;
    for (wish, pointer) in [
        (json!({}), "/external_id"),
        (
            json!({"external_id": "x", "attribute": {"path": "a", "value": "b"}}),
            "/attribute",
        ),
        (json!({"attribute": {"path": "a..b", "value": "b"}}), "/attribute/path"),
        (json!({"external_id": "a\u{1}b"}), "/external_id"),
    ] {
        app.post("/api/erasures", wish).await.invalid_at(&[pointer]);
    }
    let nowhere = json!({"collection": "nowhere", "external_id": "x"});
    app.post("/api/erasures", nowhere).await.problem(404, "not-found");
    let nothing = app.post("/api/erasures", json!({"external_id": "x"})).await;
    assert_eq!(nothing.ok().body["removed"], counts(0, 0, 0));
}

#[tokio::test]
async fn erasures_are_kept_to_the_reach() {
    let app = Box::pin(with_theirs()).await;
    let made = app.post("/api/collections", json!({"name": "Mine"})).await;
    let mine = made.created().body["id"].as_str().unwrap().parse().unwrap();
    let scopes = Scopes::of(&[Scope::ErasuresRead, Scope::ErasuresWrite]);
    let (_, key) = app.key_with(scopes, Reach::only([mine])).await;
    let everywhere = json!({"external_id": WHO});
    let theirs = app
        .post("/api/erasures", json!({"collection": "notes", "external_id": "x"}))
        .await;
    let theirs = theirs.ok().header("location").unwrap().to_owned();
    let own = send(app.with_token(&key, "POST", "/api/erasures").body_json(&everywhere)).await;
    assert_eq!(own.ok().body["removed"]["documents"], json!(0));
    app.get(format!("/api/collections/notes/documents/{WHO}")).await.ok();
    send(app.with_token(&key, "GET", own.header("location").unwrap()))
        .await
        .ok();
    send(app.with_token(&key, "GET", &theirs))
        .await
        .problem(404, "not-found");
    let in_notes = json!({"collection": "notes", "external_id": WHO});
    send(app.with_token(&key, "POST", "/api/erasures").body_json(&in_notes))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_collection_keeps_documents_for_as_long_as_it_says() {
    let app = TestApp::new().await;
    let made = app
        .post("/api/collections", json!({"name": "Letters", "retention_days": 30}))
        .await;
    assert_eq!(made.created().body["retention_days"], json!(30));
    let change = async |body: Value| app.patch("/api/collections/letters", body).await;
    assert_eq!(
        change(json!({"name": "Post"})).await.ok().body["retention_days"],
        json!(30)
    );
    assert_eq!(
        change(json!({"retention_days": 7})).await.ok().body["retention_days"],
        json!(7)
    );
    assert!(
        change(json!({"retention_days": null}))
            .await
            .ok()
            .body
            .get("retention_days")
            .is_none()
    );
    for days in [0, -1, 36_501] {
        change(json!({"retention_days": days}))
            .await
            .invalid_at(&["/retention_days"]);
        let new = json!({"name": "Other", "retention_days": days});
        app.post("/api/collections", new).await.invalid_at(&["/retention_days"]);
    }
}

#[tokio::test]
async fn a_server_that_follows_forgets_what_another_deletes() {
    let app = Box::pin(with_theirs()).await;
    let replica = app.replica(60).await;
    replica.listen().await;
    app.let_pass(Duration::from_secs(1));
    let found = replica.get(&app.key, "/api/erasures").await;
    assert!(found.ok().items().is_empty());
    app.post("/api/erasures", json!({"external_id": WHO})).await.ok();
    replica.follow().await;
    assert_eq!(replica.get(&app.key, "/api/erasures").await.items().len(), 1);
}
