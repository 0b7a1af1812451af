//! What answers tell browsers, and which pages of other origins may use the API.

use crate::support::{Answer, TestApp, send, spec::Spec};
use serde_json::json;
use synoptic::config::{Origin, PublicUrl};

const PAGE: &str = "https://app.example";

async fn open_to(origins: &[&str], allow_credentials: bool) -> TestApp {
    let origins: Vec<Origin> = origins.iter().map(|origin| Origin::parse(origin).unwrap()).collect();
    TestApp::with(move |config| {
        config.cors.allowed_origins = origins;
        config.cors.allow_credentials = allow_credentials;
    })
    .await
}

fn about_origins(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(poem::http::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn every_answer_forbids_a_browser_what_it_need_not_do() {
    let app = TestApp::with_notes().await;
    let answers = [
        app.get("/api/collections/notes").await,
        app.get("/api/collections/nothing").await,
        send(app.anonymous("GET", "/api/collections")).await,
        app.delete("/api/collections/notes").await,
        app.get("/docs").await,
        app.get("/openapi.json").await,
        app.get("/").await,
        app.get("/livez").await,
        app.get("/nothing").await,
        send(app.anonymous("OPTIONS", "/api/collections").header("origin", PAGE)).await,
    ];
    for answer in answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(answer.header("permissions-policy").unwrap().contains("camera=()"));
        assert_eq!(answer.header("strict-transport-security"), None, "this is plain HTTP");
        assert_eq!(about_origins(&answer), [""; 0]);
    }
}

#[tokio::test]
async fn the_page_runs_the_scripts_that_it_came_with_and_no_others() {
    let app = TestApp::new().await;
    let policy = app
        .get("/docs")
        .await
        .header("content-security-policy")
        .unwrap()
        .to_owned();
    let scripts = policy
        .split("; ")
        .find_map(|rule| rule.strip_prefix("script-src "))
        .unwrap();
    assert_eq!(scripts.split(' ').count(), 2, "{scripts}");
    assert!(
        scripts.split(' ').all(|source| source.starts_with("'sha256-")),
        "{scripts}"
    );
    assert!(
        !policy.contains("unsafe-eval") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    let policy = app
        .get("/openapi.json")
        .await
        .header("content-security-policy")
        .unwrap()
        .to_owned();
    assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn only_what_has_a_version_may_be_kept_and_only_by_whoever_asked() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"text": "It rained all night."})).await;
    let one = app.get("/api/collections/notes").await;
    assert_eq!(one.ok().header("cache-control"), Some("private, no-cache"));
    let unchanged = app
        .request("GET", "/api/collections/notes")
        .header("if-none-match", one.etag());
    assert_eq!(
        send(unchanged).await.expect(304).header("cache-control"),
        Some("private, no-cache")
    );
    let list = app.get("/api/collections").await;
    assert_eq!(list.ok().header("cache-control"), Some("no-store"));
    let address = format!("/api/collections/notes/documents/{}", note["id"].as_str().unwrap());
    assert_eq!(
        app.delete(address).await.gone().header("cache-control"),
        Some("no-store")
    );
    for error in ["/api/collections/nothing", "/nothing"] {
        assert_eq!(
            app.get(error).await.expect(404).header("cache-control"),
            Some("no-store")
        );
    }
}

#[tokio::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let app = TestApp::with(|config| {
        config.server.public_url = Some(PublicUrl::parse("https://synoptic.example").unwrap());
    })
    .await;
    let answer = app.get("/docs").await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_use_the_api() {
    let app = open_to(&[PAGE, "https://other.example"], true).await;
    let preflight = app
        .anonymous("OPTIONS", "/api/collections")
        .header("origin", PAGE)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let preflight = send(preflight).await;
    assert_eq!(preflight.ok().header("access-control-allow-origin"), Some(PAGE));
    let allowed = |name: &str, word: &str| preflight.header(name).unwrap().to_lowercase().contains(word);
    assert!(
        allowed("access-control-allow-methods", "post") && allowed("access-control-allow-headers", "authorization")
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), Some("true"));

    let answer = send(app.request("GET", "/api/collections").header("origin", PAGE)).await;
    assert_eq!(answer.ok().header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("vary"), Some("Origin"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    // Those of every answer, and those that operations document.
    let spec = Spec::load().await;
    let documented = spec.operations().into_iter().flat_map(|operation| operation.headers());
    for name in ["idempotency-replayed", "ratelimit", "ratelimit-policy", "x-trace-id"]
        .map(str::to_owned)
        .into_iter()
        .chain(documented)
        // What it says, a page knows by the status.
        .filter(|name| name != "www-authenticate")
    {
        assert!(exposed.contains(&name.as_str()), "{name}: {exposed:?}");
    }
    // A refusal can be read too: the page has to say what is wrong.
    let refused = send(app.anonymous("GET", "/api/collections").header("origin", PAGE)).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), Some(PAGE));
}

#[tokio::test]
async fn a_page_of_another_origin_is_answered_without_leave_to_read_it() {
    let app = open_to(&[PAGE], false).await;
    // Pages of our own send `Origin` too.
    let own = app
        .request("POST", "/api/collections")
        .header("origin", "http://127.0.0.1:8080");
    let answer = send(own.body_json(&json!({"name": "Notes"}))).await;
    assert_eq!(about_origins(answer.created()), [""; 0]);
    assert_eq!(answer.header("vary"), Some("Origin"));
    let preflight = app
        .anonymous("OPTIONS", "/api/collections")
        .header("origin", "https://evil.example");
    let preflight = send(preflight.header("access-control-request-method", "POST")).await;
    assert_eq!(about_origins(preflight.expect(405)), [""; 0]);
    let unheard = app.anonymous("OPTIONS", "/api/collections").header("origin", PAGE);
    let unheard = send(unheard.header("access-control-request-method", "TRACE")).await;
    assert_eq!(about_origins(&unheard), [""; 0]);
    unheard.problem(403, "forbidden");
}

#[tokio::test]
async fn every_origin_can_be_let_in_without_credentials() {
    let app = open_to(&["*"], false).await;
    let answer = send(app.request("GET", "/api/collections").header("origin", PAGE)).await;
    assert_eq!(answer.ok().header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}
