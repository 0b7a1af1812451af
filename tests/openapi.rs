//! The committed OpenAPI document is the one that the program makes, and says what a reader of it needs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use serde_json::{Map, Value};
use std::{collections::HashSet, path::Path};
use synoptic::{
    domain::permissions::{self, Access},
    dto::problem::Code,
};

async fn document() -> Value {
    serde_json::from_str(&synoptic::app::openapi_document().await.unwrap()).unwrap()
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{name} cannot be read ({error}); `make openapi permissions` writes those that are made")
    })
}

/// Method, path and definition of every operation.
fn operations(document: &Value) -> Vec<(&String, &String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (method, path, operation.as_object().unwrap()))
    });
    operations.collect()
}

#[tokio::test]
async fn the_committed_document_is_the_current_one() {
    let committed = file("docs/openapi.json");
    let current = synoptic::app::openapi_document().await.unwrap();
    if committed.trim_end() != current.trim_end() {
        let mut lines = committed.lines().zip(current.lines()).enumerate();
        let first = lines.find(|(_, (committed, current))| committed != current);
        let first =
            first.map(|(number, (committed, current))| format!("line {}:\n- {committed}\n+ {current}", number + 1));
        panic!(
            "docs/openapi.json is not what the program makes; `make openapi` writes it anew. First difference: {}",
            first.unwrap_or_else(|| "one is longer than the other".to_owned())
        );
    }
}

#[tokio::test]
async fn the_committed_table_of_permissions_is_the_current_one() {
    let current = synoptic::cli::permissions::document().await.unwrap();
    assert!(
        file("docs/permissions.md") == current,
        "docs/permissions.md is not what the program makes; `make permissions` writes it anew"
    );
}

#[tokio::test]
async fn every_operation_says_what_it_is() {
    let document = document().await;
    let mut ids = HashSet::new();
    for (method, path, operation) in operations(&document) {
        let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
        assert!(!text("summary").is_empty(), "{method} {path} has no summary");
        assert!(
            !text("operationId").is_empty() && ids.insert(text("operationId")),
            "{method} {path} needs an operationId of its own"
        );
        let tags = operation.get("tags").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(tags, 1, "{method} {path} has {tags} tags");
    }
}

