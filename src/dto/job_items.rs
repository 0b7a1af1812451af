//! Bodies about pieces of work: what a job consists of, what failed, and what a job would do.

use super::jobs::Job;
use crate::{
    domain::{Timestamp, work as domain},
    services::{job_previews as previews, job_results::ResultLine},
};
use futures_util::stream::BoxStream;
use poem::{Body, web::sse::Event};
use poem_openapi::{
    ApiResponse, Enum, Object,
    payload::{Binary, EventStream},
    types::ToJSON,
};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a stream is silent before a comment says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ItemKind {
    /// Finds the documents that the job is about.
    Plan,
    Analyze,
    Import,
    Export,
    Delete,
    /// Tells a webhook.
    Deliver,
}

/// How far a piece of work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ItemStatus {
    Waiting,
    Running,
    Done,
    /// It was tried as often as it may be, or cannot be done.
    Failed,
    Cancelled,
}

/// A piece of work.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WorkItem {
    pub id: Uuid,
    pub kind: ItemKind,
    pub status: ItemStatus,
    pub collection_id: Uuid,
    /// The job that it belongs to.
    pub job_id: Option<Uuid>,
    pub document_id: Option<Uuid>,
    /// The rule of the collection's automation that it follows.
    pub rule: Option<String>,
    /// How often it was begun.
    pub attempts: i64,
    /// Why the last attempt failed, in a word, as in a problem's `type`.
    pub code: Option<String>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// The analysis that was made.
    pub analysis_id: Option<Uuid>,
    pub enqueued_at: OffsetDateTime,
    /// When it is tried next, or, while it is under way, when others may take it over.
    pub due_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
}

impl From<domain::WorkRow> for WorkItem {
    fn from(row: domain::WorkRow) -> Self {
        Self {
            id: row.id.0,
            kind: match row.kind {
                domain::WorkKind::Plan => ItemKind::Plan,
                domain::WorkKind::Analyze => ItemKind::Analyze,
                domain::WorkKind::Import => ItemKind::Import,
                domain::WorkKind::Export => ItemKind::Export,
                domain::WorkKind::Delete => ItemKind::Delete,
                domain::WorkKind::Deliver => ItemKind::Deliver,
            },
            status: row.status.into(),
            collection_id: row.collection_id.0,
            job_id: row.job_id.map(|id| id.0),
            document_id: row.document_id.map(|id| id.0),
            rule: row.rule,
            attempts: row.attempts,
            code: row.code,
            reason: row.reason,
            analysis_id: row.analysis_id.map(|id| id.0),
            enqueued_at: row.enqueued_at.as_offset_date_time(),
            due_at: row.due_at.map(Timestamp::as_offset_date_time),
            ended_at: row.ended_at.map(Timestamp::as_offset_date_time),
        }
    }
}

impl From<domain::WorkStatus> for ItemStatus {
    fn from(status: domain::WorkStatus) -> Self {
        match status {
            domain::WorkStatus::Waiting => Self::Waiting,
            domain::WorkStatus::Running => Self::Running,
            domain::WorkStatus::Done => Self::Done,
            domain::WorkStatus::Failed => Self::Failed,
            domain::WorkStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<ItemStatus> for domain::WorkStatus {
    fn from(status: ItemStatus) -> Self {
        match status {
            ItemStatus::Waiting => Self::Waiting,
            ItemStatus::Running => Self::Running,
            ItemStatus::Done => Self::Done,
            ItemStatus::Failed => Self::Failed,
            ItemStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// A page of pieces of work.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WorkItemPage {
    pub items: Vec<WorkItem>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// What a job would do, if it were begun now.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct JobPreview {
    /// How many documents it would be about.
    pub documents: i64,
    /// Who would be asked first: `embedded`, or `provider/model`. Not there for a job that deletes.
    pub engine: Option<String>,
    /// What the answers would cost, in millionths of a US dollar, if all of them were asked of that model; 0 for the embedded engine.
    pub estimated_cost_microdollars: Option<i64>,
    /// About how many tokens would be read and written.
    pub estimated_tokens: Option<i64>,
    /// How many documents the estimate and the moves are drawn from.
    pub sample: i64,
    /// Which labels the documents of the sample would move to, as the embedded engine sees it; those that stay are not among them.
    /// Only for classifications.
    pub label_moves: Option<Vec<LabelMove>>,
    /// How many documents of the sample would keep the label that they have.
    pub label_stays: Option<i64>,
}

/// Documents of the sample that would get another label than they have.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LabelMove {
    /// The label id of the newest classification; not there where there is none, or it abstained.
    pub from: Option<String>,
    /// The label id that it would have; not there where the engine would abstain.
    pub to: Option<String>,
    /// How many of the sample.
    pub documents: i64,
}

impl From<previews::Preview> for JobPreview {
    fn from(preview: previews::Preview) -> Self {
        let (moves, stays) = match preview.moves {
            Some(moves) => (Some(moves.moved), Some(moves.stays)),
            None => (None, None),
        };
        let shown = |((from, to), documents)| LabelMove { from, to, documents };
        Self {
            documents: preview.documents,
            engine: preview.estimate.as_ref().map(|estimate| estimate.engine.clone()),
            estimated_cost_microdollars: preview.estimate.as_ref().map(|estimate| estimate.cost.0),
            estimated_tokens: preview.estimate.map(|estimate| estimate.tokens),
            sample: preview.sample,
            label_moves: moves.map(|moves| moves.into_iter().map(shown).collect()),
            label_stays: stays,
        }
    }
}

/// How a job goes on.
#[derive(ApiResponse)]
pub enum Watched {
    /// A stream of events: `job`, at once and whenever it has come further, whose data is the job; the last one is sent when the job
    /// has ended. Then the stream ends.
    #[oai(status = 200)]
    Events(EventStream<BoxStream<'static, Job>>),
}

impl Watched {
    #[must_use]
    pub fn new(jobs: BoxStream<'static, Job>) -> Self {
        Self::Events(
            EventStream::new(jobs)
                .keep_alive(KEEP_ALIVE)
                .to_event(|job: Job| Event::message(job.to_json_string()).event_type("job")),
        )
    }
}

/// What a job has led to.
#[derive(ApiResponse)]
pub enum Results {
    /// A line of JSON for each document: `item`, and its `analysis` if one was made.
    #[oai(status = 200)]
    #[oai(content_type = "application/x-ndjson")]
    Lines(Binary<Body>),
}

/// One line of the results.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct JobResult {
    pub item: WorkItem,
    pub analysis: Option<super::analyses::Analysis>,
}

impl From<ResultLine> for JobResult {
    fn from(line: ResultLine) -> Self {
        Self {
            item: line.item.into(),
            analysis: line.analysis.map(Into::into),
        }
    }
}
