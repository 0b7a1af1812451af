//! `[database]`: where everything is stored.

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Where everything is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://user:password@host/database`.
    pub url: DatabaseUrl,
    /// How many connections at most; SQLite writes through one more.
    pub connections: u32,
    /// How long to wait for a free connection, in seconds.
    pub acquire_seconds: u64,
    /// Whether a server that starts brings the database to the newest schema. If not, it refuses to serve until that was done.
    pub migrate_on_start: bool,
    /// PostgreSQL: after how many seconds a statement is given up; 0 for never.
    pub statement_timeout_seconds: u32,
    /// PostgreSQL: after how many seconds waiting for a lock is given up; 0 for never.
    pub lock_timeout_seconds: u32,
    /// PostgreSQL: after how many seconds the server ends a transaction in which nothing happens; 0 for never.
    pub idle_transaction_timeout_seconds: u32,
    /// PostgreSQL: after how many seconds an unused connection is closed.
    pub idle_seconds: u64,
    /// PostgreSQL: after how many seconds a connection is closed for a new one.
    pub lifetime_seconds: u64,
    /// PostgreSQL: whether connections are encrypted; as the address says, or else `prefer`, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_mode: Option<SslMode>,
    /// PostgreSQL: a file with the certificates that the server's is checked against, in PEM; those of Mozilla when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_root_cert: Option<PathBuf>,
}

/// As `sslmode` of libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl("sqlite:synoptic.db".to_owned()),
            connections: 4,
            acquire_seconds: 10,
            migrate_on_start: true,
            statement_timeout_seconds: 30,
            lock_timeout_seconds: 10,
            idle_transaction_timeout_seconds: 60,
            idle_seconds: 600,
            lifetime_seconds: 1_800,
            ssl_mode: None,
            ssl_root_cert: None,
        }
    }
}

impl Database {
    /// What is out of bounds or contradicts something, in words.
    #[must_use]
    pub(super) fn fault(&self) -> Option<String> {
        let seconds = [
            ("statement_timeout_seconds", self.statement_timeout_seconds),
            ("lock_timeout_seconds", self.lock_timeout_seconds),
            (
                "idle_transaction_timeout_seconds",
                self.idle_transaction_timeout_seconds,
            ),
        ];
        for (name, given) in seconds {
            if given > 86_400 {
                return Some(format!("`database.{name}` must be 0 to 86400, not {given}"));
            }
        }
        for (name, given) in [
            ("idle_seconds", self.idle_seconds),
            ("lifetime_seconds", self.lifetime_seconds),
        ] {
            if !(1..=86_400).contains(&given) {
                return Some(format!("`database.{name}` must be 1 to 86400, not {given}"));
            }
        }
        let verifies = matches!(self.ssl_mode, Some(SslMode::VerifyCa | SslMode::VerifyFull));
        if self.ssl_root_cert.is_some() && !verifies {
            return Some(
                "`database.ssl_root_cert` needs `database.ssl_mode` to be \"verify-full\" or \"verify-ca\": otherwise no \
                 certificate is checked"
                    .to_owned(),
            );
        }
        None
    }
}

/// The address of a database. It shows itself without the password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole address, for connecting.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return formatter.write_str(&self.0);
        };
        // A sign that is in the wrong place may be part of a password: then nothing is shown.
        if rest.split_once('?').is_some_and(|(_, options)| options.contains('@')) {
            return write!(formatter, "{scheme}://***");
        }
        let (credentials, rest) = rest
            .rsplit_once('@')
            .map_or((None, rest), |(credentials, rest)| (Some(credentials), rest));
        // What follows `?` may hold a password too (`?password=…`).
        let (place, options) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?…"));
        match credentials.map(|credentials| credentials.split(':').next().unwrap_or_default()) {
            Some(user) => write!(formatter, "{scheme}://{user}:***@{place}{options}"),
            None => write!(formatter, "{scheme}://{place}{options}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:hunter2@db/synoptic",
            "postgres://db/x?password=hunter2",
            "postgres://me:a@hunter2@db/x",
            "postgres://me:hun?ter2:hunter2@db/x",
        ] {
            let config = Config {
                database: Database {
                    url: DatabaseUrl::new(url),
                    ..Database::default()
                },
                ..Config::default()
            };
            let shown = format!("{config:?} {}", config.to_toml().unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_certificate_that_nobody_would_check_is_refused() {
        let settings = Database {
            ssl_root_cert: Some("ca.pem".into()),
            ssl_mode: Some(SslMode::Require),
            ..Database::default()
        };
        assert!(settings.fault().unwrap().contains("verify-full"));
        let settings = Database {
            ssl_mode: Some(SslMode::VerifyFull),
            ..settings
        };
        assert_eq!(settings.fault(), None);
    }
}
