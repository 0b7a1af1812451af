//! Recorded analyses, and how a request names the texts to be analysed.

use super::problem::Problem;
use crate::{
    domain::{
        Error, Result,
        analyses::{self as records, AnalysisKind, AnalysisOutput},
        answers,
        identifiers::DocumentId,
    },
    services::{analyses::Given, analysis_tasks::Input},
};
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use std::sync::Arc;
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

impl Analysis {
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/analyses/{}", self.id)
    }
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

/// Never longer than the source.
#[derive(Debug, Clone, Object)]
pub struct Summary {
    /// Whose words these are.
    pub method: Method,
    /// The sentences, joined by a space (Chinese and Japanese ones by nothing), or in the style that was asked for.
    pub text: String,
    pub sentences: Vec<Sentence>,
}

/// Whose words a summary is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "SummaryMethod")]
pub enum Method {
    /// Sentences of the source, word for word.
    Extractive,
    /// Sentences that a model wrote, each with the sentences of the source that support it.
    Abstractive,
}

/// A sentence of a summary: of an extractive one with its place in the source, of an abstractive one with what supports it.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Sentence {
    pub text: String,
    /// Characters (Unicode code points) of the source before the sentence.
    pub offset: Option<usize>,
    /// Characters (Unicode code points) of the sentence.
    pub length: Option<usize>,
    /// How central the sentence is, 0 to 1.
    pub rank_score: Option<f64>,
    /// How far the source supports a written sentence, 0 to 1.
    pub support: Option<f64>,
    /// Whether that is far enough to be relied on.
    pub supported: Option<bool>,
    /// The sentences of the source that support a written one, best first.
    pub sources: Option<Vec<Anchor>>,
}

/// A sentence of the source.
#[derive(Debug, Clone, Object)]
#[oai(rename = "SourceAnchor")]
pub struct Anchor {
    /// Characters (Unicode code points) of the source before the sentence.
    pub offset: usize,
    /// Characters (Unicode code points) of the sentence.
    pub length: usize,
    /// How far it supports the written sentence, 0 to 1.
    pub score: f64,
}

/// A text that was written after a prompt.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Generation {
    pub text: String,
    /// The text as JSON, where the prompt has a schema for it.
    pub json: Option<serde_json::Value>,
}

impl From<answers::Generation> for Generation {
    fn from(answer: answers::Generation) -> Self {
        Self {
            text: answer.text,
            json: answer.json,
        }
    }
}

/// What an answer used, all its calls together.
#[derive(Debug, Clone, Object)]
pub struct Usage {
    /// Calls to the model, failed ones too.
    pub calls: i64,
    pub input_tokens: i64,
    /// Of the input, what the provider had in its own cache.
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    /// Whole millionths of a US dollar.
    pub cost_microdollars: i64,
    /// Whether tokens were counted here, because the provider did not report them.
    pub estimated: bool,
}

impl From<records::RecordedUsage> for Usage {
    fn from(usage: records::RecordedUsage) -> Self {
        Self {
            calls: usage.calls,
            input_tokens: usage.input_tokens,
            cached_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            cost_microdollars: usage.cost_microdollars.0,
            estimated: usage.usage_estimated,
        }
    }
}

/// One label of the set, or none and the reason.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Classification {
    /// The id of the label; not there when the engine abstains.
    pub label: Option<String>,
    /// The ids of all labels that fit, best first, where all were asked for.
    pub labels: Option<Vec<String>>,
    /// On what the confidence stands.
    pub confidence_source: ConfidenceSource,
    /// Why, in the model's words, where that was asked for.
    pub rationale: Option<String>,
    /// Why there is no label.
    pub abstained: Option<AbstainReason>,
    /// Below this probability the engine abstains.
    pub threshold: f64,
    /// Every label of the set, most probable first; the scores add up to 1. Empty when the engine gives no probabilities for all of them.
    pub scores: Vec<Score>,
}

