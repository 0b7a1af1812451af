//! What an analysis is asked for: of which text, what, and of whom.

use crate::{
    domain::{
        analyses::{AnalysisKind, AnalysisOptions},
        answers::{ClassificationOptions, SummaryOptions},
        caching::CachePolicy,
        documents::Document,
        engines::EngineChoice,
        identifiers::{DocumentId, PromptId, TaxonomyId},
        labels::Label,
        text_fields::NameOrId,
    },
    engines::{GenerationQuestion, LabelSet, Question},
};
use std::sync::Arc;

/// What is to be analysed.
#[derive(Debug, Clone)]
pub enum Input {
    /// A text that is stored nowhere.
    Text(String),
    /// A stored document, by id.
    Document(DocumentId),
}

/// What is wanted, of whom, and whether an answer that was given before will do.
#[derive(Debug, Clone)]
pub struct Order {
    pub task: Task,
    pub engine: EngineChoice,
    pub cache: CachePolicy,
}

impl Order {
    /// Asks the embedded engine.
    #[must_use]
    pub fn embedded(task: Task) -> Self {
        Self {
            task,
            engine: EngineChoice::Embedded,
            cache: CachePolicy::default(),
        }
    }
}

/// What is wanted of a text.
#[derive(Debug, Clone)]
pub enum Task {
    Summary(SummaryOptions),
    Classification(ClassificationTask),
    Generation(GenerationTask),
}

/// Labels to choose from, looked up once for any number of inputs.
#[derive(Debug, Clone)]
pub struct ClassificationTask {
    pub(super) set: LabelSet,
    pub(super) options: ClassificationOptions,
    /// The taxonomy and its version, for stored labels.
    pub(super) taxonomy: Option<(TaxonomyId, i64)>,
}

/// A prompt that was rendered for one text.
#[derive(Debug, Clone)]
pub struct GenerationTask {
    pub(super) prompt: (PromptId, i64),
    pub(super) question: GenerationQuestion,
    /// SHA-256 of the variables, in hexadecimal.
    pub(super) variables_hash: String,
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

/// How a classification is wanted, as far as the request says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClassificationWish {
    /// The taxonomy's own, or the engine's, when left out.
    pub threshold: Option<f64>,
    pub multi_label: bool,
    pub rationale: bool,
}

impl Task {
    #[must_use]
    pub fn kind(&self) -> AnalysisKind {
        match self {
            Self::Summary(_) => AnalysisKind::Summary,
            Self::Classification(_) => AnalysisKind::Classification,
            Self::Generation(_) => AnalysisKind::Generation,
        }
    }

    pub(super) fn taxonomy(&self) -> Option<(TaxonomyId, i64)> {
        match self {
            Self::Classification(task) => task.taxonomy,
            Self::Summary(_) | Self::Generation(_) => None,
        }
    }

    pub(super) fn prompt(&self) -> Option<(PromptId, i64)> {
        match self {
            Self::Generation(task) => Some(task.prompt),
            Self::Summary(_) | Self::Classification(_) => None,
        }
    }

    pub(super) fn options(&self) -> AnalysisOptions {
        match self {
            Self::Summary(options) => AnalysisOptions::Summary(options.clone()),
            Self::Classification(task) => AnalysisOptions::Classification {
                threshold: task.options.threshold,
                inline_labels: task.taxonomy.is_none().then(|| task.set.labels.to_vec()),
                multi_label: task.options.multi_label,
                rationale: task.options.rationale,
            },
            Self::Generation(task) => AnalysisOptions::Generation {
                variables_hash: task.variables_hash.clone(),
                max_output_tokens: task.question.max_output_tokens,
                temperature: task.question.temperature,
            },
        }
    }

    /// What of a document is read: the text for a summary, whose sentences are anchored there; the title too for a
    /// classification, which it helps.
    pub(super) fn reads(&self, document: &Document) -> String {
        read_by(self.kind(), document)
    }

    /// The question that an engine is asked.
    pub(super) fn question(&self, text: &Arc<str>) -> Question {
        match self {
            Self::Summary(options) => Question::Summary {
                text: Arc::clone(text),
                options: options.clone(),
            },
            Self::Classification(task) => Question::Classification {
                text: Arc::clone(text),
                labels: task.set.clone(),
                options: task.options,
            },
            Self::Generation(task) => Question::Generation(task.question.clone()),
        }
    }
}

/// What an analysis of a kind reads of a document.
pub(super) fn read_by(kind: AnalysisKind, document: &Document) -> String {
    match kind {
        AnalysisKind::Summary | AnalysisKind::Generation => document.text.clone(),
        AnalysisKind::Classification => document.title_and_text(),
    }
}
