//! `/api/collections/{collection}/documents/{document}`: create, get, put, patch, delete.

use crate::support::TestApp;
use serde_json::{Value, json};

const NOTES: &str = "/api/collections/notes/documents";

#[tokio::test]
async fn a_new_document_has_an_address_and_is_there() {
    let app = TestApp::with_notes().await;
    let body = json!({
        "external_id": "N-1",
        "title": "Plants",
        "text": "Please water the plants in the office every Monday morning.",
        "attributes": {"room": {"floor": 3}, "tags": ["green", "office"], "done": false, "height": 1.5, "note": null},
    });
    let created = app.post(NOTES, body.clone()).await;
    let document = created.created().body.clone();
    let address = format!("{NOTES}/{}", document["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(address.as_str()));
    for field in ["external_id", "title", "text", "attributes"] {
        assert_eq!(document[field], body[field], "{field}");
    }
    assert_eq!((&document["language"], &document["version"]), (&json!("en"), &json!(1)));
    for address in [address, format!("{NOTES}/N-1")] {
        let found = app.get(address).await;
        assert_eq!((&found.ok().body, found.etag()), (&document, created.etag()));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = TestApp::with_notes().await;
    let nobody = "0190b5c2-7c1e-7000-8000-000000000001";
    for address in [
        format!("{NOTES}/N-1"),
        format!("{NOTES}/{nobody}"),
        "/api/collections/none/documents".to_owned(),
    ] {
        app.get(address).await.problem(404, "not-found");
    }
    app.post("/api/collections/none/documents", json!({"text": "x"}))
        .await
        .problem(404, "not-found");
    app.put(
        format!("{NOTES}/{nobody}"),
        json!({"text": "ids are the server's to give"}),
    )
    .await
    .problem(404, "not-found");
}

#[tokio::test]
async fn a_document_is_seen_in_its_own_collection_only() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"external_id": "N-1", "text": "Mine."})).await;
    app.post("/api/collections", json!({"name": "Others"})).await.created();
    let id = note["id"].as_str().unwrap();
    for name in [id, "N-1"] {
        app.get(format!("/api/collections/others/documents/{name}"))
            .await
            .problem(404, "not-found");
        app.delete(format!("/api/collections/others/documents/{name}"))
            .await
            .problem(404, "not-found");
    }
    let same_id = app
        .post(
            "/api/collections/others/documents",
            json!({"external_id": "N-1", "text": "Theirs."}),
        )
        .await;
    same_id.created();
}

#[tokio::test]
async fn an_external_id_is_given_once_in_a_collection() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "N-1", "text": "First."})).await;
    let refused = app.post(NOTES, json!({"external_id": "N-1", "text": "Second."})).await;
    let problem = refused.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("`N-1`"), "{problem}");
    app.note(json!({"external_id": "N-2", "text": "Other."})).await;
    app.patch(format!("{NOTES}/N-2"), json!({"external_id": "N-1"}))
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn sent_again_with_update_a_document_is_replaced() {
    let app = TestApp::with_notes().await;
    let first = app
        .note(json!({"external_id": "N-1", "title": "Old", "text": "First."}))
        .await;
    app.tick();
    let address = format!("{NOTES}?on_conflict=update");
    let replaced = app
        .post(&address, json!({"external_id": "N-1", "text": "Second."}))
        .await;
    let document = &replaced.ok().body;
    assert_eq!((&document["id"], &document["version"]), (&first["id"], &json!(2)));
    assert_eq!((document.get("title"), &document["text"]), (None, &json!("Second.")));
    let unchanged = app
        .post(&address, json!({"external_id": "N-1", "text": "Second."}))
        .await;
    assert_eq!(unchanged.ok().body, replaced.body, "the same again changes nothing");
    app.post(&address, json!({"external_id": "N-2", "text": "New."}))
        .await
        .created();
    app.post(format!("{NOTES}?on_conflict=ignore"), json!({"text": "x"}))
        .await
        .invalid_parameter("on_conflict");
}

