//! Runs the embedded engine over texts for `scripts/bench`, which scores the answers beside other methods'.
//!
//! One JSON request a line on standard input, one JSON answer a line on standard output:
//!
//! ```text
//! {"classify": {"labels": [{"id", "name", "description", "examples"}], "texts": ["…"], "threshold": 0.0}}
//!   → {"fit_seconds", "seconds", "labels": [id or null], "confidences": [0..1], "best": [id], "abstained": [reason or null]}
//! {"summarize": {"texts": ["…"], "sentences": 3, "preset": "general"}}
//!   → {"seconds", "summaries": ["…"]}
//! {"detect_language": {"texts": ["…"]}}
//!   → {"seconds", "languages": [code or null], "reliable": [bool]}
//! ```

use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;
use synoptic::domain::answers::{Classification, SentenceOrder, SummaryLength, SummaryOptions, SummaryPreset};
use synoptic::domain::labels::Label;
use synoptic::engines::embedded::EmbeddedEngine;
use synoptic::text::detect_language;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Classify {
        labels: Vec<Label>,
        texts: Vec<String>,
        threshold: f64,
    },
    Summarize {
        texts: Vec<String>,
        sentences: u8,
        preset: SummaryPreset,
    },
    DetectLanguage {
        texts: Vec<String>,
    },
}

fn main() -> std::io::Result<()> {
    let engine = EmbeddedEngine::new();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        writeln!(output, "{}", answer(&engine, &request))?;
    }
    output.flush()
}

fn answer(engine: &EmbeddedEngine, request: &Request) -> Value {
    match request {
        Request::Classify {
            labels,
            texts,
            threshold,
        } => classify(engine, labels, texts, *threshold),
        Request::Summarize {
            texts,
            sentences,
            preset,
        } => {
            let length = SummaryLength::Sentences(*sentences);
            let options = SummaryOptions {
                length,
                order: SentenceOrder::Offset,
                preset: *preset,
                ..SummaryOptions::default()
            };
            let begin = Instant::now();
            let summaries: Vec<String> = texts.iter().map(|text| engine.summarize(text, &options).text).collect();
            json!({ "seconds": begin.elapsed().as_secs_f64(), "summaries": summaries })
        }
        Request::DetectLanguage { texts } => {
            let begin = Instant::now();
            let found: Vec<_> = texts.iter().map(|text| detect_language(text)).collect();
            json!({
                "seconds": begin.elapsed().as_secs_f64(),
                "languages": found.iter().map(|language| language.map(|language| language.code)).collect::<Vec<_>>(),
                "reliable": found.iter().map(|language| language.is_some_and(|language| language.reliable)).collect::<Vec<_>>(),
            })
        }
    }
}

fn classify(engine: &EmbeddedEngine, labels: &[Label], texts: &[String], threshold: f64) -> Value {
    let begin = Instant::now();
    let classifier = engine.classifier(labels);
    let fit_seconds = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let answers: Vec<Classification> = texts.iter().map(|text| classifier.classify(text, threshold)).collect();
    let seconds = begin.elapsed().as_secs_f64();
    json!({
        "fit_seconds": fit_seconds,
        "seconds": seconds,
        "labels": answers.iter().map(|answer| &answer.label).collect::<Vec<_>>(),
        "confidences": answers.iter().filter_map(|answer| answer.confidence).collect::<Vec<_>>(),
        "best": answers.iter().map(|answer| answer.scores.first().map(|score| &score.label)).collect::<Vec<_>>(),
        "abstained": answers.iter().map(|answer| answer.abstained).collect::<Vec<_>>(),
    })
}
