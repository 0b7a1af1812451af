//! Connections to PostgreSQL: encryption, and limits on how long anything may take.

use super::{Db, Pool};
use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use std::{path::PathBuf, str::FromStr, time::Duration};

/// For how long a migration waits for a lock: that of another server that is migrating, or of a table.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_mins(5);

/// What is said of connections to PostgreSQL. Of the limits, zero is none.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub idle_transaction_timeout: Duration,
    /// After how long an unused connection is closed.
    pub idle_timeout: Duration,
    /// After how long a connection is closed for a new one.
    pub max_lifetime: Duration,
    /// As the address says when `None`.
    pub ssl_mode: Option<PgSslMode>,
    /// Certificates in PEM.
    pub ssl_root_cert: Option<PathBuf>,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_transaction_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            ssl_mode: None,
            ssl_root_cert: None,
        }
    }
}

pub(super) async fn connect(url: &str, pool: Pool, settings: &PostgresSettings) -> anyhow::Result<Db> {
    let mut options = PgConnectOptions::from_str(url)
        .context("`database.url` is not a PostgreSQL address; one is `postgres://user:password@host/database`")?
        .application_name("synoptic")
        .options([
            ("statement_timeout", milliseconds(settings.statement_timeout)),
            ("lock_timeout", milliseconds(settings.lock_timeout)),
            (
                "idle_in_transaction_session_timeout",
                milliseconds(settings.idle_transaction_timeout),
            ),
        ]);
    if let Some(mode) = settings.ssl_mode {
        options = options.ssl_mode(mode);
    }
    if let Some(file) = &settings.ssl_root_cert {
        // Told here by its name, rather than by a connection that cannot be made.
        let certificates = std::fs::read(file)
            .with_context(|| format!("`database.ssl_root_cert`: `{}` cannot be read", file.display()))?;
        options = options.ssl_root_cert_from_pem(certificates);
    }
    let pool = PgPoolOptions::new()
        .max_connections(pool.connections)
        .acquire_timeout(pool.acquire_timeout)
        .idle_timeout(settings.idle_timeout)
        .max_lifetime(settings.max_lifetime)
        .connect_with(options)
        .await
        .context("the PostgreSQL server cannot be reached")?;
    Ok(Db::Postgres(pool))
}

/// Of a connection that migrates: statements may take as long as they need, locks may not.
pub(super) fn for_migrating(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("statement_timeout", "0".to_owned()),
        ("idle_in_transaction_session_timeout", "0".to_owned()),
        ("lock_timeout", milliseconds(MIGRATION_LOCK_TIMEOUT)),
    ])
}

fn milliseconds(limit: Duration) -> String {
    limit.as_millis().to_string()
}
