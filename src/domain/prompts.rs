//! A prompt: the templates of the messages that ask a model for a text, with a schema of what fills them. Every change makes a
//! new version, and versions never change. Whether templates and schemas are sound, `templates` knows.

use super::{
    Timestamp,
    errors::{Checks, Error, Result},
    identifiers::PromptId,
    text_fields::{LONGEST_DESCRIPTION, LONGEST_NAME, Slug, check_required_text, check_text},
};
use serde_json::{Map, Value};
use sqlx::types::Json;

/// The longest template, in characters.
pub const LONGEST_TEMPLATE: usize = 50_000;
/// The largest schema, in bytes of JSON.
pub const LARGEST_SCHEMA: usize = 20_000;
/// The most tokens that a prompt may ask for.
pub const MOST_OUTPUT_TOKENS: i64 = 1_000_000;
/// The highest temperature, as the chat completions API of OpenAI has it.
pub const HIGHEST_TEMPERATURE: f64 = 2.0;

/// A JSON schema (draft 2020-12); one that is an object, not `true` or `false`.
pub type Schema = Map<String, Value>;

/// A prompt at one of its versions, usually the newest.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Prompt {
    pub id: PromptId,
    pub slug: Slug,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub name: String,
    pub description: String,
    /// May be empty.
    pub system_template: String,
    pub user_template: String,
    /// What the variables of a request must be: of the type `object`.
    pub variables: Json<Schema>,
    /// What an answer must be; it is text without one.
    pub output_schema: Option<Json<Schema>>,
    pub max_output_tokens: Option<i64>,
    pub temperature: Option<f64>,
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

/// A prompt at one of its versions as lists have it: without templates and schemas, of which a page could be large.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PromptEntry {
    pub id: PromptId,
    pub slug: Slug,
    pub version: i64,
    pub name: String,
    pub description: String,
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

impl Prompt {
    /// What a person may choose about it.
    #[must_use]
    pub fn fields(&self) -> PromptFields {
        PromptFields {
            name: self.name.clone(),
            description: self.description.clone(),
            system: self.system_template.clone(),
            user: self.user_template.clone(),
            variables: self.variables.0.clone(),
            output_schema: self.output_schema.as_ref().map(|schema| schema.0.clone()),
            max_output_tokens: self.max_output_tokens,
            temperature: self.temperature,
        }
    }
}

/// What a person may choose about a prompt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PromptFields {
    pub name: String,
    pub description: String,
    pub system: String,
    pub user: String,
    pub variables: Schema,
    pub output_schema: Option<Schema>,
    pub max_output_tokens: Option<i64>,
    pub temperature: Option<f64>,
}

impl PromptFields {
    /// Checks sizes and numbers, and takes the white space around names away.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn check(self) -> Result<Self> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/name", &self.name, LONGEST_NAME))?;
        checks.take("", check_text("/description", &self.description, LONGEST_DESCRIPTION))?;
        checks.take("", check_text("/system", &self.system, LONGEST_TEMPLATE))?;
        checks.take("", check_required_text("/user", &self.user, LONGEST_TEMPLATE))?;
        checks.take("", check_schema_size("/variables", &self.variables))?;
        if let Some(schema) = &self.output_schema {
            checks.take("", check_schema_size("/output_schema", schema))?;
        }
        checks.take("", check_max_output_tokens(self.max_output_tokens))?;
        checks.take("", check_temperature(self.temperature))?;
        checks.finish()?;
        Ok(Self {
            name: self.name.trim().to_owned(),
            description: self.description.trim().to_owned(),
            ..self
        })
    }
}

fn check_schema_size(pointer: &str, schema: &Schema) -> Result<()> {
    let text = serde_json::to_string(schema).map_err(Error::internal)?;
    if text.len() > LARGEST_SCHEMA {
        let size = text.len();
        let message = format!("takes {size} bytes as JSON; at most {LARGEST_SCHEMA} are allowed");
        return Err(Error::invalid(pointer, message));
    }
    if schema.iter().any(|(key, value)| key.contains('\0') || has_nul(value)) {
        return Err(Error::invalid(pointer, "must not contain the character U+0000"));
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn check_max_output_tokens(tokens: Option<i64>) -> Result<()> {
    match tokens {
        Some(tokens) if !(1..=MOST_OUTPUT_TOKENS).contains(&tokens) => Err(Error::invalid(
            "/max_output_tokens",
            format!("must be 1 to {MOST_OUTPUT_TOKENS}"),
        )),
        _ => Ok(()),
    }
}

fn check_temperature(temperature: Option<f64>) -> Result<()> {
    match temperature {
        Some(temperature) if !(0.0..=HIGHEST_TEMPERATURE).contains(&temperature) => Err(Error::invalid(
            "/temperature",
            format!("must be 0 to {HIGHEST_TEMPERATURE}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_that_is_out_of_bounds_is_named() {
        let fields = PromptFields {
            name: " ".to_owned(),
            description: "x".repeat(LONGEST_DESCRIPTION + 1),
            system: "x".repeat(LONGEST_TEMPLATE + 1),
            user: String::new(),
            variables: json!({"title": "a\0"}).as_object().unwrap().clone(),
            output_schema: json!({"title": "x".repeat(LARGEST_SCHEMA)}).as_object().cloned(),
            max_output_tokens: Some(0),
            temperature: Some(f64::NAN),
        };
        let error = fields.check().unwrap_err().to_string();
        for pointer in [
            "/name",
            "/description",
            "/system",
            "/user",
            "/variables",
            "/output_schema",
            "/max_output_tokens",
            "/temperature",
        ] {
            assert!(error.contains(&format!("`{pointer}`")), "{pointer} in {error}");
        }
        let good = PromptFields {
            name: " Reply ".to_owned(),
            system: "é".repeat(LONGEST_TEMPLATE),
            user: "Hello".to_owned(),
            max_output_tokens: Some(MOST_OUTPUT_TOKENS),
            temperature: Some(2.0),
            ..PromptFields::default()
        };
        assert_eq!(good.check().unwrap().name, "Reply");
    }
}
