//! Servers that work on the same database, as they say of themselves.

use super::{Timestamp, identifiers::WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::collections::BTreeMap;

/// How often a server says that it is there.
pub const SEEN_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// After how long without a word a server is taken to be gone.
pub const GONE_AFTER: time::Duration = time::Duration::seconds(30);
/// After how long one that is gone is forgotten.
pub const FORGOTTEN_AFTER: time::Duration = time::Duration::HOUR;

/// What a server does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ServerRole {
    /// Answers requests and works in the background.
    #[default]
    All,
    /// Answers requests.
    Api,
    /// Works in the background; of requests it answers only those about its health.
    Worker,
}

impl ServerRole {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }

    #[must_use]
    pub fn works(self) -> bool {
        self != Self::Api
    }

    #[must_use]
    pub fn answers(self) -> bool {
        self != Self::Worker
    }
}

/// A server as it said of itself a moment ago.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct WorkerRow {
    pub id: WorkerId,
    pub host: String,
    pub pid: i64,
    pub role: ServerRole,
    pub version: String,
    pub doing: Json<Doing>,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
}

/// What a server is at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Doing {
    /// Whether it takes nothing more up, as it is about to end.
    #[serde(default)]
    pub draining: bool,
    /// How many pieces of each kind it has taken up and not ended.
    #[serde(default)]
    pub running: BTreeMap<String, i64>,
    /// How many pieces of each kind it has ended since it was started.
    #[serde(default)]
    pub ended: BTreeMap<String, i64>,
}
