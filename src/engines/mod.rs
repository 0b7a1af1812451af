//! What answers: the embedded engine, which is always there, with no key and no network, and the models of configured providers. The
//! services ask the router, which knows them all.

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

use crate::domain::{identifiers::TaxonomyId, labels::Label};
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
