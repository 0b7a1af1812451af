//! What an analysis is asked for: of which text, and what.

use crate::{
    domain::{
        analyses::{AnalysisKind, AnalysisOptions},
        answers::SummaryOptions,
        documents::Document,
        identifiers::{DocumentId, TaxonomyId},
        labels::Label,
        text_fields::NameOrId,
    },
    engines::LabelSet,
};

/// What is to be analysed.
#[derive(Debug, Clone)]
pub enum Input {
    /// A text that is stored nowhere.
    Text(String),
    /// A stored document, by id.
    Document(DocumentId),
}

/// What is wanted of it.
#[derive(Debug, Clone)]
pub enum Task {
    Summary(SummaryOptions),
    Classification(ClassificationTask),
}

/// Labels to choose from, looked up once for any number of inputs.
#[derive(Debug, Clone)]
pub struct ClassificationTask {
    pub(super) set: LabelSet,
    pub(super) threshold: f64,
    /// The taxonomy and its version, for stored labels.
    pub(super) taxonomy: Option<(TaxonomyId, i64)>,
}

/// Where the labels are.
#[derive(Debug, Clone)]
pub enum LabelSource {
    /// A stored taxonomy, at its newest version unless one is named.
    Taxonomy {
        name: NameOrId<TaxonomyId>,
        version: Option<i64>,
    },
    /// Labels that came with the request.
    Inline(Vec<Label>),
}

impl Task {
    #[must_use]
    pub fn kind(&self) -> AnalysisKind {
        match self {
            Self::Summary(_) => AnalysisKind::Summary,
            Self::Classification(_) => AnalysisKind::Classification,
        }
    }

    pub(super) fn taxonomy(&self) -> Option<(TaxonomyId, i64)> {
        match self {
            Self::Summary(_) => None,
            Self::Classification(task) => task.taxonomy,
        }
    }

    pub(super) fn options(&self) -> AnalysisOptions {
        match self {
            Self::Summary(options) => AnalysisOptions::Summary(options.clone()),
            Self::Classification(task) => AnalysisOptions::Classification {
                threshold: task.threshold,
                inline_labels: task.taxonomy.is_none().then(|| task.set.labels.to_vec()),
                multi_label: false,
                rationale: false,
            },
        }
    }

    /// What of a document is read: the text for a summary, whose sentences are anchored there; the title too for a
    /// classification, which it helps.
    pub(super) fn reads(&self, document: &Document) -> String {
        match self {
            Self::Summary(_) => document.text.clone(),
            Self::Classification(_) => document.title_and_text(),
        }
    }
}
