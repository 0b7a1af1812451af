//! Keeps to how many calls a provider takes at once and in a minute. Who comes too early waits, but not in any number and not for
//! ever.

use crate::config;
use governor::{
    DefaultDirectRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};
use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How many calls may wait for each that can be under way.
const WAITING_PER_PLACE: usize = 32;
/// With what may pass between the start of a call and its arrival.
const MINUTE: Duration = Duration::from_secs(61);

pub struct Queue {
    places: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
    pace: Option<DefaultDirectRateLimiter>,
}

/// Why a call does not get its turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Turned {
    /// Too many wait already.
    Full,
    /// Its turn would come too late.
    TooLate,
    Cancelled,
}

impl Queue {
    pub fn new(provider: &config::Provider) -> Self {
        Self {
            places: Semaphore::new(provider.concurrency),
            waiting: AtomicUsize::new(0),
            most_waiting: provider.concurrency.saturating_mul(WAITING_PER_PLACE),
            pace: quota(provider.requests_per_minute).map(DefaultDirectRateLimiter::direct),
        }
    }

    /// Waits for a call's turn; the place is free again when what is returned is dropped.
    pub async fn enter(&self, cancel: &CancellationToken, deadline: Instant) -> Result<SemaphorePermit<'_>, Turned> {
        if let Ok(place) = self.places.try_acquire() {
            self.keep_pace(cancel, deadline).await?;
            return Ok(place);
        }
        let waiting = Waiting::begin(self).ok_or(Turned::Full)?;
        let place = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Turned::Cancelled),
            place = timeout_at(deadline, self.places.acquire()) => place,
        };
        drop(waiting);
        let place = place.map_err(|_| Turned::TooLate)?.map_err(|_| Turned::Full)?;
        self.keep_pace(cancel, deadline).await?;
        Ok(place)
    }

    async fn keep_pace(&self, cancel: &CancellationToken, deadline: Instant) -> Result<(), Turned> {
        let Some(pace) = &self.pace else { return Ok(()) };
        while let Err(early) = pace.check() {
            let wait = early.wait_time_from(DefaultClock::default().now());
            if Instant::now() + wait > deadline {
                return Err(Turned::TooLate);
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Turned::Cancelled),
                () = sleep(wait) => {}
            }
        }
        Ok(())
    }
}

/// A tenth of the calls may come at once; the rest of them spread over the minute, so that no minute has more than the number.
fn quota(per_minute: u32) -> Option<Quota> {
    let per_minute = NonZeroU32::new(per_minute)?.get();
    let burst = NonZeroU32::new(per_minute / 10).unwrap_or(NonZeroU32::MIN);
    // The last of them would come with the end of the minute, and so belongs to the next one.
    let steady = per_minute - burst.get() + 1;
    Some(Quota::with_period(MINUTE / steady)?.allow_burst(burst))
}

/// One that waits, counted for as long as it does.
struct Waiting<'a>(&'a Queue);

impl<'a> Waiting<'a> {
    fn begin(queue: &'a Queue) -> Option<Self> {
        let before = queue.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Self(queue);
        (before < queue.most_waiting).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::{RateLimiter, clock::FakeRelativeClock};

    #[test]
    fn no_minute_has_more_calls_than_it_may() {
        for per_minute in [1, 2, 3, 10, 30, 59, 600] {
            let clock = FakeRelativeClock::default();
            let pace = RateLimiter::direct_with_clock(quota(per_minute).unwrap(), clock.clone());
            let step = Duration::from_millis(10);
            let begun: Vec<u32> = (0..18_100)
                .flat_map(|tick| {
                    let begun = std::iter::from_fn(|| pace.check().ok())
                        .map(|()| tick)
                        .collect::<Vec<_>>();
                    clock.advance(step);
                    begun
                })
                .collect();
            // Those of a minute, its last moment included.
            let of_minute = |from: u32| begun.iter().filter(|at| (from..=from + 6_000).contains(*at)).count();
            let most = begun.iter().map(|from| of_minute(*from)).max().unwrap();
            let per_minute = per_minute as usize;
            assert!(
                (per_minute * 98 / 100..=per_minute).contains(&most),
                "{per_minute}: {most}"
            );
            let all = begun.len();
            assert!(all >= per_minute * 5 / 2, "{per_minute}: {all} in three minutes");
        }
        assert!(quota(0).is_none());
    }
}
