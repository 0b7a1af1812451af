//! `/api/analyses`: answers on record.

use crate::support::TestApp;
use serde_json::json;
use std::collections::BTreeSet;

const TEXT: &str = "We were charged twice this month. Please refund the duplicate payment to our card.";

#[tokio::test]
async fn filters_add_up() {
    let app = TestApp::demo().await;
    let ticket = app
        .get("/api/collections/tickets/documents/T-1001")
        .await
        .ok()
        .body
        .clone();
    let count = async |query: String| app.get(format!("/api/analyses?limit=200&{query}")).await.items().len();
    let (all, summaries) = (count(String::new()).await, count("kind=summary".into()).await);
    let classifications = count("kind=classification".into()).await;
    assert!(summaries > 40 && classifications > 40, "{summaries}, {classifications}");
    assert_eq!(summaries + classifications, all);
    assert_eq!(count("collection=tickets".into()).await, all);
    assert_eq!(count("collection=spare".into()).await, 0);
    let id = ticket["id"].as_str().unwrap();
    let of_ticket = count(format!("document_id={id}")).await;
    assert!(of_ticket >= 2 && of_ticket < all);
    assert_eq!(
        count(format!("document_id={id}&kind=summary")).await
            + count(format!("document_id={id}&kind=classification")).await,
        of_ticket
    );
    assert_eq!(count("taxonomy=ticket-topic".into()).await, classifications);
    let billing = app.get("/api/analyses?label=billing&limit=200").await;
    assert!(!billing.items().is_empty());
    assert!(
        billing
            .items()
            .iter()
            .all(|analysis| analysis["classification"]["label"] == "billing")
    );
    assert_eq!(count("engine=embedded".into()).await, all);
    assert_eq!(count("engine=other".into()).await, 0);
}

#[tokio::test]
async fn time_filters_are_exclusive() {
    let app = TestApp::new().await;
    for _ in 0..3 {
        app.post("/api/summarize", json!({"text": TEXT})).await.ok();
        app.tick();
    }
    let after = app.get("/api/analyses?created_after=2026-03-01T08:00:00Z").await;
    assert_eq!(
        after.each("created_at"),
        ["2026-03-01T08:00:02Z", "2026-03-01T08:00:01Z"]
    );
    let before = app.get("/api/analyses?created_before=2026-03-01T08:00:01Z").await;
    assert_eq!(before.items().len(), 1);
}

#[tokio::test]
async fn pages_run_from_new_to_old_without_repeats() {
    let app = TestApp::demo().await;
    app.tick();
    let newest = app.post("/api/summarize", json!({"text": TEXT})).await;
    let (mut seen, mut address) = (Vec::new(), "/api/analyses?limit=30".to_owned());
    loop {
        let page = app.get(&address).await;
        seen.extend(page.each("id"));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        assert!(page.header("link").unwrap().contains("rel=\"next\""));
        address = format!("/api/analyses?limit=30&cursor={cursor}");
    }
    assert_eq!(seen[0], newest.ok().body["id"].as_str().unwrap());
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
    assert!(seen.len() > 90, "{}", seen.len());
}

#[tokio::test]
async fn an_analysis_is_deleted_alone() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"external_id": "N-1", "text": TEXT})).await;
    let asked = app.post("/api/summarize", json!({"document_id": note["id"]})).await;
    let address = format!("/api/analyses/{}", asked.ok().body["id"].as_str().unwrap());
    app.delete(&address).await.gone();
    app.get(&address).await.problem(404, "not-found");
    app.delete(&address).await.problem(404, "not-found");
    app.get("/api/collections/notes/documents/N-1").await.ok();
}

#[tokio::test]
async fn what_is_no_id_or_kind_is_refused_by_name() {
    let app = TestApp::new().await;
    app.get("/api/analyses/first").await.invalid_parameter("analysis");
    app.get("/api/analyses?document_id=T-1")
        .await
        .invalid_parameter("document_id");
    app.get("/api/analyses?kind=poem").await.invalid_parameter("kind");
    app.get("/api/analyses?collection=none").await.problem(404, "not-found");
    app.get("/api/analyses?taxonomy=none").await.problem(404, "not-found");
}

#[tokio::test]
async fn an_answer_outlives_a_change_of_its_document() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"external_id": "N-1", "text": TEXT})).await;
    let first = app
        .post("/api/summarize", json!({"document_id": note["id"]}))
        .await
        .ok()
        .body
        .clone();
    app.patch(
        "/api/collections/notes/documents/N-1",
        json!({"text": "All is well now."}),
    )
    .await
    .ok();
    app.tick();
    let second = app
        .post("/api/summarize", json!({"document_id": note["id"]}))
        .await
        .ok()
        .body
        .clone();
    assert_eq!(
        (&first["document_version"], &second["document_version"]),
        (&json!(1), &json!(2))
    );
    assert_ne!(first["input_hash"], second["input_hash"]);
    let listed = app
        .get(format!("/api/analyses?document_id={}", note["id"].as_str().unwrap()))
        .await;
    assert_eq!(listed.items(), &[second, first]);
}

#[tokio::test]
async fn an_answer_names_the_key_that_asked() {
    let app = TestApp::new().await;
    let asked = app.post("/api/summarize", json!({"text": TEXT})).await;
    let listed = app.get("/api/analyses").await;
    assert_eq!(listed.items(), std::slice::from_ref(&asked.ok().body));
    assert!(asked.body["created_by"].as_str().is_some_and(|id| id.len() == 36));
    assert_eq!(asked.body.get("created_by_user"), None, "the key is nobody's");
}
