//! Bodies of previews: what to fill a prompt with, and the messages that come of it.

use super::{
    body::some_object,
    prompts::{any_object, object},
};
use crate::{
    domain::{Result, documents::DocumentFields, prompts as domain},
    services::prompts::{PromptDocument, PromptInput, Rendered},
};
use poem_openapi::{
    Object,
    types::{Any, Example},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What to fill a prompt with.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct PreviewRequest {
    /// The newest when left out.
    #[serde(default)]
    pub version: Option<i64>,
    #[serde(default = "no_values", deserialize_with = "any_object")]
    #[oai(default = "no_values")]
    pub variables: Any<Map<String, Value>>,
    /// The text that the prompt is about.
    #[serde(default, deserialize_with = "some_object")]
    pub document: Option<PreviewDocument>,
}

/// A text as a document would be.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct PreviewDocument {
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub title: Option<String>,
    #[oai(validator(max_length = 10_000_000))]
    pub text: String,
    #[serde(default = "no_values", deserialize_with = "any_object")]
    #[oai(default = "no_values")]
    pub attributes: Any<Map<String, Value>>,
}

fn no_values() -> Any<Map<String, Value>> {
    Any(Map::new())
}

impl PreviewRequest {
    /// The version and what fills it.
    ///
    /// # Errors
    /// `Error::Invalid` for a document that could not be stored.
    pub fn into_domain(self) -> Result<(Option<i64>, PromptInput)> {
        let document = self.document.map(PreviewDocument::into_domain).transpose()?;
        let input = PromptInput {
            variables: self.variables.0,
            document,
        };
        Ok((self.version, input))
    }
}

impl PreviewDocument {
    fn into_domain(self) -> Result<PromptDocument> {
        let fields = DocumentFields {
            external_id: None,
            title: self.title,
            text: self.text,
            attributes: self.attributes.0,
            language: None,
        };
        let fields = fields.check().map_err(|error| error.within("/document"))?;
        Ok(PromptDocument {
            title: fields.title,
            text: fields.text.into(),
            attributes: fields.attributes,
        })
    }
}

impl Example for PreviewRequest {
    fn example() -> Self {
        Self {
            version: None,
            variables: Any(object(&json!({"tone": "friendly", "product": "Parcelmate"}))),
            document: Some(PreviewDocument {
                title: Some("Charged twice".to_owned()),
                text: "I was charged twice this month, please refund one payment.".to_owned(),
                attributes: no_values(),
            }),
        }
    }
}

/// The messages that a model would be sent.
#[derive(Debug, Clone, Object)]
pub struct PromptPreview {
    /// The version that was filled.
    pub version: i64,
    pub messages: Vec<PromptMessage>,
    /// How many texts stand between markers.
    pub data_texts: usize,
}

/// One message.
#[derive(Debug, Clone, Object)]
pub struct PromptMessage {
    /// `system` or `user`.
    pub role: String,
    pub content: String,
}

impl PromptPreview {
    #[must_use]
    pub fn new(prompt: &domain::Prompt, rendered: Rendered) -> Self {
        let message = |role: &str, content: String| PromptMessage {
            role: role.to_owned(),
            content,
        };
        let system = Some(rendered.system).filter(|content| !content.is_empty());
        let mut messages: Vec<PromptMessage> = system.map(|content| message("system", content)).into_iter().collect();
        messages.push(message("user", rendered.user));
        Self {
            version: prompt.version,
            messages,
            data_texts: rendered.data.len(),
        }
    }
}
