//! Reads documents from NDJSON (also called JSON Lines): one object a line.

use super::{
    LARGEST_RECORD, Rejected, Row,
    fields::{self, Draft, called, kind, shorten},
    identities::Identities,
    lines::{Line, Lines},
};
use crate::domain::imports::RecordNames;
use serde_json::{Map, Value};
use std::io::{self, BufRead};

/// The objects of an NDJSON file. A field that is `null` is as good as none; empty lines are passed over.
pub struct NdjsonReader<R> {
    lines: Lines<R>,
    identities: Identities,
    names: RecordNames,
}

impl<R: BufRead> NdjsonReader<R> {
    #[must_use]
    pub fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            identities: Identities::default(),
            names: RecordNames::default(),
        }
    }

    /// The objects of a part of a file, after so many lines.
    #[must_use]
    pub fn of_a_part(input: R, names: &RecordNames, lines_before: u64) -> Self {
        Self {
            lines: Lines::after(input, lines_before),
            identities: Identities::of_a_part(),
            names: names.clone(),
        }
    }

    fn read(&mut self, line: &Line) -> Row {
        let refuse = |external_id, reason| {
            Row::Rejected(Rejected {
                line: line.number,
                external_id,
                reason,
            })
        };
        let object = match parse(line) {
            Ok(object) => object,
            Err(reason) => return refuse(None, reason),
        };
        let external_id = called(self.names.external_id.as_ref(), fields::EXTERNAL_ID)
            .into_iter()
            .find_map(|name| object.get(name)?.as_str())
            .map(shorten);
        match draft(object, &self.names) {
            Ok(draft) => draft.into_row(line.number, &mut self.identities),
            Err(reason) => refuse(external_id, reason),
        }
    }
}

impl<R: BufRead> Iterator for NdjsonReader<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.next_line().transpose()? {
                Ok(line) if line.content().trim_ascii().is_empty() => {}
                Ok(line) => return Some(Ok(self.read(&line))),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn parse(line: &Line) -> Result<Map<String, Value>, String> {
    if line.cut {
        return Err(format!("the line takes more than {} MiB", LARGEST_RECORD / 1024 / 1024));
    }
    let text = std::str::from_utf8(line.content())
        .map_err(|error| format!("the line is not UTF-8 (at its byte {})", error.valid_up_to() + 1))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("each line must be a JSON object, not {}", kind(&other))),
        Err(_) if line.number == 1 && text.trim_start().starts_with('[') => {
            Err("each line must be a JSON object; `jq -c '.[]'` turns a list into lines".to_owned())
        }
        // One line was parsed, so the error's own line number would mislead.
        Err(error) if error.is_eof() => Err("the line is not JSON: it ends too early".to_owned()),
        Err(error) => {
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            Err(format!("the line is not JSON: {what} at character {}", error.column()))
        }
    }
}

fn draft(mut object: Map<String, Value>, names: &RecordNames) -> Result<Draft, String> {
    object.remove(fields::OURS);
    object.retain(|_, value| !value.is_null());
    let mut take = |said: Option<&String>, usual: &[&str]| {
        let name = called(said, usual)
            .into_iter()
            .find(|name| object.contains_key(*name))?
            .to_owned();
        object.remove(&name).map(|value| (name, value))
    };
    let mut draft = Draft {
        external_id: take(names.external_id.as_ref(), fields::EXTERNAL_ID)
            .map(as_external_id)
            .transpose()?,
        title: take(names.title.as_ref(), fields::TITLE).map(as_text).transpose()?,
        text: take(names.text.as_ref(), fields::TEXT)
            .map(as_text)
            .transpose()?
            .unwrap_or_default(),
        language: take(names.language.as_ref(), fields::LANGUAGE)
            .map(as_text)
            .transpose()?,
        attributes: Map::new(),
    };
    if let Some((_, attributes)) = take(None, fields::ATTRIBUTES) {
        draft.add_attributes(attributes)?;
    }
    for (name, value) in object {
        draft.add_attribute(&name, value)?;
    }
    Ok(draft)
}

