//! Rows of `analyses`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        analyses::{Analysis, AnalysisFilter, AnalysisKind},
        identifiers::{AnalysisId, ApiKeyId, CollectionId, DocumentId, TaxonomyId, UserId},
        principal::{Principal, PrincipalId},
    },
    on,
};
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::{cmp::Reverse, collections::BTreeMap};
use uuid::Uuid;

/// Analyses; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT a.id, a.kind, a.document_id, a.document_version, a.input_hash, a.engine, a.model, a.taxonomy_id, \
             a.taxonomy_version, a.label, a.confidence, a.options, a.output, a.duration_us, a.degraded, a.trace_id, \
             a.created_by, a.created_by_user, a.created_at, a.degraded_reason, a.prompt_id, a.prompt_version, \
             a.input_tokens, a.cached_input_tokens, a.output_tokens, a.cost_microdollars, a.calls, a.usage_estimated, \
             a.cache_key FROM analyses a ",
            $which
        )
    };
}

// A person who was deleted while the engine was at work is not noted.
const INSERT: &str = "INSERT INTO analyses (id, kind, document_id, document_version, input_hash, engine, model,
    taxonomy_id, taxonomy_version, label, confidence, options, output, duration_us, degraded, trace_id, created_by,
    created_by_user, created_at, collection_id, degraded_reason, prompt_id, prompt_version, input_tokens,
    cached_input_tokens, output_tokens, cost_microdollars, calls, usage_estimated, cache_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
    (SELECT id FROM users WHERE id = $18), $19, (SELECT collection_id FROM documents WHERE id = $3), $20, $21, $22, $23,
    $24, $25, $26, $27, $28, $29)
    ON CONFLICT (id) DO NOTHING";
const FIND: &str = select!("WHERE a.id = $1");
const IS_KEPT: &str = "SELECT EXISTS (SELECT 1 FROM analyses WHERE id = $1 AND cache_key = $2)";
const NEWEST: &str = select!(
    "WHERE a.document_id = $1 AND a.kind = $2 AND (a.taxonomy_id = $3 OR $3 IS NULL) AND a.input_hash = $4
    ORDER BY a.created_at DESC, a.id DESC LIMIT 1"
);
const FIND_KEPT: &str =
    select!("WHERE a.cache_key = $1 AND a.created_at >= $2 ORDER BY a.created_at DESC, a.id DESC LIMIT 1");
const DELETE: &str = "DELETE FROM analyses WHERE id = $1";

/// How many keys a statement takes, as no database takes any number of parameters.
const KEYS_AT_ONCE: usize = 1_000;

/// Stores an analysis; one that is stored already is left as it is, so that a commit of unknown outcome can be repeated.
pub async fn insert(tx: &mut Tx, analysis: &Analysis) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(analysis.id)
        .bind(analysis.kind)
        .bind(analysis.document_id)
        .bind(analysis.document_version)
        .bind(&analysis.input_hash)
        .bind(&analysis.engine)
        .bind(&analysis.model)
        .bind(analysis.taxonomy_id)
        .bind(analysis.taxonomy_version)
        .bind(&analysis.label)
        .bind(analysis.confidence)
        .bind(&analysis.options)
        .bind(&analysis.output)
        .bind(analysis.duration_us)
        .bind(analysis.degraded)
        .bind(&analysis.trace_id)
        .bind(analysis.created_by)
        .bind(analysis.created_by_user)
        .bind(analysis.created_at)
        .bind(&analysis.degraded_reason)
        .bind(analysis.prompt_id)
        .bind(analysis.prompt_version)
        .bind(analysis.usage.input_tokens)
        .bind(analysis.usage.cached_input_tokens)
        .bind(analysis.usage.output_tokens)
        .bind(analysis.usage.cost_microdollars)
        .bind(analysis.usage.calls)
        .bind(analysis.usage.usage_estimated)
        .bind(&analysis.cache_key)
        .execute(c)
        .await
        .map(drop))
}

