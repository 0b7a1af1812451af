//! Rows of `documents`, one at a time. Lists and searches are in `document_lists`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result,
        documents::Document,
        identifiers::{CollectionId, DocumentId},
    },
    on,
};
use sqlx::QueryBuilder;
use std::collections::HashSet;

/// A whole document; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, collection_id, external_id, title, text, attributes, language, content_hash, version, \
             created_at, updated_at FROM documents ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO documents (id, collection_id, external_id, title, text, attributes, language,
    content_hash, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (collection_id, external_id) DO NOTHING";
const INTO: &str = "INSERT INTO documents (id, collection_id, external_id, title, text, attributes, language,
    content_hash, version, created_at, updated_at) ";
/// How many rows a statement takes.
const ROWS_AT_ONCE: usize = 100;
const FIND: &str = select!("WHERE collection_id = $1 AND id = $2");
const FIND_ANYWHERE: &str = select!("WHERE id = $1");
const COLLECTION_OF: &str = "SELECT collection_id FROM documents WHERE id = $1";
const HOLD: &str = "SELECT id FROM documents WHERE id = $1";
const HOLD_LOCKED: &str = "SELECT id FROM documents WHERE id = $1 FOR KEY SHARE";
const EXISTS: &str = "SELECT COUNT(*) FROM documents WHERE id = $1";
const FIND_BY_EXTERNAL_ID: &str = select!("WHERE collection_id = $1 AND external_id = $2");
const EXTERNAL_ID_TAKEN: &str =
    "SELECT COUNT(*) FROM documents WHERE collection_id = $1 AND external_id = $2 AND id <> $3";
const UPDATE: &str = "UPDATE documents SET external_id = $2, title = $3, text = $4, attributes = $5, language = $6,
    content_hash = $7, version = $8, updated_at = $9 WHERE id = $1 AND version = $8 - 1";
const DELETE: &str = "DELETE FROM documents WHERE id = $1";
const NEXT_PAGE: &str = select!(
    "WHERE collection_id = $1 AND (created_at > $2 OR (created_at = $2 AND id > $3)) ORDER BY created_at, id LIMIT $4"
);
const FIRST_PAGE: &str = select!("WHERE collection_id = $1 ORDER BY created_at, id LIMIT $2");

/// Says whether the external id was free.
pub async fn insert(tx: &mut Tx, document: &Document) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(document.id)
        .bind(document.collection_id)
        .bind(&document.external_id)
        .bind(&document.title)
        .bind(&document.text)
        .bind(&document.attributes)
        .bind(&document.language)
        .bind(&document.content_hash)
        .bind(document.version)
        .bind(document.created_at)
        .bind(document.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, collection: CollectionId, id: DocumentId) -> Result<Option<Document>> {
    on!(tx, |c| sqlx::query_as(FIND)
        .bind(collection)
        .bind(id)
        .fetch_optional(c)
        .await)
}

/// Those of a collection with one of these external ids.
pub async fn find_by_external_ids(
    tx: &mut Tx,
    collection: CollectionId,
    external_ids: &[String],
) -> Result<Vec<Document>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE collection_id = "));
        query.push_bind(collection).push(" AND ");
        push_one_of(&mut query, "external_id", external_ids);
        query.build_query_as().fetch_all(c).await
    })
}

/// Whether a collection has a document with one of these external ids.
pub async fn any_of_external_ids(tx: &mut Tx, collection: CollectionId, external_ids: &[String]) -> Result<bool> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT EXISTS (SELECT 1 FROM documents WHERE collection_id = ");
        query.push_bind(collection).push(" AND ");
        push_one_of(&mut query, "external_id", external_ids);
        query.push(")");
        query.build_query_scalar().fetch_one(c).await
    })
}

