//! What a model is told to do and what its answer is worth: summaries, classifications and generated texts over chat calls.
//! A text is data here. It stands between marks that nobody can guess, and an answer that is not of the wanted form is no answer.
//!
//! [`summarize`] has the model write (`writing`) or choose sentences (`choosing`); what it wrote is compared with the source by
//! the embedded engine. [`classify`] enumerates the labels (`label_prompt`), reads the answer (`label_answer`) and its certainty
//! (`confidence`). [`generate`] sends a rendered prompt and holds JSON to its schema. All of them ask through `asking`, which
//! takes out of answers what is not for people (`cleaning`).

mod apart;
mod asking;
mod choosing;
mod classification;
mod cleaning;
mod confidence;
mod generation;
mod json;
mod label_answer;
mod label_prompt;
mod marks;
mod parts;
mod splitting;
mod summary;
mod tokens;
mod wording;
mod writing;

#[cfg(test)]
mod context_tests;
#[cfg(test)]
mod scripted;

pub use classification::classify;
pub use cleaning::Cleaner;
pub use generation::generate;
pub use summary::{Summarized, summarize};

use super::chat::{ChatReply, ChatRequest, FailureKind};
use crate::domain::Error;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A model with the limits, retries and books of its provider around it.
pub trait Model: Send + Sync {
    /// How many tokens of input and output fit together.
    fn context_tokens(&self) -> u32;

    /// How many tokens it may write at most.
    fn max_output_tokens(&self) -> u32;

    /// Is cancelled when the answer is given up.
    fn cancel(&self) -> CancellationToken;

    /// Sends the request, again if need be. With `hand_on`, pieces of the answer go to whoever waits for them, as they come. It must
    /// be driven to its end, or what was set aside for it stays so; it ends soon after `cancel` is cancelled, which is [`Self::cancel`]
    /// or a child of it.
    fn chat(
        &self,
        request: ChatRequest,
        hand_on: bool,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<ChatReply, TaskError>>;
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
        /// Whether pieces of an answer were handed on, by this call or one before it.
        began: bool,
    },
    /// The provider was not asked: it is resting after failures, too much waits for it, or its context has no room for the question.
    Unavailable {
        /// In words that follow "was not asked:".
        why: String,
        retry_after: Option<Duration>,
    },
    /// It answered, twice, with something that is no answer: a label outside the set, JSON that is none.
    Unusable(String),
}

impl TaskError {
    /// What must be said beside the text does not fit into the model's context, however short the text.
    fn no_room(why: impl Into<String>) -> Self {
        Self::Unavailable {
            why: why.into(),
            retry_after: None,
        }
    }

    /// It was given up here.
    pub(super) fn cancelled() -> Self {
        Self::Failed {
            kind: FailureKind::Cancelled,
            detail: "it was given up".to_owned(),
            began: false,
        }
    }

    /// Whether less text may be asked about instead. What was handed on cannot be taken back, so nothing may have been.
    fn is_too_long(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                kind: FailureKind::ContextExceeded,
                began: false,
                ..
            }
        )
    }
}
