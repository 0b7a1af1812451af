//! Summaries by a model: written by it and compared with the source, or chosen from the source's sentences.

use super::{Model, TaskError, choosing, wording, writing};
use crate::{
    domain::{
        Error,
        answers::{Summary, SummaryLength, SummaryMethod, SummaryOptions, SummaryStyle},
    },
    engines::embedded::{EmbeddedEngine, styled_length},
    text::sentences,
};
use std::sync::Arc;

/// Longer sources, in bytes, are compared off the request's thread.
const SHORT_SOURCE: usize = 8 * 1024;

/// Has the model summarise `text`: it writes, unless sentences of the source are wanted.
///
/// The summary has at most the wanted number of sentences or characters and is never longer than the source: sentences that do
/// not fit are dropped from the end. If not even one fits, or the model's choice cannot be had within its context, the summary is
/// the embedded engine's, which shows in `sentences` being filled and `written` being empty. While it streams, a summary may
/// still have what is dropped in the end; what this returns counts.
pub async fn summarize(
    model: &dyn Model,
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Summary, TaskError> {
    let ranges = sentences(text);
    if ranges.is_empty() {
        return embedded_summary(embedded, text, options).await;
    }
    if options.method == Some(SummaryMethod::Extractive) {
        let chosen = choosing::choose(model, text, &ranges, options).await?;
        let summary = embedded.extract(text, &ranges, &chosen, options);
        return if summary.sentences.is_empty() {
            embedded_summary(embedded, text, options).await
        } else {
            Ok(summary)
        };
    }
    let answer = writing::write(model, text, options).await?;
    let mut written = points(&answer, options);
    written.truncate(wording::most_sentences(options));
    let most = most_characters(text, options);
    while styled_length(&written, options.style) > most {
        written.pop();
    }
    if written.is_empty() {
        return embedded_summary(embedded, text, options).await;
    }
    compared(embedded, text, written, options.style).await
}

/// The sentences of an answer, or its points; without bullets, and a headline without its full stop.
fn points(answer: &str, options: &SummaryOptions) -> Vec<String> {
    let found = sentences(answer).into_iter().map(|range| answer[range].to_owned());
    match options.style {
        SummaryStyle::Paragraph | SummaryStyle::Tldr => found.collect(),
        SummaryStyle::Headline => {
            let line = answer.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let line = line.trim().trim_matches(['"', '*', '#']).trim();
            let line = line.strip_suffix(['.', '。']).unwrap_or(line);
            if line.is_empty() {
                Vec::new()
            } else {
                vec![line.to_owned()]
            }
        }
        SummaryStyle::Bullets => answer
            .lines()
            .map(|line| {
                sentences(line)
                    .first()
                    .map_or("", |first| line[first.start..].trim())
                    .to_owned()
            })
            .filter(|line| !line.is_empty())
            .collect(),
    }
}

fn most_characters(text: &str, options: &SummaryOptions) -> usize {
    let source = text.chars().count();
    match options.length {
        SummaryLength::MaxChars(most) => most.min(source),
        SummaryLength::Sentences(_) => source,
    }
}

async fn compared(
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    written: Vec<String>,
    style: SummaryStyle,
) -> Result<Summary, TaskError> {
    if text.len() <= SHORT_SOURCE {
        return Ok(embedded.supported(text, &written, style));
    }
    let (embedded, text) = (embedded.clone(), Arc::clone(text));
    tokio::task::spawn_blocking(move || embedded.supported(&text, &written, style))
        .await
        .map_err(|error| TaskError::Final(Error::internal(error)))
}

async fn embedded_summary(
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Summary, TaskError> {
    let (embedded, text, options) = (embedded.clone(), Arc::clone(text), options.clone());
    if text.len() <= SHORT_SOURCE {
        return Ok(embedded.summarize(&text, &options));
    }
    tokio::task::spawn_blocking(move || embedded.summarize(&text, &options))
        .await
        .map_err(|error| TaskError::Final(Error::internal(error)))
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "choice_tests.rs"]
mod choice_tests;
