//! Takes a file apart into chunks of whole records while it arrives, so that each can be read by itself, and whoever lost the
//! connection can go on after the last one. Where a record ends is decided as the readers decide it.

use super::{
    CsvReader, LARGEST_RECORD, NdjsonReader, Row,
    csv::guess_delimiter,
    csv_rows::Quotes,
    lines::{BYTE_ORDER_MARK, useless, without_end},
};
use crate::domain::imports::{CHUNK_BYTES, ImportSettings, MOST_RECORDS_OF_A_CHUNK, RecordFormat};
use std::io;

/// Whole records, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub content: Vec<u8>,
    /// How many lines of the file come before it.
    pub lines_before: u64,
    pub lines: u64,
    pub records: u64,
    /// Where in the file it ends, in bytes.
    pub end: u64,
}

/// Where the file is cut. Bytes are pushed, pieces are taken until there is none.
pub struct Splitter {
    settings: ImportSettings,
    header: Option<Vec<u8>>,
    most_records: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the line begins that has not been looked at.
    line: usize,
    /// Up to where its end was searched for.
    searched: usize,
    /// Where in the buffer the record begins that has not ended, if one has begun.
    open: Option<usize>,
    quotes: Option<Quotes>,
    ended: bool,
    /// Lines and records before `line`.
    lines: u64,
    records: u64,
    /// How many bytes and lines come before the buffer.
    bytes_before: u64,
    lines_before: u64,
}

impl Splitter {
    /// Of a file from its beginning.
    #[must_use]
    pub fn new(settings: &ImportSettings) -> Self {
        Self::after(settings, None, 0, 0)
    }

    /// Of the rest of a file, after so many bytes and lines; CSV with the header that it began with.
    #[must_use]
    pub fn after(settings: &ImportSettings, header: Option<Vec<u8>>, bytes: u64, lines: u64) -> Self {
        Self {
            settings: settings.clone(),
            header,
            most_records: MOST_RECORDS_OF_A_CHUNK,
            buffer: Vec::new(),
            line: 0,
            searched: 0,
            open: None,
            quotes: None,
            ended: false,
            lines: 0,
            records: 0,
            bytes_before: bytes,
            lines_before: lines,
        }
    }

