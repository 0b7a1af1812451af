//! Push URLs: other systems leave documents where the address says.

use crate::support::{Answer, TestApp, send};
use serde_json::{Value, json};

async fn made(app: &TestApp, body: Value) -> (String, String) {
    let answer = app.post("/api/collections/notes/push-urls", body).await;
    let body = &answer.created().body;
    let id = body["push_url"]["id"].as_str().unwrap().to_owned();
    (body["address"].as_str().unwrap().to_owned(), id)
}

async fn push(app: &TestApp, address: &str, media: &str, body: impl Into<poem::Body>) -> Answer {
    send(app.anonymous("POST", address).content_type(media).body(body)).await
}

#[tokio::test]
async fn a_help_desk_leaves_its_tickets_as_they_are() {
    let app = TestApp::with_notes().await;
    let fields = json!({"text": "/ticket/description", "title": "/ticket/subject", "external_id": "/ticket/id",
        "attributes": {"plan": "/ticket/customer/plan"}});
    let (address, _) = made(&app, json!({"name": "Help desk", "fields": fields})).await;
    let ticket = json!({"event": "created", "ticket": {"id": 4711, "subject": "Hi", "description": "It broke.",
        "customer": {"plan": "pro"}}});
    let stored = push(&app, &address, "application/json", ticket.to_string()).await;
    assert_eq!(stored.ok().body["stored"][0]["outcome"], "created");
    let document = app.get("/api/collections/notes/documents/4711").await.ok().body.clone();
    assert_eq!(
        (&document["text"], &document["attributes"]),
        (&json!("It broke."), &json!({"plan": "pro"}))
    );
    // Systems send again what they have sent.
    let again = push(&app, &address, "application/json", ticket.to_string()).await;
    assert_eq!(again.ok().body["stored"][0]["outcome"], "unchanged");
    let without = push(&app, &address, "application/json", "{\"ticket\": {}}").await;
    assert!(
        without.problem(422, "invalid")["detail"]
            .as_str()
            .unwrap()
            .contains("/ticket/description")
    );
    push(&app, &address, "application/json", "{")
        .await
        .problem(400, "malformed-request");
    push(&app, &address, "application/xml", "<a/>")
        .await
        .problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn documents_lines_rows_and_forms_are_taken() {
    let app = TestApp::with_notes().await;
    let (address, _) = made(&app, json!({"name": "Anything"})).await;
    push(&app, &address, "application/json", r#"{"id": "a", "body": "A"}"#)
        .await
        .ok();
    push(
        &app,
        &address,
        "application/x-www-form-urlencoded",
        "external_id=b&text=B%20b",
    )
    .await
    .ok();
    push(&app, &address, "text/csv", "id,text\nc,C\nc,\"C, again\"\n")
        .await
        .ok();
    let lines = "{\"id\":\"d\",\"text\":\"D\"}\nnonsense\n{\"id\":\"e\",\"text\":\"\"}\n";
    let answer = push(&app, &address, "application/x-ndjson", lines).await;
    assert_eq!(answer.ok().body["stored"].as_array().unwrap().len(), 1);
    let refused: Vec<&Value> = answer.body["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["line"])
        .collect();
    assert_eq!(refused, [2, 3]);
    for (id, text) in [("a", "A"), ("b", "B b"), ("c", "C, again"), ("d", "D")] {
        assert_eq!(
            app.get(format!("/api/collections/notes/documents/{id}"))
                .await
                .ok()
                .body["text"],
            text
        );
    }
}

#[tokio::test]
async fn an_address_is_shown_once_and_ends_when_it_is_revoked() {
    let app = TestApp::with_notes().await;
    let (address, id) = made(&app, json!({"name": "Short-lived"})).await;
    let token = address.rsplit('/').next().unwrap().to_owned();
    push(&app, &address, "application/json", r#"{"text": "x"}"#).await.ok();
    let list = app.get("/api/collections/notes/push-urls").await;
    assert_eq!(list.ok().body["items"][0]["id"], id.as_str());
    let metrics = send(app.anonymous("GET", "/metrics")).await;
    for (place, bytes) in [
        ("the list", list.text.clone().into_bytes()),
        ("the metrics", metrics.text.into_bytes()),
        ("the database", app.database_bytes().await),
    ] {
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found, "the token is in {place}");
    }
    let unknown = push(&app, &format!("{address}x"), "application/json", r#"{"text": "x"}"#).await;
    assert!(!unknown.problem(404, "not-found").to_string().contains(&token));
    app.delete(format!("/api/collections/notes/push-urls/{id}"))
        .await
        .gone();
    push(&app, &address, "application/json", r#"{"text": "x"}"#)
        .await
        .problem(404, "not-found");
    app.delete(format!("/api/collections/notes/push-urls/{id}"))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_token_is_no_credential_for_anything_else() {
    let app = TestApp::with_notes().await;
    let (address, _) = made(&app, json!({"name": "n"})).await;
    let token = address.rsplit('/').next().unwrap();
    send(app.with_token(token, "GET", "/api/collections/notes/documents"))
        .await
        .problem(401, "unauthorized");
    send(app.anonymous("GET", &address))
        .await
        .problem(405, "method-not-allowed");
}

#[tokio::test]
async fn pushing_is_counted_for_its_address_and_bounded() {
    let app = TestApp::with(|config| {
        config.limits.principal_per_second = 1;
        config.limits.principal_burst = 3;
        config.server.max_body_bytes = 500;
    })
    .await;
    app.post("/api/collections", json!({"name": "Notes"})).await.created();
    let (address, _) = made(&app, json!({"name": "n"})).await;
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(600));
    push(&app, &address, "application/json", large)
        .await
        .problem(413, "payload-too-large");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            push(&app, &address, "application/json", r#"{"id": "1", "text": "x"}"#)
                .await
                .status,
        );
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        2,
        "{statuses:?}"
    );
    assert_eq!(statuses.last(), Some(&429));
}
