//! Asking a model until it says something that can be used: at most twice.

use super::{
    Model, TaskError,
    cleaning::{Cleaner, without_marks},
};
use crate::engines::chat::{ChatFormat, ChatMessage, ChatReply, ChatRequest, ChatRole, Finish};

/// How much of an answer that was none is shown to the model again, in characters.
const SHOWN_AGAIN: usize = 600;
/// How much of it is looked at, in bytes: longer answers to a question that has a short one are none.
pub const LONGEST_SHORT_ANSWER: usize = 64 * 1024;

/// A request at temperature 0, where tasks do not want variety.
#[must_use]
pub fn request(messages: Vec<ChatMessage>, max_output_tokens: u32, format: ChatFormat) -> ChatRequest {
    ChatRequest {
        messages,
        max_output_tokens,
        temperature: Some(0.0),
        format,
        logprobs: false,
    }
}

/// Asks for text. Nothing, or white space, is asked for once more.
pub async fn ask_text(model: &dyn Model, request: ChatRequest, hand_on: bool) -> Result<ChatReply, TaskError> {
    let marks = Cleaner::new(&request.messages);
    let mut reply = ask_once(model, request.clone(), hand_on).await?;
    reply.text = marks.clone().all(&reply.text);
    if !spoken(&reply.text).trim().is_empty() {
        return Ok(reply);
    }
    reply = ask_once(model, with_more_room(model, request, reply.finish), hand_on).await?;
    reply.text = marks.all(&reply.text);
    if spoken(&reply.text).trim().is_empty() {
        return Err(TaskError::Unusable("the model answered nothing, twice".to_owned()));
    }
    Ok(reply)
}

/// Asks for something that `check` can read. If it cannot, the model is shown its answer and what is wrong with it, once.
pub async fn ask_checked<T: Send>(
    model: &dyn Model,
    mut request: ChatRequest,
    check: impl Fn(&ChatReply) -> Result<T, String> + Send + Sync,
) -> Result<T, TaskError> {
    let reply = without_marks(ask_once(model, request.clone(), false).await?, &request.messages);
    let wrong = match checked(&reply, &check) {
        Ok(answer) => return Ok(answer),
        Err(wrong) => wrong,
    };
    request = with_more_room(model, request, reply.finish);
    let said: String = spoken(&reply.text).trim().chars().take(SHOWN_AGAIN).collect();
    if !said.is_empty() {
        request.messages.push(ChatMessage {
            role: ChatRole::Assistant,
            content: said,
        });
        request.messages.push(ChatMessage {
            role: ChatRole::User,
            content: format!(
                "This answer cannot be used: {wrong}. Do the same task again and answer with the JSON alone, in the form that \
                 was asked for."
            ),
        });
    }
    let messages = request.messages.clone();
    let reply = without_marks(ask_once(model, request, false).await?, &messages);
    checked(&reply, &check).map_err(|wrong| TaskError::Unusable(format!("two answers could not be used: {wrong}")))
}

/// The answer without what some models think aloud before it.
#[must_use]
pub fn spoken(text: &str) -> &str {
    let begun = text.trim_start();
    match begun.strip_prefix("<think>") {
        Some(thoughts) => thoughts.split_once("</think>").map_or("", |(_, answer)| answer),
        None => text,
    }
}

fn checked<T>(
    reply: &ChatReply,
    check: &(impl Fn(&ChatReply) -> Result<T, String> + Send + Sync),
) -> Result<T, String> {
    if spoken(&reply.text).trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    check(reply).map_err(|wrong| match reply.finish {
        Finish::Length => format!("{wrong}, as it was cut off at the most tokens allowed; it must be shorter"),
        Finish::Stop | Finish::ContentFilter => wrong,
    })
}

async fn ask_once(model: &dyn Model, request: ChatRequest, hand_on: bool) -> Result<ChatReply, TaskError> {
    let reply = model.chat(request, hand_on, model.cancel()).await?;
    if reply.finish == Finish::ContentFilter {
        return Err(TaskError::Unusable(
            "the provider's content filter held the answer back".to_owned(),
        ));
    }
    Ok(reply)
}

/// A model that thinks before it answers may have spent all its tokens on that.
fn with_more_room(model: &dyn Model, mut request: ChatRequest, finish: Finish) -> ChatRequest {
    if finish == Finish::Length {
        let most = model.max_output_tokens().min(model.context_tokens() / 4);
        request.max_output_tokens = request.max_output_tokens.max(most);
    }
    request
}
