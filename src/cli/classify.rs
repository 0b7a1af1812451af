//! `synoptic classify`: a text placed under one of some labels, straight from the embedded engine.

use super::summarize::{quietly_when_closed, read_text, write_json};
use crate::{
    domain::{
        answers::{AbstainReason, Classification},
        labels::Label,
        taxonomies::{LabelDraft, resolve_labels},
    },
    engines::embedded::{DEFAULT_THRESHOLD, EmbeddedEngine},
};
use anyhow::{Context, Result, ensure};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub struct ClassifyArgs {
    /// The text, in UTF-8; `-` for standard input.
    file: PathBuf,
    /// The names of the labels to choose from, with commas between them. More words tell more: `billing and invoices`.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    labels: Vec<String>,
    /// Name no label below this probability, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = DEFAULT_THRESHOLD)]
    threshold: f64,
    /// Print JSON: the label's id, or why there is none, and every label's probability.
    #[arg(long)]
    json: bool,
}

pub fn run(args: ClassifyArgs) -> Result<ExitCode> {
    let ClassifyArgs {
        file,
        labels: names,
        threshold,
        json,
    } = args;
    ensure!(
        (0.0..=1.0).contains(&threshold),
        "`--threshold` must be a probability, 0 to 1"
    );
    let labels = labels(&names)?;
    let text = read_text(&file)?;
    let answer = EmbeddedEngine::new().classifier(&labels).classify(&text, threshold);
    let mut out = io::stdout().lock();
    quietly_when_closed(if json {
        write_json(&mut out, &answer)
    } else {
        write_table(&mut out, &answer, &labels)
    })
}

fn labels(names: &[String]) -> Result<Vec<Label>> {
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    let drafts = names
        .map(|name| LabelDraft {
            name: name.to_owned(),
            ..LabelDraft::default()
        })
        .collect();
    resolve_labels(drafts, &[]).context("`--labels` cannot be used")
}

fn write_table(out: &mut impl Write, answer: &Classification, labels: &[Label]) -> io::Result<()> {
    let name = |id| {
        labels
            .iter()
            .find(|label| label.id == id)
            .map_or("", |label| label.name.as_str())
    };
    let width = labels
        .iter()
        .map(|label| label.name.chars().count())
        .max()
        .unwrap_or_default();
    match (&answer.label, answer.abstained) {
        (Some(label), _) => writeln!(out, "{}", name(label.clone()))?,
        (None, reason) => writeln!(out, "no label: {}", explain(reason, answer.threshold))?,
    }
    writeln!(out)?;
    for score in &answer.scores {
        let mark = if answer.label.as_ref() == Some(&score.label) {
            '*'
        } else {
            ' '
        };
        writeln!(out, "{mark} {:<width$}  {:.3}", name(score.label.clone()), score.score)?;
    }
    out.flush()
}

fn explain(reason: Option<AbstainReason>, threshold: f64) -> String {
    match reason {
        Some(AbstainReason::NoEvidence) => "the text has no word that the engine knows".to_owned(),
        Some(AbstainReason::UnsupportedLanguage) => {
            "the text is in a language that the engine does not know".to_owned()
        }
        Some(AbstainReason::NoneFits) => "none of the labels fits".to_owned(),
        Some(AbstainReason::BelowThreshold) | None => format!("no label reaches the threshold of {threshold}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, threshold: f64) -> String {
        let labels = labels(&["billing".to_owned(), " Bug report".to_owned(), String::new()]).unwrap();
        let answer = EmbeddedEngine::new().classifier(&labels).classify(text, threshold);
        let mut out = Vec::new();
        write_table(&mut out, &answer, &labels).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_label_comes_first_then_every_probability() {
        let shown = shown("I was charged twice, please refund the second invoice.", 0.0);
        assert!(shown.starts_with("billing\n\n* billing     0."), "{shown}");
        assert!(shown.contains("\n  Bug report  0."), "{shown}");
    }

    #[test]
    fn an_abstention_says_why() {
        assert!(shown("I was charged twice.", 1.0).starts_with("no label: no label reaches the threshold of 1\n"));
        assert!(shown("12345", 0.0).starts_with("no label: the text has no word"));
    }

    #[test]
    fn one_label_is_no_choice() {
        assert!(labels(&["billing".to_owned()]).is_err());
    }
}
