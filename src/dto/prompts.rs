//! Bodies of the prompt operations.

use super::body::given;
use crate::{
    domain::{
        Result,
        etags::etag,
        prompts::{self as domain, PromptFields, Schema},
    },
    services::prompts::PromptPatch,
};
use poem_openapi::{
    Object,
    types::{Any, Example, MaybeUndefined},
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A prompt at one of its versions.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Prompt {
    pub id: Uuid,
    /// The short name for addresses.
    pub slug: String,
    /// 1 when created; every change makes the next one. A version never changes.
    pub version: i64,
    pub name: String,
    pub description: String,
    /// Template of the system message; may be empty.
    pub system: String,
    /// Template of the user message.
    pub user: String,
    /// JSON schema (draft 2020-12) of the variables that a request gives.
    pub variables: Any<Schema>,
    /// JSON schema of the answer; the answer is text when not there.
    pub output_schema: Option<Any<Schema>>,
    pub max_output_tokens: Option<i64>,
    pub temperature: Option<f64>,
    pub created_at: OffsetDateTime,
    /// When this version was made.
    pub updated_at: OffsetDateTime,
}

impl From<domain::Prompt> for Prompt {
    fn from(prompt: domain::Prompt) -> Self {
        Self {
            id: prompt.id.0,
            slug: prompt.slug.to_string(),
            version: prompt.version,
            name: prompt.name,
            description: prompt.description,
            system: prompt.system_template,
            user: prompt.user_template,
            variables: Any(prompt.variables.0),
            output_schema: prompt.output_schema.map(|schema| Any(schema.0)),
            max_output_tokens: prompt.max_output_tokens,
            temperature: prompt.temperature,
            created_at: prompt.created_at.as_offset_date_time(),
            updated_at: prompt.updated_at.as_offset_date_time(),
        }
    }
}

impl Prompt {
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/prompts/{}", self.slug)
    }
}

/// A prompt to be made, or to replace one.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewPrompt {
    /// Lower-case letters, digits and single hyphens; when left out, made from the name of a new prompt or kept.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    #[serde(default)]
    #[oai(default, validator(max_length = 2000))]
    pub description: String,
    /// Template of the system message.
    #[serde(default)]
    #[oai(default, validator(max_length = 50_000))]
    pub system: String,
    /// Template of the user message. `{{ name }}` writes a variable, `{{ document }}` the document.
    #[oai(validator(min_length = 1, max_length = 50_000))]
    pub user: String,
    /// JSON schema (draft 2020-12) of the variables, of the type `object`; no variables when left out.
    #[serde(default = "no_variables", deserialize_with = "any_object")]
    #[oai(default = "no_variables")]
    pub variables: Any<Schema>,
    /// JSON schema of the answer, which must then be JSON; text when left out.
    #[serde(default, deserialize_with = "some_object")]
    pub output_schema: Option<Any<Schema>>,
    /// The longest answer; the engine's own limit when left out.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    pub max_output_tokens: Option<i64>,
    /// 0 for the most likely words, more for more variety; the model's own when left out.
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "2")))]
    pub temperature: Option<f64>,
}

fn no_variables() -> Any<Schema> {
    Any(object(
        &json!({"type": "object", "properties": {}, "additionalProperties": false}),
    ))
}

pub(super) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

pub(super) fn any_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Any<Schema>, D::Error> {
    Schema::deserialize(deserializer).map(Any)
}

fn some_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Any<Schema>>, D::Error> {
    Ok(Option::<Schema>::deserialize(deserializer)?.map(Any))
}

fn given_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Any<Schema>>, D::Error> {
    any_object(deserializer).map(Some)
}

fn undefined_or_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MaybeUndefined<Any<Schema>>, D::Error> {
    Ok(match Option::<Schema>::deserialize(deserializer)? {
        Some(schema) => MaybeUndefined::Value(Any(schema)),
        None => MaybeUndefined::Null,
    })
}

