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
mod facts;
mod few_shot;
mod linear;
mod prototypes;
mod selection;
mod several;
mod styles;
mod summary;
mod support;
mod terms;
pub mod vectors;

pub use classify::{Classifier, DEFAULT_THRESHOLD};
pub use several::with_all_labels;
pub use styles::styled_length;

use crate::domain::answers::{Summary, SummaryOptions, SummaryStyle};
use crate::domain::labels::Label;
use std::{ops::Range, sync::Arc};
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

    /// A summary of sentences of `text` that somebody else chose: their places, and the numbers of the chosen ones, best first. It
    /// has as many as are wanted and fit; none when none does.
    #[must_use]
    pub fn extract(&self, text: &str, ranges: &[Range<usize>], chosen: &[usize], options: &SummaryOptions) -> Summary {
        summary::extract(&self.encoder, text, ranges, chosen, options)
    }

    /// A summary of sentences that somebody wrote about `source`, each with how far the source supports it.
    #[must_use]
    pub fn supported(&self, source: &str, written: &[String], style: SummaryStyle) -> Summary {
        Summary {
            text: styles::styled(written, style),
            sentences: Vec::new(),
            written: support::supported(&self.encoder, source, written),
        }
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
