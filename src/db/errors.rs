//! What a database error means for whoever asked: a conflict, a passing trouble, a full disk, or a fault of ours.

use crate::domain::Error;
use sqlx::error::{DatabaseError, ErrorKind};

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>); the low byte of an extended code.
mod sqlite_code {
    pub const BUSY: i64 = 5;
    pub const LOCKED: i64 = 6;
    pub const READONLY: i64 = 8;
    pub const IOERR: i64 = 10;
    pub const FULL: i64 = 13;
    pub const CANTOPEN: i64 = 14;
    pub const TOOBIG: i64 = 18;
    pub const CONSTRAINT: i64 = 19;
    pub const MISMATCH: i64 = 20;
}

/// Sorts an error of the database by what a client can do about it.
#[must_use]
pub fn map_error(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_) => unavailable(error),
        sqlx::Error::Database(database) => match database.kind() {
            ErrorKind::UniqueViolation => {
                Error::Conflict("another request has stored the same name or id meanwhile".into())
            }
            ErrorKind::ForeignKeyViolation => Error::Conflict("what this refers to was deleted meanwhile".into()),
            _ if is_full(database.as_ref()) => Error::StorageFull {
                message: "the storage is full or cannot be written; nothing was changed".into(),
                source: Some(error.into()),
            },
            _ if is_passing(database.as_ref()) => unavailable(error),
            _ => Error::internal(error),
        },
        _ => Error::internal(error),
    }
}

/// Whether it is the data itself that the database does not take (PostgreSQL's classes 22, 23 and 54), so that it would be refused
/// another time, too.
#[must_use]
pub fn is_fault_of_data(error: &Error) -> bool {
    match error {
        Error::Conflict(_) => true,
        Error::Internal { source } => match source.downcast_ref() {
            Some(sqlx::Error::Encode(_)) => true,
            Some(sqlx::Error::Database(cause)) => match sqlite_primary_code(cause.as_ref()) {
                Some(code) => matches!(
                    code,
                    sqlite_code::TOOBIG | sqlite_code::CONSTRAINT | sqlite_code::MISMATCH
                ),
                None => cause
                    .code()
                    .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class))),
            },
            _ => false,
        },
        _ => false,
    }
}

/// Whether a transaction failed only because others stood in its way (PostgreSQL's class 40), so that it can be tried again.
#[must_use]
pub fn is_contention(error: &Error) -> bool {
    let Error::Unavailable {
        source: Some(source), ..
    } = error
    else {
        return false;
    };
    let cause = source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error);
    cause.is_some_and(|cause| {
        let is_sqlite = sqlite_primary_code(cause).is_some();
        !is_sqlite && cause.code().is_some_and(|code| code.starts_with("40"))
    })
}

fn unavailable(error: sqlx::Error) -> Error {
    Error::Unavailable {
        message: "the database does not answer at the moment; nothing was changed, try again later".into(),
        source: Some(error.into()),
    }
}

fn sqlite_primary_code(error: &dyn DatabaseError) -> Option<i64> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    error.code()?.parse::<i64>().ok().map(|code| code & 0xff)
}

fn is_full(error: &dyn DatabaseError) -> bool {
    match sqlite_primary_code(error) {
        Some(code) => matches!(code, sqlite_code::FULL | sqlite_code::READONLY),
        // Class 53: disk full, out of memory and the like; 25006: read-only transaction.
        None => error.code().is_some_and(|code| code == "53100" || code == "25006"),
    }
}

fn is_passing(error: &dyn DatabaseError) -> bool {
    match sqlite_primary_code(error) {
        Some(code) => {
            matches!(
                code,
                sqlite_code::BUSY | sqlite_code::LOCKED | sqlite_code::IOERR | sqlite_code::CANTOPEN
            )
        }
        // Classes 08 (connection), 40 (serialisation and deadlocks), 53 (resources), 55 (locks that are not to be had), 57 (operator
        // intervention), 58 (the machine's own trouble); 25P03: a transaction in which nothing happened for too long; 3D000: the
        // database is not there.
        None => error.code().is_some_and(|code| {
            code == "25P03"
                || code == "3D000"
                || ["08", "40", "53", "55", "57", "58"]
                    .iter()
                    .any(|class| code.starts_with(class))
        }),
    }
}
