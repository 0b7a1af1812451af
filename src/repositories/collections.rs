//! Rows of `collections`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{Result, collections::Collection, identifiers::CollectionId, principal::Reach, text_fields::NameOrId},
    on,
};
use sqlx::QueryBuilder;

/// A collection; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, slug, name, description, automation, retention_days, version, created_at, updated_at FROM collections ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO collections (id, slug, name, description, version, created_at, updated_at,
    automation, retention_days) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (slug) DO NOTHING";
const FIND_BY_ID: &str = select!("WHERE id = $1");
const FIND_BY_SLUG: &str = select!("WHERE slug = $1");
const SLUG_TAKEN: &str = "SELECT COUNT(*) FROM collections WHERE slug = $1 AND id <> $2";
const UPDATE: &str = "UPDATE collections SET slug = $2, name = $3, description = $4, version = $5, updated_at = $6,
    automation = $7, retention_days = $8 WHERE id = $1 AND version = $5 - 1";
const COUNT_DOCUMENTS: &str = "SELECT COUNT(*) FROM documents WHERE collection_id = $1";
const AUTOMATED: &str = select!("WHERE CAST(automation AS TEXT) <> '[]' ORDER BY id");
const RETAINING: &str = select!("WHERE retention_days IS NOT NULL ORDER BY id");
const DELETE: &str = "DELETE FROM collections WHERE id = $1";

/// Says whether the slug was free.
pub async fn insert(tx: &mut Tx, collection: &Collection) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(collection.id)
        .bind(&collection.slug)
        .bind(&collection.name)
        .bind(&collection.description)
        .bind(collection.version)
        .bind(collection.created_at)
        .bind(collection.updated_at)
        .bind(&collection.automation)
        .bind(collection.retention_days)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, name: &NameOrId<CollectionId>) -> Result<Option<Collection>> {
    match name {
        NameOrId::Id(id) => on!(tx, |c| sqlx::query_as(FIND_BY_ID).bind(id).fetch_optional(c).await),
        NameOrId::Name(slug) => on!(tx, |c| sqlx::query_as(FIND_BY_SLUG).bind(slug).fetch_optional(c).await),
    }
}

/// Those that have one of these slugs or ids, in no order.
pub async fn find_all(tx: &mut Tx, slugs: &[String], ids: &[CollectionId]) -> Result<Vec<Collection>> {
    if slugs.is_empty() && ids.is_empty() {
        return Ok(Vec::new());
    }
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE "));
        // An empty list beside the other would have SQLite look at every collection.
        if !slugs.is_empty() {
            push_one_of(&mut query, "slug", slugs);
        }
        if !ids.is_empty() {
            query.push(if slugs.is_empty() { "" } else { " OR " });
            push_one_of(&mut query, "id", ids);
        }
        query.build_query_as().fetch_all(c).await
    })
}

/// In the order of creation, those within reach.
pub async fn list(tx: &mut Tx, reach: &Reach, after: Option<CollectionId>, limit: i64) -> Result<Vec<Collection>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE 1 = 1"));
        if let Some(collections) = reach.restriction() {
            query.push(" AND ");
            push_one_of(&mut query, "id", &collections);
        }
        if let Some(id) = after {
            query.push(" AND id > ").push_bind(id);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

pub async fn slug_taken_by_another(tx: &mut Tx, collection: &Collection) -> Result<bool> {
    let rows: i64 = on!(tx, |c| sqlx::query_scalar(SLUG_TAKEN)
        .bind(&collection.slug)
        .bind(collection.id)
        .fetch_one(c)
        .await)?;
    Ok(rows > 0)
}

/// Says whether the stored version was still the one before this.
pub async fn update(tx: &mut Tx, collection: &Collection) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(collection.id)
        .bind(&collection.slug)
        .bind(&collection.name)
        .bind(&collection.description)
        .bind(collection.version)
        .bind(collection.updated_at)
        .bind(&collection.automation)
        .bind(collection.retention_days)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn count_documents(tx: &mut Tx, id: CollectionId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT_DOCUMENTS).bind(id).fetch_one(c).await)
}

/// Those that do anything with their documents by themselves.
pub async fn automated(tx: &mut Tx) -> Result<Vec<Collection>> {
    on!(tx, |c| sqlx::query_as(AUTOMATED).fetch_all(c).await)
}

/// Those whose documents are deleted after some time.
pub async fn retaining(tx: &mut Tx) -> Result<Vec<Collection>> {
    on!(tx, |c| sqlx::query_as(RETAINING).fetch_all(c).await)
}

/// Takes its documents and their analyses along.
pub async fn delete(tx: &mut Tx, id: CollectionId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}
