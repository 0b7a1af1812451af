//! One call to a chat model: what is sent, what comes back, what can go wrong. The words between those who know what to ask
//! (summaries, classifications, generated texts) and those who know how to reach a provider.

use crate::domain::usage::Tokens;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a model is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub messages: Vec<ChatMessage>,
    /// The model may write at most as many tokens.
    pub max_output_tokens: u32,
    /// 0 to 2; `None` for the model's own.
    pub temperature: Option<f32>,
    pub format: ChatFormat,
    /// Whether the probability of each token is wanted.
    pub logprobs: bool,
    /// The random marks around the data in the messages, which are not for people and no part of an answer.
    pub marks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    pub role: ChatRole,
    pub content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatRole {
    /// Instructions of the platform or of a prompt's author.
    System,
    /// The task with its data.
    User,
    /// What the model said before, for a second try.
    Assistant,
}

/// In what form a model is to answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatFormat {
    Text,
    /// JSON that fits the schema. Not every server enforces it: the answer must be checked all the same.
    Json {
        /// Letters, digits and `_`, as the field `json_schema.name` wants it.
        name: &'static str,
        schema: Arc<Value>,
    },
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    pub text: String,
    pub finish: Finish,
    pub used: Used,
    /// The tokens of `text` in order, where the server gives their probabilities; else empty. White space around the text may be
    /// missing from one and not from the other.
    pub logprobs: Vec<TokenLogprob>,
    /// From sending the request to the first piece of text.
    pub first_piece_after: Option<Duration>,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// `max_output_tokens` were written, or the context is full.
    Length,
    /// The provider held the rest back.
    ContentFilter,
}

/// A token and the natural logarithm of its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    pub token: String,
    pub logprob: f64,
}

/// What a call used, also one that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    pub tokens: Tokens,
    /// Counted here with a tokenizer, because the provider did not say.
    pub estimated: bool,
}

/// A call without an answer, and what it used all the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatFailure {
    pub kind: FailureKind,
    /// For the log and the operator: what the provider did, without texts and keys.
    pub detail: String,
    pub used: Used,
    /// Whether any of an answer had come.
    pub alive: bool,
    /// Whether pieces of the answer had been handed on, which cannot be taken back.
    pub began: bool,
}

/// What went wrong at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection, or it broke before the answer began.
    Unreachable,
    /// 429; with what `Retry-After` says.
    RateLimited { retry_after: Option<Duration> },
    /// 429, because what the account may use is used up: that does not pass by itself.
    OutOfQuota,
    /// 408, or 500 to 599; with what `Retry-After` says.
    ServerError { status: u16, retry_after: Option<Duration> },
    /// Nothing came for too long.
    TimedOut,
    /// The answer ended in the middle, or cannot be read.
    Broken,
    /// The text does not fit into the model's context.
    ContextExceeded,
    /// 401 or 403: the key is missing, wrong or may not do this.
    Unauthorized,
    /// Another 4xx: the request as such is not accepted.
    Refused { status: u16 },
    /// It was given up here.
    Cancelled,
}

impl FailureKind {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::OutOfQuota => "out_of_quota",
            Self::ServerError { .. } => "server_error",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::ContextExceeded => "context_exceeded",
            Self::Unauthorized => "unauthorized",
            Self::Refused { .. } => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same call may be sent to the same provider again. A call that timed out may still be worked on there, and a
    /// refusal stays one.
    #[must_use]
    pub fn may_be_repeated(self) -> bool {
        match self {
            Self::Unreachable | Self::RateLimited { .. } | Self::ServerError { .. } | Self::Broken => true,
            Self::OutOfQuota
            | Self::TimedOut
            | Self::ContextExceeded
            | Self::Unauthorized
            | Self::Refused { .. }
            | Self::Cancelled => false,
        }
    }

    /// Whether it says that the provider is unwell, rather than that this one request is.
    #[must_use]
    pub fn blames_provider(self) -> bool {
        match self {
            Self::Unreachable
            | Self::RateLimited { .. }
            | Self::OutOfQuota
            | Self::ServerError { .. }
            | Self::TimedOut
            | Self::Broken
            | Self::Unauthorized => true,
            Self::ContextExceeded | Self::Refused { .. } | Self::Cancelled => false,
        }
    }
}

/// Takes the pieces of an answer as they come.
pub type PieceSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A model that can be called.
pub trait ChatModel: Send + Sync {
    /// Makes one call: sends the request once, and returns what came of it. It ends soon after it is cancelled, and never later than
    /// the provider's time limits.
    fn call<'a>(
        &'a self,
        request: &'a ChatRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<ChatReply, ChatFailure>>;
}

/// What goes along with a call.
#[derive(Clone)]
pub struct CallContext {
    /// Gives the call up: the connection is closed, so that the provider stops too.
    pub cancel: CancellationToken,
    pub pieces: Option<PieceSink>,
}
