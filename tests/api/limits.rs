//! Limits on how fast requests may come and how long they may take.

use crate::support::{Answer, TestApp, send};
use poem::{
    Addr, Endpoint, Request,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use std::net::IpAddr;
use synoptic::config::Config;

/// A server that lets few requests pass: three of a principal, two of an address.
async fn strict() -> TestApp {
    TestApp::with(|config| {
        config.limits.principal_per_second = 1;
        config.limits.principal_burst = 3;
        config.limits.address_per_second = 1;
        config.limits.address_burst = 2;
    })
    .await
}

/// A request as it comes from a socket.
async fn from(app: &TestApp, peer: &str, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut head = poem::http::Request::get(path).body(()).unwrap().into_parts().0;
    for (name, value) in headers {
        head.headers.append(*name, value.parse().unwrap());
    }
    let peer = RemoteAddr(Addr::SocketAddr((peer.parse::<IpAddr>().unwrap(), 40_000).into()));
    let parts = (head, LocalAddr::default(), peer, Scheme::HTTP).into();
    let request = Request::from_parts(parts, poem::Body::empty());
    Answer::read(app.server.get_response(request).await).await
}

async fn metric(app: &TestApp, series: &str) -> String {
    let metrics = app.get("/metrics").await;
    let line = metrics.text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series}")).trim().to_owned()
}

#[tokio::test]
async fn a_key_that_asks_too_fast_is_told_when_to_go_on() {
    let app = strict().await;
    for left in [2, 1, 0] {
        let answer = app.get("/api/collections").await;
        assert_eq!(answer.ok().header("ratelimit-policy"), Some(r#""principal";q=3;w=3"#));
        let standing = format!(r#""principal";r={left};t=1"#);
        assert_eq!(answer.header("ratelimit"), Some(standing.as_str()));
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = app.get("/api/collections").await;
    let problem = refused.problem(429, "rate-limited");
    assert_eq!(problem["retry_after"], 1);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some(r#""principal";r=0;t=1"#));
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""principal";q=3;w=3"#));
    assert_eq!(
        metric(&app, r#"synoptic_rate_limited_total{limit="principal"}"#).await,
        "1"
    );
    assert_eq!(
        metric(&app, r#"synoptic_rate_limited_total{limit="address"}"#).await,
        "0"
    );
}

#[tokio::test]
async fn every_answer_to_a_counted_request_says_what_is_left() {
    let app = TestApp::new().await;
    let limited = |answer: &Answer| answer.header("ratelimit").is_some() && answer.header("ratelimit-policy").is_some();
    let made = app.post("/api/collections", serde_json::json!({"name": "Notes"})).await;
    assert!(limited(made.created()));
    assert!(limited(app.post_raw("/api/collections", "{").await.expect(400)));
    assert!(limited(app.get("/api/collections/nothing").await.expect(404)));
    let unchanged = app
        .request("GET", "/api/collections/notes")
        .header("if-none-match", made.etag());
    assert!(limited(send(unchanged).await.expect(304)));
    assert!(limited(
        from(&app, "192.0.2.1", "/api/collections", &[]).await.expect(401)
    ));
    assert!(limited(from(&app, "192.0.2.1", "/docs", &[]).await.expect(200)));
    assert!(limited(from(&app, "192.0.2.1", "/nothing", &[]).await.expect(404)));
    assert!(limited(from(&app, "192.0.2.1", "/api/%00", &[]).await.expect(404)));
}

#[tokio::test]
async fn an_address_that_guesses_is_held_back_and_a_key_behind_it_is_not() {
    let app = strict().await;
    let guess = [("authorization", "Bearer syn_guess")];
    for _ in 0..2 {
        from(&app, "192.0.2.1", "/api/collections", &guess)
            .await
            .problem(401, "unauthorized");
    }
    let refused = from(&app, "192.0.2.1", "/api/collections", &guess).await;
    refused.problem(429, "rate-limited");
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""address";q=2;w=2"#));
    from(&app, "192.0.2.1", "/docs", &[]).await.expect(429);
    from(&app, "192.0.2.2", "/docs", &[]).await.expect(200);
    let bearer = format!("Bearer {}", app.key);
    from(&app, "192.0.2.1", "/api/collections", &[("authorization", &bearer)])
        .await
        .ok();
    assert_eq!(
        metric(&app, r#"synoptic_rate_limited_total{limit="address"}"#).await,
        "2"
    );
}

#[tokio::test]
async fn whoever_watches_the_server_is_never_limited() {
    let app = strict().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        for _ in 0..5 {
            let answer = from(&app, "192.0.2.1", path, &[]).await;
            assert_eq!(answer.ok().header("ratelimit"), None);
        }
    }
}

#[tokio::test]
async fn the_addresses_behind_a_trusted_proxy_are_told_apart() {
    let strict_behind = |proxies: &'static [&'static str]| {
        TestApp::with(move |config: &mut Config| {
            config.limits.address_per_second = 1;
            config.limits.address_burst = 1;
            config.server.trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        })
    };
    let app = strict_behind(&["10.0.0.0/8"]).await;
    for client in ["203.0.113.1", "203.0.113.2"] {
        from(&app, "10.0.0.1", "/docs", &[("x-forwarded-for", client)])
            .await
            .ok();
        from(&app, "10.0.0.1", "/docs", &[("x-forwarded-for", client)])
            .await
            .expect(429);
    }
    let app = strict_behind(&[]).await;
    from(&app, "10.0.0.1", "/docs", &[("x-forwarded-for", "203.0.113.1")])
        .await
        .ok();
    from(&app, "10.0.0.1", "/docs", &[("x-forwarded-for", "203.0.113.2")])
        .await
        .expect(429);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let app = TestApp::with(|config| {
        config.limits.principal_per_second = 0;
        config.limits.address_per_second = 0;
    })
    .await;
    assert_eq!(app.get("/api/collections").await.ok().header("ratelimit"), None);
    assert_eq!(
        from(&app, "192.0.2.1", "/docs", &[]).await.ok().header("ratelimit"),
        None
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let app = TestApp::with(|config| config.server.request_timeout_seconds = 0).await;
    let answer = app.get("/api/collections").await;
    answer.problem(503, "timed-out");
}
