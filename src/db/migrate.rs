//! Brings a database to the newest schema. Migrations go forward only and come in pairs, one folder a database.

use super::{Db, Tx, postgres::for_migrating};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
};
use std::{collections::BTreeSet, time::Duration};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Those that were applied; the table is made by the first migration.
const APPLIED: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";

/// How often a migration of SQLite is tried again, and after how long.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// How far a database has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    pub applied: usize,
    /// In their order.
    pub pending: Vec<Pending>,
    /// Numbers of migrations that a newer version has applied.
    pub unknown: Vec<i64>,
}

/// A migration that is still to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub version: i64,
    pub name: String,
}

impl Db {
    /// Applies what is missing. Of several programs that do so at the same time, one applies each migration, and the others wait for
    /// it. A database that a newer version has migrated is refused, and so is one whose migrations were edited.
    ///
    /// # Errors
    /// What could not be applied, in words for the person who started the program.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrate_sqlite(writer).await,
            Self::Postgres(pool) => {
                // A connection of its own: those of the pool give up what takes long.
                let mut connection = for_migrating(&pool.connect_options()).connect().await?;
                let outcome = POSTGRES.run(&mut connection).await;
                drop(connection.close().await);
                outcome
            }
        };
        outcome.map_err(in_words)
    }

    /// What was applied and what is missing; changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrations(&self) -> anyhow::Result<Migrations> {
        let (applied, known): (sqlx::Result<Vec<i64>>, &Migrator) = match self {
            Self::Sqlite { writer, .. } => (sqlx::query_scalar(APPLIED).fetch_all(writer).await, &SQLITE),
            Self::Postgres(pool) => (sqlx::query_scalar(APPLIED).fetch_all(pool).await, &POSTGRES),
        };
        Migrations::new(applied, known)
    }
}

/// The same of one SQLite file.
pub(super) async fn migrations_of(connection: &mut SqliteConnection) -> anyhow::Result<Migrations> {
    Migrations::new(sqlx::query_scalar(APPLIED).fetch_all(connection).await, &SQLITE)
}

/// The same within a transaction.
pub(super) async fn migrations_in(tx: &mut Tx) -> anyhow::Result<Migrations> {
    match tx {
        Tx::Sqlite(open) => migrations_of(open).await,
        Tx::Postgres(open) => Migrations::new(sqlx::query_scalar(APPLIED).fetch_all(&mut **open).await, &POSTGRES),
    }
}

impl Migrations {
    fn new(applied: sqlx::Result<Vec<i64>>, known: &Migrator) -> anyhow::Result<Self> {
        let applied: BTreeSet<i64> = match applied {
            Ok(applied) => applied.into_iter().collect(),
            // There is no such table yet.
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table") =>
            {
                BTreeSet::new()
            }
            Err(error) => return Err(error.into()),
        };
        let known: Vec<Pending> = known
            .iter()
            .map(|migration| Pending {
                version: migration.version,
                name: migration.description.to_string(),
            })
            .collect();
        let is_unknown = |version: &i64| known.iter().all(|one| one.version != *version);
        Ok(Self {
            applied: applied.len(),
            unknown: applied.iter().copied().filter(is_unknown).collect(),
            pending: known
                .into_iter()
                .filter(|one| !applied.contains(&one.version))
                .collect(),
        })
    }
}

fn in_words(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::VersionMissing(version) => anyhow::anyhow!(
            "the database has migration {version}, which this version of Synoptic does not know: a newer version \
             has used it. Start that version, or restore a backup from before the upgrade."
        ),
        MigrateError::VersionMismatch(version) => anyhow::anyhow!(
            "migration {version} was applied with another content than this version of Synoptic has: the program or the \
             database was changed by hand. Start the version that was used before, or restore a backup."
        ),
        other => anyhow::Error::new(other).context(
            "the database could not be migrated; nothing is served, and the migration that failed has changed nothing. Start the \
             program again once the cause is mended, or go back to the version that was used before",
        ),
    }
}

/// SQLite has no advisory lock: when two programs open a new file at once, one of them finds a table that the other has just
/// made. Each migration is whole or not there, so that looking again settles it.
async fn migrate_sqlite(writer: &SqlitePool) -> Result<(), MigrateError> {
    for _ in 0..ATTEMPTS {
        match SQLITE.run(writer).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
    SQLITE.run(writer).await
}
