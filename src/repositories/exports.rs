//! Rows of `exports` and `export_parts`: files that were written, in parts.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        exports::{Export, ExportPart, ExportState},
        identifiers::{DocumentId, JobId},
    },
    on,
};
use sqlx::QueryBuilder;

const INSERT: &str =
    "INSERT INTO exports (job_id, state, size, parts, documents, changed_at) VALUES ($1, $2, $3, $4, $5, $6)";
const FIND: &str = "SELECT job_id, state, size, parts, documents, changed_at FROM exports WHERE job_id = $1";
const ADVANCE: &str =
    "UPDATE exports SET size = $2, parts = $3, documents = $4 WHERE job_id = $1 AND state = 'writing'";
const SET_STATE: &str = "UPDATE exports SET state = $2, changed_at = $3 WHERE job_id = $1";
const INSERT_PART: &str =
    "INSERT INTO export_parts (job_id, number, begins_at, size, first_created, last_created, documents,
    footer, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
/// The part in which a byte of the file is.
const CONTENT_AT: &str = "SELECT begins_at, content FROM export_parts WHERE job_id = $1 AND begins_at <= $2
    ORDER BY begins_at DESC LIMIT 1";
const PART: &str = "SELECT content, footer FROM export_parts WHERE job_id = $1 AND number = $2";
const DELETE_PARTS: &str = "DELETE FROM export_parts WHERE job_id = $1";
/// Files of a collection with certain documents, which follow; ids are 16 bytes each.
macro_rules! with_documents {
    ($contains:literal) => {
        concat!(
            " WHERE state IN ('writing', 'ready') AND job_id IN (
                SELECT p.job_id FROM documents d JOIN jobs j ON j.collection_id = d.collection_id AND j.kind = 'export'
                JOIN export_parts p ON p.job_id = j.id AND p.first_created <= d.created_at AND p.last_created >= d.created_at
                AND ",
            $contains,
            " WHERE "
        )
    };
}
const ANY_KEPT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM exports WHERE state IN ('writing', 'ready') LIMIT 1) AS one";
const OLDER_THAN: &str = "SELECT job_id FROM exports WHERE state = $1 AND changed_at < $2 ORDER BY changed_at LIMIT $3";
/// Of jobs that ended without writing their file to its end.
const NEVER_READY: &str = "SELECT e.job_id FROM exports e JOIN jobs j ON j.id = e.job_id
    WHERE e.state = 'writing' AND j.status = 'cancelled' LIMIT $1";

pub async fn insert(tx: &mut Tx, export: &Export) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(export.job_id)
        .bind(export.state)
        .bind(export.size)
        .bind(export.parts)
        .bind(export.documents)
        .bind(export.changed_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, job: JobId) -> Result<Option<Export>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(job).fetch_optional(c).await)
}

/// Adds a part. Says whether the file is still being written.
pub async fn append(tx: &mut Tx, export: &Export, part: &ExportPart) -> Result<bool> {
    let rows = on!(&mut *tx, |c| sqlx::query(ADVANCE)
        .bind(export.job_id)
        .bind(export.size)
        .bind(export.parts)
        .bind(export.documents)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(false);
    }
    let ids: Vec<u8> = part.documents.iter().flat_map(|(_, id)| id.0.into_bytes()).collect();
    on!(tx, |c| sqlx::query(INSERT_PART)
        .bind(export.job_id)
        .bind(part.number)
        .bind(part.begins_at)
        .bind(i64::try_from(part.content.len()).unwrap_or(i64::MAX))
        .bind(part.documents.first().map(|(created, _)| *created))
        .bind(part.documents.last().map(|(created, _)| *created))
        .bind(&ids)
        .bind(&part.footer)
        .bind(&part.content)
        .execute(c)
        .await
        .map(drop))?;
    Ok(true)
}

pub async fn set_state(tx: &mut Tx, job: JobId, state: ExportState, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(SET_STATE)
        .bind(job)
        .bind(state)
        .bind(now)
        .execute(c)
        .await
        .map(drop))
}

/// Where the part begins that has this byte of the file, and its content.
pub async fn content_at(tx: &mut Tx, job: JobId, byte: i64) -> Result<Option<(i64, Vec<u8>)>> {
    on!(tx, |c| sqlx::query_as(CONTENT_AT)
        .bind(job)
        .bind(byte)
        .fetch_optional(c)
        .await)
}

/// The content of a part and its footer.
pub async fn part(tx: &mut Tx, job: JobId, number: i64) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>> {
    on!(tx, |c| sqlx::query_as(PART)
        .bind(job)
        .bind(number)
        .fetch_optional(c)
        .await)
}

pub async fn delete_parts(tx: &mut Tx, job: JobId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_PARTS).bind(job).execute(c).await.map(drop))
}

/// Withdraws every kept file that has one of these documents in it: the bytes are deleted, and asking for them says why. To be
/// called before the documents are deleted. Says of which jobs the files were.
pub async fn withdraw(tx: &mut Tx, documents: &[DocumentId], now: Timestamp) -> Result<Vec<JobId>> {
    let kept: i64 = on!(&mut *tx, |c| sqlx::query_scalar(ANY_KEPT).fetch_one(c).await)?;
    if kept == 0 || documents.is_empty() {
        return Ok(Vec::new());
    }
    let which = tx.pick(
        with_documents!("instr(p.documents, d.id) > 0"),
        with_documents!("position(uuid_send(d.id) IN p.documents) > 0"),
    );
    let withdrawn: Vec<JobId> = on!(&mut *tx, |c| {
        let mut query = QueryBuilder::new("UPDATE exports SET state = 'withdrawn', changed_at = ");
        query.push_bind(now).push(which);
        push_one_of(&mut query, "d.id", documents);
        query.push(") RETURNING job_id");
        query.build_query_scalar().fetch_all(c).await
    })?;
    for job in &withdrawn {
        delete_parts(tx, *job).await?;
    }
    Ok(withdrawn)
}

/// Files that came into this state before.
pub async fn older_than(tx: &mut Tx, state: ExportState, before: Timestamp, limit: i64) -> Result<Vec<JobId>> {
    on!(tx, |c| sqlx::query_scalar(OLDER_THAN)
        .bind(state)
        .bind(before)
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Files that are not written to their end any more.
pub async fn never_ready(tx: &mut Tx, limit: i64) -> Result<Vec<JobId>> {
    on!(tx, |c| sqlx::query_scalar(NEVER_READY).bind(limit).fetch_all(c).await)
}
