//! Bodies of `POST /api/summarize`.

use super::{
    analyses::{AnalysisInput, EXAMPLE_TEXT, example_inputs, input, inputs},
    asking::{Cache, choices},
    body::objects,
    outputs::Method,
};
use crate::{
    domain::{
        Error, Result,
        answers::{
            DEFAULT_SENTENCES, SentenceOrder, SummaryLength, SummaryMethod, SummaryOptions, SummaryPreset, SummaryStyle,
        },
        documents::LONGEST_TEXT,
        text_fields::check_text,
    },
    services::analysis_tasks::{Input, Order as AskedOrder, Task},
};
use poem_openapi::{Enum, Object, types::Example};
use serde::Deserialize;
use uuid::Uuid;

/// How sentences are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "SentenceOrder")]
pub enum Order {
    /// As they stand in the source.
    Offset,
    /// Most central first.
    Rank,
}

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "SummaryPreset")]
pub enum Preset {
    /// Tickets, reviews, notes, papers.
    General,
    /// News, where the opening sentences count most.
    News,
}

/// In what form a summary is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "SummaryStyle")]
pub enum Style {
    Paragraph,
    /// One point a line, each after `- `.
    Bullets,
    /// One short line.
    Headline,
    /// One sentence, said simply.
    Tldr,
}

/// How a summary is wanted, as far as the request says.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) sentences: Option<u8>,
    pub(super) max_chars: Option<usize>,
    pub(super) order: Option<Order>,
    pub(super) preset: Option<Preset>,
    pub(super) focus: Option<String>,
    pub(super) method: Option<Method>,
    pub(super) style: Option<Style>,
    pub(super) language: Option<String>,
}

/// Checks the options that the single request and the batch share.
pub(super) fn summary_options(wish: Wish) -> Result<SummaryOptions> {
    let Wish {
        sentences,
        max_chars,
        order,
        preset,
        focus,
        method,
        style,
        language,
    } = wish;
    let length = match (sentences, max_chars) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "/max_chars",
                "cannot go with `sentences`: send one of the two",
            ));
        }
        (Some(count), None) if !(1..=20).contains(&count) => {
            return Err(Error::invalid("/sentences", "must be 1 to 20"));
        }
        (None, Some(count)) if !(1..=LONGEST_TEXT).contains(&count) => {
            return Err(Error::invalid("/max_chars", format!("must be 1 to {LONGEST_TEXT}")));
        }
        (None, Some(count)) => SummaryLength::MaxChars(count),
        (count, None) => SummaryLength::Sentences(count.unwrap_or(DEFAULT_SENTENCES)),
    };
    if let Some(focus) = &focus {
        check_text("/focus", focus, 1_000)?;
    }
    if let Some(language) = &language
        && !((2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase()))
    {
        return Err(Error::invalid(
            "/language",
            "must be an ISO 639 code such as `en` or `de`",
        ));
    }
    let order = match order {
        None | Some(Order::Offset) => SentenceOrder::Offset,
        Some(Order::Rank) => SentenceOrder::Rank,
    };
    let preset = match preset {
        None | Some(Preset::General) => SummaryPreset::General,
        Some(Preset::News) => SummaryPreset::News,
    };
    Ok(SummaryOptions {
        length,
        order,
        preset,
        focus: focus.filter(|focus| !focus.trim().is_empty()),
        method: method.map(|method| match method {
            Method::Extractive => SummaryMethod::Extractive,
            Method::Abstractive => SummaryMethod::Abstractive,
        }),
        style: match style {
            None | Some(Style::Paragraph) => SummaryStyle::Paragraph,
            Some(Style::Bullets) => SummaryStyle::Bullets,
            Some(Style::Headline) => SummaryStyle::Headline,
            Some(Style::Tldr) => SummaryStyle::Tldr,
        },
        language,
    })
}

