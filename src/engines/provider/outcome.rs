//! What comes of asking a provider.

use crate::{
    domain::{Error, money::MicroDollars, usage::Usage},
    engines::chat::{ChatFailure, ChatReply, FailureKind, Used},
};
use std::{sync::Arc, time::Duration};

/// An answer, with what it took to get it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub reply: ChatReply,
    /// Of all attempts together; `reply.used` is the last one's.
    pub usage: Usage,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum CallError {
    /// The books do not allow it; nothing was sent. `Error::OverBudget`, unless the books themselves cannot be kept.
    OverBudget(Error),
    /// The provider failed, with what its attempts used all the same.
    Failed(ChatFailure, Usage),
    /// The provider was not asked.
    Unavailable(Unavailable),
}

/// Why a provider was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable {
    pub reason: UnavailableReason,
    /// When it may be asked again, if that is known.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnavailableReason {
    /// It has failed too often or asked for a pause, and is left alone.
    LeftAlone,
    /// Too many calls wait for it.
    QueueFull,
    /// No turn came within the time that a call may take.
    NoTurn,
}

impl UnavailableReason {
    pub const ALL: [Self; 3] = [Self::LeftAlone, Self::QueueFull, Self::NoTurn];

    /// Its name in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LeftAlone => "left_alone",
            Self::QueueFull => "queue_full",
            Self::NoTurn => "no_turn",
        }
    }
}

/// What one attempt came to, for metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptObservation {
    pub engine: Arc<str>,
    pub model: Arc<str>,
    /// `None` when it was answered.
    pub failure: Option<FailureKind>,
    pub duration: Duration,
    pub first_piece_after: Option<Duration>,
    pub used: Used,
    pub cost: MicroDollars,
    /// Whether it repeats one that failed.
    pub repeated: bool,
}

impl AttemptObservation {
    /// `answered`, or the kind of failure.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        self.failure.map_or("answered", FailureKind::name)
    }
}

/// Something that happened at a provider, for metrics.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// A call was made.
    Attempt(AttemptObservation),
    /// A call was not made.
    TurnedAway {
        engine: Arc<str>,
        reason: UnavailableReason,
    },
}

/// Is told of everything that happens at a provider.
pub type Observer = Arc<dyn Fn(&Observation) + Send + Sync>;
