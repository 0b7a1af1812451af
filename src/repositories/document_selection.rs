//! The documents that a job is about, found by the filters of lists: how many, and the next of them in the order of creation.

use super::document_lists::{Dialect, choose, restrict, within};
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        documents::{DocumentFilter, DocumentSort},
        identifiers::{CollectionId, DocumentId, TaxonomyId},
    },
    on,
};
use sqlx::{Database, Encode, QueryBuilder, Type};
use uuid::Uuid;

/// Which documents.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    pub collection: CollectionId,
    pub filter: &'a DocumentFilter,
    /// Only those whose newest classification by this taxonomy is by another version than this.
    pub classified_otherwise: Option<(TaxonomyId, i64)>,
    /// Only those created until then: what arrives later is not the job's.
    pub until: Timestamp,
}

/// How many there are.
pub async fn count(tx: &mut Tx, selection: &Selection<'_>) -> Result<i64> {
    let dialect = tx.pick(Dialect::Sqlite, Dialect::Postgres);
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM (");
        push(&mut query, dialect, selection);
        query.push(") AS found");
        query.build_query_scalar().fetch_one(c).await
    })
}

/// The next of them after one.
pub async fn next(
    tx: &mut Tx,
    selection: &Selection<'_>,
    after: Option<(Timestamp, DocumentId)>,
    limit: i64,
) -> Result<Vec<(Timestamp, DocumentId)>> {
    let dialect = tx.pick(Dialect::Sqlite, Dialect::Postgres);
    let filter = within(
        selection.filter,
        DocumentSort::CreatedAscending,
        after.map(|(created, _)| created),
    );
    let selection = &Selection {
        filter: &filter,
        ..selection.clone()
    };
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT found.created_at, found.id FROM (");
        push(&mut query, dialect, selection);
        if let Some((created, id)) = after {
            query.push(" AND (d.created_at, d.id) > (").push_bind(created);
            query.push(", ").push_bind(id.0).push(")");
        }
        query.push(") AS found ORDER BY found.created_at, found.id LIMIT ");
        query.push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Some of them, drawn as if by lot and always alike.
pub async fn sample(tx: &mut Tx, selection: &Selection<'_>, limit: i64) -> Result<Vec<DocumentId>> {
    let dialect = tx.pick(Dialect::Sqlite, Dialect::Postgres);
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT found.id FROM (");
        push(&mut query, dialect, selection);
        // A hash has no order that means anything.
        query.push(") AS found JOIN documents one ON one.id = found.id ORDER BY one.content_hash, one.id LIMIT ");
        query.push_bind(limit);
        query.build_query_scalar().fetch_all(c).await
    })
}

fn push<DB>(query: &mut QueryBuilder<DB>, dialect: Dialect, selection: &Selection<'_>)
where
    DB: Database,
    for<'a> String: Encode<'a, DB> + Type<DB>,
    for<'a> i64: Encode<'a, DB> + Type<DB>,
    for<'a> Uuid: Encode<'a, DB> + Type<DB>,
    for<'a> Timestamp: Encode<'a, DB> + Type<DB>,
{
    choose(query, dialect, selection.filter.search.as_ref());
    query
        .push(" WHERE d.collection_id = ")
        .push_bind(selection.collection.0);
    query.push(" AND d.created_at <= ").push_bind(selection.until);
    restrict(query, dialect, selection.filter);
    if let Some((taxonomy, version)) = selection.classified_otherwise {
        query
            .push(
                " AND (SELECT a.taxonomy_version FROM analyses a WHERE a.document_id = d.id AND a.kind = 'classification' \
                 AND a.taxonomy_id = ",
            )
            .push_bind(taxonomy.0)
            .push(" ORDER BY a.created_at DESC, a.id DESC LIMIT 1) <> ")
            .push_bind(version);
    }
}
