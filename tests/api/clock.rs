//! The server's clock jumps while it serves: lists stay whole, answers stay clear.

use crate::support::{TestApp, time};
use serde_json::json;

const NOTES: &str = "/api/collections/notes/documents";

/// The external ids of all documents, page by page.
async fn walk(app: &TestApp, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(format!("{NOTES}?limit=2&{query}"));
    while let Some(page) = next {
        let answer = app.get(&page).await;
        found.extend(answer.ok().each("external_id"));
        next = answer.body["next_cursor"]
            .as_str()
            .map(|cursor| format!("{NOTES}?limit=2&{query}&cursor={cursor}"));
    }
    found
}

async fn store(app: &TestApp, names: &[&str]) {
    for name in names {
        app.note(json!({"external_id": name, "text": "A note."})).await;
        app.tick();
    }
}

#[tokio::test]
async fn an_hour_back_or_a_year_ahead_and_back_loses_nothing() {
    let app = TestApp::with_notes().await;
    store(&app, &["a", "b", "c"]).await;
    let first = app.get(format!("{NOTES}?limit=2&sort=created_at")).await;
    assert_eq!(first.ok().each("external_id"), ["a", "b"]);
    let cursor = first.body["next_cursor"].as_str().unwrap().to_owned();

    app.clock.set(time("2026-03-01T07:00:00Z"));
    store(&app, &["d", "e"]).await;
    // A cursor is a place among the documents, not a moment.
    let second = app
        .get(format!("{NOTES}?limit=2&sort=created_at&cursor={cursor}"))
        .await;
    assert_eq!(second.ok().each("external_id"), ["c"]);
    assert_eq!(walk(&app, "sort=created_at").await, ["d", "e", "a", "b", "c"]);
    app.get("/readyz").await.ok();
    // A token that begins an hour from now is none yet; whoever signs in again has one.
    let refused = crate::support::send(app.as_admin("GET", "/api/users")).await;
    refused.problem(401, "unauthorized");
    let signed_in = crate::support::sign_in(&app.services, crate::support::ADMIN).await;
    crate::support::send(app.with_token(&signed_in, "GET", "/api/users"))
        .await
        .ok();
    let kept = || {
        app.request("POST", NOTES)
            .header("idempotency-key", "k1")
            .body_json(&json!({"external_id": "f", "text": "Once."}))
    };
    crate::support::send(kept()).await.created();

    app.clock.set(time("2027-03-01T08:00:00Z"));
    crate::support::send(app.with_token(&signed_in, "GET", "/api/users"))
        .await
        .problem(401, "unauthorized");
    store(&app, &["g"]).await;
    app.get("/readyz").await.ok();

    app.clock.set(time("2026-03-01T08:01:00Z"));
    store(&app, &["h"]).await;
    assert_eq!(
        walk(&app, "sort=created_at").await,
        ["d", "e", "f", "a", "b", "c", "h", "g"]
    );
    let mut all = walk(&app, "").await;
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    // The document is there once, whatever became of the key.
    let again = crate::support::send(kept()).await;
    assert!(again.status == 201 || again.status == 409, "{again:?}");
    app.patch(format!("{NOTES}/g"), json!({"title": "Changed"})).await.ok();
    app.get("/readyz").await.ok();
}
