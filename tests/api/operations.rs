//! The pages that need no key: health, documentation, metrics.

use crate::support::{TestApp, send};

#[tokio::test]
async fn health_needs_no_key() {
    let app = TestApp::new().await;
    for page in ["/livez", "/readyz"] {
        let answer = send(app.anonymous("GET", page)).await;
        assert_eq!(
            (&answer.ok().body["status"], &answer.body["version"]),
            (&"ok".into(), &env!("CARGO_PKG_VERSION").into())
        );
    }
}

#[tokio::test]
async fn the_root_leads_to_the_documentation() {
    let app = TestApp::new().await;
    let root = send(app.anonymous("GET", "/")).await;
    assert_eq!((root.status, root.header("location")), (307, Some("/docs")));
    let page = send(app.anonymous("GET", "/docs")).await;
    assert!(page.ok().text.contains("SwaggerUIBundle"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for outside in ["<script src=\"http", "<link rel=\"stylesheet\" href=\"http"] {
        assert!(
            !page.text.contains(outside),
            "the page must work without a network: {outside}"
        );
    }
}

#[tokio::test]
async fn the_openapi_document_is_the_one_that_is_committed() {
    let app = TestApp::new().await;
    let served = send(app.anonymous("GET", "/openapi.json")).await;
    assert_eq!(served.ok().text, synoptic::app::openapi_document().await.unwrap());
}

#[tokio::test]
async fn metrics_name_operations_and_never_what_was_asked() {
    let app = TestApp::with_notes().await;
    app.get("/api/collections/notes/documents/very-private-name")
        .await
        .problem(404, "not-found");
    app.get("/api/collections/notes/documents?q=very-private-search")
        .await
        .ok();
    app.get("/very-private-address").await.problem(404, "not-found");
    send(app.anonymous("GET", "/api/collections/very-private"))
        .await
        .problem(401, "unauthorized");
    let metrics = send(app.anonymous("GET", "/metrics")).await;
    let text = &metrics.ok().text;
    for expected in [
        "getDocument",
        "listDocuments",
        "createCollection",
        "/api/collections/{collection}/documents/{document}",
    ] {
        assert!(text.contains(expected), "{expected} is not in the metrics:\n{text}");
    }
    assert!(!text.contains("private"), "{text}");
}
