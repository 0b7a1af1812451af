//! `[work]`: what the server does besides answering requests.

use crate::domain::workers::ServerRole;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Work {
    /// `all`, `api` or `worker`.
    pub role: ServerRole,
    /// How many batches of each queue are worked on at once.
    pub at_once: usize,
    /// How long a queue in which there was nothing is left alone, in milliseconds. What this server itself puts there is taken up at
    /// once.
    pub poll_milliseconds: u64,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            role: ServerRole::All,
            at_once: 1,
            poll_milliseconds: 500,
        }
    }
}

impl Work {
    #[must_use]
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_milliseconds)
    }

    /// What is out of bounds, in words.
    #[must_use]
    pub(super) fn fault(&self) -> Option<String> {
        if !(1..=64).contains(&self.at_once) {
            return Some(format!("`work.at_once` must be 1 to 64, not {}", self.at_once));
        }
        if !(10..=60_000).contains(&self.poll_milliseconds) {
            let given = self.poll_milliseconds;
            return Some(format!("`work.poll_milliseconds` must be 10 to 60000, not {given}"));
        }
        None
    }
}
