//! Brings a database to the newest schema. Migrations go forward only and come in pairs, one folder a database.

use super::Db;
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
};
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How often a migration of SQLite is tried again, and after how long.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

impl Db {
    /// Applies what is missing. A database that a newer version has migrated is refused, and so is one whose migrations
    /// were edited.
    ///
    /// # Errors
    /// What could not be applied, in words for the person who started the program.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrate_sqlite(writer).await,
            Self::Postgres(pool) => POSTGRES.run(pool).await,
        };
        outcome.map_err(|error| match error {
            MigrateError::VersionMissing(version) => anyhow::anyhow!(
                "the database has migration {version}, which this version of Synoptic does not know: a newer version \
                 has used it. Start that version, or restore a backup from before the upgrade."
            ),
            other => anyhow::Error::new(other).context("the database could not be migrated; nothing is served"),
        })
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
