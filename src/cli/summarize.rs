//! `synoptic summarize`: a summary on the terminal, straight from the embedded engine.

use crate::{
    domain::{
        answers::{
            DEFAULT_SENTENCES, SentenceOrder, Summary, SummaryLength, SummaryOptions, SummaryPreset, SummarySentence,
        },
        documents::LONGEST_TEXT,
    },
    engines::embedded::EmbeddedEngine,
};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub struct SummarizeArgs {
    /// The text, in UTF-8; `-` for standard input.
    file: PathBuf,
    /// At most this many sentences, 1 to 20; 3 when nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20), conflicts_with = "max_chars")]
    sentences: Option<u8>,
    /// At most this many characters of summary, instead of a number of sentences.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_chars: Option<u32>,
    /// What the summary should be about; the text's own centre when nothing is said.
    #[arg(long, value_name = "WORDS")]
    focus: Option<String>,
    /// How the sentences are listed.
    #[arg(long, value_enum, default_value_t = Order::Offset)]
    order: Order,
    /// What kind of text it is.
    #[arg(long, value_enum, default_value_t = Preset::General)]
    preset: Preset,
    /// Print JSON: the summary, and each sentence with its offset and length in characters.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    /// As they stand in the text.
    Offset,
    /// Most central first.
    Rank,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Preset {
    /// Tickets, reviews, notes, papers.
    General,
    /// News, where the opening sentences count most.
    News,
}

pub fn run(args: SummarizeArgs) -> Result<ExitCode> {
    let text = read_text(&args.file)?;
    let json = args.json;
    let summary = EmbeddedEngine::new().summarize(&text, &args.options());
    let mut out = io::stdout().lock();
    quietly_when_closed(if json {
        write_json(&mut out, &summary)
    } else {
        write_table(&mut out, &summary)
    })
}

impl SummarizeArgs {
    fn options(self) -> SummaryOptions {
        SummaryOptions {
            length: match self.max_chars {
                Some(count) => SummaryLength::MaxChars(count as usize),
                None => SummaryLength::Sentences(self.sentences.unwrap_or(DEFAULT_SENTENCES)),
            },
            order: match self.order {
                Order::Offset => SentenceOrder::Offset,
                Order::Rank => SentenceOrder::Rank,
            },
            preset: match self.preset {
                Preset::General => SummaryPreset::General,
                Preset::News => SummaryPreset::News,
            },
            focus: self.focus.filter(|focus| !focus.trim().is_empty()),
            ..SummaryOptions::default()
        }
    }
}

/// Each sentence on a line of its own, after its place in the text.
fn write_table(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let place = |sentence: &SummarySentence| format!("{}..{}", sentence.offset, sentence.offset + sentence.length);
    let width = summary
        .sentences
        .iter()
        .map(|sentence| place(sentence).len())
        .max()
        .unwrap_or_default();
    if summary.sentences.is_empty() {
        writeln!(out, "The text has no sentence that fits.")?;
    }
    for sentence in &summary.sentences {
        writeln!(
            out,
            "{:>width$}  {:.2}  {}",
            place(sentence),
            sentence.rank_score,
            on_one_line(&sentence.text)
        )?;
    }
    out.flush()
}

pub(super) fn write_json(out: &mut impl Write, answer: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)?;
    out.flush()
}

/// A whole text from a file, or from standard input for `-`.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let name = path.display();
    let mut bytes = Vec::new();
    // A character has at most four bytes.
    let most = 4 * LONGEST_TEXT as u64 + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("{name} cannot be read"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{name} is not UTF-8 text (at its byte {})",
            error.utf8_error().valid_up_to() + 1
        )
    })?;
    if text.chars().nth(LONGEST_TEXT).is_some() {
        bail!("{name} has more than {LONGEST_TEXT} characters");
    }
    if text.trim().is_empty() {
        bail!("{name} holds no text");
    }
    Ok(text)
}

/// The text as one line that leaves the terminal alone: a document may hold control sequences.
pub(super) fn on_one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .chars()
        .map(|character| if character.is_control() { '\u{FFFD}' } else { character })
        .collect()
}

/// A reader that has seen enough (`| head`) is no failure.
pub(super) fn quietly_when_closed(written: io::Result<()>) -> Result<ExitCode> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_shown_on_one_line_without_control_sequences() {
        let text = "It broke\n  \u{1B}[2Jtwice.".to_owned();
        let sentence = SummarySentence {
            text: text.clone(),
            offset: 4,
            length: 23,
            rank_score: 1.0,
        };
        let mut out = Vec::new();
        write_table(
            &mut out,
            &Summary {
                text,
                sentences: vec![sentence],
                written: Vec::new(),
            },
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "4..27  1.00  It broke \u{FFFD}[2Jtwice.\n"
        );
    }
}
