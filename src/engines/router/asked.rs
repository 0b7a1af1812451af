//! What came of asking one model, or two beside each other.

use super::{
    ModelInUse,
    candidates::{Answer, Said},
};
use crate::{
    domain::usage::Usage,
    engines::{chat::FailureKind, tasks::TaskError},
};
use std::sync::Arc;

type Outcome = Result<Said, TaskError>;

/// What became of the models that were asked at a time, in the order in which they were done.
pub(super) struct Asked {
    pub outcomes: Vec<(ModelInUse, Outcome)>,
    pub usage: Usage,
    /// Whether pieces of an answer were handed on.
    pub began: bool,
}

impl Asked {
    pub fn one(model: &ModelInUse, answer: Answer) -> Self {
        Self {
            outcomes: vec![(model.clone(), answer.outcome)],
            usage: answer.usage,
            began: answer.began,
        }
    }

    pub fn and(mut self, other: Self) -> Self {
        self.outcomes.extend(other.outcomes);
        self.usage += other.usage;
        self.began |= other.began;
        self
    }

    pub fn is_answered(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| outcome.is_ok())
    }

    /// Whether this model was asked, and not passed over.
    pub fn was_asked(&self, model: &ModelInUse) -> bool {
        self.outcomes.iter().any(|(asked, outcome)| {
            Arc::ptr_eq(&asked.provider, &model.provider)
                && asked.handle.name() == model.handle.name()
                && !matches!(outcome, Err(TaskError::Unavailable { .. }))
        })
    }

    /// As if those had not been asked whom no budget held; what they used before counts.
    pub fn without_refused(mut self) -> Self {
        self.outcomes
            .retain(|(_, outcome)| !matches!(outcome, Err(TaskError::Final(_))));
        self
    }

    /// Those that were given up have taken too long.
    pub fn took_too_long(mut self) -> Self {
        for (_, outcome) in &mut self.outcomes {
            if let Err(TaskError::Failed { kind, .. }) = outcome
                && *kind == FailureKind::Cancelled
            {
                *kind = FailureKind::TimedOut;
            }
        }
        self
    }

    /// Answers before failures.
    pub fn best_first(mut self) -> Vec<(ModelInUse, Outcome)> {
        self.outcomes.sort_by_key(|(_, outcome)| outcome.is_err());
        self.outcomes
    }
}
