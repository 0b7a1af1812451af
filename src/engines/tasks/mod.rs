//! What a model is told to do and what its answer is worth: summaries, classifications and generated texts over chat calls.
//! A text is data here. It stands between marks that nobody can guess, and an answer that is not of the wanted form is no answer.

use super::chat::{ChatReply, ChatRequest, FailureKind};
use crate::domain::Error;
use futures_util::future::BoxFuture;

/// A model with the limits, retries and books of its provider around it.
pub trait Model: Send + Sync {
    /// How many tokens of input and output fit together.
    fn context_tokens(&self) -> u32;

    /// How many tokens it may write at most.
    fn max_output_tokens(&self) -> u32;

    /// Sends the request, again if need be. With `hand_on`, pieces of the answer go to whoever waits for them, as they come.
    fn chat(&self, request: ChatRequest, hand_on: bool) -> BoxFuture<'_, Result<ChatReply, TaskError>>;
}

/// Why there is no answer.
#[derive(Debug)]
pub enum TaskError {
    /// Nobody else is to be asked either: a budget is spent, or the request itself cannot be answered.
    Final(Error),
    /// The provider failed; another may do better.
    Failed {
        kind: FailureKind,
        /// Without texts and keys.
        detail: String,
        /// Whether pieces of an answer were handed on.
        began: bool,
    },
    /// The provider was not asked: it is resting after failures, or too much waits for it.
    Unavailable(String),
    /// It answered, twice, with something that is no answer: a label outside the set, JSON that is none.
    Unusable(String),
}