#[tokio::test]
async fn every_operation_lists_its_errors_as_problems() {
    let document = document().await;
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let answers = operation["responses"].as_object().unwrap();
        let errors: Vec<&str> = answers
            .keys()
            .map(String::as_str)
            .filter(|status| status.starts_with(['4', '5']))
            .collect();
        let access = permissions::access(id).unwrap_or_else(|| panic!("{id} is not in the table of permissions"));
        if id == "livez" {
            continue;
        }
        assert!(
            errors.contains(&"500") && errors.contains(&"503"),
            "{method} {path}: {errors:?}"
        );
        if access != Access::Public {
            assert!(errors.contains(&"401"), "{method} {path}: {errors:?}");
            assert!(
                errors.contains(&"403") && errors.contains(&"429"),
                "{method} {path}: {errors:?}"
            );
            assert!(
                operation.contains_key("security"),
                "{method} {path} does not say that it needs a key"
            );
        }
        if path.contains('{') {
            assert!(errors.contains(&"404"), "{method} {path}: {errors:?}");
        }
        if operation.contains_key("requestBody") {
            for status in ["400", "413", "415", "422"] {
                assert!(errors.contains(&status), "{method} {path} does not list {status}");
            }
        }
        for status in errors {
            let schema = &answers[status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn every_answer_says_what_it_is() {
    let document = document().await;
    for (method, path, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let description = answer["description"].as_str().unwrap();
            assert!(!description.is_empty(), "{method} {path} {status} has no description");
            assert_eq!(
                answer["headers"].get("SYNOPTIC-BUDGET").is_some(),
                ASKING.contains(&path.as_str()) && ["200", "429"].contains(&status.as_str()),
                "{method} {path} {status}"
            );
        }
    }
}

/// The operations that may ask a provider.
const ASKING: [&str; 5] = [
    "/api/classify",
    "/api/classify/batch",
    "/api/generate",
    "/api/summarize",
    "/api/summarize/batch",
];

#[tokio::test]
async fn what_streams_says_what_its_events_carry_and_what_does_not_is_json() {
    let document = document().await;
    for path in ASKING {
        let answers = &document["paths"][path]["post"]["responses"];
        assert!(answers["429"]["description"].as_str().unwrap().contains("over-budget"));
        let answer = &answers["200"];
        let streams = ["/api/generate", "/api/summarize"].contains(&path);
        let stream = answer["content"].get("text/event-stream");
        let schema = stream.map(|stream| stream["schema"]["$ref"].as_str().unwrap());
        assert_eq!(schema, streams.then_some("#/components/schemas/AnswerEvent"), "{path}");
        let description = answer["description"].as_str().unwrap();
        assert_eq!(description.contains("stream"), streams, "{path}: {description}");
        let required = |header: &str| {
            let headers = &answer["headers"];
            headers.get(header).map(|header| header["required"] == true)
        };
        let is_batch = path.ends_with("/batch");
        assert_eq!(required("CACHE-STATUS"), (!is_batch).then_some(false), "{path}");
        assert_eq!(required("LOCATION"), (!is_batch).then_some(!streams), "{path}");
    }
    let event = &document["components"]["schemas"]["AnswerEvent"];
    let kinds: Vec<&str> = event["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(kinds, ["Delta", "Analysis", "Problem"]);
}

#[tokio::test]
async fn every_parameter_of_an_address_is_documented_with_an_example() {
    let document = document().await;
    for (method, path, operation) in operations(&document) {
        assert!(!path.contains(':'), "{method} {path} is no OpenAPI template");
        let parameters = operation["parameters"].as_array().unwrap();
        for name in path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        {
            let parameter = parameters
                .iter()
                .find(|parameter| parameter["in"] == "path" && parameter["name"] == name);
            let parameter = parameter.unwrap_or_else(|| panic!("{method} {path}: {name} is not documented"));
            assert!(
                !parameter["example"].is_null(),
                "{method} {path}: {name} has no example"
            );
        }
        if operation.contains_key("requestBody") {
            let content = operation["requestBody"]["content"].as_object().unwrap();
            let schema = &content.values().next().unwrap()["schema"];
            // What is no JSON of ours has no schema of its own.
            let schema = match schema["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
                None => schema,
            };
            assert!(
                schema.get("example").is_some(),
                "{method} {path}: {schema} has no example"
            );
        }
    }
}

#[tokio::test]
async fn every_tag_is_described() {
    let document = document().await;
    let described: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["description"].as_str().and(tag["name"].as_str()))
        .collect();
    for (method, path, operation) in operations(&document) {
        let tag = operation["tags"][0].as_str().unwrap();
        assert!(
            described.contains(&tag),
            "{method} {path}: the tag {tag} has no description"
        );
    }
}

#[test]
fn every_problem_is_explained_in_the_documentation() {
    let page = file("docs/errors.md");
    for code in Code::ALL {
        assert!(
            page.contains(code.name()),
            "docs/errors.md does not explain `{}`",
            code.name()
        );
        assert!(
            page.contains(&code.status().as_u16().to_string()),
            "docs/errors.md does not name the status of `{}`",
            code.name()
        );
    }
}

#[tokio::test]
async fn what_the_pages_list_is_what_there_is() {
    let schemas = document().await["components"]["schemas"].clone();
    let values = |schema: &str| -> Vec<String> {
        let values = schemas[schema]["enum"].as_array().unwrap().iter();
        values.map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let members = schemas["Problem"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for (name, listed) in [
        ("docs/sign-in.md", values("AuditAction")),
        ("docs/api.md", values("AbstainReason")),
        ("docs/errors.md", members),
    ] {
        let page = file(name);
        for one in listed {
            assert!(page.contains(&format!("`{one}`")), "{name} does not list `{one}`");
        }
    }
}
