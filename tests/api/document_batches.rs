//! `POST /api/collections/{collection}/batch`: many documents, all or none.

use crate::support::TestApp;
use serde_json::{Value, json};

const BATCH: &str = "/api/collections/notes/batch";
const NOTES: &str = "/api/collections/notes/documents";

fn outcomes(body: &Value) -> Vec<&str> {
    body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["outcome"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_batch_is_stored_in_its_order() {
    let app = TestApp::with_notes().await;
    let documents: Vec<Value> = (0..1_000)
        .map(|number| json!({"text": format!("Note number {number}.")}))
        .collect();
    let stored = app.post(BATCH, json!({"documents": documents})).await;
    assert_eq!(stored.ok().body["results"].as_array().unwrap().len(), 1_000);
    let first = stored.body["results"][0]["id"].as_str().unwrap();
    assert_eq!(
        app.get(format!("{NOTES}/{first}")).await.ok().body["text"],
        "Note number 0."
    );
}

#[tokio::test]
async fn one_bad_document_keeps_all_out_and_every_bad_one_is_named() {
    let app = TestApp::with_notes().await;
    let documents = json!([
        {"external_id": "N-1", "text": "Good."},
        {"external_id": "N-2", "text": " "},
        {"external_id": "N-1", "text": "Good, but the id is taken."},
        {"text": "Good.", "language": "german", "title": "x".repeat(501)},
    ]);
    let refused = app.post(BATCH, json!({"documents": documents})).await;
    refused.invalid_at(&[
        "/documents/1/text",
        "/documents/2/external_id",
        "/documents/3/title",
        "/documents/3/language",
    ]);
    assert!(app.get(NOTES).await.items().is_empty());
}

#[tokio::test]
async fn a_wrong_type_deep_in_a_batch_is_named() {
    let app = TestApp::with_notes().await;
    app.post(BATCH, json!({"documents": [{"text": "Good."}, {"text": 5}]}))
        .await
        .invalid_at(&["/documents/1/text"]);
    app.post(BATCH, json!({"documents": [{"text": "Good."}, ["text"]]}))
        .await
        .invalid_at(&["/documents/1"]);
    assert!(app.get(NOTES).await.items().is_empty());
}

#[tokio::test]
async fn a_conflict_keeps_all_out_and_says_which() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "N-2", "text": "There already."})).await;
    let documents = json!([{"external_id": "N-1", "text": "New."}, {"external_id": "N-2", "text": "Taken."}]);
    let refused = app.post(BATCH, json!({"documents": documents})).await;
    let detail = refused.problem(409, "conflict")["detail"].as_str().unwrap();
    assert!(detail.contains("/documents/1") && detail.contains("`N-2`"), "{detail}");
    assert_eq!(app.get(NOTES).await.each("external_id"), ["N-2"]);
}

#[tokio::test]
async fn a_batch_can_be_sent_again() {
    let app = TestApp::with_notes().await;
    let address = format!("{BATCH}?on_conflict=update");
    let mut documents = json!([{"external_id": "N-1", "text": "One."}, {"external_id": "N-2", "text": "Two."}]);
    let first = app.post(&address, json!({"documents": documents})).await;
    assert_eq!(outcomes(&first.ok().body), ["created", "created"]);
    documents[1]["text"] = json!("Two, mended.");
    documents
        .as_array_mut()
        .unwrap()
        .push(json!({"external_id": "N-3", "text": "Three."}));
    let second = app.post(&address, json!({"documents": documents})).await;
    assert_eq!(outcomes(&second.ok().body), ["unchanged", "updated", "created"]);
    assert_eq!(second.body["results"][1]["version"], 2);
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_documents() {
    let app = TestApp::with_notes().await;
    app.post(BATCH, json!({"documents": []}))
        .await
        .invalid_at(&["/documents"]);
    let many: Vec<Value> = (0..1_001).map(|_| json!({"text": "x"})).collect();
    let problem = app
        .post(BATCH, json!({"documents": many}))
        .await
        .invalid_at(&["/documents"])
        .clone();
    assert!(problem["detail"].as_str().unwrap().contains("1001"), "{problem}");
    app.post("/api/collections/none/batch", json!({"documents": [{"text": "x"}]}))
        .await
        .problem(404, "not-found");
}
