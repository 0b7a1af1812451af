//! Templates of prompts and the JSON schemas beside them: whether they are sound, and what they make of the variables and the
//! document of a request. Pure functions, with bounds on time and memory for whatever somebody has written into a template.
//!
//! Instructions and data must stay apart for a model, too. Text that is data stands between lines that hold a marker, which nobody
//! who wrote the data can have known.

mod rendering;
mod schemas;
#[cfg(test)]
mod schemas_tests;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

pub use schemas::{LARGEST_VARIABLES, MOST_VALUES, validate_variables};

use crate::domain::{
    Error, Result,
    errors::Checks,
    prompts::{Prompt, PromptFields, Schema},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};

/// The name of the document in templates.
pub const DOCUMENT: &str = "document";

/// What fills a prompt.
#[derive(Debug, Clone, Default)]
pub struct PromptInput {
    pub variables: Map<String, Value>,
    pub document: Option<PromptDocument>,
}

/// The text that a prompt is about.
#[derive(Debug, Clone)]
pub struct PromptDocument {
    pub title: Option<String>,
    pub text: Arc<str>,
    pub attributes: Map<String, Value>,
}

/// The messages of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Empty when there is nothing to say.
    pub system: String,
    pub user: String,
    /// The texts that stand between markers, in their order, those of the system message first.
    pub data: Vec<Arc<str>>,
    /// What is in those lines.
    pub marker: String,
    /// Whether there is a document; one that no template mentions is in the user message all the same.
    pub used_document: bool,
}

/// What came of rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendering {
    Done(Rendered),
    /// The marker occurs in what was written. Try again with another one.
    MarkerTaken,
}

/// Checks templates and schemas: that they can be read, do nothing that is not offered, and fit each other.
///
/// # Errors
/// `Error::Invalid` with every field that cannot be accepted.
pub fn check(fields: &PromptFields) -> Result<()> {
    let mut checks = Checks::default();
    checks.take("", schemas::check_variables_schema("/variables", &fields.variables))?;
    if let Some(schema) = &fields.output_schema {
        checks.take("", schemas::check_schema("/output_schema", schema))?;
    }
    for (pointer, template) in [("/system", &fields.system), ("/user", &fields.user)] {
        let used = checks.take("", syntax::check(pointer, template))?.unwrap_or_default();
        checks.take("", check_declared(pointer, &used, &fields.variables))?;
    }
    checks.finish()
}

fn check_declared(pointer: &str, used: &BTreeSet<String>, schema: &Schema) -> Result<()> {
    let declared = |name: &str| {
        schema
            .get("properties")
            .is_some_and(|properties| properties.get(name).is_some())
    };
    let unknown: Vec<&str> = used
        .iter()
        .map(String::as_str)
        .filter(|name| *name != DOCUMENT && !declared(name))
        .take(20)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names = unknown.join("`, `");
    let message = format!("uses `{names}`, which `/variables/properties` does not declare");
    Err(Error::invalid(pointer, message))
}

/// Fills the templates of a prompt. The same input and marker give the same messages.
///
/// `marker` must be random, different for every call, and unknown to those who wrote the document and the variables: at least 16
/// letters and digits. A document that the templates do not mention comes last in the user message.
///
/// # Errors
/// `Error::Invalid` when the variables do not fit, or when rendering takes too many steps or too much room.
pub fn render(prompt: &Prompt, input: &PromptInput, marker: &str) -> Result<Rendering> {
    validate_variables(&prompt.variables, &input.variables)?;
    rendering::render(prompt, input, marker)
}
