//! Recorded analyses, and how a request names the texts to be analysed.

use super::outputs::{Classification, Generation, Summary, Usage};
use crate::{
    domain::{
        Error, Result,
        analyses::{self as records, AnalysisKind, AnalysisOutput},
        identifiers::{AnalysisId, DocumentId},
    },
    services::analysis_tasks::Input,
};
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// One recorded answer.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Analysis {
    pub id: Uuid,
    pub kind: Kind,
    /// Not there for a text that was sent along and is stored nowhere.
    pub document_id: Option<Uuid>,
    /// The version of the document that was read.
    pub document_version: Option<i64>,
    /// SHA-256 of the text that was read.
    pub input_hash: String,
    /// What answered.
    pub engine: String,
    pub model: String,
    /// Not there for labels that came with the request.
    pub taxonomy_id: Option<Uuid>,
    pub taxonomy_version: Option<i64>,
    /// For the kind `generation`.
    pub prompt_id: Option<Uuid>,
    pub prompt_version: Option<i64>,
    /// The probability of the best label, for a classification, where it is known. A summary has no confidence.
    pub confidence: Option<f64>,
    /// For the kind `summary`.
    pub summary: Option<Summary>,
    /// For the kind `classification`.
    pub classification: Option<Classification>,
    /// For the kind `generation`.
    pub generation: Option<Generation>,
    /// Not there for answers of the embedded engine, which costs nothing.
    pub usage: Option<Usage>,
    /// How long the engine took, in milliseconds.
    pub duration_ms: f64,
    /// Whether another engine than the wanted one had to answer.
    pub degraded: bool,
    /// Why, where it is so.
    pub degraded_reason: Option<String>,
    /// The request that asked, as its logs name it.
    pub trace_id: Option<String>,
    /// The id of the API key that asked. Not there when a person did, who was signed in.
    pub created_by: Option<Uuid>,
    /// The id of the user who asked, or whose API key did. Not there once the user was deleted.
    pub created_by_user: Option<Uuid>,
    pub created_at: OffsetDateTime,
}

/// The address of an analysis.
#[must_use]
pub fn location(id: AnalysisId) -> String {
    format!("/api/analyses/{id}")
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "AnalysisKind")]
pub enum Kind {
    Summary,
    Classification,
    Generation,
}

impl From<Kind> for AnalysisKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Summary => Self::Summary,
            Kind::Classification => Self::Classification,
            Kind::Generation => Self::Generation,
        }
    }
}

impl From<records::Analysis> for Analysis {
    fn from(analysis: records::Analysis) -> Self {
        let (mut summary, mut classification, mut generation) = (None, None, None);
        let kind = match analysis.output.0 {
            AnalysisOutput::Summary(answer) => {
                summary = Some(answer.into());
                Kind::Summary
            }
            AnalysisOutput::Classification(answer) => {
                classification = Some(answer.into());
                Kind::Classification
            }
            AnalysisOutput::Generation(answer) => {
                generation = Some(answer.into());
                Kind::Generation
            }
        };
        let duration_ms = analysis.duration_us as f64 / 1_000.0;
        Self {
            id: analysis.id.0,
            kind,
            document_id: analysis.document_id.map(|id| id.0),
            document_version: analysis.document_version,
            input_hash: analysis.input_hash,
            engine: analysis.engine,
            model: analysis.model,
            taxonomy_id: analysis.taxonomy_id.map(|id| id.0),
            taxonomy_version: analysis.taxonomy_version,
            prompt_id: analysis.prompt_id.map(|id| id.0),
            prompt_version: analysis.prompt_version,
            confidence: analysis.confidence,
            summary,
            classification,
            generation,
            usage: (analysis.usage.calls > 0).then(|| analysis.usage.into()),
            duration_ms,
            degraded: analysis.degraded,
            degraded_reason: analysis.degraded_reason,
            trace_id: analysis.trace_id,
            created_by: analysis.created_by.map(|id| id.0),
            created_by_user: analysis.created_by_user.map(|id| id.0),
            created_at: analysis.created_at.as_offset_date_time(),
        }
    }
}

/// A page of analyses, newest first.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AnalysisPage {
    pub items: Vec<Analysis>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// One text: sent along, or stored. Exactly one of the two.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AnalysisInput {
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: Option<String>,
    #[serde(default)]
    pub document_id: Option<Uuid>,
}

/// Takes one of the two ways to name a text.
pub(super) fn input(text: Option<String>, document_id: Option<Uuid>) -> Result<Input> {
    match (text, document_id) {
        (Some(text), None) => Ok(Input::Text(text)),
        (None, Some(id)) => Ok(Input::Document(DocumentId(id))),
        (None, None) => Err(Error::invalid("", "must have `text` or `document_id`")),
        (Some(_), Some(_)) => Err(Error::invalid(
            "/document_id",
            "cannot go with `text`: send one of the two",
        )),
    }
}

/// Each input, or what is wrong with it: one that cannot be read is answered in its own place.
pub(super) fn inputs(batch: Vec<AnalysisInput>) -> Vec<Result<Input>> {
    batch.into_iter().map(|one| input(one.text, one.document_id)).collect()
}

/// A text for the examples of this API.
pub(super) const EXAMPLE_TEXT: &str = "We were charged twice for our subscription this month. The statement shows two identical card \
    payments, although we have a single workspace. The billing page lists just one invoice. Nobody on our side changed the \
    plan or updated the card. Please refund the duplicate charge and send us a written confirmation.";

/// Inputs for the examples of this API.
pub(super) fn example_inputs() -> Vec<AnalysisInput> {
    let other = "The parcel was promised for Monday. Tracking has not moved since it left the depot in Leipzig. Can you \
                 find out where it is?";
    let input = |text: &str| AnalysisInput {
        text: Some(text.to_owned()),
        document_id: None,
    };
    vec![input(EXAMPLE_TEXT), input(other)]
}
