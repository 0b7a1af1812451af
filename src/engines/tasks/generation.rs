//! Generation by a model after a prompt of the operator's.

use super::{
    Model, TaskError, apart,
    asking::{ask_checked_apart, ask_text, request, spoken},
    json, tokens,
};
use crate::{
    domain::answers::Generation,
    engines::{
        chat::{ChatFormat, ChatMessage, ChatReply, ChatRequest, ChatRole},
        question::GenerationQuestion,
    },
    text::json_schema::JsonSchema,
};
use futures_util::FutureExt;
use std::sync::Arc;

/// Fewer tokens than this are no room for an answer.
const LEAST_OUTPUT: u32 = 16;
/// So many JSON values in an answer are compared with the schema.
const MOST_VALUES: usize = 10;

/// Sends the prompt and returns what the model wrote.
///
/// Text is handed on as it comes and returned as it is, without white space around it; one that reached its token limit is an
/// answer that ends there. JSON is not handed on before it was checked: the schema goes with the request and is said in words,
/// too, for servers that do not enforce it; an answer that does not fit is asked for once more, with what is wrong.
pub async fn generate(model: &dyn Model, question: &GenerationQuestion) -> Result<Generation, TaskError> {
    let Some(schema) = &question.output_schema else {
        let output = output(model, question, &question.user, "").await?;
        let messages = messages(&question.system, question.user.clone());
        let request = request(messages, question.marks.clone(), output, ChatFormat::Text);
        // What the caller allows holds for a second try, too.
        let reply = ask_text(model, warm(request, question), output, true).await?;
        return Ok(Generation {
            text: spoken(&reply.text).trim().to_owned(),
            json: None,
        });
    };
    let uncompiled = Arc::clone(schema);
    // Patterns take long to get ready, however short they are.
    let compiled = apart::for_text(usize::MAX, move || JsonSchema::compile(&uncompiled)).await?;
    let compiled =
        compiled.map_err(|wrong| TaskError::Unusable(format!("the schema itself cannot be used: {}", wrong.words)))?;
    let compiled = Arc::new(compiled);
    let in_words = schema.to_string();
    let user = format!(
        "{}\n\nAnswer with JSON alone, a value that fits this JSON schema: {in_words}",
        question.user
    );
    let output = output(model, question, &user, &in_words).await?;
    let format = ChatFormat::Json {
        name: "generation",
        schema: Arc::clone(schema),
    };
    let messages = messages(&question.system, user);
    let request = warm(request(messages, question.marks.clone(), output, format), question);
    ask_checked_apart(model, request, output, |reply: &ChatReply| {
        let (said, schema) = (spoken(&reply.text).to_owned(), Arc::clone(&compiled));
        apart::for_text(said.len(), move || checked(&said, &schema)).boxed()
    })
    .await
}

/// At the temperature that the prompt asks for.
fn warm(request: ChatRequest, question: &GenerationQuestion) -> ChatRequest {
    ChatRequest {
        temperature: question.temperature.or(request.temperature),
        ..request
    }
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

/// As much as is wanted and allowed, and what the prompt leaves of the context. The schema counts beside the prompt, because some
/// providers show it to the model.
async fn output(model: &dyn Model, question: &GenerationQuestion, user: &str, schema: &str) -> Result<u32, TaskError> {
    let wanted = question
        .max_output_tokens
        .unwrap_or(u32::MAX)
        .min(model.max_output_tokens())
        .max(1);
    let left = tokens::left_for(model, &[question.system.as_str(), user, schema], wanted).await?;
    if left < LEAST_OUTPUT.min(wanted) {
        return Err(TaskError::no_room(format!(
            "the prompt leaves no room for an answer in its context of {} tokens",
            model.context_tokens()
        )));
    }
    Ok(left)
}

/// The first value that fits; what is wrong with the first one when none does.
fn checked(said: &str, schema: &JsonSchema) -> Result<Generation, String> {
    let mut wrong = None;
    for found in json::values_in(said).into_iter().take(MOST_VALUES) {
        match json::check(schema, &found.value) {
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
