//! A value of a wrong type is refused by name: for each operation with a body, its example with each field of its schema
//! replaced in turn.

use crate::support::{Answer, TestApp, send, spec::Operation, spec::Spec};
use serde_json::{Value, json};

/// Values that a schema does not take.
fn wrong_values(schema: &Value) -> Vec<Value> {
    match schema["type"].as_str() {
        Some("string") if schema["enum"].is_array() => vec![json!("no such value"), json!(1), json!({}), json!([])],
        Some("string") if schema["format"] == "uuid" => vec![json!("no UUID"), json!(1), json!({}), json!("")],
        Some("string") => vec![json!(5), json!(1.5), json!(true), json!([]), json!({}), json!(["text"])],
        Some("integer") => vec![json!("1"), json!(1.5), json!(true), json!([]), json!(1e300)],
        Some("number") => vec![json!("0.5"), json!(true), json!({})],
        Some("boolean") => vec![json!("true"), json!(1)],
        Some("array") => vec![json!("text"), json!(1), json!({}), json!({"0": {}})],
        Some("object") => vec![json!("text"), json!(1), json!([]), json!([1]), json!(false)],
        // Free JSON: the attributes, which are an object all the same.
        None => vec![json!("text"), json!(1), json!([]), json!([1]), json!(true)],
        Some(other) => panic!("teach the test the type {other}"),
    }
}

/// The schema's fields with their pointers, down to those of the first item of a list.
fn fields<'a>(spec: &'a Spec, schema: &'a Value, pointer: &str, found: &mut Vec<(String, &'a Value)>) {
    let schema = spec.resolve(schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{pointer}/{name}");
        let field = spec.resolve(field);
        found.push((pointer.clone(), field));
        match field["type"].as_str() {
            Some("array") => {
                let first = format!("{pointer}/0");
                found.push((first.clone(), spec.resolve(&field["items"])));
                fields(spec, &field["items"], &first, found);
            }
            Some("object") => fields(spec, field, &pointer, found),
            _ => {}
        }
    }
}

/// Puts a value where the pointer leads, making objects and lists on the way.
fn put(target: &mut Value, pointer: &str, value: Value) {
    let mut place = target;
    for step in pointer.split('/').skip(1) {
        place = if let Ok(index) = step.parse::<usize>() {
            if !place.is_array() {
                *place = json!([{}]);
            }
            let items = place.as_array_mut().unwrap();
            if items.len() <= index {
                items.push(json!({}));
            }
            &mut items[index]
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            place.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
        };
    }
    *place = value;
}

async fn send_body(app: &TestApp, operation: &Operation<'_>, body: &Value) -> Answer {
    send(
        app.as_admin(&operation.method, operation.example_address())
            .body_json(body),
    )
    .await
}

#[tokio::test]
async fn a_value_of_a_wrong_type_is_refused_by_name_in_every_field_of_every_body() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    let (mut tried, mut wrong) = (0, Vec::new());
    for operation in spec.operations() {
        let (Some(schema), Some(example)) = (operation.body_schema(), operation.example_body()) else {
            continue;
        };
        let mut all = Vec::new();
        fields(&spec, schema, "", &mut all);
        for (pointer, field) in all {
            for value in wrong_values(field) {
                let mut body = example.clone();
                put(&mut body, &pointer, value.clone());
                let answer = send_body(&app, &operation, &body).await;
                tried += 1;
                let named = answer.body["errors"][0]["pointer"].as_str();
                if answer.status != 422 || named != Some(&pointer) {
                    wrong.push(format!(
                        "{} {pointer} = {value}: {} {}",
                        operation.id(),
                        answer.status,
                        answer.text
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 200, "{tried}");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let app = TestApp::demo().await;
    for operation in Spec::load().await.operations() {
        if operation.body_schema().is_none() {
            continue;
        }
        for body in [json!([]), json!("text"), json!(5), json!(null), json!([{}])] {
            let answer = send_body(&app, &operation, &body).await;
            answer.invalid_at(&[""]);
        }
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_name() {
    let app = TestApp::demo().await;
    for operation in Spec::load().await.operations() {
        let Some(mut body) = operation.example_body() else {
            continue;
        };
        body["no_such_field"] = json!(1);
        let answer = send_body(&app, &operation, &body).await;
        let problem = answer.problem(422, "invalid");
        assert!(
            problem["detail"].as_str().unwrap().contains("no_such_field"),
            "{}: {problem}",
            operation.id()
        );
    }
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let app = TestApp::demo().await;
    for operation in Spec::load().await.operations() {
        let Some(schema) = operation.body_schema() else {
            continue;
        };
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let mut body = operation.example_body().unwrap();
            body.as_object_mut().unwrap().remove(name).unwrap();
            let answer = send_body(&app, &operation, &body).await;
            let problem = answer.problem(422, "invalid");
            assert!(
                problem["detail"].as_str().unwrap().contains(name),
                "{}: {problem}",
                operation.id()
            );
        }
    }
}

#[tokio::test]
async fn a_field_that_is_given_twice_is_refused() {
    let app = TestApp::with_notes().await;
    let answer = app
        .post_raw("/api/collections/notes/documents", r#"{"text": "one", "text": "two"}"#)
        .await;
    let problem = answer.problem(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("text"), "{problem}");
}

#[tokio::test]
async fn a_message_speaks_of_json_and_not_of_rust() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    for operation in spec.operations() {
        let (Some(schema), Some(example)) = (operation.body_schema(), operation.example_body()) else {
            continue;
        };
        let mut all = Vec::new();
        fields(&spec, schema, "", &mut all);
        for (pointer, field) in all {
            for value in wrong_values(field) {
                let mut body = example.clone();
                put(&mut body, &pointer, value);
                let answer = send_body(&app, &operation, &body).await;
                let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
                for jargon in [
                    "u8",
                    "i64",
                    "f64",
                    "usize",
                    "struct ",
                    "enum ",
                    "MaybeUndefined",
                    "at line",
                    "newtype",
                    "tuple",
                ] {
                    assert!(!detail.contains(jargon), "{} {pointer}: {detail}", operation.id());
                }
            }
        }
    }
}
