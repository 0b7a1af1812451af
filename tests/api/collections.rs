//! `/api/collections`: create, list, get, change, delete.

use crate::support::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn a_new_collection_is_found_by_slug_and_by_id() {
    let app = TestApp::new().await;
    let body = json!({"slug": "tickets", "name": "Support tickets", "description": "From e-mail and chat."});
    let created = app.post("/api/collections", body).await;
    let collection = &created.created().body;
    assert_eq!(created.header("location"), Some("/api/collections/tickets"));
    assert_eq!(collection["version"], 1);
    assert_eq!(
        (&collection["created_at"], &collection["updated_at"]),
        (&json!("2026-03-01T08:00:00Z"), &collection["created_at"])
    );
    let by_slug = app.get("/api/collections/tickets").await;
    let by_id = app
        .get(format!("/api/collections/{}", collection["id"].as_str().unwrap()))
        .await;
    assert_eq!((&by_slug.ok().body, &by_id.ok().body), (collection, collection));
    assert_eq!((by_slug.etag(), by_id.etag()), (created.etag(), created.etag()));
}

#[tokio::test]
async fn a_slug_is_made_from_the_name() {
    let app = TestApp::new().await;
    for (name, slug) in [
        ("App reviews, 2026", "app-reviews-2026"),
        ("  Trimmed ", "trimmed"),
        ("日報", "collection"),
    ] {
        let created = app.post("/api/collections", json!({"name": name})).await;
        assert_eq!(created.created().body["slug"], slug);
        assert_eq!(created.body["name"], name.trim());
    }
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let app = TestApp::with_notes().await;
    let again = app
        .post("/api/collections", json!({"slug": "notes", "name": "Other notes"}))
        .await;
    let problem = again.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("`notes`"), "{problem}");
    app.post("/api/collections", json!({"name": "Reviews"})).await.created();
    app.patch("/api/collections/reviews", json!({"slug": "notes"}))
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn every_field_that_cannot_be_accepted_is_named_at_once() {
    let app = TestApp::new().await;
    let body = json!({"slug": "Not a slug", "name": " ", "description": "x".repeat(2_001)});
    let problem = app
        .post("/api/collections", body)
        .await
        .invalid_at(&["/name", "/description", "/slug"])
        .clone();
    assert!(
        problem["detail"].as_str().unwrap().contains("`not-a-slug`"),
        "a better slug is suggested: {problem}"
    );
    assert!(app.get("/api/collections").await.items().is_empty());
    let uuid = json!({"slug": "0190b5c2-7c1e-7000-8000-000000000001", "name": "A"});
    app.post("/api/collections", uuid).await.invalid_at(&["/slug"]);
}

#[tokio::test]
async fn a_list_is_paged_in_the_order_of_creation() {
    let app = TestApp::new().await;
    let names: Vec<String> = (0..7).map(|number| format!("c{number}")).collect();
    for name in &names {
        app.post("/api/collections", json!({"name": name})).await.created();
    }
    let (mut seen, mut address) = (Vec::new(), "/api/collections?limit=3".to_owned());
    loop {
        let page = app.get(&address).await;
        assert!(page.items().len() <= 3);
        seen.extend(page.each("slug"));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        address = format!("/api/collections?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let app = TestApp::with_notes().await;
    app.tick();
    let changed = app
        .patch("/api/collections/notes", json!({"description": "Things to remember."}))
        .await;
    let collection = &changed.ok().body;
    assert_eq!(
        (&collection["slug"], &collection["name"]),
        (&json!("notes"), &json!("Notes"))
    );
    assert_eq!(
        (&collection["description"], &collection["version"]),
        (&json!("Things to remember."), &json!(2))
    );
    assert_eq!(collection["updated_at"], "2026-03-01T08:00:01Z");
    let same = app.patch("/api/collections/notes", json!({"name": "Notes"})).await;
    assert_eq!(same.ok().body["version"], 2, "what changes nothing makes no version");
    app.patch("/api/collections/notes", json!({"slug": "memos"})).await.ok();
    app.get("/api/collections/notes").await.problem(404, "not-found");
    app.get("/api/collections/memos").await.ok();
}

#[tokio::test]
async fn a_field_cannot_be_changed_to_null() {
    let app = TestApp::with_notes().await;
    for field in ["slug", "name", "description"] {
        app.patch("/api/collections/notes", json!({field: Value::Null}))
            .await
            .invalid_at(&[&format!("/{field}")]);
    }
}

#[tokio::test]
async fn a_collection_with_documents_is_deleted_only_on_purpose() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"text": "Water the plants."})).await;
    app.delete("/api/collections/notes").await.problem(409, "conflict");
    app.delete("/api/collections/notes?with_documents=false")
        .await
        .problem(409, "conflict");
    app.delete("/api/collections/notes?with_documents=true").await.gone();
    app.get("/api/collections/notes").await.problem(404, "not-found");
    let asked = app.post("/api/summarize", json!({"document_id": note["id"]})).await;
    asked.problem(404, "not-found");
    app.delete("/api/collections/notes").await.problem(404, "not-found");
}
