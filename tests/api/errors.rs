//! Every error has one shape, whichever layer it comes from.

use crate::support::{TestApp, send, spec::Spec};
use futures_util::stream;
use poem::Body;
use serde_json::json;
use std::time::Duration;

const NOTES: &str = "/api/collections/notes/documents";

#[tokio::test]
async fn an_address_that_nothing_has_is_not_found() {
    let app = TestApp::new().await;
    for address in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/collections/a/b",
        "/docs/x",
        "/livez/",
        "/problems/none",
        "//",
    ] {
        app.get(address).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_named() {
    let app = TestApp::new().await;
    let problem = app.get("/api/collections/none").await.problem(404, "not-found").clone();
    assert!(
        problem["detail"].as_str().unwrap().contains("collection `none`"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "N-1", "text": "x"})).await;
    let spec = Spec::load().await;
    let paths: std::collections::BTreeSet<&str> = spec.operations().iter().map(|operation| operation.path).collect();
    for path in paths {
        let operations = spec.operations();
        let here: Vec<_> = operations.iter().filter(|operation| operation.path == path).collect();
        let address = here[0].example_address();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if here.iter().any(|operation| operation.method == method) {
                continue;
            }
            let answer = send(app.request(method, &address)).await;
            answer.problem(405, "method-not-allowed");
            let allow = answer
                .header("allow")
                .unwrap_or_else(|| panic!("{method} {address} has no Allow header"));
            for operation in &here {
                assert!(allow.contains(&operation.method), "{method} {address}: {allow}");
            }
            assert!(!allow.contains(method), "{method} {address}: {allow}");
        }
    }
}

#[tokio::test]
async fn the_pages_for_people_answer_a_wrong_method_alike() {
    let app = TestApp::new().await;
    for page in ["/", "/docs", "/openapi.json", "/metrics", "/livez", "/readyz"] {
        let answer = send(app.request("DELETE", page)).await;
        answer.problem(405, "method-not-allowed");
        assert!(
            answer.header("allow").is_some_and(|allow| allow.contains("GET")),
            "{page}: {:?}",
            answer.headers
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let app = TestApp::with_notes().await;
    for bad in [
        "",
        "{",
        "{\"text\": \"a\"} {}",
        "{\"text\": \"a\",}",
        "{\"text\": \"a",
        "{'text': 'a'}",
        "NaN",
        "\u{feff}{\"text\": \"a\"}",
        "{\"text\": \"\\ud800\"}",
    ] {
        let answer = app.post_raw(NOTES, bad).await;
        answer.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let app = TestApp::with_notes().await;
    for content_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonx",
    ] {
        let answer = send(
            app.request("POST", NOTES)
                .content_type(content_type)
                .body("{\"text\": \"x\"}"),
        )
        .await;
        answer.problem(415, "unsupported-media-type");
    }
    send(app.request("POST", NOTES).body("{\"text\": \"x\"}"))
        .await
        .problem(415, "unsupported-media-type");
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
    ] {
        let answer = send(
            app.request("POST", NOTES)
                .content_type(content_type)
                .body("{\"text\": \"x\"}"),
        )
        .await;
        assert!(matches!(answer.status, 201 | 415), "{content_type}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let app = TestApp::with_notes().await;
    let announced = app
        .request("POST", NOTES)
        .content_type("application/json")
        .header("content-length", "104857600");
    let problem = send(announced).await.problem(413, "payload-too-large").clone();
    assert!(problem["detail"].as_str().unwrap().contains("16777216"), "{problem}");
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let app = TestApp::with(|config| config.server.max_body_bytes = 100_000).await;
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 10_000])));
    let endless = Body::from_bytes_stream(endless);
    app.post_raw("/api/collections", endless)
        .await
        .problem(413, "payload-too-large");
    let exact = format!("{{\"name\": \"Notes\"}}{}", " ".repeat(100_000 - 17));
    app.post_raw("/api/collections", exact.clone()).await.created();
    app.post_raw("/api/collections", format!("{exact} "))
        .await
        .problem(413, "payload-too-large");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let app = TestApp::with(|config| config.server.body_timeout_seconds = 1).await;
    let stalled = Body::from_bytes_stream(stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let asked = tokio::time::timeout(Duration::from_secs(10), app.post_raw("/api/collections", stalled)).await;
    asked.expect("an answer in time").problem(408, "request-timeout");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let app = TestApp::new().await;
    let parts = [
        Ok(bytes::Bytes::from("{\"name\":")),
        Err(std::io::Error::other("the wire was cut")),
    ];
    let broken = Body::from_bytes_stream(stream::iter(parts));
    app.post_raw("/api/collections", broken)
        .await
        .problem(400, "malformed-request");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_without_its_secrets() {
    let app = TestApp::new().await;
    app.lose_database().await;
    for address in ["/api/collections", "/readyz"] {
        let answer = app.get(address).await;
        answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        for secret in ["sqlite", "sqlx", "SELECT", "pool", ".db"] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
    app.get("/livez").await.ok();
}

#[tokio::test]
async fn every_problem_has_a_page_that_explains_it() {
    let app = TestApp::new().await;
    for code in synoptic::dto::problem::Code::ALL {
        let page = send(app.anonymous("GET", format!("/problems/{}", code.name()))).await;
        assert!(page.ok().text.contains(code.title()), "{}", page.text);
    }
}

#[tokio::test]
async fn a_trace_that_came_along_is_kept() {
    let app = TestApp::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = send(
        app.request("GET", "/api/collections/none")
            .header("traceparent", parent),
    )
    .await;
    assert_eq!(answer.problem(404, "not-found")["trace_id"], trace);
    for bad in [
        "",
        "00-xyz",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736",
    ] {
        let answer = send(app.request("GET", "/livez").header("traceparent", bad)).await;
        assert_ne!(answer.ok().header("x-trace-id"), Some(trace));
    }
}
