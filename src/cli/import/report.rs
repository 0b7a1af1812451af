//! What an import says: progress while it runs, numbers at the end, rejected rows in full.

use super::{super::summarize::on_one_line, sources::Input};
use crate::{domain::analyses::AnalysisKind, interchange::Rejected};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many rejected rows the terminal shows, and how many failed analyses.
const SHOWN: usize = 20;

/// What became of the rows.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub rejected: u64,
    /// `None` when none were wanted.
    summaries: Option<Analysed>,
    /// `None` when none were wanted.
    classifications: Option<Analysed>,
    generations: Option<Analysed>,
}

/// What became of the analyses of one kind.
#[derive(Debug, Default, Clone, Copy)]
struct Analysed {
    made: u64,
    failed: u64,
}

pub(super) struct Report {
    pub totals: Totals,
    began: Instant,
    progress: ProgressBar,
    shown: Vec<String>,
    failures: Vec<String>,
    file: Option<RejectedFile>,
}

impl Report {
    /// # Errors
    /// When the file for the rejected rows cannot be written.
    pub fn begin(inputs: &[Input], rejected: Option<&Path>) -> Result<Self> {
        let progress = match inputs.iter().map(|input| input.size).sum::<Option<u64>>() {
            Some(bytes) => ProgressBar::new(bytes).with_style(ProgressStyle::with_template(
                "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left",
            )?),
            None => ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {bytes}, {msg}")?),
        };
        Ok(Self {
            totals: Totals::default(),
            began: Instant::now(),
            progress: progress.with_message("0 documents"),
            shown: Vec::new(),
            failures: Vec::new(),
            file: rejected.map(RejectedFile::create).transpose()?,
        })
    }

    /// Tells something while the import runs.
    ///
    /// # Errors
    /// When standard error cannot be written.
    pub fn say(&self, what: &str) -> io::Result<()> {
        self.progress.suspend(|| writeln!(io::stderr().lock(), "{what}"))
    }

    /// `bytes` were read up to here.
    pub fn show_progress(&self, bytes: u64) {
        let Totals { read, rejected, .. } = self.totals;
        let rejected = if rejected > 0 {
            format!(", {rejected} rejected")
        } else {
            String::new()
        };
        self.progress.set_message(format!("{read} rows{rejected}"));
        self.progress.set_position(bytes);
    }

    /// # Errors
    /// When the file for the rejected rows cannot be written.
    pub fn reject(&mut self, source: &str, rejected: Rejected) -> Result<()> {
        self.totals.rejected += 1;
        let Rejected {
            line,
            external_id,
            reason,
        } = rejected;
        if self.shown.len() < SHOWN {
            let id = external_id
                .as_deref()
                .map(|id| format!(" ({})", on_one_line(id)))
                .unwrap_or_default();
            self.shown
                .push(format!("{}:{line}{id}: {}", on_one_line(source), on_one_line(&reason)));
        }
        if let Some(file) = &mut self.file {
            file.write(&RejectedRow {
                source,
                line,
                external_id: external_id.as_deref(),
                reason: &reason,
            })?;
        }
        Ok(())
    }

    pub fn analysed(&mut self, kind: AnalysisKind, made: usize) {
        self.totals.of_kind(kind).made += made as u64;
    }

    /// The document is stored, but this analysis of it could not be made.
    pub fn fail(&mut self, kind: AnalysisKind, document: &str, reason: &str) {
        self.totals.of_kind(kind).failed += 1;
        if self.failures.len() < SHOWN {
            let kind = kind.name();
            let (document, reason) = (on_one_line(document), on_one_line(reason));
            self.failures.push(format!("{document} ({kind}): {reason}"));
        }
    }

