//! Bodies and parameters of the import operations.

use crate::domain::{imports as domain, jobs};
use poem_openapi::{ApiResponse, Enum, Object, payload::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// How records stand in an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RecordFormat {
    Csv,
    Ndjson,
}

/// What stands between the fields of CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Bar,
}

impl Delimiter {
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ImportState {
    /// More is to come; what has arrived is being stored meanwhile.
    Receiving,
    /// Everything has arrived, and is being stored.
    Storing,
    Done,
    /// Some of it could not be stored, for reasons that may pass: try the job again.
    Failed,
    Cancelled,
}

/// Documents that are uploaded, and stored in the background.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Import {
    /// Also the id of its job.
    pub id: Uuid,
    pub collection_id: Uuid,
    pub state: ImportState,
    pub format: RecordFormat,
    /// Bytes that are kept for good, always at the end of a record: whoever lost the connection goes on from there.
    pub received: i64,
    /// Records in them.
    pub records: i64,
    /// How many documents were stored, with those that were there just so before.
    pub done: i64,
    /// Of `done`, how many were there just so before.
    pub unchanged: i64,
    /// How many records could not be accepted; `refusals` has the reasons.
    pub refused: i64,
    pub created_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

impl Import {
    #[must_use]
    pub fn new(job: &jobs::Job, upload: &domain::Upload) -> Self {
        let format = match &job.parameters.0 {
            jobs::JobParameters::Import(settings) => settings.format,
            _ => domain::RecordFormat::Ndjson,
        };
        Self {
            id: job.id.0,
            collection_id: job.collection_id.0,
            state: match job.status {
                jobs::JobStatus::Cancelling | jobs::JobStatus::Cancelled => ImportState::Cancelled,
                jobs::JobStatus::Succeeded => ImportState::Done,
                jobs::JobStatus::Failed => ImportState::Failed,
                jobs::JobStatus::Queued | jobs::JobStatus::Running if upload.complete => ImportState::Storing,
                jobs::JobStatus::Queued | jobs::JobStatus::Running => ImportState::Receiving,
            },
            format: match format {
                domain::RecordFormat::Csv => RecordFormat::Csv,
                domain::RecordFormat::Ndjson => RecordFormat::Ndjson,
            },
            received: upload.received,
            records: upload.records,
            done: job.done,
            unchanged: job.unchanged,
            refused: job.refused,
            created_at: job.created_at.as_offset_date_time(),
            finished_at: job.finished_at.map(crate::domain::Timestamp::as_offset_date_time),
        }
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/imports/{}", self.id)
    }
}

/// An upload that was taken.
#[derive(ApiResponse)]
pub enum Taken {
    /// It was taken, and is stored in the background.
    #[oai(status = 202)]
    Accepted(
        Json<Import>,
        /// Where to see how far it is, and where to go on.
        #[oai(header = "Location")]
        String,
        /// How many bytes of it are kept.
        #[oai(header = "Upload-Offset")]
        i64,
    ),
}

/// How far an import is.
#[derive(ApiResponse)]
pub enum ImportAt {
    /// As it is now.
    #[oai(status = 200)]
    Ok(
        Json<Import>,
        /// How many bytes of it are kept: go on from there.
        #[oai(header = "Upload-Offset")]
        i64,
    ),
}

/// Why a record was not stored.
#[derive(Debug, Clone, Object)]
pub struct Refusal {
    /// The line of the upload on which the record begins, from 1.
    pub line: i64,
    /// What is wrong with it, without its text.
    pub reason: String,
}

impl From<domain::Refusal> for Refusal {
    fn from(refusal: domain::Refusal) -> Self {
        Self {
            line: refusal.line,
            reason: refusal.reason,
        }
    }
}

/// A page of reasons.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RefusalPage {
    pub items: Vec<Refusal>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
