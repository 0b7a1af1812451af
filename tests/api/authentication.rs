//! Nobody without a key learns anything.

use crate::support::{Answer, TestApp, send, spec::Spec};
use serde_json::json;
use synoptic::domain::{api_keys::ApiKeyFields, etags::Expected, principal::Actor};

#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    answer.problem(401, "unauthorized");
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|header| header.starts_with("Bearer")),
        "{what}"
    );
}

#[tokio::test]
async fn every_operation_but_the_public_ones_refuses_an_anonymous_bad_request() {
    let app = TestApp::new().await;
    let spec = Spec::load().await;
    let operations = spec.operations();
    assert!(
        operations.len() > 25,
        "the document lists {} operations",
        operations.len()
    );
    for operation in operations {
        let address = operation.path.replace(['{', '}'], "");
        let request = app
            .anonymous(&operation.method, &address)
            .content_type("application/json")
            .body("{\"bad\":");
        let answer = send(request).await;
        if operation.is_public() && operation.method == "GET" {
            answer.ok();
        } else if operation.id() == "push" {
            // Its credential is in the address.
            answer.problem(404, "not-found");
        } else if operation.is_public() {
            assert!(
                matches!(answer.status, 400 | 415),
                "{}: {}",
                operation.id(),
                answer.text
            );
        } else {
            assert_refused(&answer, operation.id());
        }
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once_and_everywhere() {
    let app = TestApp::with_notes().await;
    let (key, secret) = app
        .services
        .api_keys
        .create(&Actor::operator(), ApiKeyFields::named("short-lived").unwrap())
        .await
        .unwrap();
    let authorization = format!("Bearer {}", secret.reveal());
    let get = || {
        app.anonymous("GET", "/api/collections")
            .header("authorization", &authorization)
    };
    send(get()).await.ok();
    app.services
        .api_keys
        .revoke(&Actor::operator(), key.row.id, &Expected::Any)
        .await
        .unwrap();
    assert_refused(&send(get()).await, "listCollections");
    for operation in Spec::load().await.operations() {
        if operation.is_public() {
            continue;
        }
        let request = app
            .anonymous(&operation.method, operation.example_address())
            .header("authorization", &authorization);
        let answer = match operation.example_body() {
            Some(body) => send(request.body_json(&body)).await,
            None => send(request).await,
        };
        assert_refused(&answer, operation.id());
    }
    assert_eq!(app.get("/api/collections").await.items().len(), 1, "nothing was done");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let app = TestApp::new().await;
    let key = app.key.clone();
    let bad = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {key}"),
        key.clone(),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {key}x"),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer syn_{}", "A".repeat(43)),
        format!("Bearer {}", "x".repeat(10_000)),
        "Bearer ' OR 1=1 --".to_owned(),
    ];
    for authorization in bad {
        let answer = send(
            app.anonymous("GET", "/api/collections")
                .header("authorization", &authorization),
        )
        .await;
        assert_refused(&answer, &authorization);
    }
    let binary = app
        .anonymous("GET", "/api/collections")
        .header("authorization", b"Bearer \xff\xfe".as_slice());
    assert_refused(&send(binary).await, "binary");
    let lower_case = app
        .anonymous("GET", "/api/collections")
        .header("authorization", format!("bearer {key}"));
    send(lower_case).await.ok();
}

#[tokio::test]
async fn an_address_that_is_nothing_tells_a_stranger_no_more_than_one_that_is() {
    let app = TestApp::with_notes().await;
    for address in [
        "/api/collections/notes",
        "/api/collections/none",
        "/api/analyses/nothing?x=1",
    ] {
        assert_refused(&send(app.anonymous("GET", address)).await, address);
    }
}

#[tokio::test]
async fn a_stranger_cannot_make_the_server_read_a_large_body() {
    let app = TestApp::new().await;
    let endless = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let request = app
        .anonymous("POST", "/api/collections")
        .content_type("application/json");
    let asked = send(request.body(poem::Body::from_bytes_stream(endless)));
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), asked)
        .await
        .expect("an answer at once");
    assert_refused(&answer, "createCollection");
}

#[tokio::test]
async fn a_key_is_stored_nowhere_in_clear_and_said_nowhere() {
    let app = TestApp::with_notes().await;
    let refused = send(app.request("POST", "/api/collections").body_json(&json!({"name": 5}))).await;
    assert!(!refused.text.contains(&app.key));
    assert!(
        !app.database_bytes()
            .await
            .windows(app.key.len())
            .any(|window| window == app.key.as_bytes())
    );
}
