//! Rights end when they are said to end: at once, and for what was made with them.

use crate::support::{
    ADMIN, Answer, TestApp,
    access::{PASSWORD, Tokens},
    send,
};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::{
    auth::ClientAddress,
    domain::{
        permissions::Role,
        principal::{Actor, Reach},
    },
};

const NOTES: &str = "/api/collections/notes/documents";

async fn me(app: &TestApp, token: &str) -> Answer {
    send(app.with_token(token, "GET", "/api/auth/me")).await
}

#[tokio::test]
async fn a_token_of_a_signing_key_that_became_known_ends_at_once() {
    let app = TestApp::new().await;
    me(&app, &app.token).await.ok();
    app.services
        .signing_keys
        .rotate(&Actor::operator(), false)
        .await
        .unwrap();
    me(&app, &app.token).await.ok();
    let newer = app.tokens(ADMIN.0).await;
    me(&app, &newer.access).await.ok();
    app.services
        .signing_keys
        .rotate(&Actor::operator(), true)
        .await
        .unwrap();
    for token in [&app.token, &newer.access] {
        me(&app, token).await.problem(401, "unauthorized");
    }
    let renewed = Tokens::of(app.refresh(&newer.refresh).await.ok());
    me(&app, &renewed.access).await.ok();
}

#[tokio::test]
async fn a_key_that_ends_gives_nothing_that_lasts_longer() {
    let app = TestApp::new().await;
    let at = |hour: u32| format!("2026-03-01T{hour:02}:00:00Z");
    let scopes = json!(["keys:read", "keys:write"]);
    let (_, tokens) = app.signed_in("ann@example.org", Role::Editor).await;
    let make = async |name: &str, end: Option<String>| {
        let body = json!({"name": name, "scopes": scopes, "expires_at": end});
        app.key_of(&tokens.access, body).await
    };
    let (key, own) = make("ends", Some(at(10))).await;
    let (_, lasting) = make("lasts", None).await;
    let (_, earlier) = make("ends earlier", Some(at(9))).await;
    let patch = async |id: &str, end: Option<String>| {
        let request = app.with_token(&key, "PATCH", format!("/api/keys/{id}"));
        send(request.body_json(&json!({"expires_at": end}))).await
    };
    let rotate = async |id: &str| {
        let request = app.with_token(&key, "POST", format!("/api/keys/{id}/rotate"));
        send(request.body_json(&json!({"overlap_seconds": 0}))).await
    };
    let create = async |end: Option<String>| {
        let body = json!({"name": "child", "scopes": [], "expires_at": end});
        send(app.with_token(&key, "POST", "/api/keys").body_json(&body)).await
    };
    for end in [None, Some(at(11))] {
        create(end.clone()).await.problem(403, "forbidden");
        patch(&own, end.clone()).await.problem(403, "forbidden");
        patch(&earlier, end).await.problem(403, "forbidden");
    }
    rotate(&lasting).await.problem(403, "forbidden");
    let narrowed = app.with_token(&key, "PATCH", format!("/api/keys/{lasting}"));
    send(narrowed.body_json(&json!({"scopes": ["keys:read"]})))
        .await
        .problem(403, "forbidden");
    create(Some(at(10))).await.created();
    patch(&earlier, Some(at(10))).await.ok();
    patch(&lasting, Some(at(9))).await.ok();
    rotate(&earlier).await.ok();
    // A person's word is not bounded by any key.
    let longer = app.with_token(&tokens.access, "PATCH", format!("/api/keys/{own}"));
    send(longer.body_json(&json!({"expires_at": null}))).await.ok();
}

/// After many failures the answer waits, between reading the account and looking at the password.
#[tokio::test]
async fn a_password_that_is_changed_meanwhile_signs_nobody_in() {
    let app = TestApp::new().await;
    let (user, _) = app.signed_in("ann@example.org", Role::Editor).await;
    let log_in = async |number: u8, password: &str| {
        let body = json!({"email": "ann@example.org", "password": password});
        let from = ClientAddress([192, 0, 2, number].into());
        let request = app.anonymous("POST", "/api/auth/login").data(from);
        send(request.body_json(&body)).await
    };
    // All at once, so that none of them waits for another.
    let failures = (0..30).map(|number| log_in(number, "wrong"));
    for answer in futures_util::future::join_all(failures).await {
        answer.problem(401, "unauthorized");
    }
    let change = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let address = format!("/api/users/{}", user.row.id.0);
        let new = json!({"password": "violet ponies over the hedge"});
        app.patch(address, new).await.ok();
    };
    let (signed_in, ()) = tokio::join!(log_in(100, PASSWORD), change);
    signed_in.problem(401, "unauthorized");
    log_in(101, "violet ponies over the hedge").await.ok();
}