#[tokio::test]
async fn put_creates_under_the_external_id_of_the_address_and_replaces_there() {
    let app = TestApp::with_notes().await;
    let created = app
        .put(format!("{NOTES}/N-1"), json!({"title": "A", "text": "First."}))
        .await;
    assert_eq!(created.created().body["external_id"], "N-1");
    assert!(created.header("location").is_some());
    let replaced = app.put(format!("{NOTES}/N-1"), json!({"text": "Second."})).await;
    let document = &replaced.ok().body;
    assert_eq!(
        (&document["id"], &document["external_id"]),
        (&created.body["id"], &json!("N-1"))
    );
    assert_eq!((document.get("title"), &document["version"]), (None, &json!(2)));
    let other = app
        .put(format!("{NOTES}/N-3"), json!({"external_id": "N-4", "text": "x"}))
        .await;
    other.invalid_at(&["/external_id"]);
    let by_id = format!("{NOTES}/{}", created.body["id"].as_str().unwrap());
    let renamed = app.put(&by_id, json!({"external_id": "N-9", "text": "Second."})).await;
    assert_eq!(renamed.ok().body["external_id"], "N-9");
    let nameless = app.put(&by_id, json!({"text": "Second."})).await;
    assert_eq!(
        nameless.ok().body.get("external_id"),
        None,
        "what the body leaves out is empty afterwards"
    );
}

#[tokio::test]
async fn an_external_id_may_hold_what_an_address_must_escape() {
    let app = TestApp::with_notes().await;
    let created = app
        .put(format!("{NOTES}/order%2F7%20%C3%A4%3F"), json!({"text": "Escaped."}))
        .await;
    assert_eq!(created.created().body["external_id"], "order/7 ä?");
    app.get(format!("{NOTES}/order%2F7%20%C3%A4%3F")).await.ok();
}

#[tokio::test]
async fn a_patch_merges_and_null_takes_away() {
    let app = TestApp::with_notes().await;
    let body = json!({
        "external_id": "N-1",
        "title": "Plants",
        "text": "Water the plants in the office, please.",
        "attributes": {"plan": "pro", "customer": {"country": "DE", "seats": 14}},
    });
    app.note(body).await;
    let address = format!("{NOTES}/N-1");
    let merged = app
        .patch(
            &address,
            json!({"attributes": {"plan": null, "customer": {"seats": 15}, "new": [1]}}),
        )
        .await;
    assert_eq!(
        merged.ok().body["attributes"],
        json!({"customer": {"country": "DE", "seats": 15}, "new": [1]})
    );
    assert_eq!(
        (&merged.body["title"], &merged.body["version"]),
        (&json!("Plants"), &json!(2))
    );
    let untitled = app.patch(&address, json!({"title": null})).await;
    assert_eq!(untitled.ok().body.get("title"), None);
    let cleared = app.patch(&address, json!({"attributes": null})).await;
    assert_eq!(cleared.ok().body["attributes"], json!({}));
    let same = app.patch(&address, json!({})).await;
    assert_eq!(same.ok().body["version"], cleared.body["version"]);
    let id = merged.body["id"].as_str().unwrap();
    let nameless = app.patch(&address, json!({"external_id": null})).await;
    assert_eq!(nameless.ok().body.get("external_id"), None);
    app.get(&address).await.problem(404, "not-found");
    app.get(format!("{NOTES}/{id}")).await.ok();
}

#[tokio::test]
async fn a_patch_cannot_take_the_text_away() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "N-1", "text": "Stays."})).await;
    for nothing in [Value::Null, json!(""), json!(" \n")] {
        app.patch(format!("{NOTES}/N-1"), json!({"text": nothing}))
            .await
            .invalid_at(&["/text"]);
    }
    for wrong in [json!("plain"), json!(["a"]), json!(7)] {
        app.patch(format!("{NOTES}/N-1"), json!({"attributes": wrong}))
            .await
            .invalid_at(&["/attributes"]);
    }
    assert_eq!(app.get(format!("{NOTES}/N-1")).await.ok().body["version"], 1);
}

