//! What answers. Services know only the trait; the embedded engine is always there, with no key and no network.

pub mod chat;
pub mod embedded;
mod local;
mod meter;
pub mod openai;
pub mod provider;
mod question;
pub mod router;
pub mod tasks;
pub mod tokenizer;

pub use local::LocalEngine;
pub use meter::{Hold, Meter, NoMeter, PlannedCall, SettledCall};
pub use question::{GenerationQuestion, Question};

use crate::domain::{
    Result,
    answers::{Classification, Summary, SummaryOptions},
    identifiers::TaxonomyId,
    labels::Label,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// A set of labels to choose from, with a name under which what was learnt from it can be kept.
#[derive(Debug, Clone)]
pub struct LabelSet {
    pub key: LabelSetKey,
    pub labels: Arc<[Label]>,
}

/// Names a set of labels that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LabelSetKey {
    /// A version of a stored taxonomy.
    Taxonomy(TaxonomyId, i64),
    /// SHA-256 over labels that came with a request.
    Inline([u8; 32]),
}

/// Something that summarises and classifies.
pub trait Engine: Send + Sync {
    /// The name in answers, filters and metrics.
    fn name(&self) -> &'static str;

    /// Which model, with what distinguishes its versions.
    fn model(&self) -> &'static str;

    fn summarize(&self, text: Arc<str>, options: SummaryOptions) -> BoxFuture<'_, Result<Summary>>;

    /// Chooses one of the labels, or abstains when the best one's probability is below the threshold.
    fn classify(&self, text: Arc<str>, labels: LabelSet, threshold: f64) -> BoxFuture<'_, Result<Classification>>;

    /// The threshold when neither the request nor the taxonomy has one.
    fn default_threshold(&self) -> f64;
}
