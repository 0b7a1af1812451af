//! Bodies of the export operations.

use super::{document_selections::DocumentSelection, problem::Problem};
use crate::domain::{Result, Timestamp, exports as domain, jobs};
use poem::Body;
use poem_openapi::{
    ApiResponse, Enum, Object,
    payload::{Binary, Json},
    types::Example,
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// How documents stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON object a line.
    Ndjson,
    /// A header and a row a document.
    Csv,
    /// Columns, compressed with Snappy.
    Parquet,
}

/// A file to be written.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewExport {
    pub format: ExportFormat,
    /// Which documents: those that all filters find; all of them when left out. What arrives later is not among them.
    #[serde(default, deserialize_with = "super::body::some_object")]
    pub documents: Option<DocumentSelection>,
    /// Whether the newest summary and classification of each document go with it, for which the scope `analyses:read` is needed; `true`
    /// when left out.
    #[serde(default)]
    pub analyses: Option<bool>,
    /// Of CSV for people: with a byte order mark, and an apostrophe before what a spreadsheet would take for a formula. Without it, cells
    /// are as they are, also those that begin with `=`.
    #[serde(default)]
    pub spreadsheet: Option<bool>,
}

impl NewExport {
    /// # Errors
    /// `Error::Invalid` for a filter that cannot be.
    pub fn into_domain(self) -> Result<domain::ExportSettings> {
        let filter = self.documents.map(DocumentSelection::into_domain).transpose()?;
        Ok(domain::ExportSettings {
            format: self.format.into(),
            filter: filter.unwrap_or_default(),
            analyses: self.analyses.unwrap_or(true),
            spreadsheet: self.spreadsheet.unwrap_or(false),
        })
    }
}

impl Example for NewExport {
    fn example() -> Self {
        Self {
            format: ExportFormat::Csv,
            documents: Some(DocumentSelection::sample()),
            analyses: None,
            spreadsheet: None,
        }
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ExportState {
    Writing,
    /// It can be had.
    Ready,
    /// A document that was in it was deleted, and the file with it.
    Withdrawn,
    /// Its time was over.
    Expired,
    /// It could not be written; its job says why.
    Failed,
    Cancelled,
}

/// A file of documents that is written in the background.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Export {
    /// Also the id of its job.
    pub id: Uuid,
    pub collection_id: Uuid,
    pub state: ExportState,
    pub format: ExportFormat,
    /// How many documents are in it so far.
    pub written: i64,
    /// How many there are to be; not there while nobody knows.
    pub total: Option<i64>,
    /// Bytes so far.
    pub size: i64,
    pub created_at: OffsetDateTime,
    /// Until when it can be had, once it is ready.
    pub expires_at: Option<OffsetDateTime>,
}

impl Export {
    #[must_use]
    pub fn new(job: &jobs::Job, settings: &domain::ExportSettings, export: &domain::Export) -> Self {
        let state = match (export.state, job.status) {
            (domain::ExportState::Ready, _) => ExportState::Ready,
            (domain::ExportState::Withdrawn, _) => ExportState::Withdrawn,
            (_, jobs::JobStatus::Cancelled | jobs::JobStatus::Cancelling) => ExportState::Cancelled,
            (domain::ExportState::Expired, _) => ExportState::Expired,
            (domain::ExportState::Writing, jobs::JobStatus::Failed) => ExportState::Failed,
            (domain::ExportState::Writing, _) => ExportState::Writing,
        };
        let ready = export.state == domain::ExportState::Ready;
        let ends = export
            .changed_at
            .as_offset_date_time()
            .checked_add(domain::EXPORTS_LAST);
        Self {
            id: job.id.0,
            collection_id: job.collection_id.0,
            state,
            format: settings.format.into(),
            written: export.documents,
            total: job.total,
            size: export.size,
            created_at: job.created_at.as_offset_date_time(),
            expires_at: ends
                .filter(|_| ready)
                .map(|at| Timestamp::new(at).as_offset_date_time()),
        }
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/exports/{}", self.id)
    }
}

/// A file that is to be written.
#[derive(ApiResponse)]
pub enum ExportBegun {
    /// It is written in the background.
    #[oai(status = 202)]
    Accepted(
        Json<Export>,
        /// Where to see how far it is.
        #[oai(header = "Location")]
        String,
    ),
}

/// What goes with the bytes of a file.
#[derive(Debug, Clone)]
pub struct FileHeaders {
    pub etag: String,
    pub disposition: String,
    pub length: u64,
    /// For a part: `bytes 0-499/1234`.
    pub range: String,
}

/// The bytes of a file, or a part of them.
#[derive(ApiResponse)]
pub enum FileContent {
    /// The whole file.
    #[oai(status = 200)]
    Whole(
        Binary<Body>,
        /// The media type of its format.
        #[oai(header = "Content-Type")]
        String,
        #[oai(header = "Content-Length")] u64,
        #[oai(header = "Content-Disposition")] String,
        /// Parts of it can be asked for with `Range`.
        #[oai(header = "Accept-Ranges")]
        String,
        /// Names the file; send it in `If-Range` when you go on with it.
        #[oai(header = "ETag")]
        String,
    ),
    /// The part that `Range` asked for.
    #[oai(status = 206)]
    Part(
        Binary<Body>,
        #[oai(header = "Content-Type")] String,
        #[oai(header = "Content-Length")] u64,
        #[oai(header = "Content-Disposition")] String,
        #[oai(header = "Accept-Ranges")] String,
        #[oai(header = "ETag")] String,
        /// Which part it is.
        #[oai(header = "Content-Range")]
        String,
    ),
    /// The file is not there any more, or was not written.
    #[oai(status = 410, content_type = "application/problem+json")]
    Gone(Json<Problem>),
    /// The file has no such part.
    #[oai(status = 416, content_type = "application/problem+json")]
    NoSuchPart(
        Json<Problem>,
        /// How long the file is.
        #[oai(header = "Content-Range")]
        String,
    ),
}

impl From<ExportFormat> for domain::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Ndjson => Self::Ndjson,
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Parquet => Self::Parquet,
        }
    }
}

impl From<domain::ExportFormat> for ExportFormat {
    fn from(format: domain::ExportFormat) -> Self {
        match format {
            domain::ExportFormat::Ndjson => Self::Ndjson,
            domain::ExportFormat::Csv => Self::Csv,
            domain::ExportFormat::Parquet => Self::Parquet,
        }
    }
}
