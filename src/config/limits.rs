//! `[limits]`: how much one caller, or one address, may ask for. Each limit is a bucket that holds `burst` requests and is filled
//! again with so many a second.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many requests a second a user or an API key may send, all connections together; 0 for any number.
    pub principal_per_second: u32,
    /// How many of them at once.
    pub principal_burst: u32,
    /// How many requests a second one address may send without a valid credential; 0 for any number.
    pub address_per_second: u32,
    /// How many of them at once.
    pub address_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            principal_per_second: 500,
            principal_burst: 5_000,
            address_per_second: 20,
            address_burst: 200,
        }
    }
}

impl Limits {
    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let pairs = [
            ("principal", self.principal_per_second, self.principal_burst),
            ("address", self.address_per_second, self.address_burst),
        ];
        let (name, ..) = pairs
            .into_iter()
            .find(|(_, per_second, burst)| *per_second > 0 && *burst == 0)?;
        Some(format!(
            "`limits.{name}_burst` must be at least 1, or nothing would ever pass; `limits.{name}_per_second = 0` switches \
             the limit off"
        ))
    }
}
