//! An import: documents from an upload, which is kept in chunks of whole records until they are stored.

use super::{
    Timestamp,
    errors::{Error, Result},
    identifiers::JobId,
};
use serde::{Deserialize, Serialize};

/// The most records in a chunk, which are stored in one transaction.
pub const MOST_RECORDS_OF_A_CHUNK: u64 = 500;
/// A chunk ends with the record that makes it as large as this, in bytes.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// The most reasons that are kept of one import.
pub const MOST_REFUSALS: i64 = 1_000;
/// For how long an upload may wait for its client to go on.
pub const UPLOADS_WAIT: time::Duration = time::Duration::hours(24);
/// The longest name of a column or field, in characters.
const LONGEST_NAME: usize = 200;

/// How records stand in what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordFormat {
    /// Rows with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Columns or fields that hold what a document needs, where they are not called as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordNames {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl RecordNames {
    /// # Errors
    /// `Error::Invalid` for the parameter that cannot be the name of a column.
    pub fn check(&self) -> Result<()> {
        let named = [
            ("external_id", &self.external_id),
            ("title", &self.title),
            ("text", &self.text),
            ("language", &self.language),
        ];
        for (parameter, name) in named {
            let Some(name) = name else { continue };
            if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                let why = format!("must be the name of a column or field, of 1 to {LONGEST_NAME} characters");
                return Err(Error::invalid_parameter(parameter, why));
            }
        }
        Ok(())
    }
}

/// How an upload is to be read, and what becomes of documents that are there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSettings {
    pub format: RecordFormat,
    /// Whether a document with the same `external_id` is replaced; else the record is refused.
    pub replace: bool,
    /// Between the fields of CSV; found from the header when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<u8>,
    #[serde(default)]
    pub names: RecordNames,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Upload {
    pub job_id: JobId,
    /// Bytes that are kept for good; always at the end of a record.
    pub received: i64,
    /// Lines in them.
    pub lines: i64,
    /// Records in them.
    pub records: i64,
    pub chunks: i64,
    /// The header of a CSV file.
    pub header: Option<Vec<u8>>,
    /// Whether nothing more is to come.
    pub complete: bool,
    pub changed_at: Timestamp,
}

/// Records that wait to be stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UploadChunk {
    pub job_id: JobId,
    /// From 1.
    pub number: i64,
    /// How many lines of the upload come before it.
    pub lines_before: i64,
    pub content: Vec<u8>,
}

/// Why a record was not stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Refusal {
    /// The line on which the record begins, from 1.
    pub line: i64,
    pub reason: String,
}
