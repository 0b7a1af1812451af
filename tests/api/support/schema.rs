//! Whether a value is as an OpenAPI 3.0 schema says: types, required and unknown properties, enumerations, bounds. Small on
//! purpose: what it does not know, it refuses to pass over.

use super::spec::Spec;
use serde_json::Value;

/// What a schema may say that decides nothing about a value.
const WORDS: [&str; 7] = [
    "description",
    "title",
    "example",
    "default",
    "format",
    "allOf",
    "additionalProperties",
];
const RULES: [&str; 13] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "nullable",
    "$ref",
];

/// Every way in which the value differs from its schema, in words.
pub fn differences(spec: &Spec, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(spec, schema, value, "", &mut found);
    found
}

fn compare(spec: &Spec, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = spec.resolve(schema);
    let Some(rules) = schema.as_object() else { return };
    for rule in rules.keys() {
        assert!(
            WORDS.contains(&rule.as_str()) || RULES.contains(&rule.as_str()),
            "teach this checker `{rule}`"
        );
    }
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(kind) = schema["type"].as_str()
        && !is_of(kind, value)
    {
        found.push(format!("{place}: {value} is no {kind}"));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{place}: {value} is none of {allowed:?}"));
    }
    if let Some(properties) = value.as_object()
        && schema["type"] == "object"
    {
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !properties.contains_key(name) {
                found.push(format!("{place}: {name} is missing"));
            }
        }
        for (name, value) in properties {
            match schema["properties"].get(name) {
                Some(schema) => compare(spec, schema, value, &format!("{place}/{name}"), found),
                None if schema["additionalProperties"].is_object() => {
                    let others = &schema["additionalProperties"];
                    compare(spec, others, value, &format!("{place}/{name}"), found);
                }
                None => found.push(format!("{place}/{name} is not documented")),
            }
        }
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            compare(spec, &schema["items"], item, &format!("{place}/{index}"), found);
        }
    }
    let size = match value {
        Value::String(text) => Some((text.chars().count() as f64, "minLength", "maxLength")),
        Value::Array(items) => Some((items.len() as f64, "minItems", "maxItems")),
        Value::Number(number) => number.as_f64().map(|number| (number, "minimum", "maximum")),
        _ => None,
    };
    if let Some((size, least, most)) = size {
        let outside = schema[least].as_f64().is_some_and(|least| size < least)
            || schema[most].as_f64().is_some_and(|most| size > most);
        if outside {
            found.push(format!(
                "{place}: {size} is outside of {} to {}",
                schema[least], schema[most]
            ));
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("teach this checker the type {other}"),
    }
}
