//! `synoptic import`: documents from files into a collection, with their analyses. A batch is stored and analysed before the
//! next one, and what is there already is not made again, so that an import that was cut off is simply repeated.

mod report;
mod sources;
mod store;

use self::{
    report::Report,
    sources::{Found, Input},
    store::Store,
};
use crate::{
    domain::{
        Error,
        answers::{DEFAULT_SENTENCES, SummaryLength, SummaryOptions},
        caching::CachePolicy,
        engines::EngineChoice,
        paging::{MOST_PER_PAGE, PageRequest},
        principal::Actor,
        text_fields::NameOrId,
    },
    interchange::Format,
    services::{
        Services,
        analysis_tasks::{ClassificationWish, LabelSource, Order, Task},
    },
};
use anyhow::{Result, bail};
use std::{path::PathBuf, pin::pin, process::ExitCode};

/// Everything went in, but for some rows that were rejected or analyses that failed. (2 is what a wrong command line ends with.)
const INCOMPLETE: u8 = 3;
/// Stopped by Ctrl-C: 128 and the number of the signal, as shells count.
const INTERRUPTED: u8 = 130;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Files:
  CSV     a header, then a document a row: columns `external_id` (or `id`), `title` (or `subject`), `text` (or `body`,
          `content`), `language`, `attributes` (a JSON object). Any other column becomes an attribute, as text.
  NDJSON  a JSON object a line, with the same names; any other field becomes an attribute.
  text    a whole file is a document, whose title and external id are the file's name. A folder stands for its
          .txt and .md files.
  What `synoptic export` adds (`synoptic_…`, `synoptic`) is left out. All files must be UTF-8. An external id may occur
  once in a file; of several files, the later one wins.

Repeating an import stores nothing twice: a document is known by its external id, or, when it has none, by its
content. A changed document is updated; missing analyses are made. So an import that was interrupted or killed is
carried on by the same command.

A row without an external id gets one, `auto-` and a hash of its content. So a document that was stored through the API
without an external id is not known again: importing an export into the collection it came from makes a second copy of
each such document.

Exit codes:
  0    every row is stored, every analysis made
  1    the import failed; the same command carries on
  2    the command line is wrong
  3    some rows were rejected or some analyses failed; everything else is stored
  130  stopped by Ctrl-C; the same command carries on")]
pub struct ImportArgs {
    /// Files and folders to read; `-` for standard input.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The collection, by slug or id; it is created when there is none of this slug.
    #[arg(long, value_name = "COLLECTION")]
    collection: String,
    /// The format; by default what each file's name or beginning says.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// What stands between the fields of CSV, or `tab`; by default what fits the header.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Summarise every document.
    #[arg(long)]
    summarize: bool,
    /// At most this many sentences in a summary, 1 to 20; 3 when nothing is said.
    #[arg(long, value_name = "N", requires = "summarize", value_parser = clap::value_parser!(u8).range(1..=20))]
    sentences: Option<u8>,
    /// Classify every document by this taxonomy, by slug or id.
    #[arg(long, value_name = "TAXONOMY")]
    classify: Option<String>,
    /// Who summarises and classifies: `embedded`, `auto`, a configured provider, or `provider/model`. Models cost money.
    #[arg(long, value_name = "ENGINE", default_value = "embedded")]
    engine: String,
    /// Write all rejected rows to this file: CSV when its name ends so, NDJSON otherwise.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

pub async fn run(args: ImportArgs, services: &Services) -> Result<ExitCode> {
    let inputs = sources::expand(&args.files, args.format)?;
    let tasks = tasks(&args, services).await?;
    let store = Store::new(services, &args.collection, tasks).await?;
    let mut report = Report::begin(&inputs, args.rejected.as_deref())?;
    let interrupted = import(store, inputs, args.delimiter, &mut report).await;
    if interrupted.is_ok() || report.totals.read > 0 {
        report.end(
            &args.collection,
            interrupted.as_ref().is_ok_and(|interrupted| *interrupted),
        )?;
    }
    match interrupted {
        Err(error) if report.totals.read > 0 => {
            Err(error.context("the import stopped; the same command carries on where it stopped"))
        }
        Err(error) => Err(error),
        Ok(true) => Ok(INTERRUPTED.into()),
        Ok(false) if report.totals.rejected + report.totals.failed() > 0 => Ok(INCOMPLETE.into()),
        Ok(false) => Ok(ExitCode::SUCCESS),
    }
}

/// Stores batch after batch; says whether Ctrl-C ended it.
async fn import(mut store: Store<'_>, inputs: Vec<Input>, delimiter: Option<u8>, report: &mut Report) -> Result<bool> {
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut batches = sources::read(inputs, delimiter)?;
    loop {
        let batch = tokio::select! {
            biased;
            _ = &mut interrupt => return Ok(true),
            batch = batches.recv() => batch,
        };
        let Some(batch) = batch.transpose()? else {
            return Ok(false);
        };
        store.take(batch.found, report).await?;
        report.show_progress(batch.bytes);
    }
}

async fn tasks(args: &ImportArgs, services: &Services) -> Result<Vec<Order>> {
    let engine = EngineChoice::parse(&args.engine)?;
    let mut tasks = Vec::new();
    if args.summarize {
        tasks.push(Task::Summary(SummaryOptions {
            length: SummaryLength::Sentences(args.sentences.unwrap_or(DEFAULT_SENTENCES)),
            ..SummaryOptions::default()
        }));
    }
    if let Some(taxonomy) = &args.classify {
        let source = LabelSource::Taxonomy {
            name: NameOrId::parse(taxonomy),
            version: None,
        };
        match services
            .analyses
            .classification(&Actor::operator(), source, ClassificationWish::default())
            .await
        {
            Ok(task) => tasks.push(Task::Classification(task)),
            Err(Error::NotFound { .. }) => bail!("there is no taxonomy `{taxonomy}`; {}", taxonomies(services).await?),
            Err(error) => return Err(error.into()),
        }
    }
    let order = |task| Order {
        task,
        engine: engine.clone(),
        cache: CachePolicy::default(),
    };
    Ok(tasks.into_iter().map(order).collect())
}

/// Which taxonomies there are, in words.
async fn taxonomies(services: &Services) -> Result<String> {
    let page = services
        .taxonomies
        .list(
            &Actor::operator(),
            PageRequest {
                limit: MOST_PER_PAGE,
                after: None,
            },
        )
        .await?;
    if page.rows.is_empty() {
        return Ok("there is none yet: make one with `POST /api/taxonomies`".to_owned());
    }
    let slugs: Vec<_> = page
        .rows
        .iter()
        .map(|taxonomy| format!("`{}`", taxonomy.slug))
        .collect();
    let more = if page.next.is_some() { ", …" } else { "" };
    Ok(format!("there are {}{more}", slugs.join(", ")))
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if *byte == b'"' || byte.is_ascii_alphanumeric() => {
            Err("must not be a quote, letter or digit".to_owned())
        }
        [byte] if byte.is_ascii_graphic() || matches!(byte, b'\t' | b' ') => Ok(*byte),
        _ => Err("must be one ASCII character, or `tab`".to_owned()),
    }
}
