//! Opening a database from its URL.

use super::{
    Db,
    postgres::{self, PostgresSettings},
};
use anyhow::{Context, bail, ensure};
use sqlx::{
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub connections: u32,
    pub acquire_timeout: Duration,
}

/// How long a SQLite writer waits for another process's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many rows are read ahead, where rows may be large.
const FEW_ROWS: usize = 8;
/// A reader's page cache in KiB; negative in SQLite's pragma. Small, as the operating system caches the file too.
const CACHE_KIB: &str = "-2000";

impl Db {
    /// Opens `sqlite:PATH` (created when missing) or `postgres://…`.
    ///
    /// # Errors
    /// When the URL is of neither kind or the database cannot be reached.
    pub async fn connect(url: &str, pool: Pool) -> anyhow::Result<Self> {
        Self::connect_with(url, pool, &PostgresSettings::default()).await
    }

    /// The same with settings for PostgreSQL, which SQLite does not look at.
    ///
    /// # Errors
    /// As for [`Db::connect`].
    pub async fn connect_with(url: &str, pool: Pool, settings: &PostgresSettings) -> anyhow::Result<Self> {
        if url.starts_with("sqlite:") {
            connect_sqlite(url, pool).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::connect(url, pool, settings).await
        } else {
            bail!("`database.url` must begin with `sqlite:` or `postgres://`");
        }
    }
}

impl Db {
    /// A database that is never asked anything, for building what only looks at types.
    ///
    /// # Errors
    /// Never, unless the address below stops being one.
    pub fn nowhere() -> anyhow::Result<Self> {
        Ok(Self::Postgres(PgPoolOptions::new().connect_lazy("postgres://nowhere")?))
    }
}

/// Opens what is there already, and changes nothing of it: neither its file nor how SQLite keeps its log.
pub(super) async fn only_for_reading(url: &str, pool: Pool, settings: &PostgresSettings) -> anyhow::Result<Db> {
    if !url.starts_with("sqlite:") {
        return Db::connect_with(url, pool, settings).await;
    }
    let file = sqlite_file(url)?;
    ensure!(file.exists(), "there is no database `{}`", file.display());
    let options = sqlite_options(url)?
        .create_if_missing(false)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(FEW_ROWS);
    let readers = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(1)
        .acquire_timeout(pool.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .with_context(|| format!("the database file `{}` cannot be opened", file.display()))?;
    let writer = readers.clone();
    Ok(Db::Sqlite { writer, readers })
}

/// The file of a SQLite address.
pub(super) fn sqlite_file(url: &str) -> anyhow::Result<PathBuf> {
    Ok(sqlite_options(url)?.get_filename().to_owned())
}

fn sqlite_options(url: &str) -> anyhow::Result<SqliteConnectOptions> {
    ensure!(url.starts_with("sqlite:"), "this is no address of SQLite");
    SqliteConnectOptions::from_str(url)
        .with_context(|| format!("`{url}` is not a SQLite address; one is `sqlite:synoptic.db`"))
}

async fn connect_sqlite(url: &str, pool: Pool) -> anyhow::Result<Db> {
    let options = sqlite_options(url)?
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: an acknowledged write survives a power cut, not only a crash of this program.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // What is deleted is overwritten with zeros, not only let go.
        .pragma("secure_delete", "ON")
        .pragma("cache_size", CACHE_KIB);
    let file = options.get_filename().display().to_string();
    if url.contains(":memory:") || url.contains("mode=memory") {
        bail!("a database in memory would lose what it was given; name a file, such as `sqlite:synoptic.db`");
    }
    create_private(options.get_filename()).with_context(|| format!("the database file `{file}` cannot be created"))?;
    // A file does not hang up: asking first whether it is there would cost every transaction a turn of the connection's thread.
    let writer = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(1)
        .acquire_timeout(pool.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await
        .with_context(|| format!("the database file `{file}` cannot be opened or created"))?;
    let readers = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(pool.connections)
        .acquire_timeout(pool.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.read_only(true));
    Ok(Db::Sqlite { writer, readers })
}

/// Makes a new database file that only its owner can read, as everybody's documents are to be in it. The files beside it
/// (`-wal`, `-shm`) get the same mode from SQLite.
fn create_private(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
