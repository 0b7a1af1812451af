//! What a database says of its own tables. Nothing here knows their names, so that no migration is forgotten.

use crate::{
    db::Tx,
    domain::{Error, Result},
    on,
};
use std::collections::{BTreeMap, BTreeSet};

/// The record of migrations, which migrating writes.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Shadow tables of the full-text index are of another type; triggers fill them.
const SQLITE_COLUMNS: &str = r"SELECT t.name, c.name, c.type, c.pk, NULL
    FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden = 0
    ORDER BY t.name, c.name";
/// Without columns that the database fills itself, and without tables of extensions.
const POSTGRES_COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
        COALESCE(array_position(i.indkey::smallint[], a.attnum) + 1, 0)::bigint,
        pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname, a.attname";

const SQLITE_REFERENCES: &str = r#"SELECT DISTINCT t.name, f."table"
    FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f WHERE t.schema = 'main' AND t.type = 'table'"#;
const POSTGRES_REFERENCES: &str = "SELECT DISTINCT c.relname::text, r.relname::text
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class r ON r.oid = f.confrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE f.contype = 'f' AND n.nspname = current_schema()";

/// Columns that are unique by themselves and never NULL.
const SQLITE_UNIQUE: &str = r#"SELECT t.name, MIN(c.name)
    FROM pragma_table_list t JOIN pragma_index_list(t.name) l JOIN pragma_index_info(l.name) i
    JOIN pragma_table_xinfo(t.name) c ON c.name = i.name
    WHERE t.schema = 'main' AND t.type = 'table' AND l."unique" = 1 AND l.partial = 0 AND c."notnull" = 1
    AND (SELECT COUNT(*) FROM pragma_index_info(l.name)) = 1
    GROUP BY t.name"#;

#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) tables: BTreeMap<String, Shape>,
}

#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) columns: BTreeMap<String, Column>,
    /// The other tables that its foreign keys lead to.
    pub(super) references: BTreeSet<String>,
    /// A column that tells rows apart as the primary key does.
    pub(super) unique: Option<String>,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) declared: String,
    /// Its place in the primary key, from 1 on; 0 when it is not in it.
    pub(super) place_in_key: i64,
    /// What gives it its next number on PostgreSQL.
    pub(super) sequence: Option<String>,
}

impl Catalogue {
    pub(super) async fn read(tx: &mut Tx) -> Result<Self> {
        type Columns = Vec<(String, String, String, i64, Option<String>)>;
        let sql = tx.pick(SQLITE_COLUMNS, POSTGRES_COLUMNS);
        let columns: Columns = on!(tx, |c| sqlx::query_as(sql).fetch_all(c).await)?;
        let sql = tx.pick(SQLITE_REFERENCES, POSTGRES_REFERENCES);
        let references: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(sql).fetch_all(c).await)?;
        let unique: Vec<(String, String)> = match tx {
            Tx::Sqlite(_) => on!(tx, |c| sqlx::query_as(SQLITE_UNIQUE).fetch_all(c).await)?,
            Tx::Postgres(_) => Vec::new(),
        };
        let mut found = Self::default();
        for (table, column, declared, place_in_key, sequence) in columns {
            let column_found = Column {
                declared,
                place_in_key,
                sequence,
            };
            let shape = found.tables.entry(table).or_default();
            shape.columns.insert(column, column_found);
        }
        found.tables.remove(MIGRATIONS);
        for (table, other) in references {
            if let Some(shape) = found.tables.get_mut(&table) {
                shape.references.insert(other);
            }
        }
        for (table, column) in unique {
            if let Some(shape) = found.tables.get_mut(&table) {
                shape.unique = Some(column);
            }
        }
        Ok(found)
    }

    /// The tables that have rows.
    pub(super) async fn with_rows(&self, tx: &mut Tx) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for table in self.tables.keys() {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(table));
            let has_rows: bool = on!(tx, |c| sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await)?;
            if has_rows {
                found.push(table.clone());
            }
        }
        Ok(found)
    }

    /// Keeps others from writing until the transaction ends. SQLite has one writer anyway.
    pub(super) async fn lock(&self, tx: &mut Tx) -> Result<()> {
        if matches!(tx, Tx::Sqlite(_)) || self.tables.is_empty() {
            return Ok(());
        }
        let tables: Vec<String> = self.tables.keys().map(|table| quoted(table)).collect();
        let sql = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "));
        on!(tx, |c| sqlx::query(sqlx::AssertSqlSafe(sql)).execute(c).await.map(drop)).map_err(|error| match error {
            Error::Unavailable { source, .. } => Error::Unavailable {
                message: "others are writing to it: stop the servers and programs that use it".into(),
                source,
            },
            other => other,
        })
    }
}

/// A name within SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