fn as_text((name, value): (String, Value)) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("`{name}` must be a text, not {}", kind(&other))),
    }
}

/// A text, or a whole number that JSON readers agree on.
fn as_external_id((name, value): (String, Value)) -> Result<String, String> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Number(_) => Err(format!("`{name}` must be a text or a whole number of at most 64 bits")),
        other => as_text((name, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interchange::Record;
    use serde_json::json;

    fn read(bytes: &[u8]) -> Vec<Row> {
        NdjsonReader::new(bytes).collect::<Result<_, _>>().unwrap()
    }

    fn record(row: &Row) -> &Record {
        match row {
            Row::Record(record) => record,
            Row::Rejected(rejected) => panic!("{rejected:?}"),
        }
    }

    fn reason(row: &Row) -> (u64, &str) {
        match row {
            Row::Record(record) => panic!("{record:?}"),
            Row::Rejected(rejected) => (rejected.line, &rejected.reason),
        }
    }

    #[test]
    fn fields_have_aliases_and_the_rest_are_attributes() {
        let rows =
            read(br#"{"id":7,"subject":"Hi","body":"It broke.","plan":"pro","attributes":{"seats":3},"content":"x"}"#);
        let fields = &record(&rows[0]).fields;
        assert_eq!(fields.external_id.as_deref(), Some("7"));
        assert_eq!(
            (fields.title.as_deref(), fields.text.as_str()),
            (Some("Hi"), "It broke.")
        );
        assert_eq!(
            Value::Object(fields.attributes.clone()),
            json!({"plan": "pro", "seats": 3, "content": "x"})
        );
    }

    #[test]
    fn what_export_adds_is_left_out() {
        let rows = read(br#"{"external_id":"a","text":"x","synoptic":{"label":"billing"}}"#);
        assert!(record(&rows[0]).fields.attributes.is_empty());
    }

    #[test]
    fn a_broken_line_stands_alone() {
        let rows = read(b"\xEF\xBB\xBF{\"text\":\"a\"}\r\n\r\n{\"text\": \n[1]\n{\"text\":\"\xFF\"}\n{\"text\":5}\n{\"text\":\"b\"}");
        assert_eq!(rows.len(), 6);
        assert_eq!(record(&rows[0]).line, 1);
        assert_eq!(reason(&rows[1]), (3, "the line is not JSON: it ends too early"));
        assert_eq!(reason(&rows[2]), (4, "each line must be a JSON object, not a list"));
        assert_eq!(reason(&rows[3]), (5, "the line is not UTF-8 (at its byte 10)"));
        assert_eq!(reason(&rows[4]), (6, "`text` must be a text, not a number"));
        assert_eq!(record(&rows[5]).line, 7);
    }

    #[test]
    fn a_missing_text_an_inexact_id_and_a_contradiction_are_refused() {
        let rows = read(
            b"{\"title\":\"a\"}\n{\"id\":12345678901234567890123,\"text\":\"a\"}\n{\"text\":\"a\",\"attributes\":[]}\n\
              {\"text\":\"a\",\"plan\":1,\"attributes\":{\"plan\":2}}\n{\"text\":\"a\\u0000\"}",
        );
        assert_eq!(reason(&rows[0]).1, "`text` must not be empty");
        assert!(reason(&rows[1]).1.contains("at most 64 bits"));
        assert!(reason(&rows[2]).1.contains("not a list"));
        assert!(reason(&rows[3]).1.contains("`plan` is given twice"));
        assert!(reason(&rows[4]).1.contains("U+0000"));
    }

    #[test]
    fn a_list_over_many_lines_is_explained() {
        assert!(reason(&read(b"[\n{\"text\":\"a\"}\n]")[0]).1.contains("jq -c"));
    }
}