/// Stores new documents, as many as statements take; says how many external ids were free.
pub async fn insert_all(tx: &mut Tx, documents: &[Document]) -> Result<u64> {
    let mut inserted = 0;
    for some in documents.chunks(ROWS_AT_ONCE) {
        inserted += on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(INTO);
            query.push_values(some, |mut row, document| {
                row.push_bind(document.id)
                    .push_bind(document.collection_id)
                    .push_bind(document.external_id.clone())
                    .push_bind(document.title.clone())
                    .push_bind(document.text.clone())
                    .push_bind(document.attributes.clone())
                    .push_bind(document.language.clone())
                    .push_bind(document.content_hash.clone())
                    .push_bind(document.version)
                    .push_bind(document.created_at)
                    .push_bind(document.updated_at);
            });
            query.push(" ON CONFLICT (collection_id, external_id) DO NOTHING");
            query.build().execute(c).await.map(|done| done.rows_affected())
        })?;
    }
    Ok(inserted)
}

/// Whatever collection it is in.
pub async fn find_anywhere(tx: &mut Tx, id: DocumentId) -> Result<Option<Document>> {
    on!(tx, |c| sqlx::query_as(FIND_ANYWHERE).bind(id).fetch_optional(c).await)
}

/// Which collection a document is in.
pub async fn collection_of(tx: &mut Tx, id: DocumentId) -> Result<Option<CollectionId>> {
    on!(tx, |c| sqlx::query_scalar(COLLECTION_OF)
        .bind(id)
        .fetch_optional(c)
        .await)
}

pub async fn exists(tx: &mut Tx, id: DocumentId) -> Result<bool> {
    let rows: i64 = on!(tx, |c| sqlx::query_scalar(EXISTS).bind(id).fetch_one(c).await)?;
    Ok(rows > 0)
}

/// The same, and nobody deletes it until the end of the transaction.
pub async fn hold(tx: &mut Tx, id: DocumentId) -> Result<bool> {
    let statement = tx.pick(HOLD, HOLD_LOCKED);
    let found: Option<DocumentId> = on!(tx, |c| sqlx::query_scalar(statement).bind(id).fetch_optional(c).await)?;
    Ok(found.is_some())
}

pub async fn find_by_external_id(tx: &mut Tx, collection: CollectionId, external_id: &str) -> Result<Option<Document>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_EXTERNAL_ID)
        .bind(collection)
        .bind(external_id)
        .fetch_optional(c)
        .await)
}

pub async fn external_id_taken_by_another(tx: &mut Tx, document: &Document) -> Result<bool> {
    let rows: i64 = on!(tx, |c| sqlx::query_scalar(EXTERNAL_ID_TAKEN)
        .bind(document.collection_id)
        .bind(&document.external_id)
        .bind(document.id)
        .fetch_one(c)
        .await)?;
    Ok(rows > 0)
}

/// Says whether the stored version was still the one before this.
pub async fn update(tx: &mut Tx, document: &Document) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(document.id)
        .bind(&document.external_id)
        .bind(&document.title)
        .bind(&document.text)
        .bind(&document.attributes)
        .bind(&document.language)
        .bind(&document.content_hash)
        .bind(document.version)
        .bind(document.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes its analyses along; says whether it was there.
pub async fn delete(tx: &mut Tx, id: DocumentId) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(DELETE)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Which of these are there.
pub async fn existing(tx: &mut Tx, ids: &[DocumentId]) -> Result<HashSet<DocumentId>> {
    let rows: Vec<DocumentId> = on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT id FROM documents WHERE ");
        push_one_of(&mut query, "id", ids);
        query.build_query_scalar().fetch_all(c).await
    })?;
    Ok(rows.into_iter().collect())
}

/// Those of these that are there, in the order of creation.
pub async fn find_all(tx: &mut Tx, ids: &[DocumentId]) -> Result<Vec<Document>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE "));
        push_one_of(&mut query, "id", ids);
        query.push(" ORDER BY created_at, id");
        query.build_query_as().fetch_all(c).await
    })
}

/// Whole documents in the order of creation, after `after`: for going through a collection to its end.
pub async fn walk(
    tx: &mut Tx,
    collection: CollectionId,
    after: Option<&Document>,
    limit: i64,
) -> Result<Vec<Document>> {
    match after {
        None => on!(tx, |c| sqlx::query_as(FIRST_PAGE)
            .bind(collection)
            .bind(limit)
            .fetch_all(c)
            .await),
        Some(last) => on!(tx, |c| sqlx::query_as(NEXT_PAGE)
            .bind(collection)
            .bind(last.created_at)
            .bind(last.id)
            .bind(limit)
            .fetch_all(c)
            .await),
    }
}
