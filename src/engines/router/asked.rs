//! What came of asking one model, or two beside each other.

use super::{ModelInUse, candidates::Answer};
use crate::{
    domain::{analyses::AnalysisOutput, usage::Usage},
    engines::tasks::TaskError,
};

type Outcome = Result<AnalysisOutput, TaskError>;

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

    /// Answers before failures.
    pub fn best_first(mut self) -> Vec<(ModelInUse, Outcome)> {
        self.outcomes.sort_by_key(|(_, outcome)| outcome.is_err());
        self.outcomes
    }
}