/// These are the answers that are given again under their keys from now on, and no older one is when they are deleted.
pub async fn replace_kept(tx: &mut Tx, kept: &BTreeMap<&[u8], AnalysisId>) -> Result<()> {
    let (keys, ids): (Vec<Vec<u8>>, Vec<AnalysisId>) = kept.iter().map(|(key, id)| (key.to_vec(), *id)).unzip();
    for (keys, ids) in keys.chunks(KEYS_AT_ONCE).zip(ids.chunks(KEYS_AT_ONCE)) {
        on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new("UPDATE analyses SET cache_key = NULL WHERE ");
            push_one_of(&mut query, "cache_key", keys);
            query.push(" AND NOT ");
            push_one_of(&mut query, "id", ids);
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Whether an answer still is the one that may be given again under this key: neither deleted nor replaced.
pub async fn is_kept(tx: &mut Tx, id: AnalysisId, cache_key: &[u8]) -> Result<bool> {
    on!(tx, |c| sqlx::query_scalar(IS_KEPT)
        .bind(id)
        .bind(cache_key)
        .fetch_one(c)
        .await)
}

pub async fn find(tx: &mut Tx, id: AnalysisId) -> Result<Option<Analysis>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// Those that are there.
pub async fn find_all(tx: &mut Tx, ids: &[AnalysisId]) -> Result<Vec<Analysis>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE "));
        push_one_of(&mut query, "a.id", ids);
        query.build_query_as().fetch_all(c).await
    })
}

/// The newest answer that may be given again under this key, made at `oldest` or later.
pub async fn find_kept(tx: &mut Tx, cache_key: &[u8], oldest: Timestamp) -> Result<Option<Analysis>> {
    on!(tx, |c| sqlx::query_as(FIND_KEPT)
        .bind(cache_key)
        .bind(oldest)
        .fetch_optional(c)
        .await)
}

/// The newest analysis of a document of one kind, by one taxonomy if it is named.
pub async fn find_newest(
    tx: &mut Tx,
    document: DocumentId,
    kind: AnalysisKind,
    taxonomy: Option<TaxonomyId>,
    input_hash: &str,
) -> Result<Option<Analysis>> {
    on!(tx, |c| sqlx::query_as(NEWEST)
        .bind(document)
        .bind(kind)
        .bind(taxonomy)
        .bind(input_hash)
        .fetch_optional(c)
        .await)
}

/// Newest first, after `after` in that order, those that the principal may know of: the analyses of documents within its
/// reach and, of texts that are stored nowhere, its own.
///
/// Each part of that is read from an index in order, as far as the page may go, and the parts are merged. One condition for
/// all of them would have the database look through everything that is newer, or sort everything within reach.
pub async fn list(
    tx: &mut Tx,
    principal: &Principal,
    filter: &AnalysisFilter,
    after: Option<(Timestamp, AnalysisId)>,
    limit: i64,
) -> Result<Vec<Analysis>> {
    let hints = tx.pick(true, false);
    let mut page: Vec<Analysis> = Vec::new();
    for parts in parts(principal, filter).chunks(PARTS_AT_ONCE) {
        let rows: Vec<Analysis> = on!(tx, |c| {
            let mut query = QueryBuilder::new("WITH page AS (");
            for (place, part) in parts.iter().enumerate() {
                query.push(if place > 0 { " UNION ALL " } else { "" });
                query.push("SELECT id, created_at FROM (SELECT a.id, a.created_at FROM analyses a");
                query.push(if hints { part.index(filter) } else { "" });
                part.choose(&mut query);
                narrow(&mut query, filter, after);
                query.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ");
                query.push_bind(limit).push(format!(") AS part_{place}"));
            }
            query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(limit);
            query.push(") ").push(select!("JOIN page ON page.id = a.id"));
            query.push(" ORDER BY a.created_at DESC, a.id DESC");
            query.build_query_as().fetch_all(c).await
        })?;
        page.extend(rows);
    }
    page.sort_by_key(|row| Reverse((row.created_at, row.id)));
    page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(page)
}

/// Of how many parts a statement is made at most: SQLite takes 500.
const PARTS_AT_ONCE: usize = 100;

/// What a list is read from; an analysis is in one of them at most.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Everything,
    Collection(CollectionId),
    /// Of one document, if it is in one of the collections.
    Document(DocumentId, Option<Vec<CollectionId>>),
    /// Of texts that are stored nowhere, those that an API key or a person has asked for.
    TextsOfKey(ApiKeyId),
    TextsOfUser(UserId),
}

