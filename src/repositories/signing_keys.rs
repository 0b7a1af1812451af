//! Rows of `signing_keys`.

use super::turns;
use crate::{
    db::Tx,
    domain::{Result, Timestamp, signing_keys::SigningKey},
    on,
};

const LIST: &str = "SELECT id, algorithm, secret, created_at, retired_at FROM signing_keys ORDER BY created_at DESC, id DESC LIMIT 100";
const INSERT: &str = "INSERT INTO signing_keys (id, algorithm, secret, created_at) VALUES ($1, $2, $3, $4)";
const RETIRE_ALL: &str = "UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL";
const DELETE_RETIRED: &str = "DELETE FROM signing_keys WHERE retired_at < $1";
const DELETE_ALL: &str = "DELETE FROM signing_keys";
const LOCK: &str = "LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE";

/// Makes other servers wait that are about to make a key too, until the transaction ends.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    turns::lock(tx, LOCK).await
}

/// Newest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<SigningKey>> {
    on!(tx, |c| sqlx::query_as(LIST).fetch_all(c).await)
}

pub async fn insert(tx: &mut Tx, key: &SigningKey) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(&key.id)
        .bind(key.algorithm)
        .bind(&key.secret)
        .bind(key.created_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn retire_all(tx: &mut Tx, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(RETIRE_ALL).bind(at).execute(c).await.map(drop))
}

pub async fn delete_retired_before(tx: &mut Tx, time: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_RETIRED)
        .bind(time)
        .execute(c)
        .await
        .map(drop))
}

pub async fn delete_all(tx: &mut Tx) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_ALL).execute(c).await.map(drop))
}
