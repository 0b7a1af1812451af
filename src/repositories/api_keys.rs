//! Rows of `api_keys` and of the collections that keys are restricted to.

use super::{restriction, turns};
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        api_keys::ApiKeyRow,
        identifiers::{ApiKeyId, CollectionId, UserId},
    },
    on,
};
use sqlx::QueryBuilder;

const INSERT: &str = "INSERT INTO api_keys (id, name, prefix, hash, owner_id, scopes, all_collections, expires_at, \
     version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const COLUMNS: &str = "SELECT id, name, prefix, owner_id, scopes, all_collections, expires_at, last_used_at, \
     previous_until, version, created_at, revoked_at FROM api_keys";
const FIND_BY_HASH: &str = "SELECT id, name, prefix, owner_id, scopes, all_collections, expires_at, last_used_at, \
     previous_until, version, created_at, revoked_at FROM api_keys
     WHERE hash = $1 OR (previous_hash = $1 AND previous_until > $2)";
const FIND: &str = "SELECT id, name, prefix, owner_id, scopes, all_collections, expires_at, last_used_at, \
     previous_until, version, created_at, revoked_at FROM api_keys WHERE id = $1";
const ANY_LIVE: &str = "SELECT EXISTS (SELECT 1 FROM api_keys WHERE revoked_at IS NULL)";
const UPDATE: &str =
    "UPDATE api_keys SET name = $3, scopes = $4, all_collections = $5, expires_at = $6, version = version + 1
    WHERE id = $1 AND version = $2 AND revoked_at IS NULL";
const ROTATE: &str = "UPDATE api_keys SET previous_hash = hash, previous_until = $3, hash = $4, prefix = $5,
    version = version + 1 WHERE id = $1 AND version = $2 AND revoked_at IS NULL";
const USED: &str =
    "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2, version = version + 1 WHERE id = $1 AND revoked_at IS NULL";
const REVOKE_BY_NAME: &str = "UPDATE api_keys SET revoked_at = $2, version = version + 1
    WHERE name = $1 AND owner_id IS NULL AND revoked_at IS NULL";
const REVOKE_OF_OWNER: &str = "UPDATE api_keys SET revoked_at = $2, version = version + 1
    WHERE owner_id = $1 AND revoked_at IS NULL";
const COLLECTIONS: &str = "SELECT collection_id FROM api_key_collections WHERE api_key_id = $1 ORDER BY collection_id";
const CLEAR_COLLECTIONS: &str = "DELETE FROM api_key_collections WHERE api_key_id = $1";
const ADD_COLLECTION: &str = "INSERT INTO api_key_collections (api_key_id, collection_id) VALUES ($1, $2)";
const LOCK: &str = "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE";

/// Makes other servers wait that are about to make the first key too, until the transaction ends.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    turns::lock(tx, LOCK).await
}

pub async fn insert(tx: &mut Tx, key: &ApiKeyRow, hash: &[u8; 32]) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(key.id)
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(&hash[..])
        .bind(key.owner_id)
        .bind(&key.scope_names)
        .bind(key.all_collections)
        .bind(key.expires_at)
        .bind(key.version)
        .bind(key.created_at)
        .execute(c)
        .await
        .map(drop))
}

/// By the hash of its secret, or of the secret before while that still works at `now`.
pub async fn find_by_hash(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<ApiKeyRow>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_HASH)
        .bind(&hash[..])
        .bind(now)
        .fetch_optional(c)
        .await)
}

pub async fn find(tx: &mut Tx, id: ApiKeyId) -> Result<Option<ApiKeyRow>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// Whose keys a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Everybody,
    Owner(UserId),
    /// The one key.
    Key(ApiKeyId),
}

/// In the order of creation, after `after`.
pub async fn list(
    tx: &mut Tx,
    of: Of,
    with_revoked: bool,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKeyRow>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(COLUMNS);
        query.push(" WHERE 1 = 1");
        match of {
            Of::Everybody => {}
            Of::Owner(id) => {
                query.push(" AND owner_id = ").push_bind(id);
            }
            Of::Key(id) => {
                query.push(" AND id = ").push_bind(id);
            }
        }
        if !with_revoked {
            query.push(" AND revoked_at IS NULL");
        }
        if let Some(id) = after {
            query.push(" AND id > ").push_bind(id);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Whether there is a key that is not revoked.
pub async fn any_live(tx: &mut Tx) -> Result<bool> {
    on!(tx, |c| sqlx::query_scalar(ANY_LIVE).fetch_one(c).await)
}

/// Changes what may be chosen, at this version. Says whether it was still there at it.
pub async fn update(tx: &mut Tx, key: &ApiKeyRow) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(key.id)
        .bind(key.version)
        .bind(&key.name)
        .bind(&key.scope_names)
        .bind(key.all_collections)
        .bind(key.expires_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Gives it another secret; the one it had works until `overlap_ends`. Says whether it was still there at this version.
pub async fn rotate(
    tx: &mut Tx,
    key: &ApiKeyRow,
    hash: &[u8; 32],
    prefix: &str,
    overlap_ends: Timestamp,
) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(ROTATE)
        .bind(key.id)
        .bind(key.version)
        .bind(overlap_ends)
        .bind(&hash[..])
        .bind(prefix)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Notes that it was used.
pub async fn used(tx: &mut Tx, id: ApiKeyId, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(USED).bind(id).bind(at).execute(c).await.map(drop))
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

/// Those of this name that belong to nobody.
pub async fn revoke_by_name(tx: &mut Tx, name: &str, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(REVOKE_BY_NAME)
        .bind(name)
        .bind(at)
        .execute(c)
        .await
        .map(drop))
}

/// All of somebody's keys; says how many there were.
pub async fn revoke_of_owner(tx: &mut Tx, owner: UserId, at: Timestamp) -> Result<u64> {
    on!(tx, |c| sqlx::query(REVOKE_OF_OWNER)
        .bind(owner)
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// The collections that the key is restricted to, if it is.
pub async fn collections(tx: &mut Tx, id: ApiKeyId) -> Result<Vec<CollectionId>> {
    on!(tx, |c| sqlx::query_scalar(COLLECTIONS).bind(id).fetch_all(c).await)
}

pub async fn set_collections(tx: &mut Tx, id: ApiKeyId, collections: &[CollectionId]) -> Result<()> {
    restriction::replace(tx, CLEAR_COLLECTIONS, ADD_COLLECTION, id.0, collections).await
}
