//! Counts requests by who sends them: a bucket each, which holds so many and is filled again at a steady rate (the generic cell
//! rate algorithm). However many senders there are, the memory for them is bounded.

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

/// How many senders get a bucket of their own; beyond, they share.
const MOST_BUCKETS: usize = 100_000;
/// How many buckets there are to share.
const SHARED_BUCKETS: u64 = 1_024;
/// After so many requests, the buckets that are full again are thrown away.
const SWEEP_EVERY: u32 = 1_024;

/// Buckets by sender.
pub struct Buckets<K: Hash + Eq + Clone, C: Clock + Clone = DefaultClock> {
    limiter: RateLimiter<Sender<K>, DefaultKeyedStateStore<Sender<K>>, C, StateInformationMiddleware>,
    clock: C,
    quota: Quota,
    hasher: RandomState,
    taken: AtomicU32,
    crowded: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Sender<K> {
    One(K),
    Several(u64),
}

/// What became of a request, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub is_refused: bool,
    /// How many more would pass now.
    pub remaining: u32,
    /// When there is room for one more than that, at the latest.
    pub more_after: Duration,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Buckets<K, C> {
    /// `None` when either number is 0.
    pub fn new(per_second: u32, burst: u32, clock: C) -> Option<Self> {
        let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(burst)?);
        Some(Self {
            limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            clock,
            quota,
            hasher: RandomState::new(),
            taken: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
        })
    }

    /// Takes one request out of the sender's bucket, if there is one left.
    pub fn take(&self, sender: K) -> Standing {
        if self.taken.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.sweep();
        }
        let sender = if self.crowded.load(Ordering::Relaxed) {
            Sender::Several(self.hasher.hash_one(&sender) % SHARED_BUCKETS)
        } else {
            Sender::One(sender)
        };
        match self.limiter.check_key(&sender) {
            Ok(state) => Standing {
                is_refused: false,
                remaining: state.remaining_burst_capacity(),
                more_after: self.quota.replenish_interval(),
            },
            Err(until) => Standing {
                is_refused: true,
                remaining: 0,
                more_after: until.wait_time_from(self.clock.now()),
            },
        }
    }

    /// How many requests a full bucket holds.
    pub fn burst(&self) -> u32 {
        self.quota.burst_size().get()
    }

    /// How long an empty bucket takes to be full.
    pub fn window(&self) -> Duration {
        self.quota.burst_size_replenished_in()
    }

    fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.crowded.store(self.limiter.len() > MOST_BUCKETS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn buckets(per_second: u32, burst: u32) -> (Buckets<u32, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Buckets::new(per_second, burst, clock.clone()).unwrap(), clock)
    }

    #[test]
    fn a_burst_passes_and_the_next_waits_for_its_turn() {
        let (buckets, clock) = buckets(2, 3);
        let remaining: Vec<u32> = (0..3).map(|_| buckets.take(1).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = Standing {
            is_refused: true,
            remaining: 0,
            more_after: Duration::from_millis(500),
        };
        assert_eq!(buckets.take(1), refused);
        assert!(!buckets.take(2).is_refused, "somebody else is not held back");
        clock.advance(Duration::from_millis(499));
        assert!(buckets.take(1).is_refused);
        clock.advance(Duration::from_millis(1));
        assert!(!buckets.take(1).is_refused);
        assert!(buckets.take(1).is_refused);
        clock.advance(Duration::from_mins(1));
        assert_eq!(buckets.take(1).remaining, 2, "a bucket is never more than full");
    }

    #[test]
    fn a_bucket_knows_its_size_and_how_long_it_takes_to_fill() {
        let (buckets, _) = buckets(500, 5_000);
        assert_eq!((buckets.burst(), buckets.window()), (5_000, Duration::from_secs(10)));
        assert!(Buckets::<u32>::new(0, 10, DefaultClock::default()).is_none());
    }

    #[test]
    fn senders_that_stopped_are_forgotten() {
        let (buckets, clock) = buckets(20, 200);
        for sender in 0..50_000 {
            buckets.take(sender);
            clock.advance(Duration::from_millis(1));
        }
        assert!(
            buckets.limiter.len() <= 2 * SWEEP_EVERY as usize,
            "{}",
            buckets.limiter.len()
        );
    }

    #[test]
    fn a_spray_of_senders_cannot_fill_the_memory_and_is_still_limited() {
        let (buckets, _) = buckets(20, 2);
        let passed = (0..300_000).filter(|sender| !buckets.take(*sender).is_refused).count();
        let most = MOST_BUCKETS + SWEEP_EVERY as usize + SHARED_BUCKETS as usize;
        assert!(buckets.limiter.len() <= most, "{}", buckets.limiter.len());
        assert!(passed <= most + SHARED_BUCKETS as usize, "{passed}");
    }
}
