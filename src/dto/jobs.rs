//! Bodies of the job operations: a job to be begun, and a job as it stands.

use super::{
    automation::{ClassificationRecipe, SummaryRecipe, recipe, shown},
    body::some_object,
    document_selections::DocumentSelection,
};
use crate::{
    domain::{
        Error, Result, Timestamp,
        automation::RecipeDraft,
        etags::etag_with_state,
        jobs::{self as domain, JobParameters},
        text_fields::{Slug, check_required_text},
    },
    services::jobs as service,
};
use poem_openapi::{
    ApiResponse, Enum, Object,
    payload::Json,
    types::{Example, ToJSON},
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum JobKind {
    /// Stores documents from an upload.
    Import,
    /// Analyses documents.
    Analyze,
    /// Classifies again what another version of a taxonomy has classified.
    Backfill,
    /// Writes documents into a file.
    Export,
    /// Deletes documents.
    Delete,
}

/// The kinds of job that are begun here; imports and exports have addresses of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum NewJobKind {
    /// Analyse the documents of `documents`: a `summary`, or a `classification`.
    Analyze,
    /// Classify again what another version of the taxonomy of `classification` has classified.
    Backfill,
    /// Delete the documents of `documents`.
    Delete,
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    Running,
    /// What is under way is brought to its end; nothing more is begun.
    Cancelling,
    /// Everything was done.
    Succeeded,
    /// Something failed; it can be tried again.
    Failed,
    Cancelled,
}

/// Long work over many documents.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Job {
    pub id: Uuid,
    pub kind: JobKind,
    pub collection_id: Uuid,
    pub status: JobStatus,
    /// Which documents it is about.
    pub documents: Option<DocumentSelection>,
    pub summary: Option<SummaryRecipe>,
    pub classification: Option<ClassificationRecipe>,
    /// Who is asked.
    pub engine: Option<String>,
    /// How many documents it is about; not there while nobody knows.
    pub total: Option<i64>,
    /// How many have been done, with those that were as they should be before.
    pub done: i64,
    /// Of `done`, how many were as they should be before.
    pub unchanged: i64,
    /// How many could not be accepted as they were sent.
    pub refused: i64,
    /// How many were tried as often as they may be, or cannot be done; they are among the job's items.
    pub failed: i64,
    /// How many a second, since it began.
    pub per_second: Option<f64>,
    /// How many seconds are left at that rate.
    pub seconds_left: Option<f64>,
    /// The id of the API key in whose name it acts.
    pub created_by: Option<Uuid>,
    /// The id of the user in whose name it acts.
    pub created_by_user: Option<Uuid>,
    /// The request that began it, as its logs name it.
    pub trace_id: Option<String>,
    pub created_at: OffsetDateTime,
    /// Not before then; not there when it was to begin at once.
    pub starts_at: Option<OffsetDateTime>,
    pub started_at: Option<OffsetDateTime>,
    pub finished_at: Option<OffsetDateTime>,
}

impl Job {
    /// The job as it stands at that time.
    #[must_use]
    pub fn new(job: domain::Job, now: Timestamp) -> Self {
        let rate = job.rate(now);
        let (documents, recipe) = match job.parameters.0 {
            JobParameters::Analyze { filter, recipe } => (Some(filter), Some(recipe)),
            JobParameters::Backfill { recipe } => (None, Some(recipe)),
            JobParameters::Delete { filter } => (Some(filter), None),
            JobParameters::Import(_) | JobParameters::Export(_) => (None, None),
        };
        let (summary, classification, engine) = match recipe.map(shown) {
            Some((summary, classification, engine)) => (summary, classification, Some(engine)),
            None => (None, None, None),
        };
        Self {
            id: job.id.0,
            kind: job.kind.into(),
            collection_id: job.collection_id.0,
            status: job.status.into(),
            documents: documents.map(Into::into),
            summary,
            classification,
            engine,
            total: job.total,
            done: job.done,
            unchanged: job.unchanged,
            refused: job.refused,
            failed: job.failed,
            per_second: rate.map(|(rate, _)| rate),
            seconds_left: rate.and_then(|(_, left)| left),
            created_by: job.created_by.map(|id| id.0),
            created_by_user: job.created_by_user.map(|id| id.0),
            trace_id: job.trace_id,
            created_at: job.created_at.as_offset_date_time(),
            starts_at: job.starts_at.map(Timestamp::as_offset_date_time),
            started_at: job.started_at.map(Timestamp::as_offset_date_time),
            finished_at: job.finished_at.map(Timestamp::as_offset_date_time),
        }
    }

    /// Of its counts and its status, so that it is sent again only when it has come further.
    #[must_use]
    pub fn etag(&self) -> String {
        let state = format!(
            "{}-{:x}-{:x}-{:x}-{:x}-{:x}",
            self.status.to_json_string().trim_matches('"'),
            self.total.unwrap_or(-1),
            self.done,
            self.unchanged,
            self.refused,
            self.failed
        );
        etag_with_state(self.id, 1, &state)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/jobs/{}", self.id)
    }
}

