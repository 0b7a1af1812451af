//! The engine that needs neither a key nor a network: extractive summaries and classification on word vectors that are
//! compiled into the binary.
//!
//! [`EmbeddedEngine`] is asked through `engines::LocalEngine`. A summary goes through `summary` (sentences, TF-IDF, centrality,
//! choice); a classification through `classify`, with a [`Classifier`] fitted once per taxonomy version. Everything is
//! deterministic: the same text and labels give the same answer on every machine.

mod calibration;
mod candidates;
mod centrality;
mod classify;
mod few_shot;
mod linear;
mod prototypes;
mod selection;
mod summary;
mod terms;
pub mod vectors;

pub use classify::{Classifier, DEFAULT_THRESHOLD};

use crate::domain::answers::{Summary, SummaryOptions};
use crate::domain::labels::Label;
use std::sync::Arc;
use vectors::Encoder;

/// Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct EmbeddedEngine {
    encoder: Arc<Encoder>,
}

impl EmbeddedEngine {
    /// Reads the vocabulary, some milliseconds of work; the vectors are used where they are.
    #[must_use]
    pub fn new() -> Self {
        Self {
            encoder: Arc::new(Encoder::new()),
        }
    }

    /// The most central sentences of `text`, word for word; an empty summary for a text without sentences.
    #[must_use]
    pub fn summarize(&self, text: &str, options: &SummaryOptions) -> Summary {
        summary::summarize(&self.encoder, text, options)
    }

    /// Fits a classifier to the labels' names, descriptions and examples. Takes microseconds without examples and up to
    /// about 4 s with thousands (then from fewer of them, see `few_shot`), so keep the result for as long as the taxonomy version is in use.
    #[must_use]
    pub fn classifier(&self, labels: &[Label]) -> Classifier {
        Classifier::fit(Arc::clone(&self.encoder), labels)
    }
}

impl Default for EmbeddedEngine {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_and_classifier_are_shared_between_threads() {
        fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
        let engine = EmbeddedEngine::new();
        shared(&engine);
        shared(&Arc::new(engine.classifier(&[])));
    }
}
