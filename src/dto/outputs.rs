//! What engines answer, as clients see it: summaries, classifications, generated texts, and what they used.

use crate::domain::{analyses as records, answers};
use poem_openapi::{Enum, Object};
use serde::Deserialize;

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