/// On what a confidence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ConfidenceSource {
    /// The embedded engine's probability.
    Embedded,
    /// The probabilities that the provider gave the tokens of its answer.
    Logprob,
    /// There is none: the provider gives no probabilities, and none is made up.
    Uncalibrated,
}

/// The probability of one label.
#[derive(Debug, Clone, Object)]
pub struct Score {
    /// The id of the label.
    pub label: String,
    pub score: f64,
}

/// Why there is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AbstainReason {
    /// The best label's probability is below the threshold.
    BelowThreshold,
    /// The text has no word that the engine knows.
    NoEvidence,
    /// The engine does not know the language of the text.
    UnsupportedLanguage,
    /// The model says that no label fits.
    NoneFits,
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

impl From<answers::Summary> for Summary {
    fn from(summary: answers::Summary) -> Self {
        let method = if summary.written.is_empty() {
            Method::Extractive
        } else {
            Method::Abstractive
        };
        let taken = summary.sentences.into_iter().map(|sentence| Sentence {
            text: sentence.text,
            offset: Some(sentence.offset),
            length: Some(sentence.length),
            rank_score: Some(sentence.rank_score),
            support: None,
            supported: None,
            sources: None,
        });
        let written = summary.written.into_iter().map(|sentence| Sentence {
            text: sentence.text,
            offset: None,
            length: None,
            rank_score: None,
            support: Some(sentence.support),
            supported: Some(sentence.supported),
            sources: Some(sentence.sources.into_iter().map(Anchor::from).collect()),
        });
        Self {
            method,
            text: summary.text,
            sentences: taken.chain(written).collect(),
        }
    }
}

impl From<answers::SourceAnchor> for Anchor {
    fn from(anchor: answers::SourceAnchor) -> Self {
        Self {
            offset: anchor.offset,
            length: anchor.length,
            score: anchor.score,
        }
    }
}

impl From<answers::Classification> for Classification {
    fn from(answer: answers::Classification) -> Self {
        let abstained = answer.abstained.map(|reason| match reason {
            answers::AbstainReason::BelowThreshold => AbstainReason::BelowThreshold,
            answers::AbstainReason::NoEvidence => AbstainReason::NoEvidence,
            answers::AbstainReason::UnsupportedLanguage => AbstainReason::UnsupportedLanguage,
            answers::AbstainReason::NoneFits => AbstainReason::NoneFits,
        });
        let scores = answer.scores.into_iter().map(|score| Score {
            label: score.label.0,
            score: score.score,
        });
        Self {
            label: answer.label.map(|label| label.0),
            labels: (!answer.labels.is_empty()).then(|| answer.labels.into_iter().map(|label| label.0).collect()),
            confidence_source: match answer.confidence_source {
                answers::ConfidenceSource::Embedded => ConfidenceSource::Embedded,
                answers::ConfidenceSource::Logprob => ConfidenceSource::Logprob,
                answers::ConfidenceSource::Uncalibrated => ConfidenceSource::Uncalibrated,
            },
            rationale: answer.rationale,
            abstained,
            threshold: answer.threshold,
            scores: scores.collect(),
        }
    }
}

/// The answers to a batch, in the order of its inputs.
#[derive(Debug, Clone, Object)]
pub struct AnalysisBatchResult {
    pub results: Vec<AnalysisResult>,
}

/// The answer to one input: an analysis or a problem.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AnalysisResult {
    pub analysis: Option<Analysis>,
    pub error: Option<Problem>,
}

impl From<Vec<Result<Given>>> for AnalysisBatchResult {
    fn from(answers: Vec<Result<Given>>) -> Self {
        let result = |(index, answer): (usize, Result<Given>)| match answer {
            Ok(given) => AnalysisResult {
                analysis: Some(Arc::unwrap_or_clone(given.analysis).into()),
                error: None,
            },
            Err(error) => {
                let error = error.within(&format!("/inputs/{index}"));
                AnalysisResult {
                    analysis: None,
                    error: Some(error.into()),
                }
            }
        };
        Self {
            results: answers.into_iter().enumerate().map(result).collect(),
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
