//! Which schemas are taken, and what they say of values.

use super::schemas::*;
use crate::domain::prompts::Schema;
use serde_json::{Map, Value, json};
use std::net::TcpListener;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn refusal(schema: &Value) -> String {
    check_schema("/output_schema", &object(schema)).unwrap_err().to_string()
}

#[test]
fn what_is_no_schema_is_named_by_its_place() {
    for (schema, place) in [
        (json!({"type": "text"}), "/output_schema/type"),
        (
            json!({"properties": {"a/b": {"minLength": -1}}}),
            "/output_schema/properties/a~1b/minLength",
        ),
        (json!({"required": "a"}), "/output_schema/required"),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
            "/output_schema/$schema",
        ),
        (
            json!({"properties": {"a": {"$id": "x"}}}),
            "/output_schema/properties/a/$id",
        ),
        (
            json!({"unevaluatedProperties": false}),
            "/output_schema/unevaluatedProperties",
        ),
        (json!({"$dynamicRef": "#a"}), "/output_schema/$dynamicRef"),
        (json!({"$ref": "#/$defs/none"}), "/output_schema/$ref"),
    ] {
        let error = refusal(&schema);
        assert!(error.contains(&format!("`{place}`")), "{place}: {error}");
    }
    for variables in [json!({}), json!({"type": "array"}), json!({"type": ["object", "null"]})] {
        let error = check_variables_schema("/variables", &object(&variables))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`/variables/type`"), "{error}");
    }
    let named = json!({"type": "object", "properties": {"document": {}}});
    let error = check_variables_schema("/variables", &object(&named))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`/variables/properties/document`"), "{error}");
}

#[test]
fn names_that_look_like_keywords_are_names() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"$id": {"type": "string"}, "$ref": {"type": "integer"}, "pattern": {"enum": [{"$ref": "x"}]}},
        "$defs": {"unevaluatedItems": {"const": {"$id": 1}}}
    });
    check_schema("", &object(&schema)).unwrap();
}

#[test]
fn nothing_is_ever_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = format!("http://{}/schema.json", listener.local_addr().unwrap());
    for reference in [
        here.as_str(),
        "file:///etc/passwd",
        "schema.json",
        "//example.com/x",
        "https://json-schema.org/draft/2020-12/schema",
        "#anchor",
        "#%2F$defs%2Fa",
    ] {
        for schema in [
            json!({"$ref": reference}),
            json!({"$defs": {"a": {"$ref": reference}}}),
            json!({"properties": {"x": {"items": {"allOf": [{"$ref": reference}]}}}}),
        ] {
            let error = refusal(&schema);
            assert!(
                error.contains("$ref`") && error.contains("nothing is ever fetched"),
                "{error}"
            );
        }
    }
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn references_inside_work_and_do_not_explode() {
    let shared = object(&json!({
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/place"}, "to": {"$ref": "#/$defs/place"}},
        "$defs": {"place": {"type": "object", "required": ["city"]}}
    }));
    check_schema("", &shared).unwrap();

    for recursive in [
        json!({"$ref": "#"}),
        json!({"properties": {"child": {"$ref": "#"}}}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}}),
    ] {
        assert!(refusal(&recursive).contains("comes back to itself"));
    }
    let level = |number: usize| {
        let below = json!({"$ref": format!("#/$defs/d{}", number + 1)});
        (format!("d{number}"), json!({"allOf": [below, below]}))
    };
    let mut definitions: Map<String, Value> = (0..20).map(level).collect();
    definitions.insert("d20".to_owned(), json!({"type": "string"}));
    assert!(refusal(&json!({"$ref": "#/$defs/d0", "$defs": definitions})).contains("stands for more than"));
    // Each is only one deeper than the one before, which was counted already.
    let mut chain: Map<String, Value> = Map::new();
    chain.insert("c0000".to_owned(), json!({}));
    for number in 1..400 {
        let below = format!("#/$defs/c{:04}", number - 1);
        chain.insert(format!("c{number:04}"), json!({"items": {"$ref": below}}));
    }
    assert!(refusal(&json!({"$defs": chain})).contains("is deeper than"));
    let deep = (0..100).fold(json!({}), |schema, _| json!({"items": schema}));
    assert!(refusal(&deep).contains("is deeper than"));
}

#[test]
fn patterns_that_are_too_large_or_too_many_are_refused() {
    for pattern in ["((a{1,1000}){1,1000}){1,1000}", "(a)\\1", "(?=a)b", "(", "(?<!x)y"] {
        let error = refusal(&json!({"properties": {"a": {"pattern": pattern}}}));
        assert!(error.contains("`/output_schema"), "{pattern}: {error}");
    }
    let many: Map<String, Value> = (0..51)
        .map(|number| (format!("p{number}"), json!({"pattern": "a"})))
        .collect();
    assert!(refusal(&json!({"properties": many})).contains("at most 50 patterns"));
}

fn tone() -> Schema {
    object(&json!({
        "type": "object",
        "properties": {"tone": {"enum": ["formal", "brief"]}, "n": {"type": "integer"}, "list": {"items": {"type": "string"}}},
        "required": ["tone"],
        "additionalProperties": false
    }))
}

#[test]
fn variables_are_named_by_their_place_and_not_repeated() {
    let given = object(&json!({"tone": "secret word", "n": "hidden", "list": ["a", 5], "x~/y": 1}));
    let error = validate_variables(&tone(), &given).unwrap_err().to_string();
    for part in [
        "`/variables/tone`",
        "`/variables/n`",
        "`/variables/list/1`",
        "`/variables`",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!error.contains("secret") && !error.contains("hidden"), "{error}");
    let missing = validate_variables(&tone(), &Map::new()).unwrap_err().to_string();
    assert!(missing.contains("tone"), "{missing}");
    assert!(validate_variables(&tone(), &object(&json!({"tone": "brief"}))).is_ok());
}

#[test]
fn variables_have_bounds_whatever_the_schema() {
    let free = object(&json!({"type": "object"}));
    let long = object(&json!({"a": "x".repeat(LARGEST_VARIABLES)}));
    assert!(
        validate_variables(&free, &long)
            .unwrap_err()
            .to_string()
            .contains("bytes")
    );
    let many = object(&json!({"a": vec![1; MOST_VALUES]}));
    assert!(
        validate_variables(&free, &many)
            .unwrap_err()
            .to_string()
            .contains("values")
    );
}
