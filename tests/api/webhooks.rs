//! `/api/collections/{collection}/webhooks`: make, see, change, delete, send; who finds which.

use crate::support::{TestApp, send};
use serde_json::json;
use synoptic::domain::{permissions::Scopes, principal::Reach};

const PLACE: &str = "/api/collections/notes/webhooks";

#[tokio::test]
async fn a_webhook_is_made_seen_changed_and_deleted() {
    let app = TestApp::with_notes().await;
    let new = json!({"name": "Hook", "url": "https://hooks.example/x#part", "events": ["job.finished", "analysis.done", "job.finished"]});
    let made = app.post(PLACE, new).await;
    let hook = made.created().body.clone();
    let secret = hook["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!(
        (&hook["url"], &hook["events"], &hook["enabled"]),
        (
            &json!("https://hooks.example/x"),
            &json!(["analysis.done", "job.finished"]),
            &json!(true)
        )
    );
    let place = made.header("location").unwrap().to_owned();
    let read = app.get(&place).await;
    assert!(read.ok().body.get("secret").is_none());
    assert_eq!(read.etag(), made.etag());
    let request = app.request("PATCH", &place).header("if-match", made.etag());
    let changed = send(request.body_json(&json!({"enabled": false, "confidence_below": 0.5}))).await;
    assert_eq!(
        (&changed.ok().body["enabled"], &changed.body["version"]),
        (&json!(false), &json!(2))
    );
    assert!(changed.body["disabled_reason"].as_str().unwrap().contains("by hand"));
    let late = app.request("PATCH", &place).header("if-match", made.etag());
    send(late.body_json(&json!({"name": "x"})))
        .await
        .problem(412, "precondition-failed");
    let cleared = app
        .patch(&place, json!({"confidence_below": null, "enabled": true}))
        .await;
    assert!(cleared.ok().body.get("confidence_below").is_none());
    let rotated = app.post(&format!("{place}/rotate-secret"), json!({})).await;
    assert_ne!(rotated.ok().body["secret"], hook["secret"]);
    assert!(rotated.body["old_secret_until"].is_string());
    let late = app.request("DELETE", &place).header("if-match", made.etag());
    send(late).await.problem(412, "precondition-failed");
    send(app.request("DELETE", &place).header("if-match", rotated.etag()))
        .await
        .gone();
    app.get(&place).await.problem(404, "not-found");
    let trail = app.get("/api/audit").await.ok().each("action");
    for action in [
        "webhook_created",
        "webhook_disabled",
        "webhook_changed",
        "webhook_secret_rotated",
        "webhook_deleted",
    ] {
        assert!(trail.iter().any(|told| told == action), "{action}: {trail:?}");
    }
    let audit = app.get("/api/audit").await;
    assert!(!audit.text.contains(secret) && !audit.text.contains("hooks.example/x"));
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_refused_with_the_reason() {
    let app = TestApp::with_notes().await;
    for (url, word) in [
        ("http://hooks.example/", "https"),
        ("https://user:pass@hooks.example/", "password"),
        ("https://127.0.0.1/", "no public address"),
        ("https://[::1]/", "no public address"),
        ("https://10.0.0.1/", "webhooks.allow"),
        ("https://hooks.example:25/", "port"),
        ("hooks.example", "absolute"),
    ] {
        let answer = app
            .post(PLACE, json!({"name": "Hook", "url": url, "events": ["job.finished"]}))
            .await;
        let problem = answer.invalid_at(&["/url"]);
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{url}: {detail}");
    }
    let nothing = json!({"name": "Hook", "url": "https://hooks.example/", "events": []});
    app.post(PLACE, nothing).await.invalid_at(&["/events"]);
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept_to_be_given_again() {
    let app = TestApp::with_notes().await;
    let new = json!({"name": "Hook", "url": "https://hooks.example/", "events": ["job.finished"]});
    let request = app.request("POST", PLACE).header("idempotency-key", "again");
    let refused = send(request.body_json(&new)).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(app.get(PLACE).await.ok().body["items"], json!([]));
}

#[tokio::test]
async fn a_test_is_in_the_log_and_can_be_sent_again() {
    let app = TestApp::with_notes().await;
    let new = json!({"name": "Hook", "url": "https://hooks.example/", "events": ["job.finished"], "enabled": false});
    let made = app.post(PLACE, new).await;
    made.created();
    let place = made.header("location").unwrap().to_owned();
    let sent = app.post(&format!("{place}/test"), json!({})).await;
    assert_eq!(
        (&sent.ok().body["event"], &sent.body["status"]),
        (&json!("webhook.test"), &json!("pending"))
    );
    let log = app.get(format!("{place}/deliveries?status=pending")).await;
    assert_eq!(log.ok().body["items"][0]["id"], sent.body["id"]);
    assert!(log.body["items"][0].get("payload").is_none());
    let one = format!("{place}/deliveries/{}", sent.body["id"].as_str().unwrap());
    let read = app.get(&one).await;
    assert_eq!(read.ok().body["payload"]["type"], "webhook.test");
    app.post(&format!("{one}/replay"), json!({}))
        .await
        .problem(409, "conflict");
    app.patch(&place, json!({"enabled": true})).await.ok();
    app.post(&format!("{one}/replay"), json!({})).await.ok();
    let again = app
        .post(&format!("{place}/replays"), json!({"since": "2026-01-01T00:00:00Z"}))
        .await;
    assert_eq!(again.ok().body, json!({"replayed": 0}));
}

#[tokio::test]
async fn whoever_is_kept_to_another_collection_finds_none() {
    let app = TestApp::with_notes().await;
    let made = app
        .post(
            PLACE,
            json!({"name": "Hook", "url": "https://hooks.example/", "events": ["job.finished"]}),
        )
        .await;
    made.created();
    let place = made.header("location").unwrap().to_owned();
    let sent = app.post(&format!("{place}/test"), json!({})).await;
    let delivery = sent.ok().body["id"].as_str().unwrap().to_owned();
    let other = app.post("/api/collections", json!({"name": "Other"})).await;
    let other = other.created().body["id"].as_str().unwrap().to_owned();
    let reach = Reach::only([other.parse().unwrap()]);
    let (_, key) = app.key_with(Scopes::ALL, reach).await;
    for address in [
        PLACE.to_owned(),
        place.clone(),
        format!("{place}/deliveries/{delivery}"),
    ] {
        send(app.with_token(&key, "GET", address))
            .await
            .problem(404, "not-found");
    }
    // Under another collection's name it is not there either, for anybody.
    let id = made.body["id"].as_str().unwrap();
    app.get(format!("/api/collections/{other}/webhooks/{id}"))
        .await
        .problem(404, "not-found");
}
