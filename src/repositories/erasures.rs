//! Rows of `erasures` and of `erasure_keys`, and how much there is of documents in other tables.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        erasures::{Erasure, ErasureCounts, PendingErasure},
        identifiers::{CollectionId, DocumentId, ErasureId, JobId},
        principal::Reach,
    },
    on,
};
use sqlx::{QueryBuilder, types::Json};

/// A receipt; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, kind, collection_id, salt, digest, status, pending, removed, checked_at, found, created_by, \
             created_by_user, created_at, finished_at FROM erasures WHERE ",
            $which
        )
    };
}

const PUT_SECRET: &str = "INSERT INTO erasure_keys (id, secret) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
const SECRET: &str = "SELECT secret FROM erasure_keys WHERE id = 1";
const INSERT: &str =
    "INSERT INTO erasures (id, kind, collection_id, salt, digest, status, pending, removed, checked_at,
    found, created_by, created_by_user, created_at, finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const FIND: &str = select!("id = $1");
const LOCK: &str = select!("id = $1 FOR UPDATE");
const DELETE: &str = "DELETE FROM erasures WHERE id = $1";
const GOES_ON: &str = "UPDATE erasures SET pending = $2, removed = $3 WHERE id = $1";
const ENDS: &str = "UPDATE erasures SET pending = NULL, removed = $2, status = 'done', finished_at = $3 WHERE id = $1";
const CHECKED: &str = "UPDATE erasures SET checked_at = $2, found = $3 WHERE id = $1";
const RUNNING: &str = "SELECT id FROM erasures WHERE status = 'running' ORDER BY id LIMIT $1";
const COLLECTIONS: &str = "SELECT id FROM collections ORDER BY id";
const ANSWERS_NAMING_SQLITE: &str = "SELECT COUNT(*) FROM idempotency_keys WHERE instr(body, CAST($1 AS BLOB)) > 0";
const ANSWERS_NAMING_POSTGRES: &str =
    "SELECT COUNT(*) FROM idempotency_keys WHERE position(convert_to($1, 'UTF8') IN body) > 0";

/// The key of the hashes; this one, if there is none.
pub async fn secret(tx: &mut Tx, new: &[u8]) -> Result<Vec<u8>> {
    on!(&mut *tx, |c| sqlx::query(PUT_SECRET)
        .bind(new)
        .execute(c)
        .await
        .map(drop))?;
    on!(tx, |c| sqlx::query_scalar(SECRET).fetch_one(c).await)
}

pub async fn insert(tx: &mut Tx, erasure: &Erasure) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(erasure.id)
        .bind(erasure.kind)
        .bind(erasure.collection_id)
        .bind(&erasure.salt)
        .bind(&erasure.digest)
        .bind(erasure.status)
        .bind(&erasure.pending)
        .bind(erasure.removed)
        .bind(erasure.checked_at)
        .bind(erasure.found)
        .bind(erasure.created_by)
        .bind(erasure.created_by_user)
        .bind(erasure.created_at)
        .bind(erasure.finished_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, id: ErasureId) -> Result<Option<Erasure>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// The same, and nobody else carries it on until the end of the transaction.
pub async fn lock(tx: &mut Tx, id: ErasureId) -> Result<Option<Erasure>> {
    let statement = tx.pick(FIND, LOCK);
    on!(tx, |c| sqlx::query_as(statement).bind(id).fetch_optional(c).await)
}

pub async fn delete(tx: &mut Tx, id: ErasureId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}

/// Newest first, those of collections within reach; those of all collections only for who reaches everything.
pub async fn list(
    tx: &mut Tx,
    reach: &Reach,
    collection: Option<CollectionId>,
    before: Option<ErasureId>,
    limit: i64,
) -> Result<Vec<Erasure>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("1 = 1"));
        if let Some(collections) = reach.restriction() {
            query.push(" AND ");
            push_one_of(&mut query, "collection_id", &collections);
        }
        if let Some(collection) = collection {
            query.push(" AND collection_id = ").push_bind(collection);
        }
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Notes how far it has come.
pub async fn goes_on(tx: &mut Tx, id: ErasureId, pending: PendingErasure, removed: ErasureCounts) -> Result<()> {
    on!(tx, |c| sqlx::query(GOES_ON)
        .bind(id)
        .bind(Json(&pending))
        .bind(Json(removed))
        .execute(c)
        .await
        .map(drop))
}

/// Everything is done; what was asked for is forgotten.
pub async fn ends(tx: &mut Tx, id: ErasureId, removed: ErasureCounts, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(ENDS)
        .bind(id)
        .bind(Json(removed))
        .bind(now)
        .execute(c)
        .await
        .map(drop))
}

/// Notes what a check found.
pub async fn checked(tx: &mut Tx, id: ErasureId, found: ErasureCounts, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(CHECKED)
        .bind(id)
        .bind(now)
        .bind(Json(found))
        .execute(c)
        .await
        .map(drop))
}

/// Those that are not done.
pub async fn running(tx: &mut Tx, limit: i64) -> Result<Vec<ErasureId>> {
    on!(tx, |c| sqlx::query_scalar(RUNNING).bind(limit).fetch_all(c).await)
}

/// Every collection there is.
pub async fn collections(tx: &mut Tx) -> Result<Vec<CollectionId>> {
    on!(tx, |c| sqlx::query_scalar(COLLECTIONS).fetch_all(c).await)
}

/// How many analyses and pieces of work there are of these documents.
pub async fn count_of(tx: &mut Tx, documents: &[DocumentId]) -> Result<(i64, i64)> {
    let analyses = on!(&mut *tx, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM analyses WHERE ");
        push_one_of(&mut query, "document_id", documents);
        query.build_query_scalar().fetch_one(c).await
    })?;
    let work = on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM work WHERE ");
        push_one_of(&mut query, "document_id", documents);
        query.build_query_scalar().fetch_one(c).await
    })?;
    Ok((analyses, work))
}

/// How many kept answers have this text in them.
pub async fn count_answers_naming(tx: &mut Tx, text: &str) -> Result<i64> {
    let sql = tx.pick(ANSWERS_NAMING_SQLITE, ANSWERS_NAMING_POSTGRES);
    on!(tx, |c| sqlx::query_scalar(sql).bind(text).fetch_one(c).await)
}

/// A job, with what it is to do and when it ended.
pub type JobOfErasure = (JobId, Json<serde_json::Value>, Option<Timestamp>);

/// The jobs of collections.
pub async fn jobs_of(tx: &mut Tx, collections: &[CollectionId]) -> Result<Vec<JobOfErasure>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT id, parameters, finished_at FROM jobs WHERE ");
        push_one_of(&mut query, "collection_id", collections);
        query.push(" ORDER BY id");
        query.build_query_as().fetch_all(c).await
    })
}
