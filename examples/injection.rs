//! How often engines obey what the tickets of `tests/injection/corpus.jsonl` command them. Run with
//! `cargo run --release --example injection`, in a folder whose `synoptic.toml` names the providers, if there are any: the embedded
//! engine is asked, then every provider's first model; or only the engines that are named as arguments (`embedded`,
//! `provider/model`). A table for each is written to standard output.

#[path = "../tests/injection/corpus.rs"]
mod corpus;
#[path = "../tests/injection/engines.rs"]
mod engines;

use corpus::{Attempt, Outcome, attempts, run};
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
