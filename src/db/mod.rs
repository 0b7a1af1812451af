//! The database: one of two kinds behind one pair of types. `Db` hands out transactions, `Tx` is one of them, and `on!`
//! runs one body on whichever kind it is. Repositories write their SQL once; `pick` is for where the dialects differ.

mod backups;
mod connect;
mod copying;
mod errors;
mod migrate;
mod postgres;

pub use backups::{back_up, restore};
pub use connect::Pool;
pub use copying::{Copied, CopiedTable, copy};
pub use errors::{is_contention, is_fault_of_data, map_error};
pub use migrate::{Migrations, Pending};
pub use postgres::PostgresSettings;
pub use sqlx::postgres::PgSslMode;

use crate::domain::{Result, Timestamp};
use sqlx::{
    ConnectOptions, Connection, Database, PgPool, Postgres, Sqlite, SqlitePool, Transaction, pool::PoolConnection,
    sqlite::SqliteConnectOptions,
};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

/// Each statement of PostgreSQL's default would see a state of its own.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long emptying SQLite's log waits for those who read an older state.
const READERS_MAY_TAKE: Duration = Duration::from_secs(1);

/// A connected, migrated database. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    /// One writing connection, because SQLite has one writer at a time, and several reading ones.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// An open transaction. Dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Open<Sqlite>),
    Postgres(Open<Postgres>),
}

/// A connection inside of a transaction, or one on which each statement is a transaction by itself.
#[derive(Debug)]
pub enum Open<D: Database> {
    Transaction(Transaction<'static, D>),
    Glance(PoolConnection<D>),
}

impl<D: Database> Deref for Open<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Glance(connection) => connection,
        }
    }
}

impl<D: Database> DerefMut for Open<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Glance(connection) => connection,
        }
    }
}

impl<D: Database> Open<D> {
    async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Transaction(transaction) => transaction.commit().await,
            Self::Glance(_) => Ok(()),
        }
    }
}

/// Expands one body for both kinds of database, each statically typed: `on!(tx, |c| sqlx::query(SQL).execute(c).await)`.
#[macro_export]
macro_rules! on {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match $tx {
            $crate::db::Tx::Sqlite(open) => {
                let $connection = &mut **open;
                $body
            }
            $crate::db::Tx::Postgres(open) => {
                let $connection = &mut **open;
                $body
            }
        }
        .map_err($crate::db::map_error)
    };
}

impl Db {
    /// Begins a transaction that may write. On SQLite it takes the write lock at once: a transaction that turns from
    /// reading to writing fails under concurrency, whatever the busy timeout.
    ///
    /// # Errors
    /// `Error::Unavailable` when no connection or lock is to be had in time.
    pub async fn write(&self) -> Result<Tx> {
        // FULL: an acknowledged write survives a power cut, not only a crash of this program.
        self.begin_write("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").await
    }

    /// The same, for what need not outlive the machine's power: SQLite's commit does not wait for the disk. Whatever happens to
    /// this program, what was committed stays; after a power cut it is either there or not, and nothing that was committed
    /// durably after it is there without it. On PostgreSQL, whose clients may live on when it crashes, as [`Db::write`].
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_soon(&self) -> Result<Tx> {
        self.begin_write("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await
    }

    async fn begin_write(&self, begin: &'static str) -> Result<Tx> {
        match self {
            Self::Sqlite { writer, .. } => begin_sqlite(writer, begin).await,
            Self::Postgres(pool) => begin_postgres(pool).await,
        }
        .map_err(map_error)
    }

    /// Begins a transaction that only reads, on one state of the database.
    ///
    /// # Errors
    /// `Error::Unavailable` when no connection is to be had in time.
    pub async fn read(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { readers, .. } => begin_sqlite(readers, "BEGIN").await,
            Self::Postgres(pool) => pool.begin_with(SNAPSHOT).await.map(Open::Transaction).map(Tx::Postgres),
        }
        .map_err(map_error)
    }

