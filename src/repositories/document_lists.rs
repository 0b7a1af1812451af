//! Lists of documents and full-text search: the one query that is put together from what a caller asks for. SQLite
//! searches with FTS5, PostgreSQL with a `tsvector`; both tell words apart alike and rank a word in the title higher.

use super::search_marks;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        documents::{
            DocumentFilter, DocumentPosition, DocumentRow, DocumentSort, EXCERPT_LENGTH, SearchQuery, SearchTerm,
        },
        identifiers::CollectionId,
    },
    on,
};
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::borrow::Cow;

/// How much more a word in the title counts than one in the text.
const TITLE_WEIGHT: f64 = 4.0;
/// Of a text of more characters than this, only so many around the first word of the search are looked at for the best part.
const LONGEST_FOR_PART: usize = 8_000;
/// Characters of a long text before its first match.
const BEFORE_MATCH: usize = 80;

/// A page of a collection's documents, `limit` rows at most.
pub async fn list(
    tx: &mut Tx,
    collection: CollectionId,
    filter: &DocumentFilter,
    sort: DocumentSort,
    after: Option<&DocumentPosition>,
    limit: i64,
) -> Result<Vec<DocumentRow>> {
    let dialect = tx.pick(Dialect::Sqlite, Dialect::Postgres);
    let filter = &within(filter, sort, after.and_then(|after| after.at));
    let mut rows: Vec<DocumentRow> = on!(tx, |c| {
        // First which documents, then what is shown of them: a search may find everything.
        let mut query = QueryBuilder::new("WITH page AS (SELECT * FROM (");
        choose(&mut query, dialect, filter.search.as_ref());
        query.push(" WHERE d.collection_id = ").push_bind(collection);
        restrict(&mut query, dialect, filter);
        query.push(") AS found WHERE 1 = 1");
        arrange(&mut query, sort, after);
        query.push(" LIMIT ").push_bind(limit).push(") ");
        show(&mut query, dialect, filter.search.as_ref());
        let (column, direction) = order(sort);
        query.push(format!(" ORDER BY page.{column} {direction}, page.id {direction}"));
        query.build_query_as().fetch_all(c).await
    })?;
    if let Some(search) = &filter.search {
        for row in &mut rows {
            search_marks::mark(row, search);
        }
    }
    Ok(rows)
}

/// The filter without where the list begins, when a page goes on beyond that: SQLite begins at one of the two.
pub(super) fn within(filter: &DocumentFilter, sort: DocumentSort, after: Option<Timestamp>) -> Cow<'_, DocumentFilter> {
    let mut filter = Cow::Borrowed(filter);
    let Some(at) = after else {
        return filter;
    };
    let is_before = |bound: Option<Timestamp>| bound.is_some_and(|bound| bound < at);
    let is_after = |bound: Option<Timestamp>| bound.is_some_and(|bound| bound > at);
    match sort {
        DocumentSort::CreatedAscending if is_before(filter.created_after) => {
            filter.to_mut().created_after = None;
        }
        DocumentSort::CreatedDescending if is_after(filter.created_before) => {
            filter.to_mut().created_before = None;
        }
        DocumentSort::UpdatedAscending if is_before(filter.updated_after) => {
            filter.to_mut().updated_after = None;
        }
        DocumentSort::UpdatedDescending if is_after(filter.updated_before) => {
            filter.to_mut().updated_before = None;
        }
        _ => {}
    }
    filter
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// The ids to choose from, with what they are sorted by. `CROSS JOIN` has SQLite begin with the matches: the other way round it
/// asks the full-text index anew for every document.
pub(super) fn choose<DB>(query: &mut QueryBuilder<DB>, dialect: Dialect, search: Option<&SearchQuery>)
where
    DB: Database,
    for<'a> String: Encode<'a, DB> + Type<DB>,
{
    query.push("SELECT d.id, d.created_at, d.updated_at, ");
    match (search, dialect) {
        (None, _) => query.push("CAST(NULL AS DOUBLE PRECISION) AS rank FROM documents d"),
        (Some(_), Dialect::Sqlite) => query.push(format!(
            "-bm25(documents_fts, {TITLE_WEIGHT:?}, 1.0) AS rank \
             FROM documents_fts CROSS JOIN documents d ON d.seq = documents_fts.rowid"
        )),
        (Some(search), Dialect::Postgres) => query
            // Divided by the length of the document, as BM25 does in its way.
            .push("CAST(ts_rank_cd('{0.25, 0.25, 0.25, 1.0}', d.words, asked.words, 2) AS DOUBLE PRECISION) AS rank ")
            .push("FROM documents d CROSS JOIN (SELECT to_tsquery('simple', ")
            .push_bind(postgres_query(search))
            .push(") AS words) AS asked"),
    };
}

