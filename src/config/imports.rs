//! `[imports]`: how large uploads may be, and how long one may take.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest that an upload may take: a day, in seconds.
const LONGEST: u64 = 24 * 60 * 60;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Imports {
    /// The largest upload, in bytes.
    pub max_bytes: u64,
    /// How long one request that brings an upload, or a part of it, may take, in seconds.
    pub timeout_seconds: u64,
}

impl Default for Imports {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024 * 1024,
            timeout_seconds: 60 * 60,
        }
    }
}

impl Imports {
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// What is out of bounds, in words.
    #[must_use]
    pub(super) fn fault(&self) -> Option<String> {
        if self.max_bytes == 0 {
            return Some("`imports.max_bytes` must be 1 or more".to_owned());
        }
        if !(1..=LONGEST).contains(&self.timeout_seconds) {
            return Some(format!("`imports.timeout_seconds` must be 1 to {LONGEST}"));
        }
        None
    }
}
