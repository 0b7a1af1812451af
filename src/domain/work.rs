//! Work in the background: pieces that wait in lanes, are taken up under a lease, and end in the same transaction as their effect.

use super::{
    Timestamp,
    errors::Error,
    identifiers::{AnalysisId, CollectionId, DocumentId, JobId, LaneId, WorkId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// For how long whoever takes a piece up may go without saying that they are still at it.
pub const LEASE: time::Duration = time::Duration::seconds(60);
/// The longest that a piece waits after an attempt, and somewhat more: a budget of a month may be used up on its first day.
pub const LONGEST_DELAY: time::Duration = time::Duration::days(32);
/// How often a piece is tried before it is left for a person to look at.
pub const MOST_ATTEMPTS: i64 = 6;
/// How long the second attempt waits after the first; each further one four times as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Where pieces wait. Each queue is worked on by itself, so that none stands in another's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Queue {
    /// Analyses of documents that have just arrived or changed.
    Arrivals,
    /// Pieces of jobs.
    Jobs,
    /// Deliveries to webhooks.
    Deliveries,
}

impl Queue {
    pub const ALL: [Self; 3] = [Self::Arrivals, Self::Jobs, Self::Deliveries];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrivals => "arrivals",
            Self::Jobs => "jobs",
            Self::Deliveries => "deliveries",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum WorkKind {
    /// Find the next documents that a job is about, and a piece for each.
    Plan,
    /// Analyse a document.
    Analyze,
    /// Store a part of what was uploaded.
    Import,
    /// Write documents into a file.
    Export,
    /// Delete the next documents that a job is about.
    Delete,
    /// Tell a webhook.
    Deliver,
}

impl WorkKind {
    pub const ALL: [Self; 6] = [
        Self::Plan,
        Self::Analyze,
        Self::Import,
        Self::Export,
        Self::Delete,
        Self::Deliver,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Analyze => "analyze",
            Self::Import => "import",
            Self::Export => "export",
            Self::Delete => "delete",
            Self::Deliver => "deliver",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum WorkStatus {
    Waiting,
    Running,
    Done,
    /// It was tried as often as it may be, or cannot be done; a person may have it tried again.
    Failed,
    Cancelled,
}

impl WorkStatus {
    /// Whether something is still to happen.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// A piece of work to be done.
#[derive(Debug, Clone)]
pub struct NewWork {
    pub queue: Queue,
    pub collection: CollectionId,
    pub kind: WorkKind,
    pub job: Option<JobId>,
    pub document: Option<DocumentId>,
    /// The rule of the collection's automation: of one document and one rule there is one piece, which starts anew.
    pub rule: Option<String>,
    /// What else there is to know; never a document's text.
    pub payload: Value,
    pub due_at: Timestamp,
}

/// A piece of work that was taken up.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Claimed {
    pub id: WorkId,
    pub lane_id: LaneId,
    #[sqlx(skip)]
    pub collection: Option<CollectionId>,
    pub job_id: Option<JobId>,
    pub document_id: Option<DocumentId>,
    pub kind: WorkKind,
    pub rule: Option<String>,
    pub payload: sqlx::types::Json<Value>,
    /// 1 for the first.
    pub attempts: i64,
    pub lease: Uuid,
    pub enqueued_at: Timestamp,
}

impl Claimed {
    #[must_use]
    pub fn claim(&self) -> Claim {
        Claim {
            work: self.id,
            lease: self.lease,
        }
    }
}

/// The right to end a piece of work, for as long as nobody else has taken it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub work: WorkId,
    pub lease: Uuid,
}

/// A piece of work as it stands.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct WorkRow {
    pub id: WorkId,
    pub collection_id: CollectionId,
    pub queue: Queue,
    pub job_id: Option<JobId>,
    pub document_id: Option<DocumentId>,
    pub kind: WorkKind,
    pub rule: Option<String>,
    pub status: WorkStatus,
    pub due_at: Option<Timestamp>,
    pub attempts: i64,
    pub code: Option<String>,
    pub reason: Option<String>,
    pub analysis_id: Option<AnalysisId>,
    pub enqueued_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// Why an attempt did not end a piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A word from a closed set, as in a problem's `type`.
    pub code: &'static str,
    /// In words for a person; no text of a document.
    pub reason: String,
    /// After how long it may be tried again; `None` when that would end alike.
    pub again_after: Option<Duration>,
}

impl Failure {
    /// Sorts an error into what passes and what does not.
    #[must_use]
    pub fn of(error: &Error, attempts: i64) -> Self {
        let pause = pause_after(attempts);
        let (code, again_after) = match error {
            Error::NotFound { .. } => ("not-found", None),
            Error::Conflict(_) => ("conflict", Some(pause)),
            Error::PreconditionFailed { .. } => ("precondition-failed", None),
            Error::Invalid(_) => ("invalid", None),
            Error::Unauthorized | Error::SignInRefused | Error::Forbidden(_) => ("forbidden", None),
            Error::RateLimited { retry_after, .. } => ("rate-limited", Some(pause.max(*retry_after))),
            Error::OverBudget { retry_after, .. } => ("over-budget", retry_after.map(|after| pause.max(after))),
            Error::Upstream { retry_after, .. } => ("upstream", Some(pause.max(retry_after.unwrap_or_default()))),
            Error::Unavailable { .. } => ("unavailable", Some(pause)),
            Error::StorageFull { .. } => ("storage-full", Some(pause)),
            Error::Internal { .. } => ("internal", Some(pause)),
        };
        Self {
            code,
            reason: error.to_string(),
            again_after,
        }
    }

    /// Whether the fault lies with what the server stands on, and not with this piece: then the attempt does not count.
    #[must_use]
    pub fn is_of_the_server(error: &Error) -> bool {
        matches!(error, Error::Unavailable { .. } | Error::StorageFull { .. })
    }
}

/// How long to wait after this many attempts.
#[must_use]
pub fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16)).unwrap_or(16) - 1;
    FIRST_PAUSE
        .saturating_mul(4_u32.saturating_pow(doublings))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let seconds: Vec<u64> = (1..=8).map(|attempts| pause_after(attempts).as_secs()).collect();
        assert_eq!(seconds, [2, 8, 32, 128, 512, 600, 600, 600]);
        assert_eq!(pause_after(i64::MAX), LONGEST_PAUSE);
        assert_eq!(pause_after(0), FIRST_PAUSE);
    }

    #[test]
    fn what_cannot_change_is_not_tried_again() {
        let gone = Failure::of(&Error::not_found("document", "x"), 1);
        assert_eq!((gone.code, gone.again_after), ("not-found", None));
        let away = Error::Unavailable {
            message: "away".into(),
            source: None,
        };
        assert_eq!(Failure::of(&away, 2).again_after, Some(Duration::from_secs(8)));
    }
}
