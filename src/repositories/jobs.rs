//! Rows of `jobs`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{CollectionId, JobId},
        jobs::{Job, JobFilter, JobStatus, Progress},
        principal::Reach,
    },
    on,
};
use sqlx::QueryBuilder;

/// A job; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, kind, collection_id, status, parameters, planned, total, done, unchanged, refused, failed, acts_as, \
             created_by, created_by_user, trace_id, created_at, starts_at, started_at, finished_at FROM jobs WHERE ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO jobs (id, kind, collection_id, status, parameters, planned, total, done, unchanged,
    refused, failed, created_by, created_by_user, trace_id, created_at, started_at, finished_at, acts_as, starts_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
const FIND: &str = select!("id = $1");
const LOCK: &str = select!("id = $1 FOR UPDATE");
const ADD: &str = "UPDATE jobs SET done = done + $2, unchanged = unchanged + $3, refused = refused + $4,
    failed = failed + $5 WHERE id = $1";
const BEGIN: &str = "UPDATE jobs SET status = 'running', started_at = $2 WHERE id = $1 AND status = 'queued'";
const PLANNED: &str = "UPDATE jobs SET planned = $2, total = $3 WHERE id = $1";
const SET_STATUS: &str = "UPDATE jobs SET status = $2, finished_at = $3 WHERE id = $1";
const RETRIED: &str = "UPDATE jobs SET status = 'running', finished_at = NULL, failed = failed - $2 WHERE id = $1";
const COUNT_OPEN: &str = "SELECT COUNT(*) FROM jobs WHERE collection_id = $1 AND finished_at IS NULL";
const OPEN: &str = select!("finished_at IS NULL ORDER BY id LIMIT $1");
const FINISHED_BEFORE: &str =
    "SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at < $1 ORDER BY finished_at LIMIT $2";
const DELETE: &str = "DELETE FROM jobs WHERE id = $1";

pub async fn insert(tx: &mut Tx, job: &Job) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(job.id)
        .bind(job.kind)
        .bind(job.collection_id)
        .bind(job.status)
        .bind(&job.parameters)
        .bind(job.planned)
        .bind(job.total)
        .bind(job.done)
        .bind(job.unchanged)
        .bind(job.refused)
        .bind(job.failed)
        .bind(job.created_by)
        .bind(job.created_by_user)
        .bind(&job.trace_id)
        .bind(job.created_at)
        .bind(job.started_at)
        .bind(job.finished_at)
        .bind(job.acts_as)
        .bind(job.starts_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// The same, and nobody else changes it until the end of the transaction.
pub async fn lock(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    let statement = tx.pick(FIND, LOCK);
    on!(tx, |c| sqlx::query_as(statement).bind(id).fetch_optional(c).await)
}

/// Adds to the counts.
pub async fn add(tx: &mut Tx, id: JobId, progress: Progress) -> Result<()> {
    on!(tx, |c| sqlx::query(ADD)
        .bind(id)
        .bind(progress.done)
        .bind(progress.unchanged)
        .bind(progress.refused)
        .bind(progress.failed)
        .execute(c)
        .await
        .map(drop))
}

/// Notes that a job has begun, unless that is known.
pub async fn begin(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(BEGIN).bind(id).bind(now).execute(c).await.map(drop))
}

/// Notes how much there is to do, and whether all of it is known.
pub async fn planned(tx: &mut Tx, id: JobId, planned: bool, total: Option<i64>) -> Result<()> {
    on!(tx, |c| sqlx::query(PLANNED)
        .bind(id)
        .bind(planned)
        .bind(total)
        .execute(c)
        .await
        .map(drop))
}

pub async fn set_status(tx: &mut Tx, id: JobId, status: JobStatus, finished_at: Option<Timestamp>) -> Result<()> {
    on!(tx, |c| sqlx::query(SET_STATUS)
        .bind(id)
        .bind(status)
        .bind(finished_at)
        .execute(c)
        .await
        .map(drop))
}

/// Opens a job again, of which this many pieces that had failed are tried once more.
pub async fn retried(tx: &mut Tx, id: JobId, pieces: i64) -> Result<()> {
    on!(tx, |c| sqlx::query(RETRIED)
        .bind(id)
        .bind(pieces)
        .execute(c)
        .await
        .map(drop))
}

pub async fn count_open(tx: &mut Tx, collection: CollectionId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT_OPEN)
        .bind(collection)
        .fetch_one(c)
        .await)
}

/// Jobs that have not ended, the oldest first.
pub async fn open(tx: &mut Tx, limit: i64) -> Result<Vec<Job>> {
    on!(tx, |c| sqlx::query_as(OPEN).bind(limit).fetch_all(c).await)
}

pub async fn finished_before(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<JobId>> {
    on!(tx, |c| sqlx::query_scalar(FINISHED_BEFORE)
        .bind(before)
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Takes its pieces along.
pub async fn delete(tx: &mut Tx, id: JobId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}

/// The jobs of collections within reach, newest first.
pub async fn list(
    tx: &mut Tx,
    reach: &Reach,
    filter: &JobFilter,
    before: Option<JobId>,
    limit: i64,
) -> Result<Vec<Job>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("1 = 1"));
        if let Some(collections) = reach.restriction() {
            query.push(" AND ");
            push_one_of(&mut query, "collection_id", &collections);
        }
        if let Some(collection) = filter.collection {
            query.push(" AND collection_id = ").push_bind(collection);
        }
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind);
        }
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status);
            // The index of those that have not ended is small.
            query.push(if status.is_open() {
                " AND finished_at IS NULL"
            } else {
                ""
            });
        }
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}