/// What a list shows of the documents of the page.
fn show<DB>(query: &mut QueryBuilder<DB>, dialect: Dialect, search: Option<&SearchQuery>)
where
    DB: Database,
    for<'a> String: Encode<'a, DB> + Type<DB>,
{
    query
        .push(
            "SELECT d.id, d.collection_id, d.external_id, d.title, d.attributes, d.language, d.content_hash, d.version, \
             d.created_at, d.updated_at, page.rank, CAST(length(d.text) AS BIGINT) AS characters, substr(d.text, 1, ",
        )
        .push(EXCERPT_LENGTH.to_string())
        .push(") AS excerpt, ");
    query.push("CAST(NULL AS TEXT) AS title_match, ");
    match search {
        None => query.push("CAST(NULL AS TEXT) AS text_match "),
        Some(search) => {
            let place_of = match dialect {
                Dialect::Sqlite => "instr",
                Dialect::Postgres => "strpos",
            };
            query
                .push(format!(
                    "CASE WHEN length(d.text) <= {LONGEST_FOR_PART} THEN d.text ELSE (SELECT \
                     CASE WHEN begin > 1 THEN '…' ELSE '' END || substr(d.text, begin, {LONGEST_FOR_PART}) || \
                     CASE WHEN begin + {LONGEST_FOR_PART} <= length(d.text) THEN '…' ELSE '' END \
                     FROM (SELECT CASE WHEN place > {BEFORE_MATCH} THEN place - {BEFORE_MATCH} ELSE 1 END AS begin \
                     FROM (SELECT {place_of}(lower(d.text), "
                ))
                .push_bind(first_word(search))
                .push(") AS place) AS places) AS begins) END AS text_match ")
        }
    };
    query.push("FROM page JOIN documents d ON d.id = page.id");
}

pub(super) fn restrict<DB>(query: &mut QueryBuilder<DB>, dialect: Dialect, filter: &DocumentFilter)
where
    DB: Database,
    for<'a> String: Encode<'a, DB> + Type<DB>,
    for<'a> uuid::Uuid: Encode<'a, DB> + Type<DB>,
    for<'a> Timestamp: Encode<'a, DB> + Type<DB>,
{
    if let Some(search) = &filter.search {
        match dialect {
            Dialect::Sqlite => query.push(" AND documents_fts MATCH ").push_bind(fts5_query(search)),
            Dialect::Postgres => query.push(" AND d.words @@ asked.words"),
        };
    }
    let bounds = [
        (" AND d.created_at > ", filter.created_after),
        (" AND d.created_at < ", filter.created_before),
        (" AND d.updated_at > ", filter.updated_after),
        (" AND d.updated_at < ", filter.updated_before),
    ];
    for (comparison, time) in bounds {
        if let Some(time) = time {
            query.push(comparison).push_bind(time);
        }
    }
    if let Some(language) = &filter.language {
        query.push(" AND d.language = ").push_bind(language.clone());
    }
    if let Some(label) = &filter.label {
        // Only the newest classification of each taxonomy counts: an answer that was replaced is history. SQLite, which does not
        // know how many there are of what, would look through all that have the label anew for every document.
        let index = match dialect {
            Dialect::Sqlite => " INDEXED BY analyses_of_document",
            Dialect::Postgres => "",
        };
        query
            .push(format!(
                " AND EXISTS (SELECT 1 FROM analyses a{index} WHERE a.document_id = d.id"
            ))
            .push(" AND a.kind = 'classification' AND a.label = ")
            .push_bind(label.clone());
        if let Some(taxonomy) = filter.taxonomy_id {
            query.push(" AND a.taxonomy_id = ").push_bind(taxonomy.0);
        }
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM analyses newer WHERE newer.document_id = d.id AND newer.kind = 'classification' \
             AND newer.taxonomy_id IS NOT DISTINCT FROM a.taxonomy_id \
             AND (newer.created_at, newer.id) > (a.created_at, a.id)))",
        );
    }
    for (path, value) in &filter.attributes {
        match dialect {
            Dialect::Sqlite => {
                let path = sqlite_path(path);
                // `json_extract` turns true into 1; the type tells them apart.
                query
                    .push(" AND (CASE json_type(d.attributes, ")
                    .push_bind(path.clone());
                query.push(") WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(d.attributes, ");
                query
                    .push_bind(path)
                    .push(") AS TEXT) END) = ")
                    .push_bind(value.clone());
            }
            Dialect::Postgres => {
                // Of a comparison, PostgreSQL believes that one document in 200 passes it, and would rather sort them all than read a
                // page in its order; of a CASE it believes that half do.
                query
                    .push(" AND CASE WHEN d.attributes #>> CAST(")
                    .push_bind(postgres_path(path))
                    .push(" AS TEXT[]) = ");
                query.push_bind(value.clone()).push(" THEN TRUE ELSE FALSE END");
            }
        }
    }
}