/// A text to be summarised.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct SummarizeRequest {
    /// The text itself; or name a stored document with `document_id`.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: Option<String>,
    /// A stored document.
    #[serde(default)]
    pub document_id: Option<Uuid>,
    /// At most this many sentences; 3 when neither this nor `max_chars` is given.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
    pub sentences: Option<u8>,
    /// At most this many characters, instead of `sentences`.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "10000000")))]
    pub max_chars: Option<usize>,
    /// `offset` when left out.
    #[serde(default)]
    pub order: Option<Order>,
    /// `general` when left out.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// What the summary should be about; the text's own centre when left out.
    #[serde(default)]
    #[oai(validator(max_length = 1000))]
    pub focus: Option<String>,
    /// What the engine does best when left out: a model writes, the embedded engine takes sentences of the source.
    #[serde(default)]
    pub method: Option<Method>,
    /// `paragraph` when left out.
    #[serde(default)]
    pub style: Option<Style>,
    /// ISO 639 code of the language to write in, such as `de`; the source's own when left out.
    #[serde(default)]
    #[oai(validator(max_length = 8))]
    pub language: Option<String>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Whether an answer of a model that was given before will do, and whether this one is kept; `on` when left out.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How old an answer may be that was given before, in seconds.
    #[serde(default)]
    pub max_age: Option<u64>,
}

impl SummarizeRequest {
    /// # Errors
    /// `Error::Invalid` with the field that cannot be accepted.
    pub fn into_domain(self) -> Result<(Input, AskedOrder)> {
        let (engine, cache) = choices(self.engine.as_deref(), self.cache, self.max_age)?;
        let options = summary_options(Wish {
            sentences: self.sentences,
            max_chars: self.max_chars,
            order: self.order,
            preset: self.preset,
            focus: self.focus,
            method: self.method,
            style: self.style,
            language: self.language,
        })?;
        let task = Task::Summary(options);
        Ok((input(self.text, self.document_id)?, AskedOrder { task, engine, cache }))
    }
}

impl Example for SummarizeRequest {
    fn example() -> Self {
        Self {
            text: Some(EXAMPLE_TEXT.to_owned()),
            document_id: None,
            sentences: Some(2),
            max_chars: None,
            order: None,
            preset: None,
            focus: None,
            method: None,
            style: None,
            language: None,
            engine: None,
            cache: None,
            max_age: None,
        }
    }
}

/// Up to 96 texts to be summarised alike.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct SummarizeBatchRequest {
    #[serde(deserialize_with = "objects")]
    #[oai(validator(min_items = 1, max_items = 96))]
    pub inputs: Vec<AnalysisInput>,
    /// At most this many sentences each; 3 when neither this nor `max_chars` is given.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
    pub sentences: Option<u8>,
    /// At most this many characters each, instead of `sentences`.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "10000000")))]
    pub max_chars: Option<usize>,
    #[serde(default)]
    pub order: Option<Order>,
    #[serde(default)]
    pub preset: Option<Preset>,
    #[serde(default)]
    #[oai(validator(max_length = 1000))]
    pub focus: Option<String>,
    /// What the engine does best when left out: a model writes, the embedded engine takes sentences of the source.
    #[serde(default)]
    pub method: Option<Method>,
    /// `paragraph` when left out.
    #[serde(default)]
    pub style: Option<Style>,
    /// ISO 639 code of the language to write in, such as `de`; the source's own when left out.
    #[serde(default)]
    #[oai(validator(max_length = 8))]
    pub language: Option<String>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Whether an answer of a model that was given before will do, and whether this one is kept; `on` when left out.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How old an answer may be that was given before, in seconds.
    #[serde(default)]
    pub max_age: Option<u64>,
}

impl SummarizeBatchRequest {
    /// # Errors
    /// `Error::Invalid` with the fields that cannot be accepted.
    pub fn into_domain(self) -> Result<(Vec<Result<Input>>, AskedOrder)> {
        let (engine, cache) = choices(self.engine.as_deref(), self.cache, self.max_age)?;
        let options = summary_options(Wish {
            sentences: self.sentences,
            max_chars: self.max_chars,
            order: self.order,
            preset: self.preset,
            focus: self.focus,
            method: self.method,
            style: self.style,
            language: self.language,
        })?;
        let task = Task::Summary(options);
        Ok((inputs(self.inputs), AskedOrder { task, engine, cache }))
    }
}

impl Example for SummarizeBatchRequest {
    fn example() -> Self {
        Self {
            inputs: example_inputs(),
            sentences: Some(1),
            max_chars: None,
            order: None,
            preset: None,
            focus: None,
            method: None,
            style: None,
            language: None,
            engine: None,
            cache: None,
            max_age: None,
        }
    }
}
