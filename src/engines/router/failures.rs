//! What went wrong, in words.

use crate::{
    domain::Error,
    engines::{chat::FailureKind, tasks::TaskError},
};
use std::{borrow::Cow, time::Duration};

/// What went wrong so far with those that were asked.
#[derive(Default)]
pub(super) struct Failures {
    words: Vec<String>,
    /// When the first of them that said so may be asked again.
    retry_after: Option<Duration>,
}

impl Failures {
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn add(&mut self, words: String, error: &TaskError) {
        self.words.push(words);
        self.retry_after = self.retry_after.or(wait_of(error));
    }

    /// All of them, for people.
    pub fn in_words(&self) -> String {
        self.words.join("; ")
    }

    pub fn into_error(self) -> Error {
        Error::Upstream {
            message: self.in_words(),
            retry_after: self.retry_after,
        }
    }
}

pub(super) fn given_up() -> Error {
    Error::Unavailable {
        message: Cow::Borrowed("the answer was given up, because nobody waits for it any more"),
        source: None,
    }
}

/// What a provider did, for people.
pub(super) fn in_words(provider: &str, error: &TaskError) -> String {
    match error {
        TaskError::Final(error) => error.to_string(),
        TaskError::Failed { kind, .. } => {
            let what = match kind {
                FailureKind::Unreachable => "cannot be reached",
                FailureKind::RateLimited { .. } => "takes no more requests at present",
                FailureKind::OutOfQuota => "has no quota left",
                FailureKind::ServerError { .. } => "failed",
                FailureKind::TimedOut => "took too long",
                FailureKind::Broken => "broke off its answer",
                FailureKind::ContextExceeded => "cannot take a text of this length",
                FailureKind::Unauthorized => "does not accept the configured key",
                FailureKind::Refused { .. } => "refused the request",
                FailureKind::Cancelled => "was given up",
            };
            format!("the provider `{provider}` {what}")
        }
        TaskError::Unavailable { why, .. } => format!("the provider `{provider}` was not asked: {why}"),
        TaskError::Unusable(why) => format!("the provider `{provider}` gave no usable answer: {why}"),
    }
}

fn wait_of(error: &TaskError) -> Option<Duration> {
    match error {
        TaskError::Failed {
            kind: FailureKind::RateLimited { retry_after } | FailureKind::ServerError { retry_after, .. },
            ..
        }
        | TaskError::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}
