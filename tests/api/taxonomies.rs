//! `/api/taxonomies`: versions that never change, labels whose ids stay.

use crate::support::TestApp;
use serde_json::{Value, json};

const TOPIC: &str = "/api/taxonomies/topic";

async fn with_topic() -> TestApp {
    let app = TestApp::new().await;
    let labels = json!([
        {"name": "Billing", "description": "Invoices and payments.", "examples": ["I was charged twice."]},
        {"name": "Bug report", "description": "Something is broken."},
    ]);
    app.post(
        "/api/taxonomies",
        json!({"name": "Topic", "description": "What it is about.", "labels": labels}),
    )
    .await
    .created();
    app
}

fn ids(taxonomy: &Value) -> Vec<&str> {
    taxonomy["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_new_taxonomy_gives_each_label_an_id() {
    let app = TestApp::new().await;
    let labels =
        json!([{"name": "Billing"}, {"name": "Bug report!"}, {"id": "dark-mode", "name": "Wish"}, {"name": "苦情"}]);
    let created = app
        .post("/api/taxonomies", json!({"name": "Topic", "labels": labels}))
        .await;
    assert_eq!(created.header("location"), Some(TOPIC));
    assert_eq!(
        ids(&created.created().body),
        ["billing", "bug-report", "dark-mode", "label-4"]
    );
    let found = app.get(TOPIC).await;
    assert_eq!((&found.ok().body, found.etag()), (&created.body, created.etag()));
    let by_id = app
        .get(format!("/api/taxonomies/{}", created.body["id"].as_str().unwrap()))
        .await;
    assert_eq!(by_id.ok().body, created.body);
}

#[tokio::test]
async fn every_change_makes_a_version_and_the_old_ones_stay_as_they_were() {
    let app = with_topic().await;
    let first = app.get(TOPIC).await.ok().body.clone();
    app.tick();
    let labels = json!([{"name": "Billing"}, {"name": "Bug report"}, {"name": "Praise"}]);
    let second = app.patch(TOPIC, json!({"labels": labels})).await.ok().body.clone();
    assert_eq!(
        (&second["version"], second["labels"].as_array().unwrap().len()),
        (&json!(2), 3)
    );
    assert_eq!(
        (&second["created_at"], &second["updated_at"]),
        (&first["created_at"], &json!("2026-03-01T08:00:01Z"))
    );
    app.patch(TOPIC, json!({"threshold": 0.4, "name": "Subject"}))
        .await
        .ok();
    assert_eq!(app.get(format!("{TOPIC}/versions/1")).await.ok().body, first);
    assert_eq!(app.get(format!("{TOPIC}/versions/2")).await.ok().body, second);
    assert_eq!(
        app.get(format!("{TOPIC}/versions")).await.each("version"),
        ["3", "2", "1"]
    );
    for missing in ["0", "4", "-1", "9223372036854775807"] {
        app.get(format!("{TOPIC}/versions/{missing}"))
            .await
            .problem(404, "not-found");
    }
    app.get(format!("{TOPIC}/versions/newest"))
        .await
        .invalid_parameter("version");
}

#[tokio::test]
async fn what_changes_nothing_makes_no_version() {
    let app = with_topic().await;
    let before = app.get(TOPIC).await;
    let mut body = before.ok().body.clone();
    assert_eq!(app.patch(TOPIC, json!({})).await.ok().body["version"], 1);
    assert_eq!(
        app.patch(TOPIC, json!({"labels": body["labels"]})).await.ok().body["version"],
        1
    );
    for field in ["id", "version", "created_at", "updated_at"] {
        body.as_object_mut().unwrap().remove(field);
    }
    let same = app.put(TOPIC, body).await;
    assert_eq!((&same.ok().body, same.etag()), (&before.body, before.etag()));
}

#[tokio::test]
async fn a_label_keeps_its_id_through_renames() {
    let app = with_topic().await;
    let renamed = json!([{"id": "bug-report", "name": "Defect"}, {"name": "BILLING"}, {"name": "Bug report"}]);
    let second = app.patch(TOPIC, json!({"labels": renamed})).await;
    assert_eq!(ids(&second.ok().body), ["bug-report", "billing", "bug-report-2"]);
}

#[tokio::test]
async fn put_replaces_what_patch_would_keep() {
    let app = with_topic().await;
    app.patch(TOPIC, json!({"threshold": 0.9})).await.ok();
    let replaced = app
        .put(
            TOPIC,
            json!({"name": "Topic", "labels": [{"name": "Billing"}, {"name": "Other"}]}),
        )
        .await;
    let taxonomy = &replaced.ok().body;
    assert_eq!(
        (
            &taxonomy["description"],
            taxonomy.get("threshold"),
            &taxonomy["version"]
        ),
        (&json!(""), None, &json!(3))
    );
    assert_eq!(taxonomy["slug"], "topic");
    app.put(
        "/api/taxonomies/none",
        json!({"name": "N", "labels": [{"name": "a"}, {"name": "b"}]}),
    )
    .await
    .problem(404, "not-found");
}

#[tokio::test]
async fn null_takes_the_threshold_away_and_nothing_else_can_be_null() {
    let app = with_topic().await;
    assert_eq!(
        app.patch(TOPIC, json!({"threshold": 0.25})).await.ok().body["threshold"],
        0.25
    );
    assert_eq!(
        app.patch(TOPIC, json!({"threshold": null}))
            .await
            .ok()
            .body
            .get("threshold"),
        None
    );
    for field in ["slug", "name", "description", "labels"] {
        app.patch(TOPIC, json!({field: Value::Null}))
            .await
            .invalid_at(&[&format!("/{field}")]);
    }
}

#[tokio::test]
async fn each_bad_label_is_named_by_its_place() {
    let app = TestApp::new().await;
    let labels = json!([
        {"name": "A"},
        {"name": " ", "id": "Not A Slug"},
        {"name": "a", "examples": ["fine", ""]},
        {"name": "B", "id": "b"},
        {"name": "C", "id": "b", "description": "x".repeat(2_001)},
    ]);
    let refused = app
        .post(
            "/api/taxonomies",
            json!({"name": "", "threshold": 1.5, "labels": labels}),
        )
        .await;
    refused.invalid_at(&[
        "/name",
        "/threshold",
        "/labels/1/name",
        "/labels/1/id",
        "/labels/2/examples/1",
        "/labels/4/description",
        "/labels/2/name",
        "/labels/4/id",
    ]);
    let many: Vec<Value> = (0..201)
        .map(|number| json!({"name": format!("label {number}")}))
        .collect();
    for labels in [json!([]), json!([{"name": "only one"}]), json!(many)] {
        app.post("/api/taxonomies", json!({"name": "T", "labels": labels}))
            .await
            .invalid_at(&["/labels"]);
    }
    app.post("/api/taxonomies", json!({"name": "T", "labels": many[..200]}))
        .await
        .created();
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let app = with_topic().await;
    let body = json!({"name": "Topic", "labels": [{"name": "a"}, {"name": "b"}]});
    app.post("/api/taxonomies", body.clone()).await.problem(409, "conflict");
    let other = json!({"slug": "other", "name": "Topic", "labels": [{"name": "a"}, {"name": "b"}]});
    app.post("/api/taxonomies", other).await.created();
    app.patch("/api/taxonomies/other", json!({"slug": "topic"}))
        .await
        .problem(409, "conflict");
    assert_eq!(app.get("/api/taxonomies").await.each("slug"), ["topic", "other"]);
}

#[tokio::test]
async fn a_taxonomy_that_was_used_is_deleted_only_on_purpose() {
    let app = with_topic().await;
    let asked = app
        .post(
            "/api/classify",
            json!({"text": "I was charged twice.", "taxonomy": "topic"}),
        )
        .await;
    let analysis = format!("/api/analyses/{}", asked.ok().body["id"].as_str().unwrap());
    app.delete(TOPIC).await.problem(409, "conflict");
    app.get(&analysis).await.ok();
    app.delete(format!("{TOPIC}?with_analyses=true")).await.gone();
    app.get(analysis).await.problem(404, "not-found");
    app.get(TOPIC).await.problem(404, "not-found");
    app.get(format!("{TOPIC}/versions")).await.problem(404, "not-found");
}

#[tokio::test]
async fn versions_are_paged_newest_first() {
    let app = with_topic().await;
    for number in 2..=6 {
        app.patch(TOPIC, json!({"description": format!("Version {number}")}))
            .await
            .ok();
    }
    let (mut seen, mut address) = (Vec::new(), format!("{TOPIC}/versions?limit=4"));
    loop {
        let page = app.get(&address).await;
        seen.extend(page.each("version"));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        address = format!("{TOPIC}/versions?limit=4&cursor={cursor}");
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1"]);
}
