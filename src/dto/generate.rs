//! Bodies of `POST /api/generate`.

use super::{
    analyses::{EXAMPLE_TEXT, input},
    asking::{Cache, choices},
    prompts::any_object,
};
use crate::{
    domain::{
        Result,
        text_fields::{NameOrId, Slug, check_required_text},
    },
    services::generations::Commission,
};
use poem_openapi::{
    Object,
    types::{Any, Example},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A text to be written after a prompt.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct GenerateRequest {
    /// Slug or id of a stored prompt.
    #[oai(validator(max_length = 64))]
    pub prompt: String,
    /// A version of it; the newest when left out.
    #[serde(default)]
    pub prompt_version: Option<i64>,
    /// What the prompt asks for, as its schema has it.
    #[serde(default = "no_values", deserialize_with = "any_object")]
    #[oai(default = "no_values")]
    pub variables: Any<Map<String, Value>>,
    /// The text that it is about; or name a stored document with `document_id`. Some prompts need neither.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: Option<String>,
    /// A stored document.
    #[serde(default)]
    pub document_id: Option<Uuid>,
    /// At most as many tokens; the prompt's own limit when left out, else the model's.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    pub max_output_tokens: Option<u32>,
    /// 0 for the same answer each time, as far as the model can, to 2; the prompt's own when left out, else 0.
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "2")))]
    pub temperature: Option<f32>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Whether an answer of a model that was given before will do, and whether this one is kept; `on` when left out.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How old an answer may be that was given before, in seconds.
    #[serde(default)]
    pub max_age: Option<u64>,
}

fn no_values() -> Any<Map<String, Value>> {
    Any(Map::new())
}

impl GenerateRequest {
    /// # Errors
    /// `Error::Invalid` with the field that cannot be accepted.
    pub fn into_domain(self) -> Result<Commission> {
        check_required_text("/prompt", &self.prompt, Slug::LONGEST)?;
        let (engine, cache) = choices(self.engine.as_deref(), self.cache, self.max_age)?;
        let input = match (self.text, self.document_id) {
            (None, None) => None,
            (text, document_id) => Some(input(text, document_id)?),
        };
        Ok(Commission {
            prompt: NameOrId::parse(&self.prompt),
            version: self.prompt_version,
            variables: self.variables.0,
            input,
            max_output_tokens: self.max_output_tokens,
            temperature: self.temperature,
            engine,
            cache,
        })
    }
}

impl Example for GenerateRequest {
    fn example() -> Self {
        let variables = json!({"tone": "friendly", "product": "Parcelmate"});
        Self {
            prompt: "ticket-reply".to_owned(),
            prompt_version: None,
            variables: Any(variables.as_object().cloned().unwrap_or_default()),
            text: Some(EXAMPLE_TEXT.to_owned()),
            document_id: None,
            max_output_tokens: None,
            temperature: None,
            engine: None,
            cache: None,
            max_age: None,
        }
    }
}
