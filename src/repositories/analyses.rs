//! Rows of `analyses`.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        analyses::{Analysis, AnalysisFilter, AnalysisKind},
        identifiers::{AnalysisId, DocumentId, TaxonomyId},
    },
    on,
};
use sqlx::QueryBuilder;

const INSERT: &str = "INSERT INTO analyses (id, kind, document_id, document_version, input_hash, engine, model,
    taxonomy_id, taxonomy_version, label, confidence, options, output, duration_us, degraded, trace_id, created_by,
    created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
    ON CONFLICT (id) DO NOTHING";
const FIND: &str = "SELECT id, kind, document_id, document_version, input_hash, engine, model, taxonomy_id,
    taxonomy_version, label, confidence, options, output, duration_us, degraded, trace_id, created_by, created_at
    FROM analyses WHERE id = $1";
const NEWEST: &str = "SELECT id, kind, document_id, document_version, input_hash, engine, model, taxonomy_id,
    taxonomy_version, label, confidence, options, output, duration_us, degraded, trace_id, created_by, created_at
    FROM analyses WHERE document_id = $1 AND kind = $2 AND (taxonomy_id = $3 OR $3 IS NULL)
    ORDER BY created_at DESC, id DESC LIMIT 1";
const DELETE: &str = "DELETE FROM analyses WHERE id = $1";

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
        .bind(analysis.created_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, id: AnalysisId) -> Result<Option<Analysis>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// The newest analysis of a document of one kind, by one taxonomy if it is named.
pub async fn find_newest(
    tx: &mut Tx,
    document: DocumentId,
    kind: AnalysisKind,
    taxonomy: Option<TaxonomyId>,
) -> Result<Option<Analysis>> {
    on!(tx, |c| sqlx::query_as(NEWEST)
        .bind(document)
        .bind(kind)
        .bind(taxonomy)
        .fetch_optional(c)
        .await)
}

/// Newest first, after `after` in that order.
pub async fn list(
    tx: &mut Tx,
    filter: &AnalysisFilter,
    after: Option<(Timestamp, AnalysisId)>,
    limit: i64,
) -> Result<Vec<Analysis>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(
            "SELECT a.id, a.kind, a.document_id, a.document_version, a.input_hash, a.engine, a.model, a.taxonomy_id, \
             a.taxonomy_version, a.label, a.confidence, a.options, a.output, a.duration_us, a.degraded, a.trace_id, \
             a.created_by, a.created_at FROM analyses a",
        );
        if filter.collection_id.is_some() {
            query.push(" JOIN documents d ON d.id = a.document_id");
        }
        query.push(" WHERE 1 = 1");
        if let Some(id) = filter.collection_id {
            query.push(" AND d.collection_id = ").push_bind(id);
        }
        if let Some(id) = filter.document_id {
            query.push(" AND a.document_id = ").push_bind(id);
        }
        if let Some(id) = filter.taxonomy_id {
            query.push(" AND a.taxonomy_id = ").push_bind(id);
        }
        if let Some(kind) = filter.kind {
            query.push(" AND a.kind = ").push_bind(kind);
        }
        if let Some(label) = &filter.label {
            query.push(" AND a.label = ").push_bind(label);
        }
        if let Some(engine) = &filter.engine {
            query.push(" AND a.engine = ").push_bind(engine);
        }
        if let Some(time) = filter.created_after {
            query.push(" AND a.created_at > ").push_bind(time);
        }
        if let Some(time) = filter.created_before {
            query.push(" AND a.created_at < ").push_bind(time);
        }
        if let Some((time, id)) = after {
            query
                .push(" AND (a.created_at, a.id) < (")
                .push_bind(time)
                .push(", ")
                .push_bind(id)
                .push(")");
        }
        query
            .push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ")
            .push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
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
