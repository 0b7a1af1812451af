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

/// How a summary is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryOptions {
    pub length: SummaryLength,
    pub order: SentenceOrder,
    pub preset: SummaryPreset,
    /// Words that the summary should be about; `None` for the text's own centre.
    pub query: Option<String>,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self {
            length: SummaryLength::Sentences(DEFAULT_SENTENCES),
            order: SentenceOrder::Offset,
            preset: SummaryPreset::General,
            query: None,
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

/// An extractive summary: its sentences joined by a space, never longer than the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub text: String,
    pub sentences: Vec<SummarySentence>,
}

/// The probability of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    pub label: LabelId,
    /// 0 to 1; the scores of one answer add up to 1.
    pub score: f64,
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
}

/// One label of the set, or none and the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// A label of the taxonomy, or `None` when the engine abstains.
    pub label: Option<LabelId>,
    /// The probability of the best label, also when abstaining.
    pub confidence: f64,
    /// Every label of the set, best first.
    pub scores: Vec<LabelScore>,
    /// Below this probability the engine abstains.
    pub threshold: f64,
    pub abstained: Option<AbstainReason>,
}
