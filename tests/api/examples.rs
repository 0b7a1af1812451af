//! Every operation, exactly with its documented examples, on the sample data: what Swagger UI shows works as it stands, and
//! answers as documented.

use crate::support::{Answer, TestApp, schema, send, spec::Operation, spec::Spec};
use serde_json::json;
use synoptic::services::demo;

/// Reads, then creates, changes, deletes; of the deletions, those deepest in the address first.
pub fn order(operation: &Operation<'_>) -> (usize, usize) {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let turn = match operation.id() {
        // These end the viewer's sessions, which other examples need.
        "logout" | "logoutAll" => methods.len(),
        "changePassword" => methods.len() + 1,
        _ => methods.iter().position(|method| *method == operation.method).unwrap(),
    };
    let depth = if operation.method == "DELETE" {
        100 - operation.path.len()
    } else {
        0
    };
    (turn, depth)
}

async fn run_example(app: &TestApp, operation: &Operation<'_>) -> Answer {
    let token = match operation.id() {
        // Whoever signs out, or changes the documented password, is the sample's viewer.
        "logout" | "logoutAll" | "changePassword" => viewer_token(app).await,
        _ => app.token.clone(),
    };
    let mut request = app.with_token(&token, &operation.method, operation.example_address());
    for (name, example) in operation.example_headers() {
        request = request.header(name, example);
    }
    if operation.body_schema().is_none()
        && let Some((media, text)) = operation.example_text()
    {
        return send(request.content_type(media).body(text.to_owned())).await;
    }
    if operation.body_schema().is_none()
        && let Some(form) = operation.example_form()
    {
        return send(request.form(&form)).await;
    }
    match operation.example_body() {
        Some(body) => send(request.body_json(&body)).await,
        None => send(request).await,
    }
}

async fn viewer_token(app: &TestApp) -> String {
    let credentials = json!({"email": demo::VIEWER_EMAIL, "password": demo::VIEWER_PASSWORD});
    let answer = send(app.anonymous("POST", "/api/auth/login").body_json(&credentials)).await;
    // After the example has changed the password there is no viewer to sign in as.
    answer.body["access_token"].as_str().unwrap_or("none").to_owned()
}

#[track_caller]
fn assert_as_documented(spec: &Spec, operation: &Operation<'_>, answer: &Answer) {
    let (id, status) = (operation.id(), answer.status);
    let documented = operation.answer_schema(status);
    let documented =
        documented.unwrap_or_else(|| panic!("{id} answers {status}, which is not documented: {}", answer.text));
    if documented.is_null() {
        assert_eq!(answer.text, "", "{id}");
    } else if documented["format"] == "binary" {
        assert!(!answer.text.is_empty(), "{id}");
    } else {
        let kind = answer.header("content-type").unwrap_or_default();
        let values = if kind.starts_with("text/event-stream") {
            let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
            data.map(|data| serde_json::from_str(data).unwrap()).collect()
        } else if kind.contains("json") && !kind.contains("ndjson") {
            vec![answer.body.clone()]
        } else {
            vec![json!(answer.text)]
        };
        assert!(!values.is_empty(), "{id} answers nothing");
        let differences: Vec<String> = values
            .iter()
            .flat_map(|value| schema::differences(spec, &documented, value))
            .collect();
        assert!(
            differences.is_empty(),
            "{id} {status}: {differences:#?}\n{}",
            answer.text
        );
    }
    for header in operation.promised_headers(status) {
        assert!(
            answer.header(&header).is_some(),
            "{id} {status} promises the header {header}"
        );
    }
}

#[tokio::test]
async fn every_documented_example_succeeds_on_the_sample_data() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    let mut operations = spec.operations();
    operations.sort_by_key(order);
    for operation in &operations {
        let answer = run_example(&app, operation).await;
        let expected: &[u16] = match operation.id() {
            "createCollection" | "createTaxonomy" | "createPrompt" | "createDocument" | "putDocument"
            | "createUser" | "createKey" | "createBudget" | "createWebhook" | "createPushUrl" => &[201],
            "createJob" | "createImport" | "createExport" => &[202],
            "logout" | "logoutAll" | "changePassword" => &[204],
            _ if operation.method == "DELETE" => &[204],
            _ => &[200],
        };
        assert!(
            expected.contains(&answer.status),
            "{}: {} {}",
            operation.id(),
            answer.status,
            answer.text
        );
        assert_as_documented(&spec, operation, &answer);
    }
}

#[tokio::test]
async fn an_example_is_what_its_own_schema_says() {
    let spec = Spec::load().await;
    for operation in spec.operations() {
        let (Some(schema), Some(example)) = (operation.body_schema(), operation.example_body()) else {
            continue;
        };
        let differences = schema::differences(&spec, schema, &example);
        assert!(
            differences.is_empty(),
            "{}: {differences:#?}\n{example}",
            operation.id()
        );
    }
}

#[tokio::test]
async fn the_same_examples_a_second_time_answer_as_documented_too() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    let mut operations = spec.operations();
    operations.sort_by_key(order);
    for _ in 0..2 {
        for operation in &operations {
            let answer = run_example(&app, operation).await;
            assert!(answer.status < 500, "{}: {}", operation.id(), answer.text);
            assert_as_documented(&spec, operation, &answer);
        }
    }
}

#[tokio::test]
async fn a_batch_answers_as_documented_also_for_inputs_that_fail() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    for operation in spec.operations() {
        if !matches!(operation.id(), "summarizeBatch" | "classifyBatch") {
            continue;
        }
        let mut body = operation.example_body().unwrap();
        body["inputs"] = serde_json::json!([{"text": " "}, {"document_id": "0190b5c2-7c1e-7000-8000-000000000001"}]);
        let answer = send(app.request(&operation.method, operation.path).body_json(&body)).await;
        assert_as_documented(&spec, &operation, answer.ok());
    }
}

#[tokio::test]
async fn loading_the_sample_again_changes_nothing() {
    let app = TestApp::demo().await;
    let everything = async || {
        let documents = app.get("/api/collections/tickets/documents?limit=200").await;
        let analyses = app.get("/api/analyses?limit=200").await;
        let taxonomies = app.get("/api/taxonomies").await;
        let prompts = app.get("/api/prompts").await;
        (
            documents.ok().body.clone(),
            analyses.ok().body.clone(),
            taxonomies.ok().body.clone(),
            prompts.ok().body.clone(),
        )
    };
    let before = everything().await;
    app.tick();
    demo::load(&app.services).await.unwrap();
    assert_eq!(everything().await, before);
    assert!(before.0["items"].as_array().unwrap().len() >= 40);
}
