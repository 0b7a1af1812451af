//! `Idempotency-Key`: a POST that is sent again is done once.

use crate::support::{Answer, TestApp, send, time};
use serde_json::{Value, json};
use synoptic::domain::{api_keys::ApiKeyFields, principal::Actor};

const NOTES: &str = "/api/collections/notes/documents";

async fn post(app: &TestApp, key: &str, address: &str, body: Value) -> Answer {
    send(
        app.request("POST", address)
            .header("idempotency-key", key)
            .body_json(&body),
    )
    .await
}

async fn count(app: &TestApp) -> usize {
    app.get(NOTES).await.items().len()
}

#[tokio::test]
async fn sent_again_a_request_has_the_same_answer_and_is_done_once() {
    let app = TestApp::with_notes().await;
    let first = post(&app, "k1", NOTES, json!({"text": "Once."})).await;
    assert_eq!(first.created().header("idempotency-replayed"), None);
    app.tick();
    let again = post(&app, "k1", NOTES, json!({"text": "Once."})).await;
    assert_eq!(again.created().header("idempotency-replayed"), Some("true"));
    assert_eq!((&again.body, again.etag()), (&first.body, first.etag()));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_ne!(
        again.header("x-trace-id"),
        first.header("x-trace-id"),
        "each exchange has a trace of its own"
    );
    assert_eq!(count(&app).await, 1);
    post(&app, "k2", NOTES, json!({"text": "Once."})).await.created();
    assert_eq!(count(&app).await, 2);
}

