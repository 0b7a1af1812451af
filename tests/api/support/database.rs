//! The database of a test's server: a SQLite file, or, with `SYNOPTIC_TEST_DATABASE=postgres`, one of a throw-away PostgreSQL
//! server. Tests say the same of both.

use crate::postgres;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::{collections::BTreeMap, path::PathBuf};
use uuid::Uuid;

/// What is stored, by table: its rows as one text.
pub type Stored = BTreeMap<String, String>;

/// It goes away with its test.
pub enum Database {
    Sqlite(Folder),
    /// Its address.
    Postgres(String),
}

/// Whether this run is on PostgreSQL.
#[expect(
    clippy::disallowed_methods,
    reason = "what a run of the tests is on is no matter of configuration"
)]
fn is_on_postgres() -> bool {
    match std::env::var("SYNOPTIC_TEST_DATABASE").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("SYNOPTIC_TEST_DATABASE is `sqlite` or `postgres`, not `{other}`"),
    }
}

impl Database {
    /// An empty one.
    pub async fn new() -> Self {
        if is_on_postgres() {
            Self::Postgres(postgres::new_database().await)
        } else {
            Self::Sqlite(Folder::new())
        }
    }

    /// One with the same in it. Nobody may be connected to the original.
    pub async fn copy(&self) -> Self {
        match self {
            Self::Sqlite(original) => {
                let folder = Folder::new();
                std::fs::copy(original.file(), folder.file()).unwrap();
                Self::Sqlite(folder)
            }
            Self::Postgres(original) => {
                let name = format!("test_{}", Uuid::now_v7().simple());
                let template = name_in(original);
                postgres::execute(format!("CREATE DATABASE {name} TEMPLATE {template}"))
                    .await
                    .unwrap();
                Self::Postgres(postgres::address_of(&name))
            }
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.file().display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Takes it away from under the server.
    pub async fn lose(&self) {
        match self {
            Self::Sqlite(folder) => std::fs::remove_dir_all(&folder.0).unwrap(),
            Self::Postgres(url) => drop_database(url).await.unwrap(),
        }
    }

    /// Executes a statement behind the server's back.
    pub async fn execute(&self, statement: &str) -> sqlx::Result<()> {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url()).await?;
                let done = sqlx::raw_sql(statement).execute(&mut connection).await;
                connection.close().await?;
                done.map(drop)
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                let done = sqlx::raw_sql(statement).execute(&mut connection).await;
                connection.close().await?;
                done.map(drop)
            }
        }
    }

    /// Every byte that is stored; of PostgreSQL, every value of every row.
    pub async fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Sqlite(folder) => {
                let files = ["synoptic.db", "synoptic.db-wal"].map(|name| std::fs::read(folder.0.join(name)));
                files.into_iter().flatten().flatten().collect()
            }
            Self::Postgres(_) => {
                let tables: Vec<String> = self.stored().await.into_values().collect();
                tables.join("\n").into_bytes()
            }
        }
    }

    /// Every row of every table, apart from when something was last used.
    pub async fn stored(&self) -> Stored {
        match self {
            Self::Sqlite(_) => {
                let connection = SqliteConnection::connect(&self.url()).await.unwrap();
                rows_of_tables!(connection, SQLITE_COLUMNS, "group_concat(row, char(10))", "")
            }
            Self::Postgres(url) => {
                let connection = PgConnection::connect(url).await.unwrap();
                rows_of_tables!(connection, POSTGRES_COLUMNS, "string_agg(row, chr(10))", "AS rows")
            }
        }
    }
}

/// Each table with what its rows are as one text.
const SQLITE_COLUMNS: &str = "SELECT t.name, group_concat('quote(\"' || c.name || '\")', ' || '','' || ')
    FROM pragma_table_list t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' AND c.name <> 'last_used_at'
    GROUP BY t.name";
/// The same; bytes are shown as the text that they may be.
const POSTGRES_COLUMNS: &str = "SELECT c.table_name::text, format('concat_ws('','', %s)', string_agg(
        CASE WHEN c.data_type = 'bytea' THEN format('encode(%I, ''escape'')', c.column_name)
        ELSE format('%I::text', c.column_name) END, ', ' ORDER BY c.ordinal_position))
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name <> 'last_used_at'
    GROUP BY c.table_name";

/// Asks for the columns of all tables, then for their rows.
macro_rules! rows_of_tables {
    ($connection:ident, $columns:expr, $together:literal, $alias:literal) => {{
        let mut connection = $connection;
        let columns: Vec<(String, String)> = sqlx::query_as($columns).fetch_all(&mut connection).await.unwrap();
        let questions = columns.iter().map(|(table, row)| {
            format!(
                "SELECT '{table}', coalesce((SELECT {} FROM (SELECT {row} AS row FROM \"{table}\" ORDER BY 1) {}), '')",
                $together, $alias
            )
        });
        let questions = questions.collect::<Vec<_>>().join(" UNION ALL ");
        let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(questions))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows.into_iter().collect()
    }};
}
use rows_of_tables;

/// Whoever is connected to it is thrown out.
async fn drop_database(address: &str) -> sqlx::Result<()> {
    postgres::execute(format!("DROP DATABASE {} WITH (FORCE)", name_in(address))).await
}

fn name_in(address: &str) -> &str {
    let path = address.split('?').next().and_then(|address| address.rsplit('/').next());
    path.expect("the address names a database")
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Postgres(url) = self else { return };
        let url = std::mem::take(url);
        // Elsewhere, as this is within a runtime that cannot be waited in. It may have been lost before.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            drop(runtime.unwrap().block_on(drop_database(&url)));
        });
        drop(dropped.join());
    }
}

/// A folder with a database file.
pub struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("synoptic-api-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("synoptic.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