impl NewPrompt {
    /// The slug that was asked for, and the rest.
    #[must_use]
    pub fn into_domain(self) -> (Option<String>, PromptFields) {
        let fields = PromptFields {
            name: self.name,
            description: self.description,
            system: self.system,
            user: self.user,
            variables: self.variables.0,
            output_schema: self.output_schema.map(|schema| schema.0),
            max_output_tokens: self.max_output_tokens,
            temperature: self.temperature,
        };
        (self.slug, fields)
    }

    /// As a change that leaves nothing of the version before but what is named again.
    #[must_use]
    pub fn into_patch(self) -> PromptPatch {
        let (slug, fields) = self.into_domain();
        PromptPatch {
            slug,
            name: Some(fields.name),
            description: Some(fields.description),
            system: Some(fields.system),
            user: Some(fields.user),
            variables: Some(fields.variables),
            output_schema: Some(fields.output_schema),
            max_output_tokens: Some(fields.max_output_tokens),
            temperature: Some(fields.temperature),
        }
    }
}

impl Example for NewPrompt {
    fn example() -> Self {
        Self {
            slug: None,
            name: "Release note".to_owned(),
            description: "One sentence for the release notes.".to_owned(),
            system: "You write release notes for {{ audience }}.".to_owned(),
            user: "Write one sentence about this change.\n{{ document }}".to_owned(),
            variables: Any(object(&json!({
                "type": "object",
                "properties": {"audience": {"type": "string", "maxLength": 100}},
                "required": ["audience"],
                "additionalProperties": false
            }))),
            output_schema: None,
            max_output_tokens: Some(200),
            temperature: Some(0.2),
        }
    }
}

/// A change to a prompt; what is left out stays. Schemas are given whole.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct PromptChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 2000))]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 50_000))]
    pub system: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 50_000))]
    pub user: Option<String>,
    #[serde(default, deserialize_with = "given_object")]
    pub variables: Option<Any<Schema>>,
    /// `null` for an answer that is text.
    #[serde(default, deserialize_with = "undefined_or_object")]
    pub output_schema: MaybeUndefined<Any<Schema>>,
    /// `null` for the engine's own limit.
    #[serde(default)]
    pub max_output_tokens: MaybeUndefined<i64>,
    /// `null` for the model's own.
    #[serde(default)]
    pub temperature: MaybeUndefined<f64>,
}

impl From<PromptChange> for PromptPatch {
    fn from(change: PromptChange) -> Self {
        Self {
            slug: change.slug,
            name: change.name,
            description: change.description,
            system: change.system,
            user: change.user,
            variables: change.variables.map(|schema| schema.0),
            output_schema: said(change.output_schema).map(|schema| schema.map(|schema| schema.0)),
            max_output_tokens: said(change.max_output_tokens),
            temperature: said(change.temperature),
        }
    }
}

fn said<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl Example for PromptChange {
    fn example() -> Self {
        Self {
            slug: None,
            name: None,
            description: Some("Answers a customer in the tone that is asked for.".to_owned()),
            system: None,
            user: None,
            variables: None,
            output_schema: MaybeUndefined::Undefined,
            max_output_tokens: MaybeUndefined::Value(400),
            temperature: MaybeUndefined::Undefined,
        }
    }
}

/// A prompt in a list, at one of its versions. A GET of the prompt, or of the version, has its templates and schemas too.
#[derive(Debug, Clone, Object)]
pub struct PromptEntry {
    pub id: Uuid,
    /// The short name for addresses.
    pub slug: String,
    pub version: i64,
    pub name: String,
    pub description: String,
    pub created_at: OffsetDateTime,
    /// When this version was made.
    pub updated_at: OffsetDateTime,
}

impl From<domain::PromptEntry> for PromptEntry {
    fn from(entry: domain::PromptEntry) -> Self {
        Self {
            id: entry.id.0,
            slug: entry.slug.to_string(),
            version: entry.version,
            name: entry.name,
            description: entry.description,
            created_at: entry.created_at.as_offset_date_time(),
            updated_at: entry.updated_at.as_offset_date_time(),
        }
    }
}

/// A page of prompts, or of the versions of one.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PromptPage {
    pub items: Vec<PromptEntry>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
