//! For how long the answers at hand may be believed: for as long as this server hears of what others on its database delete.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// For how long after the log of evictions was last read what is at hand is still believed.
pub const TRUSTED_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<State>);

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// Nobody reads the log: in a command that ends soon.
    #[default]
    Alone,
    /// The log is read, and has not been yet.
    Unread,
    /// The log was read whole, by a look that began then.
    Read(Instant),
}

impl Trust {
    /// From now on the log is read, and nothing is believed before it was.
    pub fn begin(&self) {
        self.put(State::Unread);
    }

    /// The log was read whole by a look that began then, and what it said was done.
    pub fn read(&self, began: Instant) {
        self.put(State::Read(began));
    }

    pub fn is_given(&self) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Alone => true,
            State::Unread => false,
            State::Read(began) => began.elapsed() < TRUSTED_FOR,
        }
    }

    fn put(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
