//! Lists of pieces of work: what a job has done, what failed, how far the rules of a collection have come.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result,
        automation::RuleState,
        identifiers::{AnalysisId, CollectionId, DocumentId, JobId, LaneId, WorkId},
        principal::Reach,
        work::{NewWork, WorkRow, WorkStatus},
    },
    on,
};
use sqlx::{QueryBuilder, types::Json};

/// A piece of work with its lane; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT w.id, l.collection_id, l.queue, w.job_id, w.document_id, w.kind, w.rule, w.status, w.due_at, w.attempts, \
             w.code, w.reason, w.analysis_id, w.enqueued_at, w.ended_at FROM work ",
            $which
        )
    };
}

// A range of the index by job: of a job that has a large part of all pieces, PostgreSQL would look through all pieces in the order
// of their ids.
const OF_JOB: &str = select!(
    "w JOIN lanes l ON l.id = w.lane_id WHERE (w.job_id, w.id) > ($1, $2) AND w.job_id <= $1 ORDER BY w.job_id, w.id LIMIT $3"
);
const OF_JOB_IN_STATUS: &str = select!(
    "w JOIN lanes l ON l.id = w.lane_id WHERE (w.job_id, w.id) > ($1, $2) AND w.job_id <= $1 AND w.status = $4 ORDER BY w.job_id, w.id LIMIT $3"
);
const FIND: &str = select!("w JOIN lanes l ON l.id = w.lane_id WHERE w.id = $1");

const PUT_ENDED: &str =
    "INSERT INTO work (id, lane_id, job_id, document_id, kind, rule, payload, status, attempts, code, reason,
    analysis_id, enqueued_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, due_at = NULL, lease = NULL, code = excluded.code,
    reason = excluded.reason, analysis_id = excluded.analysis_id, ended_at = excluded.ended_at";

/// The pieces of a job in their order, after one of them.
pub async fn of_job(
    tx: &mut Tx,
    job: JobId,
    status: Option<WorkStatus>,
    after: Option<WorkId>,
    limit: i64,
) -> Result<Vec<WorkRow>> {
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    match status {
        None => on!(tx, |c| sqlx::query_as(OF_JOB)
            .bind(job)
            .bind(after)
            .bind(limit)
            .fetch_all(c)
            .await),
        Some(status) => on!(tx, |c| sqlx::query_as(OF_JOB_IN_STATUS)
            .bind(job)
            .bind(after)
            .bind(limit)
            .bind(status)
            .fetch_all(c)
            .await),
    }
}

pub async fn find(tx: &mut Tx, work: WorkId) -> Result<Option<WorkRow>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(work).fetch_optional(c).await)
}

/// A piece that has ended, under an id that is known beforehand: sample data. One that is there is put back to this.
pub async fn put_ended(
    tx: &mut Tx,
    id: WorkId,
    lane: LaneId,
    work: &NewWork,
    failure: Option<(&str, &str)>,
    analysis: Option<AnalysisId>,
) -> Result<()> {
    let status = failure.map_or(WorkStatus::Done, |_| WorkStatus::Failed);
    on!(tx, |c| sqlx::query(PUT_ENDED)
        .bind(id)
        .bind(lane)
        .bind(work.job)
        .bind(work.document)
        .bind(work.kind)
        .bind(&work.rule)
        .bind(Json(&work.payload))
        .bind(status)
        .bind(1_i64)
        .bind(failure.map(|(code, _)| code))
        .bind(failure.map(|(_, reason)| reason))
        .bind(analysis)
        .bind(work.due_at)
        .execute(c)
        .await
        .map(drop))
}

/// What failed within reach, newest first.
pub async fn failed(
    tx: &mut Tx,
    reach: &Reach,
    collection: Option<CollectionId>,
    before: Option<WorkId>,
    limit: i64,
) -> Result<Vec<WorkRow>> {
    let hints = tx.pick(true, false);
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!(""));
        // SQLite is told which index, or it looks through everything that the collections have done.
        query.push(if hints { "w INDEXED BY work_failed" } else { "w" });
        query.push(" JOIN lanes l ON l.id = w.lane_id WHERE w.status = 'failed'");
        if let Some(collections) = reach.restriction() {
            query.push(" AND ");
            push_one_of(&mut query, "l.collection_id", &collections);
        }
        if let Some(collection) = collection {
            query.push(" AND l.collection_id = ").push_bind(collection);
        }
        if let Some(before) = before {
            query.push(" AND w.id < ").push_bind(before);
        }
        query.push(" ORDER BY w.id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// How far the rules have come with each of these documents.
pub async fn rule_states(tx: &mut Tx, documents: &[DocumentId]) -> Result<Vec<RuleState>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(
            "SELECT document_id, rule, status, attempts, analysis_id, code, reason FROM work WHERE rule IS NOT NULL AND ",
        );
        push_one_of(&mut query, "document_id", documents);
        query.push(" ORDER BY document_id, rule");
        query.build_query_as().fetch_all(c).await
    })
}