#[tokio::test]
async fn an_answer_outlives_a_restart() {
    let app = TestApp::with_notes().await;
    let first = post(&app, "k1", NOTES, json!({"text": "Once."})).await;
    let later = app.restart().await;
    let again = post(&later, "k1", NOTES, json!({"text": "Once."})).await;
    assert_eq!(
        (again.created().header("idempotency-replayed"), &again.body),
        (Some("true"), &first.body)
    );
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let app = TestApp::with_notes().await;
    post(&app, "k1", NOTES, json!({"text": "Once."})).await.created();
    post(&app, "k1", NOTES, json!({"text": "Other."}))
        .await
        .problem(422, "idempotency-mismatch");
    let other_address = format!("{NOTES}?on_conflict=update");
    post(&app, "k1", &other_address, json!({"text": "Once."}))
        .await
        .problem(422, "idempotency-mismatch");
    post(&app, "k1", "/api/collections", json!({"name": "Once"}))
        .await
        .problem(422, "idempotency-mismatch");
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_key_free() {
    let app = TestApp::with_notes().await;
    post(&app, "k1", NOTES, json!({"text": ""}))
        .await
        .invalid_at(&["/text"]);
    post(&app, "k1", "/api/collections/none/documents", json!({"text": "x"}))
        .await
        .problem(404, "not-found");
    let broken = send(
        app.request("POST", NOTES)
            .header("idempotency-key", "k1")
            .content_type("application/json")
            .body("{"),
    )
    .await;
    broken.problem(400, "malformed-request");
    let mended = post(&app, "k1", NOTES, json!({"text": "Mended."})).await;
    assert_eq!(mended.created().header("idempotency-replayed"), None);
}

#[tokio::test]
async fn keys_of_different_clients_do_not_meet() {
    let app = TestApp::with_notes().await;
    post(&app, "k1", NOTES, json!({"text": "Mine."})).await.created();
    let (_, other) = app
        .services
        .api_keys
        .create(&Actor::operator(), ApiKeyFields::named("other").unwrap())
        .await
        .unwrap();
    let theirs = app
        .anonymous("POST", NOTES)
        .header("authorization", format!("Bearer {}", other.reveal()))
        .header("idempotency-key", "k1")
        .body_json(&json!({"text": "Theirs."}));
    assert_eq!(send(theirs).await.created().body["text"], "Theirs.");
    let anonymous = app
        .anonymous("POST", NOTES)
        .header("idempotency-key", "k1")
        .body_json(&json!({"text": "Mine."}));
    send(anonymous).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let app = TestApp::with_notes().await;
    post(&app, "k1", NOTES, json!({"text": "Yesterday."})).await.created();
    app.clock.set(time("2026-03-02T07:59:59Z"));
    post(&app, "k1", NOTES, json!({"text": "Today."}))
        .await
        .problem(422, "idempotency-mismatch");
    app.clock.set(time("2026-03-02T08:00:01Z"));
    post(&app, "k1", NOTES, json!({"text": "Today."})).await.created();
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_name() {
    let app = TestApp::with_notes().await;
    for bad in [String::new(), "x".repeat(256), "ключ".to_owned()] {
        let asked = send(
            app.request("POST", NOTES)
                .header("idempotency-key", bad.as_bytes())
                .body_json(&json!({"text": "x"})),
        )
        .await;
        asked.invalid_parameter("Idempotency-Key");
    }
    post(&app, &"x".repeat(255), NOTES, json!({"text": "x"}))
        .await
        .created();
}

#[tokio::test]
async fn analyses_and_batches_are_made_once_too() {
    let app = TestApp::with_notes().await;
    let body = json!({"text": "It rained. The river rose."});
    let first = post(&app, "s", "/api/summarize", body.clone()).await;
    let again = post(&app, "s", "/api/summarize", body).await;
    assert_eq!(again.ok().body, first.ok().body);
    assert_eq!(app.get("/api/analyses").await.items().len(), 1);
    let batch = json!({"documents": [{"text": "One."}, {"text": "Two."}]});
    post(&app, "b", "/api/collections/notes/batch", batch.clone())
        .await
        .ok();
    post(&app, "b", "/api/collections/notes/batch", batch).await.ok();
    assert_eq!(count(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_duplicates_at_the_same_time_one_is_done() {
    let app = TestApp::with_notes().await;
    let requests = (0..10).map(|_| post(&app, "k1", NOTES, json!({"text": "Once."})));
    let answers = futures_util::future::join_all(requests).await;
    let ids: Vec<&Value> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| &answer.body["id"])
        .collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "idempotency-unresolved");
    }
    assert_eq!(count(&app).await, 1);
    let later = post(&app, "k1", NOTES, json!({"text": "Once."})).await;
    assert_eq!(
        (later.created().header("idempotency-replayed"), &later.body["id"]),
        (Some("true"), ids[0])
    );
}

#[tokio::test]
async fn a_deleted_text_is_not_answered_again() {
    let app = TestApp::with_notes().await;
    let created = post(&app, "k1", NOTES, json!({"text": "A marker that goes: zyxwv."})).await;
    let id = created.created().body["id"].as_str().unwrap().to_owned();
    let one = json!({"document_id": id});
    post(&app, "k2", "/api/summarize", one.clone()).await.ok();
    let batch = json!({"inputs": [one, {"text": "Another text."}]});
    let first = post(&app, "k3", "/api/summarize/batch", batch.clone()).await;
    let again = post(&app, "k3", "/api/summarize/batch", batch.clone()).await;
    assert_eq!(
        (again.ok().header("idempotency-replayed"), &again.body),
        (Some("true"), &first.body)
    );

    app.delete(format!("{NOTES}/{id}")).await;
    post(&app, "k1", NOTES, json!({"text": "A marker that goes: zyxwv."}))
        .await
        .problem(404, "not-found");
    post(&app, "k2", "/api/summarize", json!({"document_id": id}))
        .await
        .problem(404, "not-found");
    let last = post(&app, "k3", "/api/summarize/batch", batch).await;
    assert!(!last.ok().body.to_string().contains("zyxwv"), "{last:?}");
    assert_eq!(last.body["results"][0]["error"]["status"], 404);
    assert_eq!(last.body["results"][1], first.body["results"][1]);
}

#[tokio::test]
async fn a_replay_shows_what_was_made_as_it_is_now() {
    let app = TestApp::with_notes().await;
    let body = json!({"external_id": "a", "text": "First."});
    post(&app, "k1", NOTES, body.clone()).await.created();
    let changed = app.patch(format!("{NOTES}/a"), json!({"text": "Second."})).await;
    let again = post(&app, "k1", NOTES, body).await;
    assert_eq!(again.created().body["text"], "Second.");
    assert_eq!(again.etag(), changed.etag());
}

#[tokio::test]
async fn of_a_preview_nothing_is_kept() {
    let app = TestApp::new().await;
    let prompt = json!({"name": "Reply", "user": "Reply to {{ document }}"});
    app.post("/api/prompts", prompt).await.created();
    let body = json!({"document": {"title": "A marker: zyxwv", "text": "Another marker: vwxyz"}});
    let preview = "/api/prompts/reply/preview";
    post(&app, "p1", preview, body.clone())
        .await
        .invalid_parameter("Idempotency-Key");
    app.post(preview, body).await.ok();
    let bytes = app.database_bytes().await;
    for marker in [b"zyxwv", b"vwxyz"] {
        assert!(!bytes.windows(5).any(|window| window == marker), "a text is stored");
    }
    assert_eq!(app.stored().await["idempotency_keys"], "");
}