fn parts(principal: &Principal, filter: &AnalysisFilter) -> Vec<Part> {
    let collections = match filter.collection_id {
        Some(id) if principal.reach.contains(id) => Some(vec![id]),
        Some(_) => Some(Vec::new()),
        None => principal.reach.restriction(),
    };
    if let Some(document) = filter.document_id {
        return vec![Part::Document(document, collections)];
    }
    let Some(collections) = collections else {
        return vec![Part::Everything];
    };
    let mut parts: Vec<Part> = collections.into_iter().map(Part::Collection).collect();
    if filter.collection_id.is_none() {
        parts.extend(match principal.id {
            PrincipalId::Key(id) => Some(Part::TextsOfKey(id)),
            PrincipalId::User(id) => Some(Part::TextsOfUser(id)),
            PrincipalId::Operator => None,
        });
    }
    parts
}

impl Part {
    /// The index that SQLite is to use, which does not know how many rows there are of what; PostgreSQL does.
    fn index(&self, filter: &AnalysisFilter) -> &'static str {
        match self {
            Self::Everything => match (filter.taxonomy_id, &filter.label) {
                (Some(_), Some(_)) => " INDEXED BY analyses_of_taxonomy_by_label",
                (Some(_), None) => " INDEXED BY analyses_of_taxonomy",
                (None, _) => " INDEXED BY analyses_created",
            },
            Self::Collection(_) if filter.taxonomy_id.is_some() && filter.label.is_some() => {
                " INDEXED BY analyses_of_collection_by_label"
            }
            Self::Collection(_) => " INDEXED BY analyses_of_collection",
            Self::Document(..) => " INDEXED BY analyses_of_document",
            Self::TextsOfKey(_) => " INDEXED BY analyses_of_texts_by_key",
            Self::TextsOfUser(_) => " INDEXED BY analyses_of_texts_by_user",
        }
    }

    fn choose<DB>(&self, query: &mut QueryBuilder<DB>)
    where
        DB: Database,
        for<'a> Uuid: Encode<'a, DB> + Type<DB>,
        for<'a> CollectionId: Encode<'a, DB> + Type<DB>,
    {
        match self {
            Self::Everything => query.push(" WHERE 1 = 1"),
            Self::Collection(id) => query.push(" WHERE a.collection_id = ").push_bind(id.0),
            Self::TextsOfKey(id) => query
                .push(" WHERE a.document_id IS NULL AND a.created_by = ")
                .push_bind(id.0),
            Self::TextsOfUser(id) => query
                .push(" WHERE a.document_id IS NULL AND a.created_by_user = ")
                .push_bind(id.0),
            Self::Document(id, collections) => {
                query.push(" WHERE a.document_id = ").push_bind(id.0);
                if let Some(collections) = collections {
                    query.push(" AND ");
                    push_one_of(query, "a.collection_id", collections);
                }
                query
            }
        };
    }
}

fn narrow<DB>(query: &mut QueryBuilder<DB>, filter: &AnalysisFilter, after: Option<(Timestamp, AnalysisId)>)
where
    DB: Database,
    for<'a> AnalysisKind: Encode<'a, DB> + Type<DB>,
    for<'a> String: Encode<'a, DB> + Type<DB>,
    for<'a> Timestamp: Encode<'a, DB> + Type<DB>,
    for<'a> Uuid: Encode<'a, DB> + Type<DB>,
{
    if let Some(id) = filter.taxonomy_id {
        query.push(" AND a.taxonomy_id = ").push_bind(id.0);
    }
    if let Some(kind) = filter.kind {
        query.push(" AND a.kind = ").push_bind(kind);
    }
    if let Some(label) = &filter.label {
        query.push(" AND a.label = ").push_bind(label.clone());
    }
    if let Some(engine) = &filter.engine {
        query.push(" AND a.engine = ").push_bind(engine.clone());
    }
    if let Some(time) = filter.created_after {
        query.push(" AND a.created_at > ").push_bind(time);
    }
    // Where a page goes on is nearer than where the list began, and SQLite begins at one of the two.
    if let Some(time) = filter
        .created_before
        .filter(|time| after.is_none_or(|(page, _)| page >= *time))
    {
        query.push(" AND a.created_at < ").push_bind(time);
    }
    if let Some((time, id)) = after {
        query.push(" AND (a.created_at, a.id) < (").push_bind(time);
        query.push(", ").push_bind(id.0).push(")");
    }
}

/// Says whether there was one.
pub async fn delete(tx: &mut Tx, id: AnalysisId) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(DELETE)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}
