//! Rows of `evictions`: what was deleted or changed, for the caches of every server on this database. Times are the database's own.

use super::restriction::push_one_of;
use crate::{db::Tx, domain::Result, on};
use sqlx::{QueryBuilder, types::Json};
use uuid::Uuid;

const INSERT: &str = "INSERT INTO evictions (origin, subjects) VALUES ($1, $2)";
const NEWEST: &str = "SELECT id FROM evictions ORDER BY id DESC LIMIT $1";
const SINCE: &str = "SELECT id FROM evictions WHERE id >= $1 ORDER BY id";
const OLD_SQLITE: &str = "SELECT id, origin, subjects FROM evictions
    WHERE at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || CAST($1 AS TEXT) || ' seconds')
    AND id < (SELECT MAX(id) FROM evictions) ORDER BY id LIMIT $2";
const OLD_POSTGRES: &str = "SELECT id, origin, subjects FROM evictions
    WHERE at < clock_timestamp() - make_interval(secs => CAST($1 AS BIGINT))
    AND id < (SELECT MAX(id) FROM evictions) ORDER BY id LIMIT $2";

/// What was deleted or changed in one transaction.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Eviction {
    pub id: i64,
    pub origin: Uuid,
    pub subjects: Json<Vec<String>>,
}

pub async fn insert(tx: &mut Tx, origin: Uuid, subjects: &[String]) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(origin)
        .bind(Json(subjects))
        .execute(c)
        .await
        .map(drop))
}

/// The ids of the newest, so many at most.
pub async fn newest(tx: &mut Tx, limit: i64) -> Result<Vec<i64>> {
    on!(tx, |c| sqlx::query_scalar(NEWEST).bind(limit).fetch_all(c).await)
}

/// The ids from this one on.
pub async fn since(tx: &mut Tx, id: i64) -> Result<Vec<i64>> {
    on!(tx, |c| sqlx::query_scalar(SINCE).bind(id).fetch_all(c).await)
}

/// Those of these ids.
pub async fn of(tx: &mut Tx, ids: &[i64]) -> Result<Vec<Eviction>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT id, origin, subjects FROM evictions WHERE ");
        push_one_of(&mut query, "id", ids);
        query.build_query_as().fetch_all(c).await
    })
}

/// Those older than so many seconds; never the newest, by which a server knows that it has missed nothing.
pub async fn old(tx: &mut Tx, seconds: i64, limit: i64) -> Result<Vec<Eviction>> {
    let sql = tx.pick(OLD_SQLITE, OLD_POSTGRES);
    on!(tx, |c| sqlx::query_as(sql).bind(seconds).bind(limit).fetch_all(c).await)
}

pub async fn delete(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    on!(tx, |c| {
        let mut query = QueryBuilder::new("DELETE FROM evictions WHERE ");
        push_one_of(&mut query, "id", ids);
        query.build().execute(c).await.map(drop)
    })
}
