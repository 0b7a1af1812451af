//! What an engine is asked and what it answers: summaries and classifications, apart from where they are stored.

use super::labels::LabelId;
use serde::{Deserialize, Serialize};

/// How many sentences a summary has when nothing is said.
pub const DEFAULT_SENTENCES: u8 = 3;

/// How much of the source a summary may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryLength {
    /// At most this many sentences, 1 to 20.
    Sentences(u8),
    /// At most this many characters (Unicode scalar values) of summary text.
    MaxChars(usize),
}

/// The order in which a summary's sentences are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentenceOrder {
    /// As they stand in the source.
    Offset,
    /// Most central first.
    Rank,
}

/// What kind of text is summarised, which decides how much a sentence's position counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryPreset {
    /// Tickets, reviews, notes, papers: position counts a little.
    General,
    /// News: the opening sentences are the summary, as no method beats them there.
    News,
}

/// Whose words a summary is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryMethod {
    /// Sentences of the source, word for word.
    Extractive,
    /// Sentences that a model wrote, each with the sentences of the source that support it.
    Abstractive,
}

/// In what form a summary is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryStyle {
    #[default]
    Paragraph,
    /// One point a line, each after `- `.
    Bullets,
    /// One short line without a full stop.
    Headline,
    /// One sentence, said simply.
    Tldr,
}

/// How a summary is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryOptions {
    pub length: SummaryLength,
    pub order: SentenceOrder,
    pub preset: SummaryPreset,
    /// Words that the summary should be about; `None` for the text's own centre.
    #[serde(alias = "query")]
    pub focus: Option<String>,
    /// `None` for what the engine does best: a model writes, the embedded engine takes sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<SummaryMethod>,
    #[serde(default)]
    pub style: SummaryStyle,
    /// ISO 639 code of the language to write in; `None` for the source's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self {
            length: SummaryLength::Sentences(DEFAULT_SENTENCES),
            order: SentenceOrder::Offset,
            preset: SummaryPreset::General,
            focus: None,
            method: None,
            style: SummaryStyle::Paragraph,
            language: None,
        }
    }
}

/// A sentence taken from the source, word for word, with its place there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummarySentence {
    /// Exactly the source's characters from `offset` on, `length` of them.
    pub text: String,
    /// Characters (Unicode scalar values) before the sentence.
    pub offset: usize,
    /// Characters (Unicode scalar values) in the sentence.
    pub length: usize,
    /// How central the sentence is, 0 to 1; the best sentence of a text has 1.
    pub rank_score: f64,
}

/// A summary, never longer than the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub text: String,
    /// What an extractive summary is made of.
    pub sentences: Vec<SummarySentence>,
    /// What an abstractive summary is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<WrittenSentence>,
}

/// A sentence that a model wrote, and what of the source it stands on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenSentence {
    pub text: String,
    /// How far the source supports it, 0 to 1.
    pub support: f64,
    /// Whether that is far enough to be relied on.
    pub supported: bool,
    /// The sentences of the source that support it, best first.
    pub sources: Vec<SourceAnchor>,
}

/// A sentence of the source that supports a written one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceAnchor {
    /// Characters (Unicode scalar values) of the source before the sentence.
    pub offset: usize,
    /// Characters (Unicode scalar values) in the sentence.
    pub length: usize,
    /// How far it supports the written sentence, 0 to 1.
    pub score: f64,
}

/// The probability of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    pub label: LabelId,
    /// 0 to 1; the scores of one answer add up to 1.
    pub score: f64,
}

/// How a classification is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassificationOptions {
    /// Below this confidence the engine abstains, 0 to 1.
    pub threshold: f64,
    /// Whether every label that fits is wanted, not just the best.
    #[serde(default)]
    pub multi_label: bool,
    /// Whether a sentence is wanted that says why.
    #[serde(default)]
    pub rationale: bool,
}

/// On what a confidence stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceSource {
    /// The embedded engine's probability, calibrated on public texts (`docs/benchmarks.md`).
    #[default]
    Embedded,
    /// The probabilities that the provider gave the tokens of its answer.
    Logprob,
    /// There is none: the provider gives no probabilities, and none is made up.
    Uncalibrated,
}

/// Why a classification names no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbstainReason {
    /// The best label's probability is below the threshold.
    BelowThreshold,
    /// The text has no word the engine knows (empty, numbers, emoji, …).
    NoEvidence,
    /// The text is in a language the engine's vectors do not know.
    UnsupportedLanguage,
    /// The model says that no label fits.
    NoneFits,
}

/// One label of the set, or none and the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The best label, or `None` when the engine abstains.
    pub label: Option<LabelId>,
    /// Where every label that fits was wanted: those that do, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelId>,
    /// The probability of the best label, also when abstaining; `None` when nobody knows it.
    pub confidence: Option<f64>,
    #[serde(default)]
    pub confidence_source: ConfidenceSource,
    /// Every label of the set, best first; empty when the engine gives no probabilities for all of them.
    pub scores: Vec<LabelScore>,
    /// Below this probability the engine abstains.
    pub threshold: f64,
    pub abstained: Option<AbstainReason>,
    /// Why, in the model's words, where that was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
}

/// A text that was written after a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    pub text: String,
    /// The text as JSON, where the prompt has a schema for it; it fits the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
}