    /// The header of a CSV file, once it has arrived.
    #[must_use]
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// How many bytes of the file were pushed, with those that came before.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.bytes_before + self.buffer.len() as u64
    }

    /// Takes more of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Nothing more will come.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next chunk; `None` when more must arrive for it, or after the end.
    ///
    /// # Errors
    /// When a line is larger than a record may be, or the header cannot be used.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        while let Some(end) = self.end_of_line()? {
            self.read_line(end)?;
            if self.open.is_none() && (self.records >= self.most_records || self.line >= CHUNK_BYTES) {
                return Ok(Some(self.cut()));
            }
        }
        if self.ended && self.open.is_some() {
            // The file ends in the middle of a record.
            self.end_record()?;
        }
        let rest = self.ended && self.line > 0;
        Ok(rest.then(|| self.cut()))
    }

    /// Where the line after the last one ends, if that has arrived.
    fn end_of_line(&mut self) -> io::Result<Option<usize>> {
        let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        if let Some(found) = found {
            return Ok(Some(self.searched + found + 1));
        }
        self.searched = self.buffer.len();
        if self.searched - self.line > LARGEST_RECORD {
            let megabytes = LARGEST_RECORD / 1024 / 1024;
            return Err(useless(format!(
                "line {} takes more than {megabytes} MiB",
                self.lines_before + self.lines + 1
            )));
        }
        Ok((self.ended && self.line < self.buffer.len()).then_some(self.buffer.len()))
    }

    fn read_line(&mut self, end: usize) -> io::Result<()> {
        let is_first = self.lines_before + self.lines == 0;
        let content = without_end(&self.buffer[self.line..end]);
        let content = match content.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if is_first => rest,
            _ => content,
        };
        let begins = self.open.unwrap_or(self.line);
        let is_over = match self.settings.format {
            RecordFormat::Ndjson if content.trim_ascii().is_empty() => None,
            RecordFormat::Ndjson => Some(true),
            RecordFormat::Csv if self.open.is_none() && content.is_empty() => None,
            RecordFormat::Csv => {
                let settings = &self.settings;
                let quotes = self.quotes.get_or_insert_with(|| {
                    let guess = || match &self.header {
                        Some(header) => delimiter_of(settings, header),
                        None => guess_delimiter(content, &settings.names).unwrap_or(b','),
                    };
                    Quotes::new(settings.delimiter.unwrap_or_else(guess))
                });
                quotes.read(content);
                // A quote that is never closed must not swallow the whole file.
                Some(!quotes.open() || end - begins > LARGEST_RECORD)
            }
        };
        self.lines += 1;
        self.line = end;
        self.searched = end;
        match is_over {
            Some(true) => self.end_record()?,
            Some(false) => self.open = Some(begins),
            None => {}
        }
        Ok(())
    }

    fn end_record(&mut self) -> io::Result<()> {
        self.open = None;
        self.quotes = None;
        if self.settings.format == RecordFormat::Csv && self.header.is_none() {
            let header = self.cut().content;
            CsvReader::named(&header[..], self.settings.delimiter, &self.settings.names)?;
            self.header = Some(header);
        } else {
            self.records += 1;
        }
        Ok(())
    }

    /// Takes what was looked at out of the buffer.
    fn cut(&mut self) -> Piece {
        let rest = self.buffer.split_off(self.line);
        let content = std::mem::replace(&mut self.buffer, rest);
        let piece = Piece {
            lines_before: self.lines_before,
            lines: self.lines,
            records: self.records,
            end: self.bytes_before + content.len() as u64,
            content,
        };
        self.bytes_before = piece.end;
        self.lines_before += self.lines;
        (self.line, self.searched, self.lines, self.records) = (0, 0, 0, 0);
        piece
    }
}

fn delimiter_of(settings: &ImportSettings, header: &[u8]) -> u8 {
    let header = header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header);
    let mut lines = header.split(|byte| *byte == b'\n').map(without_end);
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    guess_delimiter(first, &settings.names).unwrap_or(b',')
}

/// The records of a piece.
///
/// # Errors
/// When the header cannot be used.
pub fn rows_of(
    settings: &ImportSettings,
    header: Option<&[u8]>,
    lines_before: u64,
    content: &[u8],
) -> io::Result<Vec<Row>> {
    match settings.format {
        RecordFormat::Ndjson => NdjsonReader::of_a_part(content, &settings.names, lines_before).collect(),
        RecordFormat::Csv => {
            let header = header.unwrap_or_default();
            CsvReader::of_a_part(header, content, settings.delimiter, &settings.names, lines_before)?.collect()
        }
    }
}

/// A piece without the records of one document: empty lines stand in their place, so that the others keep their numbers. `None` when
/// there is no such record.
///
/// # Errors
/// When the header cannot be used.
pub fn without(
    settings: &ImportSettings,
    header: Option<&[u8]>,
    content: &[u8],
    external_id: &str,
) -> io::Result<Option<Vec<u8>>> {
    let is_it = |row: &Row, record: &[u8]| match row {
        Row::Record(record) => record.fields.external_id.as_deref() == Some(external_id),
        // Of a record that cannot be read, nobody can say whose it is.
        Row::Rejected(_) => contains(record, external_id.as_bytes()),
    };
    let mut splitter = Splitter::after(settings, header.map(<[u8]>::to_vec), 0, 1);
    splitter.most_records = 1;
    splitter.push(content);
    splitter.end();
    let (mut kept, mut found) = (Vec::with_capacity(content.len()), false);
    while let Some(piece) = splitter.next_piece()? {
        let rows = rows_of(settings, header, 1, &piece.content)?;
        if rows.iter().any(|row| is_it(row, &piece.content)) {
            found = true;
            kept.extend(std::iter::repeat_n(b'\n', piece.lines as usize));
        } else {
            kept.extend(piece.content);
        }
    }
    Ok(found.then_some(kept))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
