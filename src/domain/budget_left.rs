//! What is left of a budget, as callers are told.

use super::timestamps::Timestamp;
use std::time::Duration;

/// What a budget still holds for somebody, in the window that it is in now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLeft {
    pub name: String,
    /// `tokens` or `microdollars`.
    pub unit: &'static str,
    pub left: i64,
    /// When the next window begins.
    pub resets_at: Timestamp,
    /// How long that is from now.
    pub resets_in: Duration,
}

impl BudgetLeft {
    #[must_use]
    pub fn new(name: String, unit: &'static str, left: i64, resets_at: Timestamp, now: Timestamp) -> Self {
        let wait = resets_at.as_offset_date_time() - now.as_offset_date_time();
        Self {
            name,
            unit,
            left,
            resets_at,
            resets_in: Duration::try_from(wait).unwrap_or_default(),
        }
    }
}
