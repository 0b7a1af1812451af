//! Rows of `push_urls`.

use crate::{
    db::Tx,
    domain::{
        Result,
        identifiers::{CollectionId, PushUrlId},
        push_urls::PushUrl,
    },
    on,
};

/// A push URL; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, collection_id, name, fields, created_by, created_by_user, created_at FROM push_urls WHERE ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO push_urls (id, collection_id, name, token_hash, fields, created_by, created_by_user,
    created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FIND: &str = select!("collection_id = $1 AND id = $2");
const FIND_BY_TOKEN: &str = select!("token_hash = $1");
const FIRST: &str = select!("collection_id = $1 ORDER BY id DESC LIMIT $2");
const NEXT: &str = select!("collection_id = $1 AND id < $3 ORDER BY id DESC LIMIT $2");
const COUNT: &str = "SELECT COUNT(*) FROM push_urls WHERE collection_id = $1";
const DELETE: &str = "DELETE FROM push_urls WHERE collection_id = $1 AND id = $2";

pub async fn insert(tx: &mut Tx, url: &PushUrl, token_hash: &[u8]) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(url.id)
        .bind(url.collection_id)
        .bind(&url.name)
        .bind(token_hash)
        .bind(&url.fields)
        .bind(url.created_by)
        .bind(url.created_by_user)
        .bind(url.created_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, collection: CollectionId, id: PushUrlId) -> Result<Option<PushUrl>> {
    on!(tx, |c| sqlx::query_as(FIND)
        .bind(collection)
        .bind(id)
        .fetch_optional(c)
        .await)
}

pub async fn find_by_token(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<PushUrl>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_TOKEN)
        .bind(token_hash)
        .fetch_optional(c)
        .await)
}

/// Newest first, after one.
pub async fn list(tx: &mut Tx, collection: CollectionId, after: Option<PushUrlId>, limit: i64) -> Result<Vec<PushUrl>> {
    match after {
        None => on!(tx, |c| sqlx::query_as(FIRST)
            .bind(collection)
            .bind(limit)
            .fetch_all(c)
            .await),
        Some(after) => on!(tx, |c| sqlx::query_as(NEXT)
            .bind(collection)
            .bind(limit)
            .bind(after)
            .fetch_all(c)
            .await),
    }
}

pub async fn count(tx: &mut Tx, collection: CollectionId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT).bind(collection).fetch_one(c).await)
}

/// Says whether it was there.
pub async fn delete(tx: &mut Tx, collection: CollectionId, id: PushUrlId) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(DELETE)
        .bind(collection)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