    /// Says how it went, also when it did not go to its end.
    ///
    /// # Errors
    /// When standard output or the file for the rejected rows cannot be written.
    pub fn end(&mut self, collection: &str, interrupted: bool) -> Result<()> {
        self.progress.finish_and_clear();
        let mut out = io::stdout().lock();
        if interrupted {
            writeln!(out, "Stopped before the end; the same command carries on.")?;
        }
        self.totals.write(&mut out, collection, self.began.elapsed())?;
        if !self.shown.is_empty() {
            writeln!(out, "\nRejected rows:")?;
        }
        for row in &self.shown {
            writeln!(out, "  {row}")?;
        }
        let hidden = self.totals.rejected - self.shown.len() as u64;
        if hidden > 0 && self.file.is_none() {
            writeln!(out, "  and {hidden} more; `--rejected FILE` writes them all to a file")?;
        } else if hidden > 0 {
            writeln!(out, "  and {hidden} more")?;
        }
        if let Some(file) = &mut self.file {
            file.finish()?;
            if self.totals.rejected > 0 {
                writeln!(out, "All {} are in {}", self.totals.rejected, file.path.display())?;
            }
        }
        self.write_failures(&mut out)
    }

    fn write_failures(&self, out: &mut impl Write) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nFailed analyses, which the same command tries again:")?;
        for failure in &self.failures {
            writeln!(out, "  {failure}")?;
        }
        let hidden = self.totals.failed() - self.failures.len() as u64;
        if hidden > 0 {
            writeln!(out, "  and {hidden} more")?;
        }
        Ok(())
    }
}

impl Totals {
    /// Analyses that could not be made.
    pub fn failed(&self) -> u64 {
        let kinds = [self.summaries, self.classifications, self.generations];
        kinds.iter().flatten().map(|analysed| analysed.failed).sum()
    }

    fn of_kind(&mut self, kind: AnalysisKind) -> &mut Analysed {
        match kind {
            AnalysisKind::Summary => self.summaries.get_or_insert_default(),
            AnalysisKind::Classification => self.classifications.get_or_insert_default(),
            AnalysisKind::Generation => self.generations.get_or_insert_default(),
        }
    }

    fn write(&self, out: &mut impl Write, collection: &str, took: Duration) -> io::Result<()> {
        let seconds = took.as_secs_f64();
        let stored = self.created + self.updated + self.unchanged;
        let rate = stored as f64 / seconds.max(0.001);
        writeln!(
            out,
            "Imported into the collection `{collection}` in {seconds:.1} s ({rate:.0} documents/s):"
        )?;
        let of_failed = |of: Option<Analysed>| of.map(|of| of.failed).filter(|&failed| failed > 0);
        let wanted = [
            ("read", Some(self.read)),
            ("created", Some(self.created)),
            ("updated", Some(self.updated)),
            ("unchanged", Some(self.unchanged)),
            ("rejected", Some(self.rejected)),
            ("summaries made", self.summaries.map(|of| of.made)),
            ("summaries failed", of_failed(self.summaries)),
            ("classifications made", self.classifications.map(|of| of.made)),
            ("classifications failed", of_failed(self.classifications)),
        ];
        for (what, count) in wanted {
            if let Some(count) = count {
                writeln!(out, "  {what:<22} {count:>7}")?;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct RejectedRow<'a> {
    source: &'a str,
    line: u64,
    external_id: Option<&'a str>,
    reason: &'a str,
}

/// Where all rejected rows are written.
struct RejectedFile {
    path: PathBuf,
    format: RejectedFormat,
}

enum RejectedFormat {
    Csv(Box<csv::Writer<File>>),
    Ndjson(BufWriter<File>),
}

impl RejectedFile {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let format = if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
        {
            RejectedFormat::Csv(Box::new(csv::Writer::from_writer(file)))
        } else {
            RejectedFormat::Ndjson(BufWriter::new(file))
        };
        Ok(Self {
            path: path.to_owned(),
            format,
        })
    }

    fn write(&mut self, row: &RejectedRow<'_>) -> Result<()> {
        match &mut self.format {
            RejectedFormat::Csv(out) => out.serialize(row)?,
            RejectedFormat::Ndjson(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        match &mut self.format {
            RejectedFormat::Csv(out) => out.flush(),
            RejectedFormat::Ndjson(out) => out.flush(),
        }
    }
}
