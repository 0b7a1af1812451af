//! Documents in files: read record by record, written row by row, with nothing but one record in memory. No database here;
//! `cli::import` and `cli::export` put the two together.
//!
//! Every reader is an iterator of [`Row`]s: a [`Record`] whose fields are checked, or a [`Rejected`] row with the line on
//! which it begins and the reason. A bad row never stops the rest; only an unreadable file or a useless header does.
//!
//! | field | names in a file, the first that is there wins |
//! |---|---|
//! | external id | `external_id`, `id` |
//! | title | `title`, `subject` |
//! | text | `text`, `body`, `content` |
//! | language | `language` |
//! | attributes | `attributes`, a JSON object |
//!
//! Whatever has another name becomes an attribute: as text from CSV, as it is from NDJSON. Columns that begin with
//! `synoptic_` and the NDJSON field `synoptic` are left out, because [`export`] writes what Synoptic itself found there. So
//! what was exported can be imported again.
//!
//! A record without an external id is given one made of its content, so that importing it again stores nothing twice.

mod csv;
mod csv_rows;
pub mod export;
mod fields;
mod identities;
mod lines;
mod ndjson;
pub mod parquet_file;
mod plain;
mod splitter;

pub use self::{
    csv::CsvReader,
    ndjson::NdjsonReader,
    plain::TextReader,
    splitter::{Piece, Splitter, rows_of, without},
};

use crate::domain::{documents::DocumentFields, imports::RecordNames};

/// The most that one record may take in a file, in bytes. A quote that is never closed would swallow the whole file.
pub const LARGEST_RECORD: usize = 64 * 1024 * 1024;

/// How documents stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Rows with a header (RFC 4180); commas, semicolons, tabs or bars between the fields.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// The whole file is one document.
    Text,
}

impl Format {
    /// The format that a file's extension stands for.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "txt" | "text" | "md" | "markdown" => Some(Self::Text),
            _ => None,
        }
    }

    /// The format that the beginning of a file shows: an object, or a header that names a column for the text.
    #[must_use]
    pub fn of_beginning(beginning: &[u8]) -> Option<Self> {
        let beginning = beginning
            .strip_prefix(lines::BYTE_ORDER_MARK)
            .unwrap_or(beginning)
            .trim_ascii_start();
        if beginning.starts_with(b"{") {
            return Some(Self::Ndjson);
        }
        let header = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
        csv::guess_delimiter(header, &RecordNames::default()).map(|_| Self::Csv)
    }
}

/// What a reader found.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    Record(Record),
    Rejected(Rejected),
}

/// A document that can be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The line of the file on which the record begins, from 1.
    pub line: u64,
    /// Checked, with an external id.
    pub fields: DocumentFields,
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// When it could be made out.
    pub external_id: Option<String>,
    /// For the person who has to mend the file.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_shows_its_format() {
        assert_eq!(
            Format::of_beginning(b"\xEF\xBB\xBF\n {\"text\": 1}"),
            Some(Format::Ndjson)
        );
        assert_eq!(Format::of_beginning(b"id;Body\n1;x\n"), Some(Format::Csv));
        assert_eq!(
            Format::of_beginning(b"Dear team,\nplease find attached the text\n"),
            None
        );
        assert_eq!(Format::of_beginning(b""), None);
    }
}
