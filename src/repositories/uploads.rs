//! Rows of `uploads`, `upload_chunks` and `upload_refusals`: what was sent for imports, and waits to be stored.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{CollectionId, JobId},
        imports::{MOST_REFUSALS, Refusal, Upload, UploadChunk},
    },
    on,
};

const INSERT: &str = "INSERT INTO uploads (job_id, received, lines, records, chunks, header, complete, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FIND: &str =
    "SELECT job_id, received, lines, records, chunks, header, complete, changed_at FROM uploads WHERE job_id = $1";
/// Whoever knows how far the upload was goes on from there; of two at the same time, one does.
const ADVANCE: &str =
    "UPDATE uploads SET received = $3, lines = $4, records = $5, chunks = $6, header = $7, complete = $8,
    changed_at = $9 WHERE job_id = $1 AND received = $2 AND chunks <= $6 AND complete = $10";
const INSERT_CHUNK: &str = "INSERT INTO upload_chunks (job_id, number, lines_before, content) VALUES ($1, $2, $3, $4)";
const FIND_CHUNK: &str =
    "SELECT job_id, number, lines_before, content FROM upload_chunks WHERE job_id = $1 AND number = $2";
const TAKE_CHUNK: &str = "DELETE FROM upload_chunks WHERE job_id = $1 AND number = $2 RETURNING content";
const SET_CONTENT: &str = "UPDATE upload_chunks SET content = $3 WHERE job_id = $1 AND number = $2";
const CHUNKS_OF_COLLECTION: &str = "SELECT c.job_id, c.number FROM upload_chunks c JOIN jobs j ON j.id = c.job_id
    WHERE j.collection_id = $1 ORDER BY c.job_id, c.number";
const COUNT_REFUSALS: &str = "SELECT COUNT(*) FROM upload_refusals WHERE job_id = $1";
const INSERT_REFUSAL: &str = "INSERT INTO upload_refusals (job_id, line, reason) VALUES ($1, $2, $3)
    ON CONFLICT (job_id, line) DO NOTHING";
const REFUSALS: &str =
    "SELECT line, reason FROM upload_refusals WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT $3";
/// As the index of open uploads says it; `NOT u.complete` is not that to SQLite.
macro_rules! waiting_since {
    ($open:literal) => {
        concat!(
            "SELECT u.job_id FROM uploads u JOIN jobs j ON j.id = u.job_id WHERE ",
            $open,
            " AND u.changed_at < $1 AND j.finished_at IS NULL ORDER BY u.changed_at LIMIT $2"
        )
    };
}
/// What waits of jobs that were cancelled is not stored any more.
const DELETE_LEFT_OVER: &str = "DELETE FROM upload_chunks WHERE job_id IN (SELECT j.id FROM jobs j
    WHERE j.kind = 'import' AND j.finished_at IS NOT NULL AND j.status <> 'failed')";

pub async fn insert(tx: &mut Tx, upload: &Upload) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(upload.job_id)
        .bind(upload.received)
        .bind(upload.lines)
        .bind(upload.records)
        .bind(upload.chunks)
        .bind(&upload.header)
        .bind(upload.complete)
        .bind(upload.changed_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, job: JobId) -> Result<Option<Upload>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(job).fetch_optional(c).await)
}

/// Says whether the upload was still where it was read, and not complete.
pub async fn advance(tx: &mut Tx, from: i64, upload: &Upload) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(ADVANCE)
        .bind(upload.job_id)
        .bind(from)
        .bind(upload.received)
        .bind(upload.lines)
        .bind(upload.records)
        .bind(upload.chunks)
        .bind(&upload.header)
        .bind(upload.complete)
        .bind(upload.changed_at)
        .bind(false)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn insert_chunk(tx: &mut Tx, chunk: &UploadChunk) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT_CHUNK)
        .bind(chunk.job_id)
        .bind(chunk.number)
        .bind(chunk.lines_before)
        .bind(&chunk.content)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find_chunk(tx: &mut Tx, job: JobId, number: i64) -> Result<Option<UploadChunk>> {
    on!(tx, |c| sqlx::query_as(FIND_CHUNK)
        .bind(job)
        .bind(number)
        .fetch_optional(c)
        .await)
}

/// Deletes a chunk, and says how many bytes it had, if it was there.
pub async fn take_chunk(tx: &mut Tx, job: JobId, number: i64) -> Result<Option<usize>> {
    let content: Option<Vec<u8>> = on!(tx, |c| sqlx::query_scalar(TAKE_CHUNK)
        .bind(job)
        .bind(number)
        .fetch_optional(c)
        .await)?;
    Ok(content.map(|content| content.len()))
}

/// Puts other records in the place of those of a chunk.
pub async fn set_content(tx: &mut Tx, chunk: &UploadChunk) -> Result<()> {
    on!(tx, |c| sqlx::query(SET_CONTENT)
        .bind(chunk.job_id)
        .bind(chunk.number)
        .bind(&chunk.content)
        .execute(c)
        .await
        .map(drop))
}

/// Every chunk that waits, or has failed, in a collection.
pub async fn chunks_of_collection(tx: &mut Tx, collection: CollectionId) -> Result<Vec<(JobId, i64)>> {
    on!(tx, |c| sqlx::query_as(CHUNKS_OF_COLLECTION)
        .bind(collection)
        .fetch_all(c)
        .await)
}

/// Keeps reasons, as many as are kept of one import.
pub async fn insert_refusals(tx: &mut Tx, job: JobId, refusals: &[Refusal]) -> Result<()> {
    if refusals.is_empty() {
        return Ok(());
    }
    let there: i64 = on!(&mut *tx, |c| sqlx::query_scalar(COUNT_REFUSALS)
        .bind(job)
        .fetch_one(c)
        .await)?;
    let room = usize::try_from((MOST_REFUSALS - there).max(0)).unwrap_or(0);
    for refusal in refusals.iter().take(room) {
        on!(&mut *tx, |c| sqlx::query(INSERT_REFUSAL)
            .bind(job)
            .bind(refusal.line)
            .bind(&refusal.reason)
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// In the order of their lines, after one.
pub async fn refusals(tx: &mut Tx, job: JobId, after: i64, limit: i64) -> Result<Vec<Refusal>> {
    on!(tx, |c| sqlx::query_as(REFUSALS)
        .bind(job)
        .bind(after)
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Jobs whose upload has not gone on since.
pub async fn waiting_since(tx: &mut Tx, since: Timestamp, limit: i64) -> Result<Vec<JobId>> {
    let sql = tx.pick(waiting_since!("u.complete = 0"), waiting_since!("NOT u.complete"));
    on!(tx, |c| sqlx::query_scalar(sql)
        .bind(since)
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Deletes what nobody will store any more; says how many chunks that were.
pub async fn delete_left_over(tx: &mut Tx) -> Result<u64> {
    on!(tx, |c| sqlx::query(DELETE_LEFT_OVER)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}
