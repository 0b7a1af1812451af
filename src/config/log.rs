//! `[log]`.

use crate::telemetry::logs;
use serde::{Deserialize, Serialize};

/// What is logged, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people, `json` for machines.
    pub format: logs::Format,
    /// A level (`error`, `warn`, `info`, `debug`) or directives such as `info,sqlx=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: logs::Format::Text,
            filter: "info".to_owned(),
        }
    }
}
