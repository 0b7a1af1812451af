//! Signing in and out: with tokens, with a browser's cookie, on several devices at once.

use crate::support::{
    ADMIN, Answer, Request, TestApp,
    access::{Browser, PASSWORD, Tokens, cookies},
    send,
};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::{
    config::PublicUrl,
    domain::{
        permissions::{Role, Scope, Scopes},
        principal::{Actor, Reach},
    },
};

const NEW_PASSWORD: &str = "violet ponies over the hedge";

async fn me(app: &TestApp, token: &str) -> Answer {
    send(app.with_token(token, "GET", "/api/auth/me")).await
}

async fn sessions(app: &TestApp, token: &str) -> Vec<Value> {
    send(app.with_token(token, "GET", "/api/auth/sessions"))
        .await
        .items()
        .clone()
}

fn post<'a>(app: &'a TestApp, token: &str, path: &str) -> Request<'a> {
    app.with_token(token, "POST", path)
}

#[tokio::test]
async fn a_program_signs_in_refreshes_and_signs_out() {
    let app = TestApp::with_notes().await;
    let notes = app.get("/api/collections/notes").await.body["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let user = app.user("ann@example.org", Role::Viewer, Reach::only([notes])).await;
    let signed_in = app.log_in("Ann@Example.org", PASSWORD).await;
    let body = &signed_in.ok().body;
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(86_400))
    );
    assert_eq!(cookies(&signed_in), [""; 0], "no cookie comes with tokens");
    assert!(body.get("csrf_token").is_none(), "{body}");
    let tokens = Tokens::of(&signed_in);

    let known = me(&app, &tokens.access).await;
    let known = &known.ok().body;
    let session = &sessions(&app, &tokens.access).await[0];
    let expected = json!({
        "kind": "user", "id": user.row.id.0, "name": "ann@example.org", "role": "viewer", "session_id": session["id"],
        "scopes": Role::Viewer.scopes().iter().map(Scope::name).collect::<Vec<_>>(), "collections": ["notes"],
    });
    assert_eq!(*known, expected);
    assert_eq!(
        (&session["kind"], &session["method"], &session["current"]),
        (&json!("token"), &json!("password"), &json!(true))
    );
    assert_eq!(session["expires_at"], "2026-03-31T08:00:00Z");

    app.let_pass(Duration::from_hours(24));
    me(&app, &tokens.access).await.problem(401, "unauthorized");
    let refreshed = Tokens::of(app.refresh(&tokens.refresh).await.ok());
    assert_ne!(refreshed.refresh, tokens.refresh);
    assert_eq!(
        me(&app, &refreshed.access).await.ok().body,
        expected,
        "it is the same session"
    );
    assert_eq!(
        sessions(&app, &refreshed.access).await[0]["expires_at"],
        "2026-04-01T08:00:00Z",
        "it lasts as long again"
    );

    let out = send(post(&app, &refreshed.access, "/api/auth/logout")).await;
    out.gone();
    me(&app, &refreshed.access).await.problem(401, "unauthorized");
    app.refresh(&refreshed.refresh).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn oauth_clients_get_the_same_tokens() {
    let app = TestApp::new().await;
    let grant = |form: Value| send(app.anonymous("POST", "/api/auth/token").form(&form));
    let form = json!({"grant_type": "password", "username": ADMIN.0, "password": ADMIN.1, "scope": "x", "client_id": "docs", "client_secret": ""});
    let tokens = Tokens::of(grant(form).await.ok());
    me(&app, &tokens.access).await.ok();
    let form = json!({"grant_type": "refresh_token", "refresh_token": tokens.refresh});
    let next = Tokens::of(grant(form).await.ok());
    me(&app, &next.access).await.ok();
}

