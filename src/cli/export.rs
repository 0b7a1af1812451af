//! `synoptic export`: a collection's documents in a file, each with the newest of what was found in it.

use super::summarize::quietly_when_closed;
use crate::{
    domain::{
        analyses::{Analysis, AnalysisKind},
        audit::{Action, Event},
        collections::Collection,
        documents::Document,
        principal::Actor,
        text_fields::NameOrId,
    },
    interchange::export::{DocumentWriter, Exported, Layout},
    services::Services,
};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many documents are looked up at once.
const PAGE: u32 = 200;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
CSV is written as it is, so that programs and `synoptic import` read the same text again. A cell may then begin with `=`, \
which a spreadsheet takes for a formula: use --spreadsheet for a file that people open in one.")]
pub struct ExportArgs {
    /// The collection, by slug or id.
    #[arg(long, value_name = "COLLECTION")]
    collection: String,
    /// The format; by default what the output's name says, or else NDJSON.
    #[arg(long, value_enum)]
    format: Option<ExportFormat>,
    /// The file to write, which is there only once it is complete; standard output when not given. What is no regular
    /// file, such as a named pipe, is written to directly.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write CSV for a spreadsheet: with a byte order mark, and an apostrophe before what would be a formula.
    #[arg(long)]
    spreadsheet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One JSON object a line; what Synoptic found is in `synoptic`.
    Ndjson,
    /// A header and a row a document; what Synoptic found is in the columns `synoptic_…`.
    Csv,
}

pub async fn run(args: ExportArgs, services: &Services) -> Result<ExitCode> {
    let collection = NameOrId::parse(&args.collection);
    let collection = services.collections.get(&Actor::operator(), &collection).await?;
    let layout = layout(&args)?;
    let Some(output) = &args.output else {
        return write_stream(services, &collection, layout, io::stdout()).await;
    };
    if is_stream(output) {
        let stream = File::create(output).with_context(|| format!("{} cannot be written", output.display()))?;
        return write_stream(services, &collection, layout, stream).await;
    }
    // A link goes on pointing to the file.
    let file = fs::canonicalize(output).unwrap_or_else(|_| output.clone());
    let partial = partial_name(&file);
    let written = write_file(services, &collection, layout, &partial).await;
    let written = written.and_then(|count| fs::rename(&partial, &file).map(|()| count).map_err(Into::into));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    let count = written.with_context(|| format!("{} could not be written", output.display()))?;
    writeln!(io::stdout().lock(), "{count} documents written to {}", output.display())?;
    Ok(ExitCode::SUCCESS)
}

fn layout(args: &ExportArgs) -> Result<Layout> {
    let extension = args.output.as_deref().and_then(Path::extension);
    let named = if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        ExportFormat::Csv
    } else {
        ExportFormat::Ndjson
    };
    match (args.format, args.spreadsheet) {
        (Some(ExportFormat::Ndjson), true) => anyhow::bail!("`--spreadsheet` goes with CSV, not with NDJSON"),
        (_, true) => Ok(Layout::Spreadsheet),
        (format, false) => Ok(match format.unwrap_or(named) {
            ExportFormat::Ndjson => Layout::Ndjson,
            ExportFormat::Csv => Layout::Csv,
        }),
    }
}

/// Whether it is a pipe, a device or the like. Under `/dev` also what leads to a regular file, as `/dev/stdout` may.
fn is_stream(output: &Path) -> bool {
    output.starts_with("/dev") || fs::metadata(output).is_ok_and(|found| !found.is_file())
}

async fn write_stream(
    services: &Services,
    collection: &Collection,
    layout: Layout,
    stream: impl Write,
) -> Result<ExitCode> {
    let mut count = 0;
    let written = write(services, collection, layout, BufWriter::new(stream), &mut count).await;
    // Of a stream that broke off, somebody may have read the beginning.
    note(services, collection, count).await?;
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => quietly_when_closed(Err(error.downcast::<io::Error>()?)),
    }
}

/// Leaves in the audit trail that documents have left the database.
async fn note(services: &Services, collection: &Collection, count: u64) -> Result<()> {
    let slug = collection.slug.to_string();
    let event = Event::done(Action::DocumentsExported, "collection", collection.id, slug);
    let event = event.with_detail(format!("documents: {count}"));
    Ok(services.audit.note(&Actor::operator(), event).await?)
}

fn partial_name(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

async fn write_file(services: &Services, collection: &Collection, layout: Layout, partial: &Path) -> Result<u64> {
    let file = File::create(partial)?;
    let mut count = 0;
    write(services, collection, layout, BufWriter::new(&file), &mut count).await?;
    file.sync_all()?;
    note(services, collection, count).await?;
    Ok(count)
}

/// Writes every document; `count` says how many, also when it comes to grief.
async fn write(
    services: &Services,
    collection: &Collection,
    layout: Layout,
    out: impl Write,
    count: &mut u64,
) -> Result<()> {
    let name = NameOrId::Id(collection.id);
    let mut writer = DocumentWriter::new(layout, out)?;
    let mut last = None;
    loop {
        let page = services
            .documents
            .walk(&Actor::operator(), &name, last.as_ref(), PAGE)
            .await?;
        for document in &page {
            *count += 1;
            write_one(services, &mut writer, document).await?;
        }
        last = page.into_iter().next_back();
        if last.is_none() {
            writer.finish()?;
            return Ok(());
        }
    }
}

async fn write_one(services: &Services, writer: &mut DocumentWriter<impl Write>, document: &Document) -> Result<()> {
    let summary = services
        .analyses
        .newest(&Actor::operator(), document, AnalysisKind::Summary)
        .await?;
    let classification = services
        .analyses
        .newest(&Actor::operator(), document, AnalysisKind::Classification)
        .await?;
    Ok(writer.write(&Exported {
        document,
        summary: summary.as_ref().and_then(Analysis::text),
        label: classification
            .as_ref()
            .and_then(|found| found.label.as_ref())
            .map(|label| label.0.as_str()),
        confidence: classification.as_ref().and_then(|found| found.confidence),
    })?)
}