#[tokio::test]
async fn admins_who_disable_themselves_have_no_session_left() {
    let app = TestApp::new().await;
    let (user, tokens) = app.signed_in("second@example.org", Role::Admin).await;
    let address = format!("/api/users/{}", user.row.id.0);
    let disable = app.with_token(&tokens.access, "PATCH", &address);
    send(disable.body_json(&json!({"state": "disabled"}))).await.ok();
    me(&app, &tokens.access).await.problem(401, "unauthorized");
    app.patch(&address, json!({"state": "active"})).await.ok();
    me(&app, &tokens.access).await.problem(401, "unauthorized");
    app.refresh(&tokens.refresh).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_key_names_no_collection_that_its_owner_no_longer_knows() {
    let app = TestApp::with_notes().await;
    app.post("/api/collections", json!({"name": "Secret"})).await.created();
    let ann = app.user("ann@example.org", Role::Editor, Reach::Everything).await;
    let tokens = app.tokens("ann@example.org").await;
    let both = json!({"name": "both", "collections": ["notes", "secret"]});
    let (_, id) = app.key_of(&tokens.access, both).await;
    let address = format!("/api/users/{}", ann.row.id.0);
    app.patch(address, json!({"collections": ["notes"]})).await.ok();
    let key = send(app.with_token(&tokens.access, "GET", format!("/api/keys/{id}"))).await;
    assert_eq!(key.ok().body["collections"], json!(["notes"]));
    let keys = send(app.with_token(&tokens.access, "GET", "/api/keys")).await;
    assert_eq!(keys.items()[0]["collections"], json!(["notes"]));
    let renamed = app.with_token(&tokens.access, "PATCH", format!("/api/keys/{id}"));
    let renamed = send(renamed.body_json(&json!({"name": "one"}))).await;
    assert_eq!(renamed.ok().body["collections"], json!(["notes"]));
    // What was given is not lost by that.
    let all = app.get(format!("/api/keys/{id}")).await;
    assert_eq!(all.ok().body["collections"], json!(["notes", "secret"]));
}

/// Sent again, a request is answered with what it made, as that is now: not for those who may no longer make it.
#[tokio::test]
async fn an_answer_is_not_given_again_to_those_who_lost_the_right() {
    let app = TestApp::with_notes().await;
    let scopes = json!(["documents:write", "analyses:run"]);
    let (key, id) = app
        .key_of(&app.token, json!({"name": "writes", "scopes": scopes}))
        .await;
    let repeat = async |name: &str, path: &str, body: Value| {
        let request = app.with_token(&key, "POST", path).header("idempotency-key", name);
        send(request.body_json(&body)).await
    };
    let store = async || repeat("a", NOTES, json!({"external_id": "D-1", "text": "Mine."})).await;
    let ask = async || {
        let inputs = json!([{"text": "A heron stands by the river. It waits for fish all morning."}]);
        repeat("b", "/api/summarize/batch", json!({"inputs": inputs})).await
    };
    let (stored, asked) = (store().await, ask().await);
    assert_eq!(store().await.created().body, stored.body);
    assert_eq!(ask().await.ok().body, asked.body);
    let later = json!({"text": "Meanwhile this became very private."});
    app.patch(format!("{NOTES}/D-1"), later).await.ok();
    let address = format!("/api/keys/{id}");
    app.patch(&address, json!({"scopes": ["collections:read"]})).await.ok();
    for answer in [store().await, ask().await] {
        answer.problem(403, "forbidden");
        assert!(!answer.text.contains("private"), "{}", answer.text);
    }
    app.patch(&address, json!({"scopes": scopes})).await.ok();
    assert_eq!(store().await.created().header("idempotency-replayed"), Some("true"));
    app.patch(&address, json!({"collections": []})).await.ok();
    store().await.problem(404, "not-found");
}
