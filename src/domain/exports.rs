//! An export: a file of documents that is written in parts and kept for a while.

use super::{
    Timestamp,
    documents::DocumentFilter,
    identifiers::{DocumentId, JobId},
};
use serde::{Deserialize, Serialize};

/// For how long a file can be had.
pub const EXPORTS_LAST: time::Duration = time::Duration::days(7);
/// A part ends with the document that makes it as large as this, in bytes.
pub const PART_BYTES: usize = 1024 * 1024;
/// The most documents of a part.
pub const MOST_DOCUMENTS_OF_A_PART: i64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON object a line.
    Ndjson,
    /// A header and a row a document.
    Csv,
    /// Columns, compressed.
    Parquet,
}

impl ExportFormat {
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// With which a file's name ends.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// What is to be written, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportSettings {
    pub format: ExportFormat,
    pub filter: DocumentFilter,
    /// With the newest summary and classification of each document.
    pub analyses: bool,
    /// CSV for people: an apostrophe before what a spreadsheet would take for a formula.
    #[serde(default)]
    pub spreadsheet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ExportState {
    Writing,
    Ready,
    /// A document that was in it was deleted, and the file with it.
    Withdrawn,
    /// It was kept for as long as files are kept.
    Expired,
}

/// A file, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Export {
    pub job_id: JobId,
    pub state: ExportState,
    /// Bytes so far.
    pub size: i64,
    pub parts: i64,
    pub documents: i64,
    /// When it came into its state.
    pub changed_at: Timestamp,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPart {
    /// From 1.
    pub number: i64,
    /// Where in the file it begins, in bytes.
    pub begins_at: i64,
    pub content: Vec<u8>,
    /// What a Parquet file would end with if this part were all of it.
    pub footer: Option<Vec<u8>>,
    /// The documents in it, in the order of their creation.
    pub documents: Vec<(Timestamp, DocumentId)>,
}
