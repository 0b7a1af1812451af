//! The values that templates work with, and what of them is data. A text of the document, and one that went through the filter
//! `data`, carries a mark ("safe", as the template engine calls it) that stays with it until it is written between markers.

use super::PromptDocument;
use minijinja::value::{Object, ObjectRepr, Serde, Value, ValueKind};
use serde_json::Value as Json;
use std::{fmt, sync::Arc};

/// `{{ document }}`, with its `title`, `text` and `attributes`.
pub(super) struct Document {
    title: Value,
    text: Value,
    attributes: Value,
    whole: Arc<str>,
}

impl Document {
    pub(super) fn new(document: &PromptDocument) -> Self {
        let whole = match &document.title {
            Some(title) => format!("{title}\n\n{}", document.text).into(),
            None => Arc::clone(&document.text),
        };
        Self {
            title: document
                .title
                .as_ref()
                .map_or_else(|| Value::from(()), |title| Value::from_safe_string(title.clone())),
            text: Value::from_object(DataText(Arc::clone(&document.text))),
            attributes: data(&Json::Object(document.attributes.clone())),
            whole,
        }
    }

    /// Its title and its text.
    pub(super) fn whole(&self) -> &Arc<str> {
        &self.whole
    }
}

/// Where the template engine turns it into text by itself, as for `document in "x"`, that must not take long for a long document.
impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("document")
    }
}

impl Object for Document {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "title" => Some(self.title.clone()),
            "text" => Some(self.text.clone()),
            "attributes" => Some(self.attributes.clone()),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// A long text that can be written and not be looked into, so that no loop can search it or copy it again and again.
pub(super) struct DataText(pub(super) Arc<str>);

impl fmt::Debug for DataText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }
}

impl Object for DataText {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_empty()
    }
}

/// A value all of whose texts are data.
fn data(value: &Json) -> Value {
    match value {
        Json::String(text) => Value::from_safe_string(text.clone()),
        Json::Array(items) => items.iter().map(data).collect(),
        Json::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|(name, value)| (Value::from_safe_string(name.clone()), data(value)));
            Value::from_pairs(pairs)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Value::from(Serde(value)),
    }
}

/// Whether there is data in it.
pub(super) fn holds_data(value: &Value) -> bool {
    if value.is_safe() {
        return true;
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => members(value).any(|member| holds_data(&member)),
        ValueKind::Map => members(value).any(|name| {
            let below = value.get_item(&name).unwrap_or_default();
            holds_data(&name) || holds_data(&below)
        }),
        _ => false,
    }
}

fn members(value: &Value) -> impl Iterator<Item = Value> {
    value.try_iter().into_iter().flatten()
}
