//! `ETag`, `If-Match` and `If-None-Match`: nobody's change is overwritten, and nothing known is sent again.

use crate::support::{TestApp, send};
use serde_json::{Value, json};

const NOTE: &str = "/api/collections/notes/documents/N-1";

/// A server with one thing of every kind that can change: address, a body for PATCH.
async fn with_everything() -> (TestApp, [(&'static str, Value); 4]) {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "N-1", "text": "Water the plants."}))
        .await;
    let labels = json!([{"name": "a"}, {"name": "b"}]);
    app.post("/api/taxonomies", json!({"name": "Topic", "labels": labels}))
        .await
        .created();
    app.post("/api/prompts", json!({"name": "Reply", "user": "Reply."}))
        .await
        .created();
    let things = [
        ("/api/collections/notes", json!({"description": "Changed."})),
        (NOTE, json!({"title": "Changed."})),
        ("/api/taxonomies/topic", json!({"description": "Changed."})),
        ("/api/prompts/reply", json!({"description": "Changed."})),
    ];
    (app, things)
}

#[tokio::test]
async fn a_change_of_the_version_that_was_read_is_made_and_a_second_one_is_not() {
    let (app, things) = with_everything().await;
    for (address, change) in things {
        let read = app.get(address).await.etag();
        let patch = |change: &Value| {
            app.request("PATCH", address)
                .header("if-match", &read)
                .body_json(change)
        };
        let changed = send(patch(&change)).await;
        changed.ok();
        assert_ne!(changed.etag(), read);
        let other = if address == NOTE {
            json!({"title": "Other."})
        } else {
            json!({"description": "Other."})
        };
        let refused = send(patch(&other)).await;
        let problem = refused.problem(412, "precondition-failed");
        assert!(
            problem["detail"].as_str().unwrap().contains(&changed.etag()),
            "{problem}"
        );
        assert_eq!(app.get(address).await.ok().body, changed.body);
    }
}

#[tokio::test]
async fn a_deletion_holds_to_the_condition_too() {
    let (app, things) = with_everything().await;
    for (address, change) in things.into_iter().rev() {
        let read = app.get(address).await.etag();
        app.patch(address, change).await.ok();
        send(app.request("DELETE", address).header("if-match", &read))
            .await
            .problem(412, "precondition-failed");
        let now = app.get(address).await.etag();
        send(
            app.request("DELETE", address)
                .header("if-match", format!("\"other\", {now}")),
        )
        .await
        .gone();
    }
}

#[tokio::test]
async fn put_holds_to_the_condition_too() {
    let (app, _) = with_everything().await;
    let old = app.get(NOTE).await.etag();
    app.patch(NOTE, json!({"title": "Changed."})).await.ok();
    let put = |address: &str, tag: &str, body: Value| {
        send(app.request("PUT", address).header("if-match", tag).body_json(&body))
    };
    put(NOTE, &old, json!({"text": "x"}))
        .await
        .problem(412, "precondition-failed");
    put(NOTE, "*", json!({"text": "x"})).await.ok();
    let nothing_there = put("/api/collections/notes/documents/N-2", &old, json!({"text": "x"})).await;
    nothing_there.problem(412, "precondition-failed");
    let labels = json!({"name": "Topic", "labels": [{"name": "a"}, {"name": "c"}]});
    put("/api/taxonomies/topic", "\"9-00000000\"", labels)
        .await
        .problem(412, "precondition-failed");
}

#[tokio::test]
async fn a_tag_without_quotes_is_refused_by_name() {
    let (app, things) = with_everything().await;
    for (address, change) in things {
        for bad in ["1", "W/1", "\"a", ""] {
            let asked = send(app.request("PATCH", address).header("if-match", bad).body_json(&change)).await;
            asked.invalid_parameter("If-Match");
        }
    }
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let (app, things) = with_everything().await;
    for (address, change) in things {
        let first = app.get(address).await;
        let tag = first.etag();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = send(app.request("GET", address).header("if-none-match", known)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""));
            assert_eq!(again.etag(), tag);
            assert_eq!(again.header("content-type"), None);
        }
        app.patch(address, change).await.ok();
        let changed = send(app.request("GET", address).header("if-none-match", &tag)).await;
        assert_ne!(changed.ok().etag(), tag);
    }
    let missing = send(app.request("GET", "/api/collections/none").header("if-none-match", "*")).await;
    missing.problem(404, "not-found");
}

#[tokio::test]
async fn one_made_anew_under_the_same_name_has_another_tag() {
    let (app, _) = with_everything().await;
    let tag = app.get(NOTE).await.etag();
    app.delete(NOTE).await.gone();
    app.note(json!({"external_id": "N-1", "text": "Water the plants."}))
        .await;
    let stale = send(app.request("DELETE", NOTE).header("if-match", tag)).await;
    stale.problem(412, "precondition-failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_changes_of_one_version_exactly_one_is_made() {
    let (app, _) = with_everything().await;
    let tag = app.get(NOTE).await.etag();
    let changes = (0..8).map(|number| {
        let body = json!({"title": format!("Change {number}")});
        send(app.request("PATCH", NOTE).header("if-match", &tag).body_json(&body))
    });
    let answers = futures_util::future::join_all(changes).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((made, refused), (1, 7));
    assert_eq!(app.get(NOTE).await.ok().body["version"], 2);
}

#[tokio::test]
async fn a_condition_is_not_met_where_there_is_nothing() {
    let app = TestApp::with_notes().await;
    for tag in ["*", "\"1-00000000\"", "W/\"1-00000000\""] {
        let put = app
            .request("PUT", "/api/collections/notes/documents/new")
            .header("if-match", tag);
        send(put.body_json(&json!({"text": "New."})))
            .await
            .problem(412, "precondition-failed");
    }
    app.note(json!({"external_id": "old", "text": "Old."})).await;
    let put = app
        .request("PUT", "/api/collections/notes/documents/old")
        .header("if-match", "*");
    send(put.body_json(&json!({"text": "New."}))).await.ok();
}
