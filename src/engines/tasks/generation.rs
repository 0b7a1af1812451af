//! Generation by a model after a prompt of the operator's.

use super::{
    Model, TaskError,
    asking::{ask_checked, ask_text, request, spoken},
    json, tokens,
};
use crate::{
    domain::answers::Generation,
    engines::{
        chat::{ChatFormat, ChatMessage, ChatReply, ChatRequest, ChatRole},
        question::GenerationQuestion,
    },
};
use serde_json::Value;
use std::sync::Arc;

/// Fewer tokens than this are no room for an answer.
const LEAST_OUTPUT: u32 = 16;

/// Sends the prompt and returns what the model wrote.
///
/// Text is handed on as it comes and returned as it is, without white space around it; one that reached its token limit is an
/// answer that ends there. JSON is not handed on before it was checked: the schema goes with the request and is said in words,
/// too, for servers that do not enforce it; an answer that does not fit is asked for once more, with what is wrong.
pub async fn generate(model: &dyn Model, question: &GenerationQuestion) -> Result<Generation, TaskError> {
    let mut user = question.user.clone();
    if let Some(schema) = &question.output_schema {
        user.push_str("\n\nAnswer with JSON alone, a value that fits this JSON schema: ");
        user.push_str(&schema.to_string());
    }
    let request = ChatRequest {
        temperature: Some(question.temperature.unwrap_or(0.0)),
        ..request(
            messages(&question.system, user),
            output(model, question)?,
            format(question),
        )
    };
    let Some(schema) = &question.output_schema else {
        let reply = ask_text(model, request, true).await?;
        return Ok(Generation {
            text: spoken(&reply.text).trim().to_owned(),
            json: None,
        });
    };
    ask_checked(model, request, |reply: &ChatReply| checked(spoken(&reply.text), schema)).await
}

fn messages(system: &str, user: String) -> Vec<ChatMessage> {
    let system = (!system.trim().is_empty()).then(|| ChatMessage {
        role: ChatRole::System,
        content: system.to_owned(),
    });
    let user = ChatMessage {
        role: ChatRole::User,
        content: user,
    };
    system.into_iter().chain([user]).collect()
}

fn format(question: &GenerationQuestion) -> ChatFormat {
    match &question.output_schema {
        None => ChatFormat::Text,
        Some(schema) => ChatFormat::Json {
            name: "generation",
            schema: Arc::clone(schema),
        },
    }
}

/// As much as is wanted and allowed, and what the prompt leaves of the context.
fn output(model: &dyn Model, question: &GenerationQuestion) -> Result<u32, TaskError> {
    let wanted = question
        .max_output_tokens
        .unwrap_or(u32::MAX)
        .min(model.max_output_tokens())
        .max(1);
    // A prompt of fewer bytes than there is room has fewer tokens, too: no need to count.
    let bytes = question.system.len() + question.user.len();
    let context = usize::try_from(model.context_tokens()).unwrap_or(usize::MAX);
    if bytes + usize::try_from(wanted).unwrap_or(usize::MAX) < context / 2 {
        return Ok(wanted);
    }
    let left = tokens::left(model, &[&question.system, &question.user]);
    if left < LEAST_OUTPUT.min(wanted) {
        return Err(TaskError::too_long(format!(
            "the prompt leaves no room for an answer in a context of {context} tokens"
        )));
    }
    Ok(wanted.min(left))
}

/// The first value that fits; what is wrong with the first one when none does.
fn checked(said: &str, schema: &Value) -> Result<Generation, String> {
    let mut wrong = None;
    for found in json::values_in(said) {
        match json::validate(schema, &found.value) {
            Ok(()) => {
                return Ok(Generation {
                    text: said[found.range].to_owned(),
                    json: Some(found.value),
                });
            }
            Err(reason) => wrong = wrong.or(Some(reason)),
        }
    }
    Err(wrong.unwrap_or_else(|| "it has no JSON".to_owned()))
}

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
