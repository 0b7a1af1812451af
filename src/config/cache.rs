//! `[cache]`: how long answers are at hand to be given again.

use super::DatabaseUrl;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// How many bytes of answers are kept in memory; 0 for none.
    pub memory_bytes: u64,
    /// How old an answer may be that is given again, in seconds, from memory and from the database alike.
    pub ttl_seconds: u64,
    /// How long an answer stays in memory that nobody asks for, in seconds.
    pub idle_seconds: u64,
    /// A Redis server that replicas share: `redis://host:6379`, or `rediss://host:6379` over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis_url: Option<DatabaseUrl>,
    /// How long Redis may take before the answer is looked for elsewhere, in milliseconds.
    pub redis_timeout_milliseconds: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * 1024 * 1024,
            ttl_seconds: 7 * 24 * 60 * 60,
            idle_seconds: 24 * 60 * 60,
            redis_url: None,
            redis_timeout_milliseconds: 100,
        }
    }
}

impl Cache {
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }

    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<String> {
        const LONGEST: u64 = 10 * 365 * 24 * 60 * 60;
        let within = [
            ("ttl_seconds", self.ttl_seconds, LONGEST),
            ("idle_seconds", self.idle_seconds, LONGEST),
            ("redis_timeout_milliseconds", self.redis_timeout_milliseconds, 60_000),
        ];
        let (name, _, most) = within
            .into_iter()
            .find(|(_, value, most)| !(1..=*most).contains(value))?;
        Some(format!("`cache.{name}` must be 1 to {most}"))
    }
}
