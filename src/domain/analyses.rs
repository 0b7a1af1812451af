//! An analysis: one recorded answer, with everything needed to say later what was asked and what answered.

use super::{
    Timestamp,
    answers::{Classification, Generation, Summary, SummaryOptions},
    identifiers::{AnalysisId, ApiKeyId, CollectionId, DocumentId, PromptId, TaxonomyId, UserId},
    labels::LabelId,
    money::MicroDollars,
    principal::{Principal, PrincipalId},
    usage::Usage,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

/// The most inputs of one request.
pub const LARGEST_ANALYSIS_BATCH: usize = 96;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AnalysisKind {
    Summary,
    Classification,
    Generation,
}

impl AnalysisKind {
    pub const ALL: [Self; 3] = [Self::Summary, Self::Classification, Self::Generation];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Classification => "classification",
            Self::Generation => "generation",
        }
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisOutput {
    Summary(Summary),
    Classification(Classification),
    Generation(Generation),
}

/// What was wanted beyond the kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisOptions {
    Summary(SummaryOptions),
    Classification {
        threshold: f64,
        /// The labels of a set that is stored nowhere else.
        inline_labels: Option<Vec<super::labels::Label>>,
        #[serde(default, skip_serializing_if = "is_false")]
        multi_label: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        rationale: bool,
    },
    Generation {
        /// SHA-256 of the variables in hexadecimal: what they said is kept nowhere.
        variables_hash: String,
        max_output_tokens: Option<u32>,
        temperature: Option<f32>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this form")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Analysis {
    pub id: AnalysisId,
    pub kind: AnalysisKind,
    /// `None` for a text that was sent along and is stored nowhere.
    pub document_id: Option<DocumentId>,
    pub document_version: Option<i64>,
    /// SHA-256 of the text that was analysed, in hexadecimal.
    pub input_hash: String,
    pub engine: String,
    pub model: String,
    pub taxonomy_id: Option<TaxonomyId>,
    pub taxonomy_version: Option<i64>,
    /// The label, for a classification that did not abstain.
    pub label: Option<LabelId>,
    /// A probability, for a classification.
    pub confidence: Option<f64>,
    pub options: Json<AnalysisOptions>,
    pub output: Json<AnalysisOutput>,
    /// How long the engine took, in microseconds.
    pub duration_us: i64,
    /// Whether another engine than the wanted one had to answer.
    pub degraded: bool,
    /// Why, in a few words.
    pub degraded_reason: Option<String>,
    pub prompt_id: Option<PromptId>,
    pub prompt_version: Option<i64>,
    #[sqlx(flatten)]
    pub usage: RecordedUsage,
    /// SHA-256 over everything that the answer depends on; `None` for one that is not given again.
    pub cache_key: Option<Vec<u8>>,
    pub trace_id: Option<String>,
    /// The API key that asked.
    pub created_by: Option<ApiKeyId>,
    /// The person who asked, or whose API key did.
    pub created_by_user: Option<UserId>,
    pub created_at: Timestamp,
}

/// An analysis that any number of requests are given, with its JSON as it was written for the first of them.
#[derive(Debug)]
pub struct SharedAnalysis {
    analysis: Analysis,
    written: OnceLock<Bytes>,
}

impl SharedAnalysis {
    #[must_use]
    pub fn new(analysis: Analysis) -> Arc<Self> {
        Arc::new(Self {
            analysis,
            written: OnceLock::new(),
        })
    }

    /// Its JSON for clients; `write` is asked for it once.
    pub fn written(&self, write: impl FnOnce(&Analysis) -> Bytes) -> Bytes {
        self.written.get_or_init(|| write(&self.analysis)).clone()
    }

    /// The analysis itself, copied if others have it too.
    #[must_use]
    pub fn into_analysis(this: Arc<Self>) -> Analysis {
        match Arc::try_unwrap(this) {
            Ok(only) => only.analysis,
            Err(shared) => shared.analysis.clone(),
        }
    }
}

impl Deref for SharedAnalysis {
    type Target = Analysis;

    fn deref(&self) -> &Analysis {
        &self.analysis
    }
}

/// What an answer used, as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct RecordedUsage {
    pub input_tokens: i64,
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    pub cost_microdollars: MicroDollars,
    pub calls: i64,
    pub usage_estimated: bool,
}

impl From<Usage> for RecordedUsage {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.tokens.input,
            cached_input_tokens: usage.tokens.cached_input,
            output_tokens: usage.tokens.output,
            cost_microdollars: usage.cost,
            calls: usage.calls.into(),
            usage_estimated: usage.estimated,
        }
    }
}

impl Analysis {
    /// The text that was written or chosen; a classification has none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.output.0 {
            AnalysisOutput::Summary(summary) => Some(&summary.text),
            AnalysisOutput::Generation(generation) => Some(&generation.text),
            AnalysisOutput::Classification(_) => None,
        }
    }

    /// Whether it was this principal that asked.
    #[must_use]
    pub fn made_by(&self, principal: &Principal) -> bool {
        match principal.id {
            PrincipalId::Key(id) => self.created_by == Some(id),
            PrincipalId::User(id) => self.created_by_user == Some(id),
            PrincipalId::Operator => false,
        }
    }
}

/// Which analyses a list shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AnalysisFilter {
    pub collection_id: Option<CollectionId>,
    pub document_id: Option<DocumentId>,
    pub taxonomy_id: Option<TaxonomyId>,
    pub kind: Option<AnalysisKind>,
    pub label: Option<String>,
    pub engine: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}
