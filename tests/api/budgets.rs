//! `/api/budgets`: make, see, change, delete; who sees which; what goes with what they are on.

use crate::support::{Answer, TestApp, send};
use serde_json::{Value, json};
use synoptic::domain::{
    permissions::{Role, Scopes},
    principal::Reach,
};

fn on_server(name: &str) -> Value {
    json!({"name": name, "subject": "server", "unit": "microdollars", "amount": 5_000_000, "window": "month"})
}

fn on(subject: &str, id: &Value) -> Value {
    json!({"name": "Größe 予算", "subject": subject, "subject_id": id, "unit": "tokens", "amount": 10, "window": "hour"})
}

async fn names(app: &TestApp, token: &str) -> Vec<String> {
    let list: Answer = send(app.with_token(token, "GET", "/api/budgets")).await;
    list.ok().each("subject")
}

#[tokio::test]
async fn a_budget_is_made_seen_changed_and_deleted() {
    let app = TestApp::new().await;
    let made = app.post("/api/budgets", on_server("Everything")).await;
    let budget = &made.created().body;
    let place = made.header("location").unwrap().to_owned();
    assert_eq!(place, format!("/api/budgets/{}", budget["id"].as_str().unwrap()));
    assert_eq!(
        (&budget["spent"], &budget["held"], &budget["left"], &budget["resets_at"]),
        (&json!(0), &json!(0), &json!(5_000_000), &json!("2026-04-01T00:00:00Z"))
    );
    assert!(budget.get("subject_id").is_none());
    let read = app.get(&place).await;
    assert_eq!((&read.ok().body, read.etag()), (budget, made.etag()));
    let change = json!({"amount": 0});
    let request = app.request("PATCH", &place).header("if-match", made.etag());
    let changed = send(request.body_json(&change)).await;
    assert_eq!(
        (&changed.ok().body["left"], &changed.body["version"]),
        (&json!(0), &json!(2))
    );
    let late = app.request("PATCH", &place).header("if-match", made.etag());
    send(late.body_json(&json!({"name": "Other"})))
        .await
        .problem(412, "precondition-failed");
    let late = app.request("DELETE", &place).header("if-match", made.etag());
    send(late).await.problem(412, "precondition-failed");
    send(app.request("DELETE", &place).header("if-match", changed.etag()))
        .await
        .gone();
    app.get(&place).await.problem(404, "not-found");
    let trail = app.get("/api/audit").await.ok().each("action");
    for action in ["budget_created", "budget_changed", "budget_deleted"] {
        assert!(trail.iter().any(|told| told == action), "{trail:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_budget_is_named() {
    let app = TestApp::with_notes().await;
    let none = json!("0190b5c2-7c1e-7000-8000-000000000001");
    for body in [
        on("key", &none),
        on("user", &none),
        on("collection", &none),
        on("collection", &json!("nowhere")),
        on("key", &json!("no-id")),
        on("server", &none),
        on("user", &Value::Null),
    ] {
        app.post("/api/budgets", body).await.invalid_at(&["/subject_id"]);
    }
    let mut bad = on("collection", &json!("notes"));
    bad["name"] = json!(" ");
    bad["amount"] = json!(-1);
    app.post("/api/budgets", bad).await.invalid_at(&["/name", "/amount"]);
    let mut largest = on("collection", &json!("notes"));
    largest["amount"] = json!(i64::MAX);
    let made = app.post("/api/budgets", largest).await;
    assert_eq!(
        (&made.created().body["left"], &made.body["subject_name"]),
        (&json!(i64::MAX), &json!("notes"))
    );
}

#[tokio::test]
async fn one_sees_the_budgets_that_apply_to_oneself() {
    let app = TestApp::with_notes().await;
    let (editor, tokens) = app.signed_in("ed@example.org", Role::Editor).await;
    let (secret, own) = app.key_of(&tokens.access, json!({"name": "own"})).await;
    let (other, other_secret) = app.key_with(Scopes::DATA, Reach::only([])).await;
    let subjects = [
        ("user", json!(editor.row.id.to_string())),
        ("key", json!(own)),
        ("key", json!(other.row.id.to_string())),
        ("collection", json!("notes")),
    ];
    let mut places = Vec::new();
    for (subject, id) in &subjects {
        let made = app.post("/api/budgets", on(subject, id)).await;
        places.push(made.created().header("location").unwrap().to_owned());
    }
    app.post("/api/budgets", on_server("All")).await.created();
    for (token, expected) in [
        (app.key.clone(), vec!["user", "key", "key", "collection", "server"]),
        (tokens.access.clone(), vec!["user", "key", "collection", "server"]),
        (secret.clone(), vec!["user", "key", "collection", "server"]),
        (other_secret.clone(), vec!["key", "server"]),
    ] {
        assert_eq!(names(&app, &token).await, expected);
        for (place, (subject, id)) in places.iter().zip(&subjects) {
            let seen = send(app.with_token(&token, "GET", place)).await;
            if seen.status == 404 {
                assert!(expected.len() < 5, "{subject} {id}");
            }
        }
    }
    send(app.with_token(&other_secret, "GET", &places[0]))
        .await
        .problem(404, "not-found");
    send(app.with_token(&tokens.access, "GET", &places[2]))
        .await
        .problem(404, "not-found");
    let made = send(
        app.with_token(&tokens.access, "POST", "/api/budgets")
            .body_json(&on_server("Mine")),
    )
    .await;
    made.problem(403, "forbidden");
}

#[tokio::test]
async fn a_budget_goes_with_what_it_is_on() {
    let app = TestApp::with_notes().await;
    let (editor, tokens) = app.signed_in("ed@example.org", Role::Editor).await;
    let (_, own) = app.key_of(&tokens.access, json!({"name": "own"})).await;
    let (other, _) = app.key_with(Scopes::DATA, Reach::Everything).await;
    for (subject, id) in [
        ("user", json!(editor.row.id.to_string())),
        ("key", json!(own)),
        ("key", json!(other.row.id.to_string())),
        ("collection", json!("notes")),
    ] {
        app.post("/api/budgets", on(subject, &id)).await.created();
    }
    app.delete(format!("/api/keys/{}", other.row.id)).await.gone();
    assert_eq!(names(&app, &app.key).await, ["user", "key", "collection"]);
    app.delete("/api/collections/notes").await.gone();
    assert_eq!(names(&app, &app.key).await, ["user", "key"]);
    app.delete(format!("/api/users/{}", editor.row.id)).await.gone();
    assert!(names(&app, &app.key).await.is_empty());
}
