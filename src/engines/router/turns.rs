//! How long each model of a route may take, so that the last one has its turn, too.

use super::{Asking, asked::Asked};
use std::{future::Future, pin::pin, time::Duration};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Kept free at the end for the embedded engine, or for saying what went wrong: this share of the time, and this at most.
const SHARE_OF_END: u32 = 10;
const LONGEST_END: Duration = Duration::from_secs(5);

/// Shares the time that is left out among those that have not been asked.
pub(super) struct Turns {
    /// When the models must be done; `None` when nobody waits for so long.
    end: Option<Instant>,
}

/// One turn, of one model or of two beside each other.
pub(super) struct Turn {
    end: Option<Instant>,
    cancel: CancellationToken,
}

impl Turns {
    pub fn new(asking: &Asking) -> Self {
        let end = asking.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            deadline - (left / SHARE_OF_END).min(LONGEST_END).min(left)
        });
        Self { end }
    }

    /// For `asked` models of the `left` that may still be asked: their part of the time. `None` when there is none left. With the
    /// turn comes how it is asked in it.
    pub fn next(&self, asked: u32, left: u32, asking: &Asking) -> Option<(Turn, Asking)> {
        let now = Instant::now();
        let end = match self.end {
            Some(end) if end <= now => return None,
            Some(end) => Some(now + (end - now) * asked / left.max(asked)),
            None => None,
        };
        let cancel = asking.cancel.child_token();
        let asking = Asking {
            cancel: cancel.clone(),
            ..asking.clone()
        };
        Some((Turn { end, cancel }, asking))
    }
}

impl Turn {
    /// Waits for `work`, which is given up at the end of the turn and waited for then, so that what it used is booked.
    pub async fn of(self, work: impl Future<Output = Asked>) -> Asked {
        let Some(end) = self.end else {
            return work.await;
        };
        let mut work = pin!(work);
        tokio::select! {
            biased;
            asked = &mut work => asked,
            () = sleep_until(end) => {
                // Who is given up by others at this moment is so by the same token.
                let is_given_up = self.cancel.is_cancelled();
                self.cancel.cancel();
                let asked = work.await;
                if is_given_up { asked } else { asked.took_too_long() }
            }
        }
    }
}
