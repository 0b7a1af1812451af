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
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How many calls may wait for each that can be under way.
const WAITING_PER_PLACE: usize = 32;

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
    let per_minute = NonZeroU32::new(per_minute)?;
    let burst = NonZeroU32::new(per_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
    let steady = NonZeroU32::new(per_minute.get() - burst.get()).unwrap_or(NonZeroU32::MIN);
    Some(Quota::per_minute(steady).allow_burst(burst))
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
