//! What people and keys may reach: lists of names have bounds, and the audit trail tells which collections were given and taken.

use crate::support::TestApp;
use serde_json::{Value, json};

async fn detail(app: &TestApp, action: &str) -> String {
    let trail = app.get(format!("/api/audit?action={action}&limit=1")).await;
    trail.items()[0]["detail"].as_str().unwrap().to_owned()
}

async fn collections(app: &TestApp, slugs: impl IntoIterator<Item = String>) {
    for slug in slugs {
        let body = json!({"name": slug, "slug": slug});
        app.post("/api/collections", body).await.created();
    }
}

fn address(of: &str, made: &Value) -> String {
    format!("/api/{of}/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn lists_of_names_have_bounds() {
    let app = TestApp::new().await;
    let names = |count: usize| (0..count).map(|index| format!("none-{index}")).collect::<Vec<_>>();
    let user = |names: Vec<String>| json!({"email": "v@example.org", "role": "viewer", "collections": names});
    let key = |names: Vec<String>| json!({"name": "key", "collections": names});
    for count in [1_001, 50_000] {
        for answer in [
            app.post("/api/users", user(names(count))).await,
            app.post("/api/keys", key(names(count))).await,
        ] {
            let problem = answer.invalid_at(&["/collections"]);
            assert_eq!(problem["errors"][0]["detail"], "must have at most 1000 names");
        }
    }
    // Of as many as can be named, the first hundred are told.
    for answer in [
        app.post("/api/users", user(names(1_000))).await,
        app.post("/api/keys", key(names(1_000))).await,
    ] {
        let told = answer.problem(422, "invalid")["errors"].as_array().unwrap();
        assert_eq!(told.len(), 101);
        assert_eq!(told[99]["pointer"], "/collections/99");
        assert_eq!(told[100]["detail"], "has 900 more values that cannot be accepted");
    }
    let scopes = json!({"name": "key", "scopes": vec!["everything"; 65]});
    let answer = app.post("/api/keys", scopes).await;
    let problem = answer.invalid_at(&["/scopes"]);
    assert_eq!(problem["errors"][0]["detail"], "must have at most 64 names");
}

#[tokio::test]
async fn the_trail_tells_which_collections_a_user_is_given() {
    let app = TestApp::new().await;
    collections(&app, ["mine", "other", "secret"].map(str::to_owned)).await;
    let body = json!({"email": "v@example.org", "role": "viewer", "collections": ["other", "mine"]});
    let made = app.post("/api/users", body).await.created().body.clone();
    assert_eq!(
        detail(&app, "user_created").await,
        "role viewer; collections +mine +other"
    );
    let user = address("users", &made);
    for (names, told) in [
        (json!(["secret", "other"]), "collections +secret −mine"),
        (json!(["secret"]), "collections −other"),
        (json!(null), "collections −secret → all collections"),
        (json!(["mine"]), "all collections → collections +mine"),
    ] {
        app.patch(&user, json!({"collections": names})).await.ok();
        assert_eq!(detail(&app, "user_changed").await, told);
    }
}

#[tokio::test]
async fn the_trail_tells_which_collections_a_key_is_given() {
    let app = TestApp::new().await;
    collections(&app, ["mine", "secret"].map(str::to_owned)).await;
    collections(&app, (10..35).map(|index| format!("part-{index}"))).await;
    let body = json!({"name": "key", "scopes": ["documents:read"], "collections": ["mine"]});
    let made = app.post("/api/keys", body).await.created().body.clone();
    assert_eq!(detail(&app, "key_created").await, "documents:read; collections +mine");
    let made = if made["id"].is_string() {
        made
    } else {
        made["key"].clone()
    };
    let key = address("keys", &made);
    app.patch(&key, json!({"collections": ["secret"]})).await.ok();
    let told = detail(&app, "key_changed").await;
    assert_eq!(told, "documents:read; collections +secret −mine");
    app.patch(&key, json!({"name": "another"})).await.ok();
    let told = detail(&app, "key_changed").await;
    assert_eq!(told, "documents:read; 1 collections, the same");
    let many: Vec<String> = (10..35).map(|index| format!("part-{index}")).collect();
    app.patch(&key, json!({"collections": many})).await.ok();
    let told = detail(&app, "key_changed").await;
    assert!(
        told.starts_with("documents:read; collections +part-10 +part-11 "),
        "{told}"
    );
    assert!(told.ends_with(" +part-29 and 5 more −secret"), "{told}");
}
