//! What the parts of a record are called in files, and how they become the fields of a document.

use super::{Rejected, Row, identities::Identities};
use crate::domain::{
    Error, Field,
    documents::{Attributes, DocumentFields, LONGEST_EXTERNAL_ID},
};
use serde_json::Value;

pub(super) const EXTERNAL_ID: &[&str] = &["external_id", "id"];
pub(super) const TITLE: &[&str] = &["title", "subject"];
pub(super) const TEXT: &[&str] = &["text", "body", "content"];
pub(super) const LANGUAGE: &[&str] = &["language"];
pub(super) const ATTRIBUTES: &[&str] = &["attributes"];
/// In NDJSON, the object with what Synoptic itself says of a document.
pub(super) const OURS: &str = "synoptic";
/// In CSV, the beginning of the columns with what Synoptic itself says of a document.
pub(super) const OUR_PREFIX: &str = "synoptic_";

/// What a part of a record may be called: as it was said, or else as usual.
pub(super) fn called<'a>(said: Option<&'a String>, usual: &'a [&'a str]) -> Vec<&'a str> {
    said.map_or_else(|| usual.to_vec(), |name| vec![name.as_str()])
}

/// A record before it is checked.
#[derive(Default)]
pub(super) struct Draft {
    pub external_id: Option<String>,
    pub title: Option<String>,
    pub text: String,
    pub language: Option<String>,
    pub attributes: Attributes,
}

impl Draft {
    /// # Errors
    /// When the attribute is there already with another value.
    pub fn add_attribute(&mut self, name: &str, value: Value) -> Result<(), String> {
        match self.attributes.get(name) {
            Some(given) if *given != value => {
                Err(format!("the attribute `{name}` is given twice, with different values"))
            }
            _ => {
                self.attributes.insert(name.to_owned(), value);
                Ok(())
            }
        }
    }

    /// # Errors
    /// When the value is not an object, or an attribute is there already with another value.
    pub fn add_attributes(&mut self, value: Value) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::Object(attributes) => attributes
                .into_iter()
                .try_for_each(|(name, value)| self.add_attribute(&name, value)),
            other => Err(format!(
                "`attributes` must be a JSON object such as {{\"plan\": \"pro\"}}, not {}",
                kind(&other)
            )),
        }
    }

    /// Checks the draft and gives it an id.
    pub fn into_row(self, line: u64, identities: &mut Identities) -> Row {
        let shown = self.external_id.as_deref().map(shorten);
        let fields = DocumentFields {
            external_id: self.external_id,
            title: self.title,
            text: self.text,
            attributes: self.attributes,
            language: self.language.as_deref().map(primary_language),
        };
        match fields.check() {
            Ok(fields) => identities.claim(line, fields),
            Err(error) => Row::Rejected(Rejected {
                line,
                external_id: shown,
                reason: describe(&error),
            }),
        }
    }
}

/// `en` for `EN` and `en-US`: files name languages in more ways than the API.
fn primary_language(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase()
}

/// The error in a file's words: `text must not be empty` where the API says `/text`.
fn describe(error: &Error) -> String {
    let Error::Invalid(violations) = error else {
        return error.to_string();
    };
    let described = violations.iter().map(|violation| match &violation.field {
        Field::Body(pointer) | Field::Parameter(pointer) => {
            format!("`{}` {}", pointer.trim_start_matches('/'), violation.message)
        }
    });
    described.collect::<Vec<_>>().join("; ")
}

/// An id as it may be shown, however long it is.
pub(super) fn shorten(external_id: &str) -> String {
    external_id.chars().take(LONGEST_EXTERNAL_ID).collect()
}

/// What a JSON value is, for a message.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
