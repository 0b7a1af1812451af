//! What a call to a model used.

use super::money::MicroDollars;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Tokens of one call or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// All input, cached or not.
    pub input: i64,
    /// Of the input, what the provider had in its own cache.
    pub cached_input: i64,
    pub output: i64,
}

impl Tokens {
    #[must_use]
    pub fn total(self) -> i64 {
        self.input.saturating_add(self.output)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached_input = self.cached_input.saturating_add(other.cached_input);
        self.output = self.output.saturating_add(other.output);
    }
}

/// What an answer took, all its calls together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub tokens: Tokens,
    pub cost: MicroDollars,
    /// Whether some of it was counted here, because the provider did not report it.
    pub estimated: bool,
    /// Calls to the model, failed ones too.
    pub calls: u32,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.estimated |= other.estimated;
        self.calls += other.calls;
    }
}
