//! What stands between an engine and money: before a call, its worst case is set aside; after it, what it used is booked. The
//! services hold the books; engines know only that somebody does.

use super::chat::Used;
use crate::domain::{Result, money::MicroDollars};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use uuid::Uuid;

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// The provider.
    pub engine: Arc<str>,
    pub model: Arc<str>,
    /// The most tokens that it can use, input and output together.
    pub worst_tokens: i64,
    /// The most that it can cost.
    pub worst_cost: MicroDollars,
}

/// A call that was made, whether it was answered or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledCall {
    pub engine: Arc<str>,
    pub model: Arc<str>,
    pub used: Used,
    pub cost: MicroDollars,
}

/// What was set aside for one call; `None` when nothing limits the caller.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is set aside must be settled"]
pub struct Hold(pub Option<Uuid>);

/// The books of one caller.
pub trait Meter: Send + Sync {
    /// Sets the worst case of a call aside.
    ///
    /// # Errors
    /// `Error::OverBudget` when a budget does not hold it; the call must not be made then.
    fn reserve<'a>(&'a self, call: &'a PlannedCall) -> BoxFuture<'a, Result<Hold>>;

    /// Books what the call used and frees the rest of what was set aside. Does not fail: what cannot be booked now is booked
    /// later.
    fn settle(&self, hold: Hold, call: SettledCall) -> BoxFuture<'_, ()>;
}

/// Keeps no books: for commands that ask without a database.
pub struct NoMeter;

impl Meter for NoMeter {
    fn reserve<'a>(&'a self, _: &'a PlannedCall) -> BoxFuture<'a, Result<Hold>> {
        Box::pin(async { Ok(Hold(None)) })
    }

    fn settle(&self, _: Hold, _: SettledCall) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