fn arrange<DB>(query: &mut QueryBuilder<DB>, sort: DocumentSort, after: Option<&DocumentPosition>)
where
    DB: Database,
    for<'a> f64: Encode<'a, DB> + Type<DB>,
    for<'a> uuid::Uuid: Encode<'a, DB> + Type<DB>,
    for<'a> Timestamp: Encode<'a, DB> + Type<DB>,
{
    let (column, direction) = order(sort);
    let beyond = if direction == "DESC" { "<" } else { ">" };
    if let Some(position) = after {
        query.push(format!(" AND ({column}, id) {beyond} ("));
        match (position.at, position.rank) {
            (Some(time), _) => query.push_bind(time),
            (None, rank) => query.push_bind(rank.unwrap_or_default()),
        };
        query.push(", ").push_bind(position.id.0).push(")");
    }
    query.push(format!(" ORDER BY {column} {direction}, id {direction}"));
}

/// The column of the page that a list is sorted by, and its direction; the id decides between equals.
fn order(sort: DocumentSort) -> (&'static str, &'static str) {
    match sort {
        DocumentSort::CreatedAscending => ("created_at", "ASC"),
        DocumentSort::CreatedDescending => ("created_at", "DESC"),
        DocumentSort::UpdatedAscending => ("updated_at", "ASC"),
        DocumentSort::UpdatedDescending => ("updated_at", "DESC"),
        DocumentSort::Relevance => ("rank", "DESC"),
    }
}

/// The first word or phrase that is looked for, in lower case.
fn first_word(search: &SearchQuery) -> String {
    search
        .wanted
        .first()
        .map(|term| term.text.to_lowercase())
        .unwrap_or_default()
}

/// FTS5 query syntax, with every term quoted so that nothing a person types is taken for an operator.
fn fts5_query(search: &SearchQuery) -> String {
    let term = |term: &SearchTerm| {
        let quoted = format!("\"{}\"", term.text.replace('"', "\"\""));
        if term.prefix { format!("{quoted}*") } else { quoted }
    };
    let wanted = search.wanted.iter().map(term).collect::<Vec<_>>().join(" AND ");
    search
        .unwanted
        .iter()
        .map(term)
        .fold(wanted, |query, unwanted| format!("({query}) NOT {unwanted}"))
}

/// `to_tsquery` syntax: words of a phrase follow one another, quoted so that nothing is taken for an operator.
fn postgres_query(search: &SearchQuery) -> String {
    let term = |term: &SearchTerm| {
        let phrase = search_marks::phrase(term);
        let mut words: Vec<String> = phrase.words.iter().map(|word| format!("'{word}'")).collect();
        if let (true, Some(last)) = (term.prefix, words.last_mut()) {
            last.push_str(":*");
        }
        format!("({})", words.join(" <-> "))
    };
    let wanted = search.wanted.iter().map(term);
    let unwanted = search.unwanted.iter().map(|unwanted| format!("!{}", term(unwanted)));
    wanted.chain(unwanted).collect::<Vec<_>>().join(" & ")
}

/// `$."customer"."plan"`; a quote in a key would end it, and no key may hold one in a filter.
fn sqlite_path(path: &[String]) -> String {
    // SQLite reads a backslash in a key as the beginning of an escape, as JSON does.
    let key = |key: &String| key.replace('\\', "\\\\").replace('"', "");
    path.iter()
        .fold("$".to_owned(), |path, step| format!("{path}.\"{}\"", key(step)))
}

/// `{"customer","plan"}`, a PostgreSQL array literal.
fn postgres_path(path: &[String]) -> String {
    let keys = path
        .iter()
        .map(|key| format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("{{{}}}", keys.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_person_types_becomes_an_operator() {
        let search = SearchQuery::parse(r#"a"b NEAR OR col:x* -"c d""#).unwrap();
        assert_eq!(
            fts5_query(&search),
            r#"("a""b" AND "NEAR" AND "OR" AND "col:x"*) NOT "c d""#
        );
        assert_eq!(
            postgres_query(&search),
            "('a' <-> 'b') & ('near') & ('or') & ('col' <-> 'x':*) & !('c' <-> 'd')"
        );
    }
}
