//! Rows of `idempotency_keys`: what was answered to a request that may be sent again.

use crate::{
    db::Tx,
    domain::{Result, Timestamp},
    on,
};
use uuid::Uuid;

const CLAIM: &str = "INSERT INTO idempotency_keys (owner_id, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (owner_id, key) DO NOTHING";
const FIND: &str = "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE owner_id = $1 AND key = $2";
const COMPLETE: &str =
    "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE owner_id = $1 AND key = $2";
const RELEASE: &str = "DELETE FROM idempotency_keys WHERE owner_id = $1 AND key = $2 AND status IS NULL";
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
