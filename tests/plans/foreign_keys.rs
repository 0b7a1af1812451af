//! Deleting a row looks for those that refer to it: by an index that begins with the columns that do.

use sqlx::Row;
use synoptic::db::Db;

const SQLITE: &str = "SELECT m.name AS child, f.\"from\" AS referring FROM sqlite_schema m
    JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f.seq = 0 AND NOT EXISTS (
        SELECT 1 FROM pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i
        WHERE i.seqno = 0 AND i.name = f.\"from\" AND (l.partial = 0 OR EXISTS (SELECT 1 FROM sqlite_schema s
            WHERE s.name = l.name AND s.sql LIKE '% WHERE ' || f.\"from\" || ' IS NOT NULL')))";
const POSTGRES: &str = "SELECT c.conrelid::regclass::text AS child, a.attname::text AS referring FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND NOT EXISTS (
        SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1] AND (i.indpred IS NULL
            OR pg_get_expr(i.indpred, i.indrelid) = '(' || a.attname || ' IS NOT NULL)'))";

/// Those that there is none for.
pub async fn without_index(db: &Db) -> Vec<String> {
    let found: Vec<(String, String)> = match db {
        Db::Sqlite { writer, .. } => {
            let rows = sqlx::query(SQLITE).fetch_all(writer).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }
        Db::Postgres(pool) => {
            let rows = sqlx::query(POSTGRES).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }
    };
    let fault = |(child, column): (String, String)| format!("no index finds the rows of {child} by {column}");
    found.into_iter().map(fault).collect()
}
