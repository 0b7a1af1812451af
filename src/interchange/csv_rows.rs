//! Where the rows of a CSV file begin and end, and what to do with one whose quotes are broken.
//!
//! The `csv` crate takes a row apart. It is handed one row at a time, because it forgives what silently loses data: left to
//! itself it joins rows when a quote is missing (`1,"a` and `2,"b",c` become one row of three fields), reads on to the end of
//! the file when a quote is never closed, and reports the line before the row's own when there are blank lines or `\r\n`.

use super::{
    LARGEST_RECORD,
    lines::{Line, Lines, without_end},
};
use ::csv::{ByteRecord, ReaderBuilder, Terminator};
use std::io::{self, BufRead};

/// The lines after a broken quote are rows in their own right if there are at least this many …
const ENOUGH_LINES: usize = 10;
/// … and at least this share of them has as many fields as the header, in percent. Lines of prose do not.
const ENOUGH_ROWS: usize = 90;

pub(super) struct CsvRows<R> {
    lines: Lines<R>,
    delimiter: u8,
    /// How many fields the header has.
    width: usize,
}

pub(super) enum CsvRow {
    Fields { line: u64, fields: ByteRecord },
    Broken { line: u64, reason: String },
}

impl<R: BufRead> CsvRows<R> {
    pub fn new(lines: Lines<R>, delimiter: u8) -> Self {
        Self {
            lines,
            delimiter,
            width: 0,
        }
    }

    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Says how many fields a row should have.
    pub fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    /// The next row; empty lines are passed over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_row(&mut self) -> io::Result<Option<CsvRow>> {
        let Some(first) = self.lines.next_filled()? else {
            return Ok(None);
        };
        let (line, mut size, wary) = (first.number, first.bytes.len(), first.read_again);
        let mut quotes = Quotes::new(self.delimiter);
        quotes.read(first.content());
        let mut row = vec![first];
        while quotes.open() && size <= LARGEST_RECORD && !(wary && quotes.doubtful()) {
            let Some(next) = self.lines.next_line()? else { break };
            size += next.bytes.len();
            quotes.read(next.content());
            row.push(next);
        }
        let too_large = size > LARGEST_RECORD;
        if too_large || quotes.broken || quotes.open() || (wary && quotes.doubtful()) {
            return Ok(Some(self.reject(row, too_large)));
        }
        let bytes = row.into_iter().map(|line| line.bytes).reduce(|mut all, next| {
            all.extend(next);
            all
        });
        let fields = split(without_end(&bytes.unwrap_or_default()), self.delimiter)?;
        Ok(Some(CsvRow::Fields { line, fields }))
    }

    /// Rejects a row whose end cannot be known. Lines that look like rows are read again by themselves; others (the rest of a
    /// long text, most likely) go with the row, since half a text must not become a document.
    fn reject(&mut self, mut row: Vec<Line>, too_large: bool) -> CsvRow {
        let (first, last) = (row[0].number, row[row.len() - 1].number);
        let rest = row.split_off(1);
        let again = row[0].read_again || self.look_like_rows(&rest);
        let last = if again { first } else { last };
        if again {
            self.lines.give_back(rest.into_iter().map(|line| Line {
                read_again: true,
                ..line
            }));
        }
        let place = if last > first {
            format!(" (lines {first} to {last} are left out)")
        } else {
            String::new()
        };
        let reason = if too_large && last == first && row[0].cut {
            format!("the row takes more than {} MiB", LARGEST_RECORD / 1024 / 1024)
        } else {
            format!("a quote is not closed, or not doubled inside a quoted field{place}")
        };
        CsvRow::Broken { line: first, reason }
    }

    fn look_like_rows(&self, lines: &[Line]) -> bool {
        let filled = lines.iter().filter(|line| !line.is_blank()).count();
        let has_right_width =
            |line: &&Line| split(line.content(), self.delimiter).is_ok_and(|fields| fields.len() == self.width);
        // Any line is a row of one field.
        self.width > 1
            && filled >= ENOUGH_LINES
            && lines.iter().filter(has_right_width).count() * 100 >= filled * ENOUGH_ROWS
    }
}

/// Takes one row apart.
///
/// # Errors
/// Never, for bytes in memory.
pub(super) fn split(row: &[u8], delimiter: u8) -> io::Result<ByteRecord> {
    let mut fields = ByteRecord::new();
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(row.len().clamp(1, 64 * 1024))
        .from_reader(row)
        .read_byte_record(&mut fields)
        .map_err(io::Error::other)?;
    Ok(fields)
}

/// Follows the quotes of a row (RFC 4180, section 2).
pub(super) struct Quotes {
    delimiter: u8,
    place: Place,
    /// Whether something stood between a closing quote and the end of its field.
    broken: bool,
    /// Whether a quote stood in a field that is not quoted, where it is only a character.
    stray: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted field: its end, or the first of two.
    AfterQuote,
}

impl Quotes {
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            place: Place::FieldStart,
            broken: false,
            stray: false,
        }
    }

    /// Whether the row goes on in the next line.
    pub fn open(&self) -> bool {
        self.place == Place::Quoted
    }

    /// Whether there is any quote that RFC 4180 does not know. After a broken row such a row is not trusted, and not
    /// searched for its end, which might be looked for to the end of the file in every line.
    fn doubtful(&self) -> bool {
        self.broken || self.stray
    }

    pub fn read(&mut self, line: &[u8]) {
        for &byte in line {
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::AfterQuote,
                (Place::AfterQuote | Place::FieldStart, b'"') | (Place::Quoted, _) => Place::Quoted,
                (_, byte) if byte == self.delimiter => Place::FieldStart,
                // Most likely a quote that should have been doubled: the field goes on until one that ends it.
                (Place::AfterQuote, _) => {
                    self.broken = true;
                    Place::Quoted
                }
                (Place::FieldStart | Place::Unquoted, byte) => {
                    self.stray |= byte == b'"';
                    Place::Unquoted
                }
            };
        }
    }
}