    /// For one statement that reads, where each request would pay for beginning and ending a transaction around it. Of two
    /// statements, each would read a state of the database of its own.
    ///
    /// # Errors
    /// `Error::Unavailable` when no connection is to be had in time.
    pub async fn glance(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { readers, .. } => readers.acquire().await.map(Open::Glance).map(Tx::Sqlite),
            Self::Postgres(pool) => pool.acquire().await.map(Open::Glance).map(Tx::Postgres),
        }
        .map_err(map_error)
    }

    /// The database's own time.
    ///
    /// # Errors
    /// `Error::Unavailable` when it does not answer.
    pub async fn time(&self) -> Result<Timestamp> {
        let mut tx = self.glance().await?;
        let sql = tx.pick(
            "SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
            "SELECT clock_timestamp()",
        );
        on!(&mut tx, |c| sqlx::query_scalar(sql).fetch_one(c).await)
    }

    /// Has SQLite fold its write-ahead log back into the file and empty it, so that nothing that was deleted stays in it. While
    /// somebody reads an older state it keeps what they need, and is to be emptied another time: says whether it is empty. On PostgreSQL
    /// there is nothing to do.
    ///
    /// # Errors
    /// `Error::Unavailable` when no connection is to be had in time.
    pub async fn fold(&self) -> Result<bool> {
        match self {
            Self::Sqlite { writer, .. } => fold_sqlite(writer).await.map_err(map_error),
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Closes every connection; SQLite folds its write-ahead log back into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// On a connection of its own, which waits less long for who reads: others cannot write meanwhile. The turn to write is taken, so that
/// nobody of this program is in the way.
async fn fold_sqlite(writer: &SqlitePool) -> sqlx::Result<bool> {
    let turn = writer.acquire().await?;
    let options = SqliteConnectOptions::clone(&writer.connect_options()).busy_timeout(READERS_MAY_TAKE);
    let mut connection = options.connect().await?;
    let folded: sqlx::Result<(i64, i64, i64)> = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut connection)
        .await;
    drop(connection.close().await);
    drop(turn);
    let (busy, ..) = folded?;
    Ok(busy == 0)
}

/// Begins a transaction. SQLite ends one by itself when the disk is full or fails, of which sqlx does not learn: it takes the
/// connection to be inside of it for ever. Such a connection is given up for a new one.
async fn begin_sqlite(pool: &SqlitePool, begin: &'static str) -> sqlx::Result<Tx> {
    let mut opened = pool.begin_with(begin).await;
    if matches!(opened, Err(sqlx::Error::InvalidSavePointStatement)) {
        drop(pool.acquire().await?.detach());
        opened = pool.begin_with(begin).await;
    }
    opened.map(Open::Transaction).map(Tx::Sqlite)
}

async fn begin_postgres(pool: &PgPool) -> sqlx::Result<Tx> {
    pool.begin().await.map(Open::Transaction).map(Tx::Postgres)
}

impl Tx {
    /// # Errors
    /// `Error::Unavailable` or `Error::StorageFull` when the database could not keep the changes; none are kept then.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(open) => open.commit().await,
            Self::Postgres(open) => open.commit().await,
        }
        .map_err(map_error)
    }

    /// The text for this kind of database, where the dialects really differ.
    #[must_use]
    pub fn pick<T>(&self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Error;

    #[tokio::test]
    async fn the_log_is_emptied_unless_somebody_reads_an_older_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("read.db");
        let pool = Pool {
            connections: 2,
            acquire_timeout: Duration::from_secs(5),
        };
        let db = Db::connect(&format!("sqlite:{}", file.display()), pool).await.unwrap();
        let execute = async |sql: &'static str| {
            let mut tx = db.write().await.unwrap();
            on!(&mut tx, |c| sqlx::query(sql).execute(c).await.map(drop)).unwrap();
            tx.commit().await.unwrap();
        };
        execute("CREATE TABLE things (id BIGINT)").await;
        let mut reading = db.read().await.unwrap();
        let count = "SELECT COUNT(*) FROM things";
        let found: i64 = on!(&mut reading, |c| sqlx::query_scalar(count).fetch_one(c).await).unwrap();
        assert_eq!(found, 0);
        execute("INSERT INTO things VALUES (1)").await;
        assert!(!db.fold().await.unwrap());
        // Writing goes on.
        execute("INSERT INTO things VALUES (2)").await;
        drop(reading);
        assert!(db.fold().await.unwrap());
        let log = std::fs::metadata(folder.path().join("read.db-wal")).unwrap();
        assert_eq!(log.len(), 0);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_writing_goes_on_when_there_is_space_again() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("full.db").display());
        let db = Db::connect(
            &address,
            Pool {
                connections: 1,
                acquire_timeout: Duration::from_secs(5),
            },
        )
        .await
        .unwrap();
        // As on a full disk, SQLite ends the transaction itself when the file may not grow.
        let mut tx = db.write().await.unwrap();
        on!(&mut tx, |c| sqlx::query("CREATE TABLE filler (bytes BLOB) STRICT")
            .execute(c)
            .await
            .map(drop))
        .unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.write().await.unwrap();
        on!(&mut tx, |c| sqlx::query("PRAGMA max_page_count = 8")
            .execute(c)
            .await
            .map(drop))
        .unwrap();
        let filler = "INSERT INTO filler VALUES (zeroblob(100000))";
        let refused = on!(&mut tx, |c| sqlx::query(filler).execute(c).await.map(drop)).unwrap_err();
        assert!(matches!(refused, Error::StorageFull { .. }), "{refused:?}");
        drop(tx);
        // The new connection has no such limit: there is space again.
        for _ in 0..3 {
            let mut tx = db.write().await.unwrap();
            on!(&mut tx, |c| sqlx::query(filler).execute(c).await.map(drop)).unwrap();
            tx.commit().await.unwrap();
        }
    }
}
