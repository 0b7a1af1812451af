//! Rows of `taxonomies` and `taxonomy_versions`.

use crate::{
    db::Tx,
    domain::{Result, identifiers::TaxonomyId, taxonomies::Taxonomy, text_fields::NameOrId},
    on,
};

/// A taxonomy at a version; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT t.id, t.slug, v.version, v.name, v.description, v.threshold, v.labels, t.created_at, \
             v.created_at AS updated_at FROM taxonomies t JOIN taxonomy_versions v ON v.taxonomy_id = t.id ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO taxonomies (id, slug, version, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (slug) DO NOTHING";
const INSERT_VERSION: &str =
    "INSERT INTO taxonomy_versions (taxonomy_id, version, name, description, threshold, labels, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const ADVANCE: &str = "UPDATE taxonomies SET slug = $2, version = $3 WHERE id = $1 AND version = $3 - 1";
const FIND_BY_ID: &str = select!("AND v.version = t.version WHERE t.id = $1");
const FIND_BY_SLUG: &str = select!("AND v.version = t.version WHERE t.slug = $1");
const HEAD_BY_ID: &str = "SELECT id, version FROM taxonomies WHERE id = $1";
const HEAD_BY_SLUG: &str = "SELECT id, version FROM taxonomies WHERE slug = $1";
const FIND_VERSION: &str = select!("WHERE t.id = $1 AND v.version = $2");
const LIST: &str = select!("AND v.version = t.version ORDER BY t.id LIMIT $1");
const LIST_AFTER: &str = select!("AND v.version = t.version WHERE t.id > $2 ORDER BY t.id LIMIT $1");
const LIST_VERSIONS: &str = select!("WHERE t.id = $2 AND v.version < $3 ORDER BY v.version DESC LIMIT $1");
const SLUG_TAKEN: &str = "SELECT COUNT(*) FROM taxonomies WHERE slug = $1 AND id <> $2";
const COUNT_ANALYSES: &str = "SELECT COUNT(*) FROM analyses WHERE taxonomy_id = $1";
const DELETE: &str = "DELETE FROM taxonomies WHERE id = $1";

/// Says whether the slug was free.
pub async fn insert(tx: &mut Tx, taxonomy: &Taxonomy) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(taxonomy.id)
        .bind(&taxonomy.slug)
        .bind(taxonomy.version)
        .bind(taxonomy.created_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows > 0 {
        insert_version(tx, taxonomy).await?;
    }
    Ok(rows > 0)
}

/// Stores the next version; says whether the stored one was still the one before it.
pub async fn update(tx: &mut Tx, taxonomy: &Taxonomy) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(ADVANCE)
        .bind(taxonomy.id)
        .bind(&taxonomy.slug)
        .bind(taxonomy.version)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows > 0 {
        insert_version(tx, taxonomy).await?;
    }
    Ok(rows > 0)
}

async fn insert_version(tx: &mut Tx, taxonomy: &Taxonomy) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT_VERSION)
        .bind(taxonomy.id)
        .bind(taxonomy.version)
        .bind(&taxonomy.name)
        .bind(&taxonomy.description)
        .bind(taxonomy.threshold)
        .bind(&taxonomy.labels)
        .bind(taxonomy.updated_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, name: &NameOrId<TaxonomyId>) -> Result<Option<Taxonomy>> {
    match name {
        NameOrId::Id(id) => on!(tx, |c| sqlx::query_as(FIND_BY_ID).bind(id).fetch_optional(c).await),
        NameOrId::Name(slug) => on!(tx, |c| sqlx::query_as(FIND_BY_SLUG).bind(slug).fetch_optional(c).await),
    }
}

/// Which taxonomy, and its newest version.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct TaxonomyHead {
    pub id: TaxonomyId,
    pub version: i64,
}

pub async fn find_head(tx: &mut Tx, name: &NameOrId<TaxonomyId>) -> Result<Option<TaxonomyHead>> {
    match name {
        NameOrId::Id(id) => on!(tx, |c| sqlx::query_as(HEAD_BY_ID).bind(id).fetch_optional(c).await),
        NameOrId::Name(slug) => on!(tx, |c| sqlx::query_as(HEAD_BY_SLUG).bind(slug).fetch_optional(c).await),
    }
}

pub async fn find_version(tx: &mut Tx, id: TaxonomyId, version: i64) -> Result<Option<Taxonomy>> {
    on!(tx, |c| sqlx::query_as(FIND_VERSION)
        .bind(id)
        .bind(version)
        .fetch_optional(c)
        .await)
}

/// In the order of creation, each at its newest version.
pub async fn list(tx: &mut Tx, after: Option<TaxonomyId>, limit: i64) -> Result<Vec<Taxonomy>> {
    match after {
        None => on!(tx, |c| sqlx::query_as(LIST).bind(limit).fetch_all(c).await),
        Some(id) => on!(tx, |c| sqlx::query_as(LIST_AFTER)
            .bind(limit)
            .bind(id)
            .fetch_all(c)
            .await),
    }
}

/// The versions before `before`, newest first.
pub async fn list_versions(tx: &mut Tx, id: TaxonomyId, before: i64, limit: i64) -> Result<Vec<Taxonomy>> {
    on!(tx, |c| sqlx::query_as(LIST_VERSIONS)
        .bind(limit)
        .bind(id)
        .bind(before)
        .fetch_all(c)
        .await)
}

pub async fn slug_taken_by_another(tx: &mut Tx, taxonomy: &Taxonomy) -> Result<bool> {
    let rows: i64 = on!(tx, |c| sqlx::query_scalar(SLUG_TAKEN)
        .bind(&taxonomy.slug)
        .bind(taxonomy.id)
        .fetch_one(c)
        .await)?;
    Ok(rows > 0)
}

pub async fn count_analyses(tx: &mut Tx, id: TaxonomyId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT_ANALYSES).bind(id).fetch_one(c).await)
}

/// Takes its versions and the analyses that used it along.
pub async fn delete(tx: &mut Tx, id: TaxonomyId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}
