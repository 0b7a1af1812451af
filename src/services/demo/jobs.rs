//! The jobs of the sample data: one that has ended, one that begins in a year, one of which something has failed; and a piece of the
//! collection's own work that has failed. What examples have cancelled or tried again is as before after the next start.

use super::{ANALYSIS, COLLECTION, TAXONOMY_SLUG, TICKET, automation::TOPIC};
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        automation::{Recipe, Wanted},
        collections::Collection,
        documents::{Document, DocumentFilter},
        engines::EngineChoice,
        identifiers::{AnalysisId, JobId, TaxonomyId, WorkId},
        jobs::{ActsAs, FARTHEST_START, Job, JobKind, JobParameters, JobStatus},
        principal::Actor,
        text_fields::NameOrId,
        work::{NewWork, Queue, WorkKind},
    },
    repositories::{jobs, work, work_lists},
    services::{
        Services,
        work::{after, enqueue},
    },
};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

/// The job that examples read.
pub const JOB: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0051);
/// The job that examples cancel.
pub const SPARE_JOB: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0052);
/// The job of which examples try again what failed.
pub const FAILED_JOB: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0053);
/// The piece of work that examples try again.
pub const FAILED_WORK: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0054);

const ITEM: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0055);
const FAILED_ITEM: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0056);
const FAILURE: (&str, &str) = (
    "upstream",
    "the model did not answer: a sample of what stands here when an engine cannot be reached",
);
/// The ticket about which something has failed.
const UNLUCKY: &str = "T-1002";

/// Brings back what is not there, or is not as it was.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services, documents: &[Document]) -> Result<()> {
    let operator = Actor::operator();
    let name = NameOrId::Name(COLLECTION.to_owned());
    let collection = services.collections.get(&operator, &name).await?;
    let name = NameOrId::Name(TAXONOMY_SLUG.to_owned());
    let taxonomy = match services.taxonomies.get(&operator, &name).await {
        // Somebody has deleted it: then there is nothing to classify by.
        Err(Error::NotFound { .. }) => return Ok(()),
        found => found?.id,
    };
    let find = |id: &str| {
        let is_it = |document: &&Document| document.external_id.as_deref() == Some(id);
        documents.iter().find(is_it)
    };
    let (Some(ticket), Some(unlucky)) = (find(TICKET), find(UNLUCKY)) else {
        return Ok(());
    };
    let now = services.jobs.clock().now();
    let mut tx = services.db.write().await?;
    let sample = Sample {
        collection: &collection,
        taxonomy,
        now,
    };
    let lane = work::lane(&mut tx, Queue::Jobs, collection.id, now).await?;
    if sample.put(&mut tx, JOB, JobStatus::Succeeded).await? {
        let item = sample.piece(Some(JOB), ticket);
        let analysis = Some(AnalysisId(ANALYSIS));
        work_lists::put_ended(&mut tx, WorkId(ITEM), lane, &item, None, analysis).await?;
    }
    if sample.put(&mut tx, FAILED_JOB, JobStatus::Failed).await? {
        let item = sample.piece(Some(FAILED_JOB), unlucky);
        work_lists::put_ended(&mut tx, WorkId(FAILED_ITEM), lane, &item, Some(FAILURE), None).await?;
    }
    if sample.put(&mut tx, SPARE_JOB, JobStatus::Queued).await? {
        let plan = NewWork {
            kind: WorkKind::Plan,
            document: None,
            due_at: after(now, FARTHEST_START),
            ..sample.piece(Some(SPARE_JOB), ticket)
        };
        enqueue(&mut tx, &[plan]).await?;
    }
    let states = work_lists::rule_states(&mut tx, &[unlucky.id]).await?;
    let others = states.iter().any(|state| state.rule == TOPIC);
    if !others || work_lists::find(&mut tx, WorkId(FAILED_WORK)).await?.is_some() {
        let lane = work::lane(&mut tx, Queue::Arrivals, collection.id, now).await?;
        let piece = NewWork {
            queue: Queue::Arrivals,
            rule: Some(TOPIC.to_owned()),
            ..sample.piece(None, unlucky)
        };
        work_lists::put_ended(&mut tx, WorkId(FAILED_WORK), lane, &piece, Some(FAILURE), None).await?;
    }
    tx.commit().await
}

struct Sample<'a> {
    collection: &'a Collection,
    taxonomy: TaxonomyId,
    now: Timestamp,
}

impl Sample<'_> {
    fn piece(&self, job: Option<Uuid>, document: &Document) -> NewWork {
        NewWork {
            queue: Queue::Jobs,
            collection: self.collection.id,
            kind: WorkKind::Analyze,
            job: job.map(JobId),
            document: Some(document.id),
            rule: None,
            payload: json!({}),
            due_at: self.now,
        }
    }

    /// Stores the job, unless it is there with this status; says whether it did.
    async fn put(&self, tx: &mut Tx, id: Uuid, status: JobStatus) -> Result<bool> {
        let id = JobId(id);
        match jobs::find(tx, id).await? {
            Some(job) if job.status == status => return Ok(false),
            Some(_) => jobs::delete(tx, id).await?,
            None => {}
        }
        let recipe = Recipe {
            what: Wanted::Classification {
                taxonomy: self.taxonomy,
                version: None,
                threshold: None,
                multi_label: false,
                rationale: false,
            },
            engine: EngineChoice::Embedded,
        };
        let has_ended = !status.is_open();
        let job = Job {
            id,
            kind: JobKind::Analyze,
            collection_id: self.collection.id,
            status,
            parameters: Json(JobParameters::Analyze {
                filter: DocumentFilter::default(),
                recipe,
            }),
            planned: has_ended,
            total: has_ended.then_some(1),
            done: i64::from(status == JobStatus::Succeeded),
            unchanged: 0,
            refused: 0,
            failed: i64::from(status == JobStatus::Failed),
            acts_as: ActsAs::Operator,
            created_by: None,
            created_by_user: None,
            trace_id: None,
            created_at: self.now,
            starts_at: (!has_ended).then(|| after(self.now, FARTHEST_START)),
            started_at: has_ended.then_some(self.now),
            finished_at: has_ended.then_some(self.now),
        };
        jobs::insert(tx, &job).await?;
        Ok(true)
    }
}
