//! Which schemas OpenAI's strict mode takes: a request with another one is refused as a whole, so such a schema is sent as a wish
//! (`strict: false`), and the answer is checked here as every answer is. The rules are those of OpenAI's guide to structured outputs.

use serde_json::{Map, Value};

/// So many levels of objects and lists inside of each other.
const MOST_LEVELS: usize = 10;
/// In the whole schema.
const MOST_PROPERTIES: usize = 5_000;
/// In the whole schema.
const MOST_ENUM_VALUES: usize = 1_000;

/// Whether strict mode takes the schema: its root is an object, every object has all of its properties required and takes no
/// others, and nothing else is said than strict mode knows.
#[must_use]
pub fn takes(schema: &Value) -> bool {
    let mut counted = Counted::default();
    schema["type"] == "object"
        && counted.takes(schema, 0)
        && counted.properties <= MOST_PROPERTIES
        && counted.enum_values <= MOST_ENUM_VALUES
}

#[derive(Default)]
struct Counted {
    properties: usize,
    enum_values: usize,
}

impl Counted {
    fn takes(&mut self, schema: &Value, level: usize) -> bool {
        let Value::Object(fields) = schema else {
            return false;
        };
        level <= MOST_LEVELS
            && (!may_be_object(fields) || is_closed(fields))
            && ["type", "enum", "const", "anyOf", "$ref"]
                .iter()
                .any(|said| fields.contains_key(*said))
            && fields.iter().all(|(name, value)| self.knows(name, value, level))
    }

    fn knows(&mut self, keyword: &str, value: &Value, level: usize) -> bool {
        match (keyword, value) {
            ("properties", Value::Object(properties)) => {
                self.properties += properties.len();
                properties.values().all(|property| self.takes(property, level + 1))
            }
            ("$defs" | "definitions", Value::Object(schemas)) => {
                schemas.values().all(|schema| self.takes(schema, level))
            }
            ("anyOf", Value::Array(schemas)) => level > 0 && schemas.iter().all(|schema| self.takes(schema, level)),
            ("items", schema) => self.takes(schema, level + 1),
            ("enum", Value::Array(values)) => {
                self.enum_values += values.len();
                true
            }
            ("$ref", Value::String(reference)) => reference.starts_with('#'),
            // The first three are of the object that they are in, and are looked at with it.
            (
                "type"
                | "required"
                | "additionalProperties"
                | "const"
                | "title"
                | "description"
                | "pattern"
                | "format"
                | "minimum"
                | "maximum"
                | "exclusiveMinimum"
                | "exclusiveMaximum"
                | "multipleOf"
                | "minItems"
                | "maxItems",
                _,
            ) => true,
            _ => false,
        }
    }
}

fn may_be_object(fields: &Map<String, Value>) -> bool {
    let is_object = match fields.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == "object"),
        Some(one) => one == "object",
        None => false,
    };
    is_object || fields.contains_key("properties")
}

/// Whether exactly its own properties must be there.
fn is_closed(fields: &Map<String, Value>) -> bool {
    let required = fields.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|required| required.iter().any(|one| one == name.as_str()));
    fields.get("additionalProperties") == Some(&Value::Bool(false))
        && fields
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|properties| properties.keys().all(is_required))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(properties: &Value) -> Value {
        let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
    }

    #[test]
    fn what_strict_mode_takes_is_strict() {
        for schema in [
            object(&json!({})),
            object(&json!({"n": {"type": ["integer", "null"], "enum": [1, null]}})),
            object(
                &json!({"list": {"type": "array", "items": object(&json!({"x": {"type": "string", "pattern": "^a"}}))}}),
            ),
            object(&json!({"either": {"anyOf": [{"type": "string"}, object(&json!({"x": {"const": 1}}))]}})),
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"], "additionalProperties": false,
                   "$defs": {"b": {"type": "number", "minimum": 1}}}),
        ] {
            assert!(takes(&schema), "{schema}");
        }
    }

    #[test]
    fn what_it_refuses_is_a_wish() {
        let open = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let optional = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": [], "additionalProperties": false});
        let deep = (0..12).fold(json!({"type": "string"}), |inner, _| object(&json!({"deeper": inner})));
        let wide: Vec<usize> = (0..1_001).collect();
        for schema in [
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "string"}),
            json!({"anyOf": [object(&json!({}))]}),
            json!({"type": "object"}),
            json!(true),
            object(&json!({"inner": open.clone()})),
            object(&json!({"list": {"type": "array", "items": optional.clone()}})),
            object(&json!({"any": true})),
            object(&json!({"any": {}})),
            object(&json!({"either": {"oneOf": [{"type": "string"}]}})),
            object(&json!({"short": {"type": "string", "maxLength": 5}})),
            object(&json!({"unique": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}})),
            object(&json!({"elsewhere": {"$ref": "https://example.org/schema.json"}})),
            object(&json!({"many": {"type": "integer", "enum": wide}})),
            open,
            optional,
            deep,
        ] {
            assert!(!takes(&schema), "{schema}");
        }
    }
}
