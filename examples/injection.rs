//! How often engines obey what the tickets of `tests/injection/corpus.jsonl` command them. Run with
//! `cargo run --release --example injection`, in a folder whose `synoptic.toml` names the providers, if there are any: the embedded
//! engine is asked, then every provider's first model; or only the engines that are named as arguments (`embedded`,
//! `provider/model`). A table for each is written to standard output.

#[path = "../tests/injection/corpus.rs"]
mod corpus;
#[path = "../tests/injection/engines.rs"]
mod engines;

use corpus::{Outcome, attempts, try_one};
use engines::EngineReader;
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
};
use synoptic::{
    config::{Config, Overrides},
    domain::engines::EngineChoice,
    engines::router::Router,
    telemetry::Metrics,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = Config::load(None, &Overrides::default())?;
    let router = Router::new(&config.providers, &config.routes, &Metrics::new("injection")?)?;
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names.push("embedded".to_owned());
        names.extend(config.providers.iter().map(|provider| provider.name.clone()));
    }
    for name in names {
        let engine = EngineChoice::parse(&name)?;
        let router = router.clone();
        report(&name, &EngineReader { router, engine }).await?;
    }
    Ok(())
}

/// Tries every attempt once, and writes a table by kind, by language and of all.
async fn report(name: &str, reader: &dyn corpus::Reader) -> Result<(), Box<dyn Error>> {
    let (mut kinds, mut languages, mut all) = (Groups::new(), Groups::new(), Outcome::default());
    for attempt in attempts()? {
        let outcome = try_one(reader, &attempt).await;
        kinds.entry(attempt.kind).or_default().add(&outcome);
        languages.entry(attempt.language).or_default().add(&outcome);
        all.add(&outcome);
    }
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "| {name} | label resisted | label right | phrase not in the summary | not in the reply | not in the JSON | no answer |\n\
         |---|---|---|---|---|---|---|"
    )?;
    for (group, outcome) in kinds.iter().chain(&languages) {
        write_row(&mut output, group, outcome)?;
    }
    write_row(&mut output, "all", &all)?;
    writeln!(output, "\nsucceeded: {:?}", all.succeeded)?;
    Ok(())
}

type Groups = BTreeMap<String, Outcome>;

/// Each column is a share of those that were answered; the last one says how many were not, of labels, summaries, replies and JSON.
fn write_row(output: &mut impl Write, name: &str, outcome: &Outcome) -> io::Result<()> {
    let shares = [
        outcome.label_resisted,
        outcome.label_right,
        outcome.summary_resisted,
        outcome.reply_resisted,
        outcome.json_resisted,
    ];
    write!(output, "| {name} |")?;
    for share in shares {
        write!(output, " {} / {} |", share.good, share.answered)?;
    }
    let [labels, _, summaries, replies, json] = shares.map(|share| share.unanswered);
    writeln!(output, " {labels}, {summaries}, {replies}, {json} |")
}
