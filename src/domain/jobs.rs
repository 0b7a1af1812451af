//! A job: long work that somebody asked for, with progress, cancelling, and a list of what failed.

use super::{
    Timestamp,
    automation::Recipe,
    documents::DocumentFilter,
    errors::{Error, Result},
    exports::ExportSettings,
    identifiers::{ApiKeyId, CollectionId, JobId, UserId},
    imports::ImportSettings,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::fmt;

/// For how long a job that has ended is kept, with its results.
pub const JOBS_LAST: time::Duration = time::Duration::days(30);
/// How far ahead a job may be begun.
pub const FARTHEST_START: time::Duration = time::Duration::days(366);
/// How many jobs of one collection may be open at once.
pub const MOST_OPEN_JOBS: i64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum JobKind {
    /// Stores documents from an upload.
    Import,
    /// Analyses the documents that a filter finds.
    Analyze,
    /// Classifies again what an older version of a taxonomy has classified.
    Backfill,
    /// Writes the documents that a filter finds into a file.
    Export,
    /// Deletes the documents that a filter finds.
    Delete,
}

impl JobKind {
    pub const ALL: [Self; 5] = [Self::Import, Self::Analyze, Self::Backfill, Self::Export, Self::Delete];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Analyze => "analyze",
            Self::Backfill => "backfill",
            Self::Export => "export",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    Running,
    /// What is under way is brought to its end; nothing more is begun.
    Cancelling,
    /// Everything was done; what could not be stored as it was sent is counted as refused.
    Succeeded,
    /// Something is on the list of what failed.
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether something is still to happen.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Cancelling)
    }
}

/// What a job is to do; never with a document's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobParameters {
    Analyze {
        filter: DocumentFilter,
        recipe: Recipe,
    },
    Backfill {
        /// With the version of its taxonomy.
        recipe: Recipe,
    },
    Delete {
        filter: DocumentFilter,
    },
    Import(ImportSettings),
    Export(ExportSettings),
}

impl JobParameters {
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Analyze { .. } => JobKind::Analyze,
            Self::Backfill { .. } => JobKind::Backfill,
            Self::Delete { .. } => JobKind::Delete,
            Self::Import(_) => JobKind::Import,
            Self::Export(_) => JobKind::Export,
        }
    }
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub collection_id: CollectionId,
    pub status: JobStatus,
    pub parameters: Json<JobParameters>,
    /// Whether everything that is to be done is known.
    pub planned: bool,
    /// How much there is to do, as far as it is known.
    pub total: Option<i64>,
    /// How much has been done, with what was found to be done before.
    pub done: i64,
    /// Of what was done, how much was as it should be before.
    pub unchanged: i64,
    /// How much of what was sent could not be accepted.
    pub refused: i64,
    /// How much was tried as often as it may be, or cannot be done.
    pub failed: i64,
    /// In whose name it acts; the id is below, unless they were deleted.
    pub acts_as: ActsAs,
    pub created_by: Option<ApiKeyId>,
    pub created_by_user: Option<UserId>,
    pub trace_id: Option<String>,
    pub created_at: Timestamp,
    /// Not before then.
    pub starts_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// In whose name a job acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ActsAs {
    Operator,
    Key,
    User,
}

/// What to add to the counts of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: i64,
    pub unchanged: i64,
    pub refused: i64,
    pub failed: i64,
}

impl Progress {
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl std::ops::AddAssign for Progress {
    fn add_assign(&mut self, more: Self) {
        self.done += more.done;
        self.unchanged += more.unchanged;
        self.refused += more.refused;
        self.failed += more.failed;
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JobFilter {
    pub collection: Option<CollectionId>,
    pub kind: Option<JobKind>,
    pub status: Option<JobStatus>,
}

impl Job {
    /// What arrives after this is not the job's.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.starts_at
            .map_or(self.created_at, |starts| starts.max(self.created_at))
    }

    /// What a second has done of it since it began, and how many seconds are left at that rate; `None` while nobody can say.
    #[must_use]
    pub fn rate(&self, now: Timestamp) -> Option<(f64, Option<f64>)> {
        let started = self.started_at?.as_offset_date_time();
        let until = self.finished_at.unwrap_or(now).as_offset_date_time();
        let seconds = (until - started).as_seconds_f64();
        let ended = self.done + self.refused + self.failed;
        if ended == 0 || seconds <= 0.0 {
            return None;
        }
        let rate = ended as f64 / seconds;
        let left = self
            .total
            .filter(|_| self.status.is_open())
            .map(|total| (total - ended).max(0) as f64 / rate);
        Some((rate, left))
    }

    /// # Errors
    /// `Error::Conflict` when it has ended.
    pub fn check_open(&self) -> Result<()> {
        if self.status.is_open() {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "the job has ended already: it is `{}`",
            self.status.name()
        )))
    }
}
