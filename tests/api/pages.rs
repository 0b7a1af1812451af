//! The pages for people, as far as they can be had without a browser and a whole provider; `tests/e2e/oidc.rs` has those.

use crate::support::{Answer, TestApp, send};
use poem::{Route, Server, endpoint::make_sync, get, listener::TcpAcceptor};
use serde_json::{Value, json};
use std::{net::TcpListener, time::Duration};
use synoptic::{
    config::{Oidc, PublicUrl},
    domain::Timestamp,
};

/// A provider that can be found, and no more.
fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    });
    let json = |body: Value| {
        let answer = move |_| {
            poem::Response::builder()
                .content_type("application/json")
                .body(body.to_string())
        };
        get(make_sync(answer))
    };
    let routes = Route::new()
        .at("/.well-known/openid-configuration", json(document))
        .at("/keys", json(json!({"keys": []})));
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    tokio_util::task::TaskTracker::new().spawn(Server::new_with_acceptor(acceptor).run(routes));
    issuer
}

async fn with_provider(public_url: &'static str) -> TestApp {
    drop(rustls::crypto::ring::default_provider().install_default());
    let oidc: Oidc = serde_json::from_value(json!({
        "issuer": provider(),
        "client_id": "synoptic",
        "name": "Our <accounts>",
    }))
    .unwrap();
    TestApp::with(move |config| {
        config.auth.oidc = Some(oidc);
        config.server.public_url = Some(PublicUrl::parse(public_url).unwrap());
    })
    .await
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().to_owned()
}

#[tokio::test]
async fn the_sign_in_page_has_one_script_that_its_policy_names() {
    let app = with_provider("https://synoptic.example").await;
    for app in [&app, &TestApp::new().await] {
        let page = send(app.anonymous("GET", "/sign-in?return_to=//evil.example")).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert_eq!(policy.matches("'sha256-").count(), 1, "{policy}");
        assert!(policy.contains("connect-src 'self'"), "{policy}");
        assert!(!page.text.contains("evil"), "the page is the same for everybody");
        assert!(!page.text.contains(" onclick=") && !page.text.contains(" onsubmit="));
    }
    let page = send(app.anonymous("GET", "/sign-in")).await;
    let button = "href=\"https://synoptic.example/auth/oidc/start\">Continue with Our &lt;accounts&gt;</a>";
    assert!(page.text.contains(button), "{}", page.text);
}

#[tokio::test]
async fn without_a_provider_a_page_says_so() {
    let app = TestApp::new().await;
    for path in ["/auth/oidc/start", "/auth/oidc/callback?state=x&code=y"] {
        let page = send(app.anonymous("GET", path)).await;
        assert_eq!(page.status, 404);
        assert!(page.text.contains("There is no single sign-on here"), "{}", page.text);
    }
    let page = send(app.anonymous("GET", "/sign-in")).await;
    assert!(!page.text.contains("Continue with"), "{}", page.text);
}

#[tokio::test]
async fn behind_tls_a_sign_in_is_bound_to_the_browser_by_a_cookie_of_this_host_alone() {
    let app = with_provider("https://synoptic.example").await;
    let start = send(app.anonymous("GET", "/auth/oidc/start")).await;
    assert_eq!((start.status, start.header("cache-control")), (303, Some("no-store")));
    let cookie = cookie(&start);
    for part in [
        "__Host-synoptic_sign_in=",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Path=/",
        "Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let location = start.header("location").unwrap();
    let back = "redirect_uri=https%3A%2F%2Fsynoptic.example%2Fauth%2Foidc%2Fcallback";
    assert!(
        location.contains(back) && location.contains("code_challenge_method=S256"),
        "{location}"
    );
}

#[tokio::test]
async fn whoever_takes_longer_than_ten_minutes_begins_again() {
    let app = with_provider("http://127.0.0.1:8080").await;
    for (minutes, status) in [(9, 503), (10, 400)] {
        let start = send(app.anonymous("GET", "/auth/oidc/start")).await;
        let cookie = cookie(&start);
        let state = cookie.split(['=', ';']).nth(1).unwrap();
        let later = app.clock.now().as_offset_date_time() + Duration::from_secs(minutes * 60);
        app.clock.set(Timestamp::new(later));
        let callback = format!("/auth/oidc/callback?state={state}&code=x");
        let request = app
            .anonymous("GET", callback)
            .header("cookie", format!("synoptic_sign_in={state}"));
        let page = send(request).await;
        assert_eq!(page.status, status, "after {minutes} minutes: {}", page.text);
    }
}