#[tokio::test]
async fn the_language_is_detected_unless_it_is_given() {
    let app = TestApp::with_notes().await;
    let german = "Wir wurden in diesem Monat zweimal belastet und bitten um eine Erstattung auf dieselbe Karte.";
    let detected = app.note(json!({"external_id": "N-1", "text": german})).await;
    assert_eq!(detected["language"], "de");
    let given = app.note(json!({"text": german, "language": "nl"})).await;
    assert_eq!(given["language"], "nl");
    let unknown = app.note(json!({"text": "42"})).await;
    assert_eq!(unknown.get("language"), None);
    let english = "We were charged twice this month and would like a refund to the same card.";
    let changed = app.patch(format!("{NOTES}/N-1"), json!({"text": english})).await;
    assert_eq!(changed.ok().body["language"], "en");
    for bad in ["e", "english", "EN", "é"] {
        app.post(NOTES, json!({"text": "x", "language": bad}))
            .await
            .invalid_at(&["/language"]);
    }
}

#[tokio::test]
async fn every_field_that_cannot_be_accepted_is_named_at_once() {
    let app = TestApp::with_notes().await;
    let body = json!({
        "external_id": "a\nb",
        "title": "x".repeat(501),
        "text": "  ",
        "attributes": {"big": "x".repeat(70_000)},
        "language": "klingon",
    });
    let refused = app.post(NOTES, body).await;
    refused.invalid_at(&["/external_id", "/title", "/text", "/attributes", "/language"]);
    assert!(app.get(NOTES).await.items().is_empty());
}

#[tokio::test]
async fn a_deleted_document_is_gone_with_its_analyses() {
    let app = TestApp::with_notes().await;
    let note = app
        .note(json!({"external_id": "N-1", "text": "Water the plants. Feed the cat."}))
        .await;
    let analysis = app.post("/api/summarize", json!({"document_id": note["id"]})).await;
    let analysis = format!("/api/analyses/{}", analysis.ok().body["id"].as_str().unwrap());
    app.get(&analysis).await.ok();
    app.delete(format!("{NOTES}/N-1")).await.gone();
    app.get(format!("{NOTES}/N-1")).await.problem(404, "not-found");
    app.get(analysis).await.problem(404, "not-found");
    app.delete(format!("{NOTES}/N-1")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_moved_or_replaced_text_changes_the_content_hash_and_the_title_takes_part() {
    let app = TestApp::with_notes().await;
    let first = app.note(json!({"title": "A", "text": "Same."})).await;
    let second = app.note(json!({"title": "A", "text": "Same."})).await;
    let third = app.note(json!({"title": "B", "text": "Same."})).await;
    assert_eq!(first["content_hash"], second["content_hash"]);
    assert_ne!(first["content_hash"], third["content_hash"]);
}

#[tokio::test]
async fn numbers_come_back_exactly_and_the_same_again_changes_nothing() {
    let app = TestApp::with_notes().await;
    // Numbers that a careless reader turns into their neighbours.
    let numbers = json!([
        0.1,
        2.225_073_858_507_201e-308,
        9_007_199_254_740_993_i64,
        -0.3047,
        123.456_000_000_000_02
    ]);
    let body = json!({"external_id": "n", "text": "Numbers.", "attributes": {"numbers": numbers}});
    app.post("/api/collections/notes/documents", body.clone())
        .await
        .created();
    for _ in 0..3 {
        let again = app
            .post("/api/collections/notes/documents?on_conflict=update", body.clone())
            .await;
        assert_eq!(
            (
                again.ok().body["version"].as_i64(),
                &again.body["attributes"]["numbers"]
            ),
            (Some(1), &numbers)
        );
    }
}

#[tokio::test]
async fn a_language_that_was_given_outlives_a_new_title() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "l", "text": "The text is in English, and it is long enough.", "language": "de"}))
        .await;
    let changed = app
        .patch("/api/collections/notes/documents/l", json!({"title": "Another title"}))
        .await;
    assert_eq!(changed.ok().body["language"], "de");
}

#[tokio::test]
async fn a_time_beyond_the_calendar_is_no_panic() {
    let app = TestApp::with_notes().await;
    for time in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00%2B23:59"] {
        app.get(format!("/api/collections/notes/documents?created_after={time}"))
            .await
            .ok();
        app.get(format!("/api/analyses?created_before={time}")).await.ok();
    }
}
