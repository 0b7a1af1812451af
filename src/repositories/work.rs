//! Rows of `lanes` and `work`: what waits, who has taken what up, and how it ended.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{AnalysisId, CollectionId, JobId, LaneId, WorkId},
        work::{Claim, Claimed, NewWork, Queue},
    },
    on,
};
use sqlx::{QueryBuilder, types::Json};
use std::collections::{BTreeMap, btree_map::Entry};
use uuid::Uuid;

const LANE: &str = "SELECT id FROM lanes WHERE queue = $1 AND collection_id = $2";
const NEW_LANE: &str = "INSERT INTO lanes (id, queue, collection_id, served_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (queue, collection_id) DO NOTHING";
const INTO: &str = "INSERT INTO work (id, lane_id, job_id, document_id, kind, rule, payload, status, due_at, attempts,
    enqueued_at) ";
/// Of one document and one rule there is one row. Whoever is at it has lost it.
const ANEW: &str =
    " ON CONFLICT (document_id, rule) DO UPDATE SET lane_id = excluded.lane_id, payload = excluded.payload,
    status = 'waiting', due_at = excluded.due_at, attempts = 0, lease = NULL, code = NULL, reason = NULL,
    enqueued_at = excluded.enqueued_at, ended_at = NULL";
/// The lane that was served longest ago, of those where something is due.
const NEXT_LANE: &str = "SELECT l.id, l.collection_id FROM lanes l WHERE l.queue = $1
    AND EXISTS (SELECT 1 FROM work w WHERE w.lane_id = l.id AND w.due_at IS NOT NULL AND w.due_at <= $2)
    ORDER BY l.served_at, l.id LIMIT 1";
const ANY_DUE: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM lanes l WHERE l.queue = $1
    AND EXISTS (SELECT 1 FROM work w WHERE w.lane_id = l.id AND w.due_at IS NOT NULL AND w.due_at <= $2) LIMIT 1) AS one";
const SERVED: &str = "UPDATE lanes SET served_at = $2 WHERE id = $1";

/// Takes up what is due, in its order.
macro_rules! take_up {
    ($locking:literal) => {
        concat!(
            "UPDATE work SET status = 'running', lease = $1, due_at = $2, attempts = attempts + 1 WHERE id IN (
                SELECT id FROM work WHERE lane_id = $3 AND due_at IS NOT NULL AND due_at <= $4
                ORDER BY due_at, id LIMIT $5",
            $locking,
            ") RETURNING id, lane_id, job_id, document_id, kind, rule, payload, attempts, lease, enqueued_at"
        )
    };
}

/// What is due later than it can be: under a lease longer than any, never tried and yet not due soon, unless its job begins then, or after
/// a pause longer than any.
macro_rules! from_the_future {
    ($locking:literal) => {
        concat!(
            "UPDATE work SET due_at = CASE WHEN status = 'running' THEN $2 ELSE $1 END WHERE id IN (
                SELECT w.id FROM lanes l JOIN work w ON w.lane_id = l.id
                WHERE w.due_at IS NOT NULL AND w.due_at > $3
                AND (w.status = 'running' OR w.attempts = 0 OR w.due_at > $4)
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = w.job_id AND j.starts_at >= w.due_at) LIMIT $5",
            $locking,
            ")"
        )
    };
}

const RENEW: &str = "UPDATE work SET due_at = $2 WHERE lease = $1 AND status = 'running'";
const END: &str = "UPDATE work SET status = $3, due_at = NULL, lease = NULL, code = $4, reason = $5, analysis_id = $6,
    ended_at = $7 WHERE id = $1 AND lease = $2 AND status = 'running' RETURNING job_id";
const AGAIN: &str = "UPDATE work SET status = 'waiting', due_at = $3, lease = NULL, code = $4, reason = $5,
    attempts = attempts - $6, payload = COALESCE($7, payload) WHERE id = $1 AND lease = $2 AND status = 'running'";
const CANCEL_WAITING: &str = "UPDATE work SET status = 'cancelled', due_at = NULL, ended_at = $2
    WHERE job_id = $1 AND due_at IS NOT NULL AND status = 'waiting'";
const RETRY_OF_JOB: &str = "UPDATE work SET status = 'waiting', due_at = $2, attempts = 0, code = NULL, reason = NULL,
    ended_at = NULL WHERE job_id = $1 AND status = 'failed'";
const RETRY: &str = "UPDATE work SET status = 'waiting', due_at = $2, attempts = 0, code = NULL, reason = NULL,
    ended_at = NULL WHERE id = $1 AND status = 'failed' AND job_id IS NULL";
