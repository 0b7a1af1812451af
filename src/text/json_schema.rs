//! JSON schemas (draft 2020-12): ready to be compared with values, and what is wrong with one that does not fit. Nothing is ever
//! fetched, patterns take time in proportion to the text, and telling what is wrong takes no more than comparing.

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// The most bytes of the machine that a pattern becomes.
const LARGEST_PATTERN: usize = 256 * 1024;
/// What a schema with references may stand for, in schemas; the templates of prompts refuse more.
pub const LARGEST_EXPANSION: usize = 5_000;
/// Up to which product of schemas and bytes of the value it is said what is wrong. Every schema of an `anyOf` adds what it has
/// against every value below it, with a copy, before a single word is known.
const MOST_DETAIL: usize = 20_000_000;
/// The longest explanation of one violation, in characters.
const LONGEST: usize = 300;

/// A schema.
#[derive(Debug)]
pub struct JsonSchema {
    validator: Validator,
    /// About how many schemas it stands for.
    schemas: usize,
}

/// Something that a value, or a schema itself, does not meet. No word of it is the value's, except for the names in `place`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value, as a JSON pointer.
    pub place: String,
    /// By which part of the schema, as a JSON pointer.
    pub rule: String,
    pub words: String,
}

impl JsonSchema {
    /// # Errors
    /// Why it is no schema, and where in it.
    pub fn compile(schema: &Value) -> Result<Self, Violation> {
        let patterns = PatternOptions::regex()
            .size_limit(LARGEST_PATTERN)
            .dfa_size_limit(LARGEST_PATTERN);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(patterns)
            .should_validate_formats(false)
            .build(schema)
            .map_err(|error| Violation::of(&error))?;
        Ok(Self {
            validator,
            schemas: count(schema),
        })
    }

    /// What is wrong with a value, at most so many things; nothing if it fits.
    #[must_use]
    pub fn violations(&self, value: &Value, most: usize) -> Vec<Violation> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let bytes = serde_json::to_string(value).map_or(usize::MAX, |json| json.len());
        if self.schemas.saturating_mul(bytes) > MOST_DETAIL {
            return vec![Violation {
                place: String::new(),
                rule: String::new(),
                words: "does not fit the schema; both together are too large to say where".to_owned(),
            }];
        }
        self.validator
            .iter_errors(value)
            .take(most)
            .map(|error| Violation::of(&error))
            .collect()
    }
}

impl Violation {
    fn of(error: &ValidationError<'_>) -> Self {
        Self {
            place: error.instance_path().as_str().to_owned(),
            rule: error.schema_path().as_str().to_owned(),
            words: error.masked().to_string().chars().take(LONGEST).collect(),
        }
    }
}

/// How many schemas there are at most. With references, a few lines may stand for many.
fn count(schema: &Value) -> usize {
    match schema {
        Value::Array(items) => items.iter().map(count).sum::<usize>() + 1,
        Value::Object(fields) if fields.contains_key("$ref") => LARGEST_EXPANSION,
        Value::Object(fields) => fields.values().map(count).sum::<usize>() + 1,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    fn violations(schema: &Value, value: &Value) -> Vec<Violation> {
        JsonSchema::compile(schema).unwrap().violations(value, 20)
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_place_and_its_rule() {
        let schema = json!({
            "type": "object",
            "properties": {"from": {"$ref": "#/$defs/place"}, "tone": {"enum": ["formal"]}},
            "$defs": {"place": {"type": "object", "required": ["city"]}}
        });
        assert!(violations(&schema, &json!({"from": {"city": "a"}})).is_empty());
        let found = violations(&schema, &json!({"from": {}, "tone": "my secret"}));
        let places: Vec<(&str, &str)> = found
            .iter()
            .map(|one| (one.place.as_str(), one.rule.as_str()))
            .collect();
        assert_eq!(
            places,
            [("/from", "/$defs/place/required"), ("/tone", "/properties/tone/enum")]
        );
        assert!(found.iter().all(|one| !one.words.contains("secret")), "{found:?}");
    }

    #[test]
    fn no_more_is_told_than_was_asked_for() {
        let schema = json!({"items": {"type": "string"}});
        assert_eq!(violations(&schema, &json!(vec![1; 1_000])).len(), 20);
    }

    #[test]
    fn telling_what_is_wrong_takes_neither_long_nor_much() {
        let began = Instant::now();
        // Each of the values below would be copied for each of the schemas.
        let many = vec![json!({"type": "null"}); 1_150];
        let schema = json!({"properties": {"x": {"items": {"anyOf": many}}}});
        let found = violations(&schema, &json!({"x": vec![1; 4_990]}));
        assert!(found[0].words.contains("too large"), "{found:?}");
        let found = violations(&json!({"anyOf": many}), &json!("x".repeat(95_000)));
        assert!(found[0].words.contains("too large"), "{found:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[test]
    fn patterns_cannot_hang() {
        let began = Instant::now();
        let text = format!("{}!", "a".repeat(50_000));
        for pattern in [
            "(a+)+$",
            "^(a|a)*$",
            "^(a|aa)+$",
            "(.*)*x",
            "^(([a-z])+.)+[A-Z]([a-z])+$",
        ] {
            violations(&json!({"pattern": pattern}), &json!(text));
            let names = json!({"patternProperties": {pattern: {"type": "null"}}});
            violations(&names, &json!({text.as_str(): 1}));
        }
        for pattern in ["((a{1,1000}){1,1000}){1,1000}", "(a)\\1", "(?=a)b", "(", "(?<!x)y"] {
            assert!(JsonSchema::compile(&json!({"pattern": pattern})).is_err(), "{pattern}");
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
