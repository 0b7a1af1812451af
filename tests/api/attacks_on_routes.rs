//! Ways around the table of permissions: other spellings of an address, other methods, headers that some servers believe.

use crate::{
    attacks::Watch,
    support::{TestApp, database::Stored, send},
};
use serde_json::{Value, json};
use synoptic::domain::{permissions::Role, refusals::Refusal};

pub const COUNT: usize = SPELLINGS + HEADERS + SECRETS;
const SPELLINGS: usize = 60;
const HEADERS: usize = 30;
const SECRETS: usize = 10;

/// Ways to write `/api/users`.
const USERS: [&str; 25] = [
    "/api/users/",
    "/api//users",
    "//api/users",
    "/api/./users",
    "/api/../api/users",
    "/livez/../api/users",
    "/api/auth/../users",
    "/api/auth/login/../../users",
    "/api/%75sers",
    "/%61pi/users",
    "/api%2fusers",
    "/api/users%2f",
    "/api/users%20",
    "/api/users%09",
    "/api/%2e/users",
    "/api/%2e%2e/api/users",
    "/api/users;a=b",
    "/api/users/.",
    "/api/users.json",
    "/api/users/*",
    "/api/Users",
    "/API/users",
    "/api/USERS",
    "/api/users%c0%af",
    "/api\\users",
];

#[tokio::test]
async fn another_spelling_of_an_address_is_another_address() {
    let app = TestApp::new().await;
    let (_, tokens) = app.signed_in("viewer@example.org", Role::Viewer).await;
    let mut watch = Watch::over(&app).await;
    for address in USERS {
        let users = app.get("/api/users").await;
        let admin = send(app.as_admin("GET", address)).await;
        assert!(
            admin.status >= 400,
            "{address} is the same as /api/users: {}",
            users.text
        );
        for (who, request) in [
            ("nobody", app.anonymous("GET", address)),
            ("a viewer", app.with_token(&tokens.access, "GET", address)),
        ] {
            watch.shut(&format!("{who} asks for {address}"), request).await;
        }
    }
    let body = json!({"email": "mine@example.org", "role": "admin", "password": "a password of my own choosing"});
    for address in [
        "/api/users/",
        "/api//users",
        "/api/%75sers",
        "/api/./users",
        "/API/users",
    ] {
        for (who, request) in [
            ("nobody", app.anonymous("POST", address)),
            ("a viewer", app.with_token(&tokens.access, "POST", address)),
        ] {
            watch
                .shut(&format!("{who} makes an admin at {address}"), request.body_json(&body))
                .await;
        }
    }
    watch.finish(SPELLINGS);
}

#[tokio::test]
async fn a_header_does_not_change_who_asks_for_what() {
    let app = TestApp::with_notes().await;
    let (_, tokens) = app.signed_in("viewer@example.org", Role::Viewer).await;
    let viewer = |method: &str, path: &str| app.with_token(&tokens.access, method, path);
    let mut watch = Watch::over(&app).await;
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let request = viewer("DELETE", "/api/collections/notes").header(header, "GET");
        watch
            .forbidden(&format!("deletes, calling it GET in {header}"), request)
            .await;
        let read = send(viewer("GET", "/api/collections/notes").header(header, "DELETE")).await;
        read.ok();
        let posted = viewer("POST", "/api/collections/notes").header(header, "DELETE");
        watch
            .denied(
                &format!("posts, calling it DELETE in {header}"),
                posted,
                405,
                "method-not-allowed",
            )
            .await;
    }
    for header in [
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-original-uri",
    ] {
        let request = viewer("GET", "/api/users").header(header, "/livez");
        watch
            .forbidden(&format!("asks for users, as health in {header}"), request)
            .await;
        let request = app.anonymous("GET", "/api/users").header(header, "/livez");
        watch
            .refused(
                &format!("nobody asks for users, as health in {header}"),
                request,
                Refusal::None,
            )
            .await;
    }
    for (header, value) in [
        ("x-forwarded-user", "admin@example.org"),
        ("x-remote-user", "admin@example.org"),
        ("remote-user", "admin@example.org"),
        ("x-auth-request-email", "admin@example.org"),
        ("x-user", "admin"),
        ("x-role", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "::1"),
        ("forwarded", "for=127.0.0.1;by=127.0.0.1;host=localhost"),
        ("host", "localhost"),
        ("host", "127.0.0.1:8080"),
        ("origin", "http://localhost:8080"),
        ("referer", "http://localhost:8080/docs"),
        ("x-internal", "true"),
    ] {
        let request = app.anonymous("GET", "/api/users").header(header, value);
        watch
            .refused(&format!("nobody, with {header}: {value}"), request, Refusal::None)
            .await;
    }
    watch.finish(HEADERS);
    // Nor do answers repeat a host that somebody made up.
    let listed = app
        .request("GET", "/api/collections?limit=1")
        .header("host", "evil.example");
    let listed = send(listed.header("x-forwarded-host", "evil.example")).await;
    assert!(!format!("{listed:?}").contains("evil.example"), "{listed:?}");
}

/// What holds a secret is not kept to be given again.
#[tokio::test]
async fn no_secret_is_kept_for_an_idempotency_key() {
    let app = TestApp::new().await;
    let (_, id) = app.key_of(&app.token, json!({"name": "k"})).await;
    let user = json!({"email": "new@example.org", "role": "viewer", "password": "violet ponies over the hedge"});
    let mut watch = Watch::over(&app).await;
    for (name, path, body) in [
        ("makes a key", "/api/keys".to_owned(), json!({"name": "once"})),
        (
            "rotates a key",
            format!("/api/keys/{id}/rotate"),
            json!({"overlap_seconds": 0}),
        ),
        ("makes a user", "/api/users".to_owned(), user),
        (
            "changes the password",
            "/api/auth/password".to_owned(),
            json!({"current_password": crate::support::ADMIN.1, "new_password": "violet ponies over the hedge"}),
        ),
        ("signs out everywhere", "/api/auth/logout-all".to_owned(), Value::Null),
    ] {
        for (who, token) in [("an admin", &app.token), ("a key", &app.key)] {
            let request = app.with_token(token, "POST", &path).header("idempotency-key", "again");
            let request = if body.is_null() {
                request
            } else {
                request.body_json(&body)
            };
            let answer = watch
                .denied(&format!("{who} {name}, to be repeated"), request, 422, "invalid")
                .await;
            answer.invalid_parameter("Idempotency-Key");
        }
    }
    watch.finish(SECRETS);
    let stored: Stored = app.stored().await;
    assert_eq!(stored["idempotency_keys"], "");
    let bytes = app.database_bytes().await;
    assert!(
        !bytes.windows(14).any(|window| window == b"violet ponies "),
        "a password is stored"
    );
}
