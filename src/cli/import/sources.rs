//! The files of an import as batches of rows, read on a thread of their own while the batch before is stored.

use crate::interchange::{CsvReader, Format, NdjsonReader, Row, TextReader};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// How many rows are stored together.
const ROWS: usize = 500;
/// About how many bytes of text are stored together.
const BYTES: usize = 8 * 1024 * 1024;
/// How much of a file shows its format.
const BEGINNING: usize = 64 * 1024;

/// One thing to read from.
#[derive(Debug)]
pub(super) struct Input {
    /// `None` for standard input.
    path: Option<PathBuf>,
    /// `None` when only its beginning can show it.
    format: Option<Format>,
    /// In bytes; `None` for a pipe.
    pub size: Option<u64>,
}

/// A row and the file it is from.
pub(super) struct Found {
    pub source: Arc<str>,
    pub row: Row,
}

/// Rows that can be stored together: no external id occurs twice.
pub(super) struct Batch {
    pub found: Vec<Found>,
    /// How many bytes were read up to here.
    pub bytes: u64,
}

/// Finds out what is to be read, and whether it can be, before anything is stored.
pub(super) fn expand(files: &[PathBuf], format: Option<Format>) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in files {
        if path == Path::new("-") {
            ensure!(
                inputs.iter().all(|input: &Input| input.path.is_some()),
                "`-` can be given once"
            );
            inputs.push(Input {
                path: None,
                format,
                size: None,
            });
            continue;
        }
        let metadata = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if !metadata.is_dir() {
            let size = metadata.is_file().then_some(metadata.len());
            inputs.push(Input {
                path: Some(path.clone()),
                format: format_of(path, format, size)?,
                size,
            });
            continue;
        }
        if matches!(format, Some(Format::Csv | Format::Ndjson)) {
            bail!(
                "{} is a folder, of which only text files are read; name the files",
                path.display()
            );
        }
        let files = text_files(path).with_context(|| format!("{} cannot be read", path.display()))?;
        ensure!(
            !files.is_empty(),
            "{} is a folder without .txt or .md files",
            path.display()
        );
        inputs.extend(files);
    }
    Ok(inputs)
}

fn format_of(path: &Path, format: Option<Format>, size: Option<u64>) -> Result<Option<Format>> {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let format = format.or_else(|| Format::of_extension(extension));
    if format.is_some() || size.is_none() {
        return Ok(format);
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING as u64).read_to_end(&mut beginning));
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    Format::of_beginning(&beginning)
        .map(Some)
        .ok_or_else(|| unknown_format(&path.display().to_string()))
}

fn unknown_format(name: &str) -> anyhow::Error {
    anyhow!("the format of {name} cannot be told; add `--format csv`, `--format ndjson` or `--format text`")
}

fn text_files(folder: &Path) -> io::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if Format::of_extension(extension) != Some(Format::Text) {
            continue;
        }
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                writeln!(io::stderr().lock(), "{} is left out: {error}", path.display())?;
                continue;
            }
        };
        if metadata.is_file() {
            inputs.push(Input {
                path: Some(path),
                format: Some(Format::Text),
                size: Some(metadata.len()),
            });
        }
    }
    inputs.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(inputs)
}

/// Reads everything, a batch ahead. The thread is not waited for: one that reads a terminal may never end.
pub(super) fn read(inputs: Vec<Input>, delimiter: Option<u8>) -> Result<mpsc::Receiver<Result<Batch>>> {
    let (sender, batches) = mpsc::channel(1);
    let reader = Reader {
        delimiter,
        bytes: Arc::default(),
        found: Vec::new(),
        held: 0,
        sender,
    };
    let thread = std::thread::Builder::new().name("import-reader".to_owned());
    thread
        .spawn(move || reader.run(inputs))
        .context("the program could not start a thread")?;
    Ok(batches)
}

struct Reader {
    delimiter: Option<u8>,
    bytes: Arc<AtomicU64>,
    found: Vec<Found>,
    /// About how many bytes `found` holds.
    held: usize,
    sender: mpsc::Sender<Result<Batch>>,
}

/// Nobody takes batches any more.
struct Abandoned;

impl Reader {
    fn run(mut self, inputs: Vec<Input>) {
        let mut texts = TextReader::default();
        for input in inputs {
            let name: Arc<str> = input.name().into();
            let read = self.read_input(&input, &name, &mut texts);
            match read.with_context(|| format!("{name} cannot be read")) {
                Ok(Ok(())) => {}
                Ok(Err(Abandoned)) => return,
                Err(error) => {
                    let _ = self.flush();
                    let _ = self.sender.blocking_send(Err(error));
                    return;
                }
            }
        }
        let _ = self.flush();
    }

    fn read_input(&mut self, input: &Input, name: &Arc<str>, texts: &mut TextReader) -> Result<Result<(), Abandoned>> {
        let mut bytes = BufReader::with_capacity(BEGINNING, input.open(&self.bytes)?);
        let format = match input.format {
            Some(format) => format,
            None => Format::of_beginning(bytes.fill_buf()?).ok_or_else(|| unknown_format(name))?,
        };
        if format == Format::Text {
            let row = texts.read(input.file_name().as_deref(), bytes)?;
            return Ok(self.take(name, row));
        }
        // Each file has ids of its own, and the later one wins.
        if self.flush().is_err() {
            return Ok(Err(Abandoned));
        }
        let rows: Box<dyn Iterator<Item = io::Result<Row>>> = match format {
            Format::Csv => Box::new(CsvReader::new(bytes, self.delimiter.or_else(|| input.delimiter()))?),
            Format::Ndjson | Format::Text => Box::new(NdjsonReader::new(bytes)),
        };
        for row in rows {
            if self.take(name, row?).is_err() {
                return Ok(Err(Abandoned));
            }
        }
        Ok(self.flush())
    }

    fn take(&mut self, source: &Arc<str>, row: Row) -> Result<(), Abandoned> {
        self.held += match &row {
            Row::Record(record) => record.fields.text.len(),
            Row::Rejected(rejected) => rejected.reason.len(),
        };
        self.found.push(Found {
            source: Arc::clone(source),
            row,
        });
        if self.found.len() >= ROWS || self.held >= BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), Abandoned> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.held = 0;
        let batch = Batch {
            found: std::mem::take(&mut self.found),
            bytes: self.bytes.load(Ordering::Relaxed),
        };
        self.sender.blocking_send(Ok(batch)).map_err(|_| Abandoned)
    }
}

impl Input {
    fn name(&self) -> String {
        self.path
            .as_ref()
            .map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    fn file_name(&self) -> Option<String> {
        Some(self.path.as_ref()?.file_name()?.to_string_lossy().into_owned())
    }

    fn delimiter(&self) -> Option<u8> {
        let extension = self.path.as_ref()?.extension()?;
        extension.eq_ignore_ascii_case("tsv").then_some(b'\t')
    }

    fn open(&self, bytes: &Arc<AtomicU64>) -> io::Result<Counted> {
        let input: Box<dyn Read> = match &self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        };
        Ok(Counted {
            input,
            bytes: Arc::clone(bytes),
        })
    }
}

/// Counts what is read.
struct Counted {
    input: Box<dyn Read>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
