//! Summaries by a model: written by it and compared with the source, or chosen from the source's sentences.

use super::{Model, TaskError, apart, choosing, wording, writing};
use crate::{
    domain::answers::{Summary, SummaryLength, SummaryMethod, SummaryOptions, SummaryStyle},
    engines::embedded::{EmbeddedEngine, styled_length},
    text::sentences,
};
use std::{ops::Range, sync::Arc};

/// A summary, and why it is not the model's if it is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Summarized {
    pub summary: Summary,
    /// Why the embedded engine's summary stands in, in words that follow the model's name.
    pub stood_in: Option<&'static str>,
}

/// Has the model summarise `text`: it writes, unless sentences of the source are wanted.
///
/// The summary has at most the wanted number of sentences or characters and is never longer than the source: sentences that do
/// not fit are dropped from the end. If not even one fits, or the model's choice cannot be had within its context, the summary is
/// the embedded engine's, with `sentences` filled and `written` empty, and `stood_in` says why. While it streams, a summary may
/// still have what is dropped in the end; what this returns counts.
pub async fn summarize(
    model: &dyn Model,
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Summarized, TaskError> {
    let found = if options.method == Some(SummaryMethod::Extractive) {
        chosen(model, embedded, text, options).await?
    } else {
        written(model, embedded, text, options).await?
    };
    Ok(match found {
        Ok(summary) => Summarized {
            summary,
            stood_in: None,
        },
        Err(reason) => Summarized {
            summary: embedded_summary(embedded, text, options).await?,
            stood_in: Some(reason),
        },
    })
}

/// A summary, or why there is none of the model's.
type Found = Result<Summary, &'static str>;

const NO_SENTENCES: &str = "was not asked: the text has no sentences";

async fn chosen(
    model: &dyn Model,
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Found, TaskError> {
    let ranges = ranges_of(text).await?;
    if ranges.is_empty() {
        return Ok(Err(NO_SENTENCES));
    }
    let chosen = choosing::choose(model, text, &ranges, options).await?;
    if chosen.is_empty() {
        return Ok(Err(
            "has no room for a choice: these are sentences that the embedded engine chose",
        ));
    }
    let (embedded, source, wish) = (embedded.clone(), Arc::clone(text), options.clone());
    let summary = move || embedded.extract(&source, &ranges, &chosen, &wish);
    let summary = apart::for_text(text.len(), summary).await?;
    Ok(if summary.sentences.is_empty() {
        Err("chose no sentence that is short enough: these are the embedded engine's")
    } else {
        Ok(summary)
    })
}

async fn written(
    model: &dyn Model,
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Found, TaskError> {
    if ranges_of(text).await?.is_empty() {
        return Ok(Err(NO_SENTENCES));
    }
    let answer = writing::write(model, text, options).await?;
    let mut written = points(&answer, options);
    written.truncate(wording::most_sentences(options));
    let most = most_characters(text, options);
    let is_bound_by_source = most == text.chars().count();
    while styled_length(&written, options.style) > most {
        written.pop();
    }
    if written.is_empty() {
        return Ok(Err(if is_bound_by_source {
            "wrote nothing that is shorter than the text: these are its own sentences"
        } else {
            "wrote nothing that is short enough: these are the text's own sentences"
        }));
    }
    let (embedded, source, style) = (embedded.clone(), Arc::clone(text), options.style);
    let compared = move || embedded.supported(&source, &written, style);
    apart::for_text(text.len(), compared).await.map(Ok)
}

async fn ranges_of(text: &Arc<str>) -> Result<Arc<[Range<usize>]>, TaskError> {
    let source = Arc::clone(text);
    apart::for_text(text.len(), move || sentences(&source).into()).await
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

async fn embedded_summary(
    embedded: &EmbeddedEngine,
    text: &Arc<str>,
    options: &SummaryOptions,
) -> Result<Summary, TaskError> {
    let (embedded, source, options) = (embedded.clone(), Arc::clone(text), options.clone());
    apart::for_text(text.len(), move || embedded.summarize(&source, &options)).await
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "choice_tests.rs"]
mod choice_tests;
