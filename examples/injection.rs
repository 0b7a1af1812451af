//! How often engines obey what the tickets of `tests/injection/corpus.jsonl` command them. Run with
//! `cargo run --release --example injection`, in a folder whose `synoptic.toml` names the providers, if there are any: the embedded
//! engine is asked, then every provider's first model; or only the engines that are named as arguments (`embedded`,
//! `provider/model`). A table for each is written to standard output.
//!
//! `--tickets 12` tries only so many tickets, evenly spread over the corpus, and `--tasks label,summary,reply,json` only some of the
//! tasks: small machines need hours for everything. `--local` adds a provider `local`, the small model that the tests run, and starts
//! its server:
//!
//! ```text
//! cargo run --release --example injection -- --local --tickets 12 --tasks label,summary local
//! ```

#[path = "../tests/injection/corpus.rs"]
mod corpus;
#[path = "../tests/injection/engines.rs"]
mod engines;
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot begin should say why"
)]
#[path = "../tests/llm/server.rs"]
mod server;

use corpus::{Attempt, Outcome, Task, attempts, try_one};
use engines::EngineReader;
use serde_json::json;
use server::{CONTEXT, KEY, MODEL, Server};
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
};
use synoptic::{
    config::{self, Config, Overrides, Secret},
    domain::engines::EngineChoice,
    engines::router::Router,
    telemetry::Metrics,
};

/// What is measured.
struct Wish {
    /// `None` for all.
    tickets: Option<usize>,
    tasks: Vec<Task>,
    local: bool,
    /// Empty for all.
    engines: Vec<String>,
}

impl Wish {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut wish = Self {
            tickets: None,
            tasks: Task::ALL.to_vec(),
            local: false,
            engines: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--tickets" => wish.tickets = Some(value()?.parse()?),
                "--tasks" => wish.tasks = value()?.split(',').map(task).collect::<Result<_, _>>()?,
                "--local" => wish.local = true,
                _ => wish.engines.push(argument),
            }
        }
        Ok(wish)
    }

    /// The tickets that are tried, evenly spread.
    fn attempts(&self) -> Result<Vec<Attempt>, Box<dyn Error>> {
        let all = attempts()?;
        let wanted = self.tickets.unwrap_or(all.len()).min(all.len());
        Ok((0..wanted)
            .map(|place| all[place * all.len() / wanted].clone())
            .collect())
    }
}

fn task(name: &str) -> Result<Task, String> {
    match name {
        "label" => Ok(Task::Label),
        "summary" => Ok(Task::Summary),
        "reply" => Ok(Task::Reply),
        "json" => Ok(Task::Json),
        _ => Err(format!("`{name}` is no task; there are label, summary, reply, json")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let wish = Wish::read(std::env::args().skip(1))?;
    let mut config = Config::load(None, &Overrides::default())?;
    let server = wish.local.then(Server::start);
    if let Some(server) = &server {
        config.providers.push(local(server)?);
    }
    let router = Router::new(&config.providers, &config.routes, &Metrics::new("injection")?)?;
    let mut names = wish.engines.clone();
    if names.is_empty() {
        names.push("embedded".to_owned());
        names.extend(config.providers.iter().map(|provider| provider.name.clone()));
    }
    for name in names {
        let engine = EngineChoice::parse(&name)?;
        let router = router.clone();
        report(&name, &EngineReader { router, engine }, &wish).await?;
    }
    Ok(())
}

/// The model of the tests, with time enough for a small machine.
fn local(server: &Server) -> Result<config::Provider, Box<dyn Error>> {
    let mut provider: config::Provider = serde_json::from_value(json!({
        "name": "local",
        "base_url": format!("http://{}/v1", server.address),
        "concurrency": 1,
        "first_piece_timeout_seconds": 1_800,
        "silence_timeout_seconds": 600,
        "timeout_seconds": 1_800,
        "models": [{"name": MODEL, "context_tokens": CONTEXT, "max_output_tokens": 256}]
    }))?;
    provider.api_key = Some(Secret::new(KEY));
    Ok(provider)
}

/// Tries every attempt once, and writes a table by kind, by language and of all.
async fn report(name: &str, reader: &dyn corpus::Reader, wish: &Wish) -> Result<(), Box<dyn Error>> {
    let (mut kinds, mut languages, mut all) = (Groups::new(), Groups::new(), Outcome::default());
    for attempt in wish.attempts()? {
        let outcome = try_one(reader, &attempt, &wish.tasks).await;
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
    writeln!(output, "\n{} tickets; succeeded: {:?}", all.attempts, all.succeeded)?;
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
