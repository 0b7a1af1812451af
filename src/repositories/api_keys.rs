//! Rows of `api_keys`.

use crate::{
    db::Tx,
    domain::{Result, Timestamp, api_keys::ApiKey, identifiers::ApiKeyId},
    on,
};

const INSERT: &str = "INSERT INTO api_keys (id, name, prefix, hash, created_at) VALUES ($1, $2, $3, $4, $5)";
const FIND_BY_HASH: &str = "SELECT id, name, prefix, created_at, revoked_at FROM api_keys WHERE hash = $1";
const LIST: &str = "SELECT id, name, prefix, created_at, revoked_at FROM api_keys ORDER BY id";
const COUNT_LIVE: &str = "SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const REVOKE_BY_NAME: &str = "UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";

pub async fn insert(tx: &mut Tx, key: &ApiKey, hash: &[u8; 32]) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(key.id)
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(&hash[..])
        .bind(key.created_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find_by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_HASH)
        .bind(&hash[..])
        .fetch_optional(c)
        .await)
}

pub async fn list(tx: &mut Tx) -> Result<Vec<ApiKey>> {
    on!(tx, |c| sqlx::query_as(LIST).fetch_all(c).await)
}

pub async fn count_live(tx: &mut Tx) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT_LIVE).fetch_one(c).await)
}

/// Says whether there was a live key to revoke.
pub async fn revoke(tx: &mut Tx, id: ApiKeyId, at: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(REVOKE)
        .bind(id)
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn revoke_by_name(tx: &mut Tx, name: &str, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(REVOKE_BY_NAME)
        .bind(name)
        .bind(at)
        .execute(c)
        .await
        .map(drop))
}
