//! Asking a model until it says something that can be used: at most twice.

use super::{
    Model, TaskError,
    cleaning::{Cleaner, without_marks},
    tokens,
};
use crate::engines::chat::{ChatFormat, ChatMessage, ChatReply, ChatRequest, Finish};
use futures_util::future::{self, BoxFuture, FutureExt};

/// How much of it is looked at, in bytes: longer answers to a question that has a short one are none.
pub const LONGEST_SHORT_ANSWER: usize = 64 * 1024;

/// A request at temperature 0, where tasks do not want variety. The marks are those around the data in its messages.
#[must_use]
pub fn request(
    messages: Vec<ChatMessage>,
    marks: Vec<String>,
    max_output_tokens: u32,
    format: ChatFormat,
) -> ChatRequest {
    ChatRequest {
        messages,
        marks,
        max_output_tokens,
        temperature: Some(0.0),
        format,
        logprobs: false,
    }
}

/// Asks for text. Nothing, or white space, is asked for once more; where the tokens ran out, that answer may take `most` of them.
pub async fn ask_text(
    model: &dyn Model,
    request: ChatRequest,
    most: u32,
    hand_on: bool,
) -> Result<ChatReply, TaskError> {
    let marks = Cleaner::new(&request.marks);
    let mut reply = ask_once(model, request.clone(), hand_on).await?;
    reply.text = marks.clone().all(&reply.text);
    if !spoken(&reply.text).trim().is_empty() {
        return Ok(reply);
    }
    let request = within_context(model, with_more_room(request, reply.finish, most)).await?;
    reply = ask_once(model, request, hand_on).await?;
    reply.text = marks.all(&reply.text);
    if spoken(&reply.text).trim().is_empty() {
        return Err(TaskError::Unusable("the model answered nothing, twice".to_owned()));
    }
    Ok(reply)
}

/// Asks for something that `check` can read. If it cannot, the model is told what is wrong, once. It is not shown its answer, which
/// may repeat what the text orders; where that was cut off, the second one may take `most` tokens. `check` puts not a word of the answer into what is wrong, because others read that, too.
pub async fn ask_checked<T: Send + 'static>(
    model: &dyn Model,
    request: ChatRequest,
    most: u32,
    check: impl Fn(&ChatReply) -> Result<T, String> + Send + Sync,
) -> Result<T, TaskError> {
    ask_checked_apart(model, request, most, |reply| future::ready(Ok(check(reply))).boxed()).await
}

/// The same, where checking takes long.
pub async fn ask_checked_apart<T: Send + 'static>(
    model: &dyn Model,
    mut request: ChatRequest,
    most: u32,
    check: impl for<'r> Fn(&'r ChatReply) -> BoxFuture<'r, Result<Result<T, String>, TaskError>> + Send + Sync,
) -> Result<T, TaskError> {
    let reply = without_marks(ask_once(model, request.clone(), false).await?, &request.marks);
    let wrong = match checked(&reply, &check).await? {
        Ok(answer) => return Ok(answer),
        Err(wrong) => wrong,
    };
    request = with_more_room(request, reply.finish, most);
    if !is_silent(&reply)
        && let Some(last) = request.messages.last_mut()
    {
        last.content.push_str("\n\nAn answer to this could not be used: ");
        last.content.push_str(&wrong);
        last.content
            .push_str(". Answer with the JSON alone, in the form that was asked for.");
    }
    request = within_context(model, request).await?;
    let marks = request.marks.clone();
    let reply = without_marks(ask_once(model, request, false).await?, &marks);
    checked(&reply, &check)
        .await?
        .map_err(|wrong| TaskError::Unusable(format!("two answers could not be used: {wrong}")))
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

fn is_silent(reply: &ChatReply) -> bool {
    spoken(&reply.text).trim().is_empty()
}

async fn checked<T>(
    reply: &ChatReply,
    check: &(impl for<'r> Fn(&'r ChatReply) -> BoxFuture<'r, Result<Result<T, String>, TaskError>> + Send + Sync),
) -> Result<Result<T, String>, TaskError> {
    if is_silent(reply) {
        return Ok(Err("it is empty".to_owned()));
    }
    let outcome = check(reply).await?;
    Ok(outcome.map_err(|wrong| match reply.finish {
        Finish::Length => format!("{wrong}, as it was cut off at the most tokens allowed; it must be shorter"),
        Finish::Stop | Finish::ContentFilter => wrong,
    }))
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
fn with_more_room(mut request: ChatRequest, finish: Finish, most: u32) -> ChatRequest {
    if finish == Finish::Length {
        request.max_output_tokens = request.max_output_tokens.max(most);
    }
    request
}

/// With no more output than the context has room for.
async fn within_context(model: &dyn Model, mut request: ChatRequest) -> Result<ChatRequest, TaskError> {
    let schema = match &request.format {
        ChatFormat::Text => String::new(),
        ChatFormat::Json { schema, .. } => schema.to_string(),
    };
    let contents = request.messages.iter().map(|message| message.content.as_str());
    let prompt: Vec<&str> = contents.chain([schema.as_str()]).collect();
    let left = tokens::left_for(model, &prompt, request.max_output_tokens).await?;
    request.max_output_tokens = left.max(1);
    Ok(request)
}
