//! JSON out of what a model said, which may stand in prose or between code fences.

use crate::text::json_schema::JsonSchema;
use serde_json::Value;
use std::ops::Range;

/// After so many beginnings that lead nowhere, the rest is taken for prose.
const MOST_ATTEMPTS: usize = 200;
/// How many things that are wrong with a value are named.
const MOST_NAMED: usize = 3;
/// How much of a place in a schema is named, in bytes.
const LONGEST_PATH: usize = 120;

/// A JSON value and its place in the text.
#[derive(Debug, PartialEq)]
pub struct Found {
    pub value: Value,
    pub range: Range<usize>,
}

/// The objects and arrays in `text`, those inside of others left out. A text that is a value as a whole is that value. Values
/// that are nested more than 127 deep are none.
#[must_use]
pub fn values_in(text: &str) -> Vec<Found> {
    let start = text.len() - text.trim_start().len();
    let whole = text.trim();
    if let Ok(value) = serde_json::from_str(whole) {
        let range = start..start + whole.len();
        return vec![Found { value, range }];
    }
    let mut found = Vec::new();
    let mut from = 0;
    let mut attempts = 0;
    while attempts < MOST_ATTEMPTS
        && let Some(offset) = text[from..].find(['{', '['])
    {
        let start = from + offset;
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            let range = start..start + values.byte_offset();
            from = range.end;
            found.push(Found { value, range });
        } else {
            attempts += 1;
            from = start + 1;
        }
    }
    found
}

/// Whether a value fits.
///
/// # Errors
/// The places in the schema that it does not meet. Not a word is the value's: its names are as foreign as its texts.
pub fn check(schema: &JsonSchema, value: &Value) -> Result<(), String> {
    let violations = schema.violations(value, MOST_NAMED);
    let places: Vec<String> = violations
        .iter()
        .filter(|violation| !violation.rule.is_empty())
        .map(|violation| {
            let end = violation.rule.floor_char_boundary(LONGEST_PATH);
            format!("`{}`", &violation.rule[..end])
        })
        .collect();
    match (violations.is_empty(), places.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err("it does not meet the JSON schema".to_owned()),
        (false, false) => Err(format!("it does not meet the JSON schema at {}", places.join(", "))),
    }
}

/// Where the values of an object's own fields stand: `(name, place in the text)` in order. `object` is the text of a JSON object.
#[must_use]
pub fn fields(object: &str) -> Vec<(&str, Range<usize>)> {
    let mut fields = Vec::new();
    let (mut depth, mut name, mut begin) = (0usize, None, None);
    let mut from = 0;
    while let Some(offset) = object[from..].find(['"', '{', '[', '}', ']', ':', ',']) {
        let place = from + offset;
        from = place + 1;
        match object.as_bytes()[place] {
            b'"' => {
                from = string_end(object, place);
                if depth == 1 && begin.is_none() {
                    name = object.get(place + 1..from - 1);
                }
            }
            b':' => begin = if depth == 1 { Some(place + 1) } else { begin },
            b'{' | b'[' => depth += 1,
            mark => {
                if depth == 1
                    && let (Some(name), Some(begin)) = (name.take(), begin.take())
                {
                    fields.push((name, trimmed(object, begin..place)));
                }
                depth -= usize::from(mark != b',' && depth > 0);
            }
        }
    }
    fields
}

/// Where the strings of an array of strings stand, without their quotes.
#[must_use]
pub fn strings(array: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = array[from..].find('"') {
        let begin = from + offset;
        from = string_end(array, begin);
        found.push(begin + 1..(from - 1).max(begin + 1));
    }
    found
}

/// The byte after the closing quote of the string that begins at `begin`.
fn string_end(text: &str, begin: usize) -> usize {
    let bytes = text.as_bytes();
    let mut place = begin + 1;
    while place < bytes.len() && bytes[place] != b'"' {
        place += if bytes[place] == b'\\' { 2 } else { 1 };
    }
    (place + 1).min(bytes.len())
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + slice.len() - slice.trim_start().len();
    start..start + slice.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    fn values(text: &str) -> Vec<Value> {
        values_in(text).into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn values_are_found_alone_in_prose_and_between_fences() {
        assert_eq!(values(" {\"a\": 1}\n"), [json!({"a": 1})]);
        assert_eq!(
            values("Sure!\n```json\n{\"a\": [1, {\"b\": \"}\"}]}\n```\nBye {x}."),
            [json!({"a": [1, {"b": "}"}]})]
        );
        assert_eq!(values("{\"a\": 1} or {\"a\": 2}"), [json!({"a": 1}), json!({"a": 2})]);
        assert_eq!(values("5"), [json!(5)]);
        assert!(values("{\"a\": ").is_empty());
        assert!(values("").is_empty());
        let text = "→ {\"ü\": \"ß\"} ←";
        assert_eq!(&text[values_in(text)[0].range.clone()], "{\"ü\": \"ß\"}");
    }

    #[test]
    fn hostile_answers_cost_little() {
        let begin = Instant::now();
        for text in [
            "{".repeat(1 << 20),
            "[".repeat(1 << 20),
            "{\"a\":".repeat(1 << 18),
            "[\"".repeat(1 << 19),
            "{\"a\":\"".to_owned() + &"x".repeat(1 << 20),
            "{\"k { ".repeat(1 << 18),
        ] {
            assert!(values_in(&text).is_empty());
            assert!(fields(&text).is_empty() && strings(&text).len() <= text.len());
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    #[test]
    fn fields_and_strings_have_their_places() {
        let object =
            r#"{ "a\"b": "x, \"label\": \"y\"", "list" : ["p", "q\\"] ,"label":"z" , "deep": {"label": "no"}}"#;
        let found: Vec<(&str, &str)> = fields(object)
            .into_iter()
            .map(|(name, range)| (name, &object[range]))
            .collect();
        assert_eq!(
            found,
            [
                (r#"a\"b"#, r#""x, \"label\": \"y\"""#),
                ("list", r#"["p", "q\\"]"#),
                ("label", "\"z\""),
                ("deep", r#"{"label": "no"}"#),
            ]
        );
        let list = found[1].1;
        let found: Vec<&str> = strings(list).into_iter().map(|range| &list[range]).collect();
        assert_eq!(found, ["p", r"q\\"]);
    }

    fn validate(schema: &Value, value: &Value) -> Result<(), String> {
        check(&JsonSchema::compile(schema).map_err(|wrong| wrong.words)?, value)
    }

    #[test]
    fn values_are_held_to_their_schema_and_not_a_word_of_them_is_repeated() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
        assert_eq!(validate(&schema, &json!({"n": 1})), Ok(()));
        let wrong = validate(&schema, &json!({"n": "secret", "private": {"hidden": 1}})).unwrap_err();
        assert!(
            wrong.contains("`/properties/n/type`") && wrong.contains("`/additionalProperties`"),
            "{wrong}"
        );
        for schema in [
            schema,
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"patternProperties": {"^p": {"type": "integer"}}}),
            json!({"additionalProperties": {"type": "integer"}}),
            json!({"unevaluatedProperties": false}),
            json!({"items": false, "not": {}}),
        ] {
            let wrong = validate(&schema, &json!({"private": {"hidden": "secret"}})).unwrap_err();
            for word in ["secret", "private", "hidden"] {
                assert!(!wrong.contains(word), "{wrong}");
            }
        }
    }
}