/// A job to be begun.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewJob {
    pub kind: NewJobKind,
    /// Slug or id.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub collection: String,
    /// Which documents: those that all filters find. For `delete` it must be said, `{}` for all of them; for `analyze`, all of them
    /// when it is left out. What arrives after the job was begun is not among them.
    #[serde(default, deserialize_with = "some_object")]
    pub documents: Option<DocumentSelection>,
    /// For `analyze`: a summary as described here.
    #[serde(default, deserialize_with = "some_object")]
    pub summary: Option<SummaryRecipe>,
    /// For `analyze` and `backfill`: a label of a stored taxonomy.
    #[serde(default, deserialize_with = "some_object")]
    pub classification: Option<ClassificationRecipe>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Not before this time (RFC 3339), at most a year ahead; at once when left out.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub start_at: Option<OffsetDateTime>,
}

/// A job as a body describes it, checked as far as that goes without the database.
pub struct Wished {
    pub collection: String,
    pub job: service::NewJob,
    pub start_at: Option<Timestamp>,
}

impl NewJob {
    /// # Errors
    /// `Error::Invalid` for what is missing, what does not go with the kind, and what cannot be accepted.
    pub fn into_domain(self) -> Result<Wished> {
        check_required_text("/collection", &self.collection, Slug::LONGEST)?;
        let analyses = self.kind != NewJobKind::Delete;
        for (name, given) in [
            ("summary", self.summary.is_some()),
            ("classification", self.classification.is_some()),
            ("engine", self.engine.is_some()),
        ] {
            if given && !analyses {
                return Err(Error::invalid(
                    format!("/{name}"),
                    "does not go with a job that deletes",
                ));
            }
        }
        let filter = self.documents.map(DocumentSelection::into_domain).transpose()?;
        let draft = |summary, classification| -> Result<RecipeDraft> {
            recipe(summary, classification, self.engine.as_deref(), "")
        };
        let job = match self.kind {
            NewJobKind::Analyze => service::NewJob::Analyze {
                filter: filter.unwrap_or_default(),
                recipe: draft(self.summary, self.classification)?,
            },
            NewJobKind::Backfill if filter.is_some() => {
                let message = "does not go with a backfill, which is about what another version has classified";
                return Err(Error::invalid("/documents", message));
            }
            NewJobKind::Backfill if self.classification.is_none() => {
                return Err(Error::invalid("/classification", "is needed for a backfill"));
            }
            NewJobKind::Backfill => service::NewJob::Backfill {
                recipe: draft(self.summary, self.classification)?,
            },
            NewJobKind::Delete => service::NewJob::Delete {
                filter: filter.ok_or_else(|| Error::invalid("/documents", "is needed: `{}` for all documents"))?,
            },
        };
        Ok(Wished {
            collection: self.collection,
            job,
            start_at: self.start_at.map(Timestamp::new),
        })
    }
}

impl Example for NewJob {
    fn example() -> Self {
        Self {
            kind: NewJobKind::Analyze,
            collection: "tickets".to_owned(),
            documents: Some(DocumentSelection::sample()),
            summary: None,
            classification: Some(ClassificationRecipe::sample()),
            engine: Some("embedded".to_owned()),
            start_at: None,
        }
    }
}

/// A page of jobs.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct JobPage {
    pub items: Vec<Job>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// A job that was begun.
#[derive(ApiResponse)]
pub enum Begun {
    /// It was begun, and goes on in the background.
    #[oai(status = 202)]
    Accepted(
        Json<Job>,
        /// Where to see how far it has come.
        #[oai(header = "Location")]
        String,
    ),
}

impl From<domain::JobKind> for JobKind {
    fn from(kind: domain::JobKind) -> Self {
        match kind {
            domain::JobKind::Import => Self::Import,
            domain::JobKind::Analyze => Self::Analyze,
            domain::JobKind::Backfill => Self::Backfill,
            domain::JobKind::Export => Self::Export,
            domain::JobKind::Delete => Self::Delete,
        }
    }
}

impl From<JobKind> for domain::JobKind {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Import => Self::Import,
            JobKind::Analyze => Self::Analyze,
            JobKind::Backfill => Self::Backfill,
            JobKind::Export => Self::Export,
            JobKind::Delete => Self::Delete,
        }
    }
}

impl From<domain::JobStatus> for JobStatus {
    fn from(status: domain::JobStatus) -> Self {
        match status {
            domain::JobStatus::Queued => Self::Queued,
            domain::JobStatus::Running => Self::Running,
            domain::JobStatus::Cancelling => Self::Cancelling,
            domain::JobStatus::Succeeded => Self::Succeeded,
            domain::JobStatus::Failed => Self::Failed,
            domain::JobStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<JobStatus> for domain::JobStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => Self::Queued,
            JobStatus::Running => Self::Running,
            JobStatus::Cancelling => Self::Cancelling,
            JobStatus::Succeeded => Self::Succeeded,
            JobStatus::Failed => Self::Failed,
            JobStatus::Cancelled => Self::Cancelled,
        }
    }
}
