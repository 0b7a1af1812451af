//! Rows of `idempotency_keys`: what was answered to a request that may be sent again.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{CollectionId, DocumentId},
    },
    on,
};
use sqlx::QueryBuilder;
use uuid::Uuid;

const CLAIM: &str = "INSERT INTO idempotency_keys (owner_id, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (owner_id, key) DO NOTHING";
const FIND: &str = "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE owner_id = $1 AND key = $2";
const COMPLETE: &str =
    "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE owner_id = $1 AND key = $2";
const RELEASE: &str = "DELETE FROM idempotency_keys WHERE owner_id = $1 AND key = $2 AND status IS NULL";
const REPLACE_BODY: &str = "UPDATE idempotency_keys SET body = $3 WHERE owner_id = $1 AND key = $2";
const DELETE_BEFORE: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";

/// The answer to an earlier request with the same key, or none while that is under way.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claim {
    pub fingerprint: Vec<u8>,
    pub status: Option<i64>,
    /// JSON: a list of name and value.
    pub headers: Option<String>,
    pub body: Option<Vec<u8>>,
}

/// Says whether the key was free and is now the caller's.
pub async fn claim(tx: &mut Tx, owner: Uuid, key: &str, fingerprint: &[u8; 32], at: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(CLAIM)
        .bind(owner)
        .bind(key)
        .bind(&fingerprint[..])
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, owner: Uuid, key: &str) -> Result<Option<Claim>> {
    on!(tx, |c| sqlx::query_as(FIND)
        .bind(owner)
        .bind(key)
        .fetch_optional(c)
        .await)
}

pub async fn complete(tx: &mut Tx, owner: Uuid, key: &str, status: i64, headers: &str, body: &[u8]) -> Result<()> {
    on!(tx, |c| sqlx::query(COMPLETE)
        .bind(owner)
        .bind(key)
        .bind(status)
        .bind(headers)
        .bind(body)
        .execute(c)
        .await
        .map(drop))
}

/// Frees a key whose request failed on our side, so that it can be tried again.
pub async fn release(tx: &mut Tx, owner: Uuid, key: &str) -> Result<()> {
    on!(tx, |c| sqlx::query(RELEASE)
        .bind(owner)
        .bind(key)
        .execute(c)
        .await
        .map(drop))
}

pub async fn delete_before(tx: &mut Tx, time: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_BEFORE).bind(time).execute(c).await.map(drop))
}

/// Whose answer it is, its key, and its body.
pub type Kept = (Uuid, String, Option<Vec<u8>>);

/// Notes which documents an answer names; those that are gone are left out.
pub async fn note_documents(tx: &mut Tx, owner: Uuid, key: &str, documents: &[DocumentId]) -> Result<()> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("INSERT INTO idempotency_documents (document_id, owner_id, key) SELECT id, ");
        query
            .push_bind(owner)
            .push(", ")
            .push_bind(key.to_owned())
            .push(" FROM documents WHERE ");
        push_one_of(&mut query, "id", documents);
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(c).await.map(drop)
    })
}

/// The answers that name one of these documents.
pub async fn naming(tx: &mut Tx, documents: &[DocumentId]) -> Result<Vec<Kept>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(
            "SELECT k.owner_id, k.key, k.body FROM idempotency_keys k WHERE (k.owner_id, k.key) IN \
             (SELECT d.owner_id, d.key FROM idempotency_documents d WHERE ",
        );
        push_one_of(&mut query, "d.document_id", documents);
        query.push(")");
        query.build_query_as().fetch_all(c).await
    })
}

/// Some of the answers that name documents of a collection, after one in their order.
pub async fn naming_of_collection(
    tx: &mut Tx,
    collection: CollectionId,
    after: Option<&Kept>,
    limit: i64,
) -> Result<Vec<Kept>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(
            "SELECT k.owner_id, k.key, k.body FROM idempotency_keys k WHERE (k.owner_id, k.key) IN \
             (SELECT d.owner_id, d.key FROM idempotency_documents d JOIN documents ON documents.id = d.document_id \
             WHERE documents.collection_id = ",
        );
        query.push_bind(collection).push(")");
        if let Some((owner, key, _)) = after {
            query.push(" AND (k.owner_id, k.key) > (").push_bind(*owner);
            query.push(", ").push_bind(key.clone()).push(")");
        }
        query.push(" ORDER BY k.owner_id, k.key LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Puts another body into an answer.
pub async fn replace_body(tx: &mut Tx, owner: Uuid, key: &str, body: &[u8]) -> Result<()> {
    on!(tx, |c| sqlx::query(REPLACE_BODY)
        .bind(owner)
        .bind(key)
        .bind(body)
        .execute(c)
        .await
        .map(drop))
}
