//! The ledger: what was used on each day, by whom, in which collection, of which model. Whole numbers only.

use super::{
    identifiers::{ApiKeyId, CollectionId, UserId},
    principal::Actor,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    sync::Arc,
};
use time::Date;
use uuid::Uuid;

/// Whose books something goes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    pub key: Option<ApiKeyId>,
    /// The person, or the owner of the key.
    pub user: Option<UserId>,
    pub collection: Option<CollectionId>,
}

impl Payer {
    #[must_use]
    pub fn of(actor: &Actor, collection: Option<CollectionId>) -> Self {
        Self {
            key: actor.principal.key_id(),
            user: actor.principal.user_id,
            collection,
        }
    }
}

/// Names a line of the ledger. Lines are written in this order everywhere, so that two servers never wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerKey {
    /// In UTC.
    pub day: Date,
    pub payer: Payer,
    pub engine: Arc<str>,
    pub model: Arc<str>,
}

/// What a line of the ledger adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct LedgerAmounts {
    /// Calls that used something, answered or not.
    pub calls: i64,
    /// All input, cached or not.
    pub input_tokens: i64,
    /// Of the input, what the provider had in its own cache.
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    pub cost_microdollars: i64,
    /// Of the calls, those whose tokens were counted or assumed here, because the provider did not report them.
    pub estimated_calls: i64,
    /// Answers that were given again without a call.
    pub cache_hits: i64,
    /// What these would have cost.
    pub saved_microdollars: i64,
}

impl AddAssign for LedgerAmounts {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.each_mut().into_iter().zip(other.each()) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

impl LedgerAmounts {
    /// The most that one call can add: a trillion tokens, a million dollars. What a provider claims beyond is not believed, so
    /// that no sum leaves the numbers that a database can add.
    pub const MOST_PER_CALL: i64 = 1_000_000_000_000;

    /// The amounts of one call, within bounds.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for amount in self.each_mut() {
            *amount = (*amount).clamp(0, Self::MOST_PER_CALL);
        }
        self
    }

    /// In the order of the columns.
    #[must_use]
    pub fn each(self) -> [i64; 8] {
        [
            self.calls,
            self.input_tokens,
            self.cached_input_tokens,
            self.output_tokens,
            self.cost_microdollars,
            self.estimated_calls,
            self.cache_hits,
            self.saved_microdollars,
        ]
    }

    fn each_mut(&mut self) -> [&mut i64; 8] {
        [
            &mut self.calls,
            &mut self.input_tokens,
            &mut self.cached_input_tokens,
            &mut self.output_tokens,
            &mut self.cost_microdollars,
            &mut self.estimated_calls,
            &mut self.cache_hits,
            &mut self.saved_microdollars,
        ]
    }
}

/// Lines in their order.
pub type LedgerLines = BTreeMap<LedgerKey, LedgerAmounts>;

/// What usage can be summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageGroup {
    Day,
    Key,
    User,
    Collection,
    Engine,
    Model,
}

impl UsageGroup {
    pub const ALL: [Self; 6] = [
        Self::Day,
        Self::Key,
        Self::User,
        Self::Collection,
        Self::Engine,
        Self::Model,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Key => "key",
            Self::User => "user",
            Self::Collection => "collection",
            Self::Engine => "engine",
            Self::Model => "model",
        }
    }
}

/// Whose usage is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageOf {
    Everybody,
    Key(ApiKeyId),
    /// Of the person and of all keys that they own.
    User(UserId),
}

/// A question to the ledger.
#[derive(Debug, Clone)]
pub struct UsageQuestion {
    /// The first day and the last, both included.
    pub from: Date,
    pub to: Date,
    pub of: UsageOf,
    /// Only these collections, and what belongs to none; `None` for all.
    pub collections: Option<Vec<CollectionId>>,
    pub groups: BTreeSet<UsageGroup>,
}

/// A sum of the ledger's lines. Of what it is not grouped by, the columns hold the first day, the nil UUID, nothing.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UsageRow {
    pub day: Date,
    pub api_key_id: Uuid,
    pub user_id: Uuid,
    pub collection_id: Uuid,
    pub engine: String,
    pub model: String,
    #[sqlx(flatten)]
    pub amounts: LedgerAmounts,
}
