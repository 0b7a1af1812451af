//! What an engine is asked, and what it answers with: the same for the embedded engine and for every model.

use super::LabelSet;
use crate::domain::{
    analyses::AnalysisKind,
    answers::{ClassificationOptions, SummaryOptions},
};
use serde_json::Value;
use std::sync::Arc;

/// One thing that is wanted of one text.
#[derive(Debug, Clone)]
pub enum Question {
    Summary {
        text: Arc<str>,
        options: SummaryOptions,
    },
    Classification {
        text: Arc<str>,
        labels: LabelSet,
        options: ClassificationOptions,
    },
    Generation(GenerationQuestion),
}

/// A prompt that was rendered, ready to be sent.
#[derive(Debug, Clone)]
pub struct GenerationQuestion {
    /// Instructions; empty for none.
    pub system: String,
    pub user: String,
    /// The texts that the prompt treats as data, without the marks around them.
    pub data: Vec<Arc<str>>,
    /// The random marks around them, which are no part of an answer.
    pub marks: Vec<String>,
    /// The answer must be JSON that fits; `None` for text.
    pub output_schema: Option<Arc<Value>>,
    /// At most as many tokens; `None` for the model's own limit.
    pub max_output_tokens: Option<u32>,
    /// 0 to 2; `None` for 0.
    pub temperature: Option<f32>,
}

impl Question {
    #[must_use]
    pub fn kind(&self) -> AnalysisKind {
        match self {
            Self::Summary { .. } => AnalysisKind::Summary,
            Self::Classification { .. } => AnalysisKind::Classification,
            Self::Generation(_) => AnalysisKind::Generation,
        }
    }
}