#[tokio::test]
async fn a_browser_signs_in_with_a_cookie_and_out_again() {
    let app = TestApp::new().await;
    let body = json!({"email": ADMIN.0, "password": ADMIN.1, "session": "cookie"});
    // What somebody planted before is not what the session becomes.
    let planted = format!("synoptic_session={}", "A".repeat(43));
    let login = app.anonymous("POST", "/api/auth/login").header("cookie", planted);
    let answer = send(login.body_json(&body)).await;
    let browser = Browser::of(answer.ok());
    assert!(
        answer.body.get("access_token").is_none() && answer.body.get("refresh_token").is_none(),
        "{answer:?}"
    );
    assert_eq!(answer.body["expires_in"], 86_400);
    let set = cookies(&answer);
    assert_eq!(set.len(), 3, "{set:?}");
    let rest = |cookie: &str| cookie.split_once("; ").unwrap().1.to_owned();
    assert_eq!(rest(&set[0]), "HttpOnly; SameSite=Lax; Path=/; Max-Age=86400");
    assert_eq!(
        set[1],
        format!("synoptic_csrf={}; SameSite=Lax; Path=/; Max-Age=86400", browser.csrf)
    );
    assert_eq!(rest(&set[2]), "HttpOnly; SameSite=Lax; Path=/; Max-Age=15552000");
    assert_ne!(browser.session, "A".repeat(43));

    send(app.with_cookie(&browser, "GET", "/api/auth/me")).await.ok();
    let make = app
        .with_cookie(&browser, "POST", "/api/collections")
        .header("x-csrf-token", &browser.csrf);
    send(make.body_json(&json!({"name": "Notes"}))).await.created();
    let listed = send(app.with_cookie(&browser, "GET", "/api/auth/sessions")).await;
    let current: Vec<&Value> = listed
        .items()
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!((current.len(), &current[0]["kind"]), (1, &json!("cookie")));

    let out = app
        .with_cookie(&browser, "POST", "/api/auth/logout")
        .header("x-csrf-token", &browser.csrf);
    let out = send(out).await;
    out.gone();
    let expected = ["synoptic_session=; HttpOnly", "synoptic_csrf=; SameSite=Lax"];
    for (cookie, beginning) in cookies(&out).iter().zip(expected) {
        assert!(
            cookie.starts_with(beginning) && cookie.ends_with("; Path=/; Max-Age=0"),
            "{cookie}"
        );
    }
    assert_eq!(cookies(&out).len(), 2);
    send(app.with_cookie(&browser, "GET", "/api/auth/me"))
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn over_https_a_cookie_is_bound_to_its_host() {
    let app = TestApp::with(|config| {
        config.server.public_url = Some(PublicUrl::parse("https://synoptic.example").unwrap());
    })
    .await;
    let body = json!({"email": ADMIN.0, "password": ADMIN.1, "session": "cookie"});
    let answer = send(app.anonymous("POST", "/api/auth/login").body_json(&body)).await;
    let set = cookies(answer.ok());
    assert_eq!(set.len(), 3);
    for cookie in &set {
        // RFC 6265bis, section 4.1.3.2: what the prefix promises.
        assert!(cookie.starts_with("__Host-synoptic_"), "{cookie}");
        assert!(
            cookie.contains("; Secure") && cookie.contains("; Path=/") && !cookie.contains("Domain"),
            "{cookie}"
        );
        assert_eq!(
            cookie.contains("HttpOnly"),
            !cookie.starts_with("__Host-synoptic_csrf"),
            "{cookie}"
        );
    }
    let browser = Browser::of(&answer);
    let cookie = format!("__Host-synoptic_session={}", browser.session);
    send(app.anonymous("GET", "/api/auth/me").header("cookie", cookie))
        .await
        .ok();
}

#[tokio::test]
async fn sessions_are_listed_newest_first_and_ended_one_by_one() {
    let app = TestApp::new().await;
    app.user("ann@example.org", Role::Viewer, Reach::Everything).await;
    let first = app.tokens("ann@example.org").await;
    app.tick();
    let browser = app.browser("ann@example.org").await;
    app.tick();
    let last = app.tokens("ann@example.org").await;
    let listed = sessions(&app, &last.access).await;
    let shown: Vec<(&Value, &Value)> = listed
        .iter()
        .map(|session| (&session["kind"], &session["current"]))
        .collect();
    let (token, cookie, yes, no) = (json!("token"), json!("cookie"), json!(true), json!(false));
    assert_eq!(shown, [(&token, &yes), (&cookie, &no), (&token, &no)]);

    let end = |id: &Value| {
        send(app.with_token(
            &last.access,
            "DELETE",
            format!("/api/auth/sessions/{}", id.as_str().unwrap()),
        ))
    };
    end(&listed[1]["id"]).await.gone();
    send(app.with_cookie(&browser, "GET", "/api/auth/me"))
        .await
        .problem(401, "unauthorized");
    me(&app, &first.access).await.ok();
    end(&listed[1]["id"]).await.problem(404, "not-found");
    end(&listed[2]["id"]).await.gone();
    me(&app, &first.access).await.problem(401, "unauthorized");
    assert_eq!(sessions(&app, &last.access).await.len(), 1);
    end(&listed[0]["id"]).await.gone();
    me(&app, &last.access).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_change_of_the_password_keeps_only_this_session() {
    let app = TestApp::new().await;
    app.user("ann@example.org", Role::Viewer, Reach::Everything).await;
    let other = app.tokens("ann@example.org").await;
    let browser = app.browser("ann@example.org").await;
    let this = app.tokens("ann@example.org").await;
    for tokens in [&other, &this] {
        me(&app, &tokens.access).await.ok();
    }
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        send(post(&app, &this.access, "/api/auth/password").body_json(&body))
    };
    change("not the password at all", NEW_PASSWORD)
        .await
        .invalid_at(&["/current_password"]);
    for weak in ["short", "passwordpassword", "ann@example.org"] {
        change(PASSWORD, weak).await.invalid_at(&["/new_password"]);
    }
    me(&app, &other.access).await.ok();
    change(PASSWORD, NEW_PASSWORD).await.gone();
    me(&app, &this.access).await.ok();
    Tokens::of(app.refresh(&this.refresh).await.ok());
    me(&app, &other.access).await.problem(401, "unauthorized");
    app.refresh(&other.refresh).await.problem(401, "unauthorized");
    send(app.with_cookie(&browser, "GET", "/api/auth/me"))
        .await
        .problem(401, "unauthorized");
    app.log_in("ann@example.org", PASSWORD)
        .await
        .problem(401, "unauthorized");
    app.log_in("ann@example.org", NEW_PASSWORD).await.ok();
}

#[tokio::test]
async fn whoever_signs_in_elsewhere_has_no_password_to_change() {
    let app = TestApp::new().await;
    let (_, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    app.execute("UPDATE users SET password_hash = NULL WHERE email = 'ann@example.org'")
        .await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let answer = send(post(&app, &tokens.access, "/api/auth/password").body_json(&body)).await;
    answer.problem(409, "conflict");
}

#[tokio::test]
async fn there_is_one_first_admin() {
    let app = TestApp::new().await;
    let users = &app.services.users;
    assert_eq!(
        users
            .create_first_admin("late@example.org", NEW_PASSWORD)
            .await
            .unwrap(),
        None
    );
    app.execute("DELETE FROM users").await;
    for weak in ["short", "first@example.org"] {
        users.create_first_admin("first@example.org", weak).await.unwrap_err();
    }
    let (one, two) = tokio::join!(
        users.create_first_admin("first@example.org", NEW_PASSWORD),
        users.create_first_admin("second@example.org", NEW_PASSWORD),
    );
    let made: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "{made:?}");
    let listed = app.get("/api/users").await;
    assert_eq!(listed.each("role"), ["admin"]);
    app.log_in(made[0].row.email.as_str(), NEW_PASSWORD).await.ok();
}

#[tokio::test]
async fn what_is_changed_here_is_seen_by_another_server_in_time() {
    let app = TestApp::with_notes().await;
    app.post("/api/collections", json!({"name": "Secret"})).await.created();
    let replica = app.replica(1).await;
    let (key, secret) = app.key_with(Scopes::DATA, Reach::Everything).await;
    let (disabled, one) = app.signed_in("one@example.org", Role::Editor).await;
    let (_, two) = app.signed_in("two@example.org", Role::Editor).await;
    let (narrowed, three) = app.signed_in("three@example.org", Role::Editor).await;
    let (_, four) = app.signed_in("four@example.org", Role::Editor).await;
    let notes = "/api/collections/secret";
    let all = [&secret, &one.access, &two.access, &three.access, &four.access];
    let seen = async || {
        let mut statuses = Vec::new();
        for token in all {
            statuses.push(replica.get(token, notes).await.status);
        }
        statuses
    };
    assert_eq!(seen().await, [200; 5]);
    app.delete(format!("/api/keys/{}", key.row.id.0)).await.gone();
    app.patch(
        format!("/api/users/{}", disabled.row.id.0),
        json!({"state": "disabled"}),
    )
    .await
    .ok();
    send(post(&app, &two.access, "/api/auth/logout")).await.gone();
    app.patch(
        format!("/api/users/{}", narrowed.row.id.0),
        json!({"collections": ["notes"]}),
    )
    .await
    .ok();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(seen().await, [401, 401, 401, 404, 200]);
    app.services
        .signing_keys
        .rotate(&Actor::operator(), true)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(seen().await, [401; 5]);
}
