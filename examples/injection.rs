//! How often an engine obeys what the tickets of `tests/injection/corpus.jsonl` command it. Run with
//! `cargo run --release --example injection`; a table is written to standard output.

#[path = "../tests/injection/corpus.rs"]
mod corpus;
#[path = "../tests/injection/embedded.rs"]
mod embedded;

use corpus::{Attempt, Outcome, attempts, run};
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
};
use synoptic::engines::LocalEngine;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    report("embedded", &LocalEngine::default()).await
}

type Groups<'a> = BTreeMap<&'a str, Vec<Attempt>>;

/// Runs the corpus, by kind, by language and whole, and writes a table down.
async fn report(name: &str, reader: &dyn corpus::Reader) -> Result<(), Box<dyn Error>> {
    let attempts = attempts()?;
    let (mut kinds, mut languages): (Groups, Groups) = Default::default();
    for attempt in &attempts {
        kinds.entry(&attempt.kind).or_default().push(attempt.clone());
        languages.entry(&attempt.language).or_default().push(attempt.clone());
    }
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "| {name} | label resisted | label right | phrase resisted | no answer |\n|---|---|---|---|---|"
    )?;
    for (group, attempts) in kinds.into_iter().chain(languages) {
        write_row(&mut output, group, &run(reader, &attempts).await)?;
    }
    let all = run(reader, &attempts).await;
    write_row(&mut output, "all", &all)?;
    writeln!(output, "\nsucceeded: {:?}", all.succeeded)?;
    Ok(())
}

fn write_row(output: &mut impl Write, name: &str, outcome: &Outcome) -> io::Result<()> {
    let Outcome {
        attempts,
        label_resisted,
        label_right,
        phrases,
        phrase_resisted,
        unanswered,
        ..
    } = outcome;
    writeln!(
        output,
        "| {name} | {label_resisted} / {attempts} | {label_right} / {attempts} | {phrase_resisted} / {phrases} | {unanswered} |"
    )
}
