//! API keys: made, used, changed, rotated with an overlap, ended.

use crate::support::{Answer, TestApp, send};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::domain::permissions::Role;

async fn me(app: &TestApp, key: &str) -> Answer {
    send(app.with_token(key, "GET", "/api/auth/me")).await
}

#[tokio::test]
async fn a_key_shows_its_secret_once() {
    let app = TestApp::with_notes().await;
    let (user, tokens) = app.signed_in("ann@example.org", Role::Editor).await;
    let new =
        json!({"name": " help desk ", "scopes": ["documents:read", "collections:read"], "collections": ["notes"]});
    let made = send(app.with_token(&tokens.access, "POST", "/api/keys").body_json(&new)).await;
    let secret = made.created().body["secret"].as_str().unwrap().to_owned();
    let key = &made.body["key"];
    let expected = json!({
        "id": key["id"], "name": "help desk", "prefix": &secret[..10], "owner_id": user.row.id.0,
        "scopes": ["collections:read", "documents:read"], "collections": ["notes"], "version": 1,
        "created_at": "2026-03-01T08:00:00Z",
    });
    assert_eq!(*key, expected);
    let address = made.header("location").unwrap().to_owned();
    let read = send(app.with_token(&tokens.access, "GET", &address)).await;
    assert_eq!((&read.ok().body, read.etag()), (&expected, made.etag()));
    let listed = send(app.with_token(&tokens.access, "GET", "/api/keys")).await;
    assert_eq!(*listed.items(), [expected]);
    for answer in [&read, &listed] {
        assert!(!answer.text.contains(&secret));
    }
    let known = me(&app, &secret).await;
    assert_eq!(
        (&known.ok().body["kind"], &known.body["name"]),
        (&json!("api_key"), &json!("help desk"))
    );
    assert_eq!(
        (&known.body["scopes"], &known.body["collections"]),
        (&key["scopes"], &json!(["notes"]))
    );
    let bytes = app.database_bytes().await;
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[tokio::test]
async fn left_out_a_key_has_everything_of_its_maker_with_documents() {
    let app = TestApp::new().await;
    let (_, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    let (key, _) = app.key_of(&tokens.access, json!({"name": "mine"})).await;
    let known = me(&app, &key).await;
    let reading = [
        "collections:read",
        "documents:read",
        "taxonomies:read",
        "analyses:read",
        "prompts:read",
        "usage:read",
        "budgets:read",
        "jobs:read",
        "webhooks:read",
    ];
    assert_eq!(known.ok().body["scopes"], json!(reading));
    assert!(known.body.get("collections").is_none());
}

#[tokio::test]
async fn a_key_can_do_no_more_than_its_owner_at_this_moment() {
    let app = TestApp::with_notes().await;
    let (user, tokens) = app.signed_in("ann@example.org", Role::Editor).await;
    let (key, _) = app.key_of(&tokens.access, json!({"name": "mine"})).await;
    let scopes = async || me(&app, &key).await.ok().body["scopes"].as_array().unwrap().len();
    assert_eq!(scopes().await, 16);
    // A webhook sends to an address outside, which takes having been named.
    let webhook = json!({"name": "Out", "url": "https://hooks.example/", "events": ["analysis.done"]});
    let made = app.with_token(&key, "POST", "/api/collections/notes/webhooks");
    send(made.body_json(&webhook)).await.problem(403, "forbidden");
    let address = format!("/api/users/{}", user.row.id.0);
    app.patch(&address, json!({"role": "viewer", "collections": []}))
        .await
        .ok();
    assert_eq!(scopes().await, 9);
    assert_eq!(me(&app, &key).await.body["collections"], json!([]));
    send(app.with_token(&key, "GET", "/api/collections/notes"))
        .await
        .problem(404, "not-found");
    app.patch(&address, json!({"role": "admin", "collections": null}))
        .await
        .ok();
    assert_eq!(scopes().await, 16, "and no more than was given to it");
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let app = TestApp::new().await;
    let past = json!({"name": "k", "expires_at": "2026-03-01T08:00:00Z"});
    app.post("/api/keys", past).await.invalid_at(&["/expires_at"]);
    let (key, id) = app
        .key_of(&app.token, json!({"name": "k", "expires_at": "2026-03-01T08:00:10Z"}))
        .await;
    let address = format!("/api/keys/{id}");
    app.let_pass(Duration::from_secs(9));
    me(&app, &key).await.ok();
    app.tick();
    me(&app, &key).await.problem(401, "unauthorized");
    app.patch(&address, json!({"expires_at": "2026-03-01T08:01:00Z"}))
        .await
        .ok();
    me(&app, &key).await.ok();
    let for_ever = app.patch(&address, json!({"expires_at": null})).await;
    assert!(for_ever.ok().body.get("expires_at").is_none());
    app.let_pass(Duration::from_hours(24 * 365));
    me(&app, &key).await.ok();
}

#[tokio::test]
async fn a_rotated_key_works_until_the_overlap_ends() {
    let app = TestApp::new().await;
    let (old, id) = app.key_of(&app.token, json!({"name": "k"})).await;
    let rotate = async |seconds: Value| {
        app.post(format!("/api/keys/{id}/rotate"), json!({"overlap_seconds": seconds}))
            .await
    };
    let rotated = rotate(json!(60)).await;
    let new = rotated.ok().body["secret"].as_str().unwrap().to_owned();
    let key = &rotated.body["key"];
    assert_eq!(
        (&key["prefix"], &key["previous_secret_until"]),
        (&json!(new[..10]), &json!("2026-03-01T08:01:00Z"))
    );
    assert_eq!((&key["version"], &key["id"]), (&json!(2), &json!(id)));
    app.let_pass(Duration::from_secs(59));
    let by_old = me(&app, &old).await;
    assert_eq!(by_old.ok().body, me(&app, &new).await.ok().body);
    app.tick();
    me(&app, &old).await.problem(401, "unauthorized");
    me(&app, &new).await.ok();
    let newest = rotate(json!(0)).await.ok().body["secret"].as_str().unwrap().to_owned();
    me(&app, &new).await.problem(401, "unauthorized");
    me(&app, &newest).await.ok();
    for wrong in [json!(-1), json!(2_592_001), json!("60"), json!(1.5)] {
        rotate(wrong).await.invalid_at(&["/overlap_seconds"]);
    }
    me(&app, &newest).await.ok();
}

#[tokio::test]
async fn of_two_who_change_a_key_at_once_the_second_is_told() {
    let app = TestApp::new().await;
    let (_, id) = app.key_of(&app.token, json!({"name": "k"})).await;
    let address = format!("/api/keys/{id}");
    let etag = app.get(&address).await.etag();
    let changed = app.patch(&address, json!({"name": "one"})).await;
    assert_ne!(changed.ok().etag(), etag);
    let stale = |method: &str, path: &str| app.request(method, path).header("if-match", &etag);
    let patch = stale("PATCH", &address).body_json(&json!({"name": "two"}));
    send(patch).await.problem(412, "precondition-failed");
    let rotate = stale("POST", &format!("{address}/rotate")).body_json(&json!({"overlap_seconds": 0}));
    send(rotate).await.problem(412, "precondition-failed");
    send(stale("DELETE", &address))
        .await
        .problem(412, "precondition-failed");
    let current = app.request("DELETE", &address).header("if-match", changed.etag());
    send(current).await.gone();
    app.patch(&address, json!({"name": "three"}))
        .await
        .problem(409, "conflict");
    app.delete(&address).await.problem(404, "not-found");
    let shown = async |query: &str| app.get(format!("/api/keys?{query}")).await.text.contains(&id);
    assert!(!shown("limit=200").await && shown("revoked=true").await);
    assert_eq!(app.get(&address).await.ok().body["revoked_at"], "2026-03-01T08:00:00Z");
}

#[tokio::test]
async fn keys_are_listed_for_their_owner_and_for_an_admin() {
    let app = TestApp::new().await;
    let (ann, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    for number in 0..5 {
        app.key_of(&tokens.access, json!({"name": format!("ann {number}")}))
            .await;
    }
    app.key_of(&app.token, json!({"name": "admin"})).await;
    let expected: Vec<String> = (0..5).map(|number| format!("ann {number}")).collect();
    let own = send(app.with_token(&tokens.access, "GET", "/api/keys")).await;
    assert_eq!(own.each("name"), expected);
    let all = app.get("/api/keys").await.each("name");
    assert_eq!((all.len(), all.last().unwrap().as_str()), (7, "admin"));
    let of_ann = app.get(format!("/api/keys?owner_id={}", ann.row.id.0)).await;
    assert_eq!(of_ann.each("name"), expected);
    let admin = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let others = send(app.with_token(&tokens.access, "GET", format!("/api/keys?owner_id={admin}"))).await;
    assert_eq!(others.items().len(), 0);
    let page = send(app.with_token(&tokens.access, "GET", "/api/keys?limit=3")).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = send(app.with_token(&tokens.access, "GET", format!("/api/keys?limit=3&cursor={cursor}"))).await;
    assert_eq!([page.each("name"), rest.each("name")].concat(), expected);
}

/// The time of the last use is written beside the requests, to the minute.
#[tokio::test]
async fn the_last_use_of_a_key_is_noted_to_the_minute() {
    let app = TestApp::with(|config| config.auth.recheck_seconds = 0).await;
    let (key, id) = app.key_of(&app.token, json!({"name": "k"})).await;
    let last_used = async || app.get(format!("/api/keys/{id}")).await.ok().body["last_used_at"].clone();
    let becomes = async |time: &str| {
        for _ in 0..200 {
            if last_used().await == time {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} did not become {time}", last_used().await);
    };
    assert_eq!(last_used().await, Value::Null);
    me(&app, &key).await.ok();
    becomes("2026-03-01T08:00:00Z").await;
    app.let_pass(Duration::from_secs(59));
    me(&app, &key).await.ok();
    app.let_pass(Duration::from_secs(2));
    me(&app, &key).await.ok();
    becomes("2026-03-01T08:01:01Z").await;
}
