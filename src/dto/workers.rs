//! Bodies about the servers that work on the same database.

use crate::domain::workers as domain;
use poem_openapi::{Enum, Object};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ServerRole {
    /// Answers requests and works in the background.
    All,
    /// Answers requests.
    Api,
    /// Works in the background.
    Worker,
}

/// A server as it said of itself a moment ago.
#[derive(Debug, Clone, Object)]
pub struct Worker {
    /// New at every start.
    pub id: Uuid,
    pub host: String,
    pub pid: i64,
    pub role: ServerRole,
    pub version: String,
    /// Whether it takes nothing more up, as it is about to end.
    pub draining: bool,
    /// How many pieces of each kind it is at.
    pub running: BTreeMap<String, i64>,
    /// How many pieces of each kind it has ended since it was started.
    pub ended: BTreeMap<String, i64>,
    pub started_at: OffsetDateTime,
    /// When it last said so.
    pub seen_at: OffsetDateTime,
}

/// The servers that were seen in the last half minute.
#[derive(Debug, Clone, Object)]
pub struct Workers {
    pub items: Vec<Worker>,
}

impl From<domain::WorkerRow> for Worker {
    fn from(row: domain::WorkerRow) -> Self {
        let doing = row.doing.0;
        Self {
            id: row.id.0,
            host: row.host,
            pid: row.pid,
            role: match row.role {
                domain::ServerRole::All => ServerRole::All,
                domain::ServerRole::Api => ServerRole::Api,
                domain::ServerRole::Worker => ServerRole::Worker,
            },
            version: row.version,
            draining: doing.draining,
            running: doing.running,
            ended: doing.ended,
            started_at: row.started_at.as_offset_date_time(),
            seen_at: row.seen_at.as_offset_date_time(),
        }
    }
}
