//! Whether an answer may be given again, and whether it was.

use std::time::Duration;

/// What a request allows: to be answered from what is kept, and to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CacheMode {
    #[default]
    On,
    Off,
    /// An answer that is kept will do; a new one is not kept.
    ReadOnly,
    /// A new answer is wanted, and is kept.
    WriteOnly,
}

impl CacheMode {
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::On | Self::ReadOnly)
    }

    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::On | Self::WriteOnly)
    }
}

/// What a request says about answers that were given before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CachePolicy {
    pub mode: CacheMode,
    /// How old an answer may be.
    pub max_age: Option<Duration>,
}

/// Where an answer that was kept was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheTier {
    Memory,
    Redis,
    Database,
}

impl CacheTier {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Redis, Self::Database];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Database => "database",
        }
    }
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// It was given before.
    Hit(CacheTier),
    /// It was asked for; whether it is kept.
    Miss(bool),
    /// One that is kept was older than the request allows; whether the new one is kept.
    TooOld(bool),
    /// Another request was asking the same at that moment; this one waited for its answer.
    Collapsed,
    /// The request did not want an answer that was given before; whether the new one is kept.
    Bypassed(bool),
    /// Answers of the embedded engine are not kept to be given again: it costs nothing to ask it.
    NotKept,
}