const OPEN_OF_JOB: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM work WHERE job_id = $1 AND due_at IS NOT NULL LIMIT $2) AS pieces";
const FORGET_RULES: &str = "DELETE FROM work WHERE lane_id = $1 AND rule IS NOT NULL AND job_id IS NULL AND rule = $2";
const DEPTH: &str = "SELECT l.queue, COUNT(*), MIN(w.due_at) FROM work w JOIN lanes l ON l.id = w.lane_id
    WHERE w.due_at IS NOT NULL GROUP BY l.queue";

/// How many rows a statement takes.
const ROWS_AT_ONCE: usize = 1_000;

/// Puts pieces into their lanes. One of a rule takes the place of the one before.
pub async fn insert(tx: &mut Tx, works: &[NewWork]) -> Result<()> {
    let mut lanes: BTreeMap<(&'static str, CollectionId), LaneId> = BTreeMap::new();
    for work in works {
        let name = (work.queue.name(), work.collection);
        if let Entry::Vacant(unknown) = lanes.entry(name) {
            unknown.insert(lane(tx, work.queue, work.collection, work.due_at).await?);
        }
    }
    for some in works.chunks(ROWS_AT_ONCE) {
        on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(INTO);
            query.push_values(some, |mut row, work| {
                row.push_bind(WorkId::generate())
                    .push_bind(lanes.get(&(work.queue.name(), work.collection)).copied())
                    .push_bind(work.job)
                    .push_bind(work.document)
                    .push_bind(work.kind)
                    .push_bind(work.rule.clone())
                    .push_bind(Json(work.payload.clone()))
                    .push_bind("waiting")
                    .push_bind(work.due_at)
                    .push_bind(0_i64)
                    .push_bind(work.due_at);
            });
            query.push(ANEW);
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// The lane of a collection in a queue; made when there is none.
pub async fn lane(tx: &mut Tx, queue: Queue, collection: CollectionId, now: Timestamp) -> Result<LaneId> {
    let find = |tx| async move {
        let tx: &mut Tx = tx;
        on!(tx, |c| sqlx::query_scalar(LANE)
            .bind(queue)
            .bind(collection)
            .fetch_optional(c)
            .await)
    };
    let found: Option<LaneId> = find(tx).await?;
    if let Some(lane) = found {
        return Ok(lane);
    }
    on!(&mut *tx, |c| sqlx::query(NEW_LANE)
        .bind(LaneId::generate())
        .bind(queue)
        .bind(collection)
        .bind(now)
        .execute(c)
        .await
        .map(drop))?;
    on!(tx, |c| sqlx::query_scalar(LANE)
        .bind(queue)
        .bind(collection)
        .fetch_one(c)
        .await)
}

/// Whether anything is due.
pub async fn any_due(tx: &mut Tx, queue: Queue, now: Timestamp) -> Result<bool> {
    let count: i64 = on!(tx, |c| sqlx::query_scalar(ANY_DUE)
        .bind(queue)
        .bind(now)
        .fetch_one(c)
        .await)?;
    Ok(count > 0)
}

/// Takes up to `limit` pieces of one lane up, until `until` unless that is renewed.
pub async fn claim(
    tx: &mut Tx,
    queue: Queue,
    now: Timestamp,
    until: Timestamp,
    lease: Uuid,
    limit: i64,
) -> Result<Vec<Claimed>> {
    // Another server may serve the next lane at the same time; this one takes what the other has not.
    let lane: Option<(LaneId, CollectionId)> = on!(&mut *tx, |c| sqlx::query_as(NEXT_LANE)
        .bind(queue)
        .bind(now)
        .fetch_optional(c)
        .await)?;
    let Some((lane, collection)) = lane else {
        return Ok(Vec::new());
    };
    let statement = tx.pick(take_up!(""), take_up!(" FOR UPDATE SKIP LOCKED"));
    let mut claimed: Vec<Claimed> = on!(&mut *tx, |c| sqlx::query_as(statement)
        .bind(lease)
        .bind(until)
        .bind(lane)
        .bind(now)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    on!(tx, |c| sqlx::query(SERVED)
        .bind(lane)
        .bind(now)
        .execute(c)
        .await
        .map(drop))?;
    claimed.sort_by_key(|work| (work.enqueued_at, work.id));
    for work in &mut claimed {
        work.collection = Some(collection);
    }
    Ok(claimed)
}

/// Keeps what was taken up under a lease for longer; says how much of it is still held.
pub async fn renew(tx: &mut Tx, lease: Uuid, until: Timestamp) -> Result<u64> {
    on!(tx, |c| sqlx::query(RENEW)
        .bind(lease)
        .bind(until)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// What is compared with when a clock was ahead.
#[derive(Debug, Clone, Copy)]
pub struct Jumped {
    pub now: Timestamp,
    /// When others may take over what somebody is at; whoever is at it may say so until then.
    pub lease_ends: Timestamp,
    /// No lease ends later, and nothing that was not tried yet is due later.
    pub soon: Timestamp,
    /// Nothing at all is due later.
    pub latest: Timestamp,
}

/// Has up to `most` pieces be due now that were put off by a clock that was ahead; says how many there were.
pub async fn take_from_the_future(tx: &mut Tx, jumped: &Jumped, most: i64) -> Result<u64> {
    let statement = tx.pick(from_the_future!(""), from_the_future!(" FOR UPDATE OF w SKIP LOCKED"));
    on!(tx, |c| sqlx::query(statement)
        .bind(jumped.now)
        .bind(jumped.lease_ends)
        .bind(jumped.soon)
        .bind(jumped.latest)
        .bind(most)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// How a piece ended.
#[derive(Debug, Clone, Default)]
pub struct Ended<'a> {
    /// Why it failed, in a word and in a sentence; `None` when it was done.
    pub failure: Option<(&'a str, &'a str)>,
    pub analysis: Option<AnalysisId>,
}

/// Ends a piece; `None` when somebody else has taken it over, else the job that it belongs to.
pub async fn end(tx: &mut Tx, claim: Claim, ended: &Ended<'_>, now: Timestamp) -> Result<Option<Option<JobId>>> {
    on!(tx, |c| sqlx::query_scalar(END)
        .bind(claim.work)
        .bind(claim.lease)
        .bind(if ended.failure.is_some() { "failed" } else { "done" })
        .bind(ended.failure.map(|(code, _)| code))
        .bind(ended.failure.map(|(_, reason)| reason))
        .bind(ended.analysis)
        .bind(now)
        .fetch_optional(c)
        .await)
}

/// Puts a piece back, to be taken up again from `due` on. An attempt that does not count is taken off. Says whether it was
/// still held.
pub async fn put_back(
    tx: &mut Tx,
    claim: Claim,
    due: Timestamp,
    why: Option<(&str, &str)>,
    counts: bool,
    payload: Option<&serde_json::Value>,
) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(AGAIN)
        .bind(claim.work)
        .bind(claim.lease)
        .bind(due)
        .bind(why.map(|(code, _)| code))
        .bind(why.map(|(_, reason)| reason))
        .bind(i64::from(!counts))
        .bind(payload.map(Json))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Ends what waits of a job; what is under way goes on to its end.
pub async fn cancel_waiting(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(CANCEL_WAITING)
        .bind(job)
        .bind(now)
        .execute(c)
        .await
        .map(drop))
}

/// Has everything that failed of a job tried again; says how many pieces that are.
pub async fn retry_of_job(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<u64> {
    on!(tx, |c| sqlx::query(RETRY_OF_JOB)
        .bind(job)
        .bind(now)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// Has one piece that failed and belongs to no job tried again; says whether there was one.
pub async fn retry(tx: &mut Tx, work: WorkId, now: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(RETRY)
        .bind(work)
        .bind(now)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// How many pieces of a job are open, counted up to `most`.
pub async fn count_open(tx: &mut Tx, job: JobId, most: i64) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(OPEN_OF_JOB)
        .bind(job)
        .bind(most)
        .fetch_one(c)
        .await)
}

/// Forgets what a rule that is not there any more has done and was to do.
pub async fn forget_rule(tx: &mut Tx, lane: LaneId, rule: &str) -> Result<()> {
    on!(tx, |c| sqlx::query(FORGET_RULES)
        .bind(lane)
        .bind(rule)
        .execute(c)
        .await
        .map(drop))
}

/// For each queue, how many pieces are open, and when the oldest of them was or will be due.
pub async fn depth(tx: &mut Tx) -> Result<Vec<(Queue, i64, Option<Timestamp>)>> {
    on!(tx, |c| sqlx::query_as(DEPTH).fetch_all(c).await)
}

/// The rows of these pieces of a job that are still taken up under the lease.
pub async fn still_held(tx: &mut Tx, lease: Uuid, works: &[WorkId]) -> Result<Vec<WorkId>> {
    let mut held = Vec::with_capacity(works.len());
    for some in works.chunks(ROWS_AT_ONCE) {
        let rows: Vec<WorkId> = on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new("SELECT id FROM work WHERE status = 'running' AND lease = ");
            query.push_bind(lease).push(" AND ");
            push_one_of(&mut query, "id", some);
            query.build_query_scalar().fetch_all(c).await
        })?;
        held.extend(rows);
    }
    Ok(held)
}
