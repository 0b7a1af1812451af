//! Slows down those who guess passwords, without locking out the one whose password they guess.
//!
//! Four things are counted, each as a bucket of tries that fills again with time:
//! - the **pair** of account and address: five tries, then one every 30 s;
//! - the **address** over all accounts: twenty tries, then one every 5 s;
//! - the **site** of an IPv6 address, its /48: a hundred tries, then one every second;
//! - the **account** over all addresses: failures there never refuse anybody. They delay every answer, up to 3 s, so that a
//!   guesser with many addresses gains little and the owner at a new address waits a moment.
//!
//! A browser that signed in to the account before has a bucket of its own beside all these, which nobody else can empty, and
//! with none left there it is treated like any other. So has a session in which somebody changes their password.
//! An account that does not exist is treated like one that does. A try is taken when it begins, so that a hundred at once are
//! a hundred, and is given back when it was none; not to the address that may have made the server too busy to look.
//!
//! What is kept is in memory, per process, and bounded: hashes of accounts and addresses under a random key, with a time.

use crate::domain::{Error, Result};
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How many tries there are at once, and after which time there is another.
#[derive(Clone, Copy)]
struct Rule {
    tries: u32,
    interval: Duration,
}

const PAIR: Rule = Rule {
    tries: 5,
    interval: Duration::from_secs(30),
};
const ADDRESS: Rule = Rule {
    tries: 20,
    interval: Duration::from_secs(5),
};
const SITE: Rule = Rule {
    tries: 100,
    interval: Duration::from_secs(1),
};
/// Only measures: after `tries` failures answers begin to be delayed, and one failure is forgotten after each interval.
const ACCOUNT: Rule = Rule {
    tries: 10,
    interval: Duration::from_secs(30),
};
const DELAY_STEP: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(3);
/// Failures beyond this many are not counted, so that the delay ends soon after an attack does.
const MOST_FAILURES: u32 = 45;

/// Entries of each kind; about 3 MB each when full.
const MOST_ENTRIES: usize = 65_536;

/// Counts sign-ins. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct SignInThrottle(Arc<Shared>);

struct Shared {
    secret: RandomState,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    pairs: Buckets,
    addresses: Buckets,
    sites: Buckets,
    accounts: Buckets,
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl SignInThrottle {
    #[must_use]
    pub fn new() -> Self {
        Self::with_time(Instant::now)
    }

    /// With another source of the time, for tests.
    #[must_use]
    pub fn with_time(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            secret: RandomState::new(),
            now: Box::new(now),
            counts: Mutex::default(),
        }))
    }

    /// Begins a sign-in, before the password is looked at: takes a try. `account` is the normalised e-mail address. Each that
    /// is admitted ends with [`failed`](Self::failed), [`succeeded`](Self::succeeded), [`undecided`](Self::undecided) or
    /// [`turned_away`](Self::turned_away); one that just vanishes has used its try.
    ///
    /// # Errors
    /// `Error::RateLimited` when there is no try left.
    pub fn admit(&self, account: &str, address: Option<IpAddr>, known: Known) -> Result<Attempt> {
        let own = self.own_bucket(known);
        let stranger = self.stranger(account, address);
        let (mut counts, now) = self.lock();
        let own_wait = own.map(|key| counts.pairs.wait(key, PAIR, now));
        if let (Some(bucket), Some(Duration::ZERO)) = (own, own_wait) {
            counts.pairs.take(bucket, PAIR, now);
            return Ok(Attempt {
                delay: Duration::ZERO,
                bucket,
                stranger: None,
            });
        }
        let wait = match (known, own_wait) {
            (Known::SignedIn(_), Some(wait)) => wait,
            (_, own_wait) => {
                let wait = counts.wait(&stranger, now);
                own_wait.map_or(wait, |own| own.min(wait))
            }
        };
        if wait > Duration::ZERO {
            return Err(Error::RateLimited {
                message: "too many failed sign-ins".to_owned(),
                retry_after: wait,
            });
        }
        counts.pairs.take(stranger.pair, PAIR, now);
        counts.addresses.take(stranger.address, ADDRESS, now);
        if let Some(site) = stranger.site {
            counts.sites.take(site, SITE, now);
        }
        Ok(Attempt {
            delay: counts.delay(stranger.account, now),
            bucket: stranger.pair,
            stranger: Some(stranger),
        })
    }

    /// The password was wrong.
    pub fn failed(&self, attempt: &Attempt) {
        let (mut counts, now) = self.lock();
        if let Some(stranger) = &attempt.stranger
            && counts.accounts.taken(stranger.account, ACCOUNT, now) < MOST_FAILURES
        {
            counts.accounts.take(stranger.account, ACCOUNT, now);
        }
    }

    /// The password was right: the earlier failures from there were the owner's own.
    pub fn succeeded(&self, attempt: &Attempt) {
        let (mut counts, now) = self.lock();
        counts.pairs.0.remove(&attempt.bucket);
        counts.give_back_address(attempt, now);
    }

    /// The password was never looked at, by no fault of whoever sent it: the try is given back.
    pub fn undecided(&self, attempt: &Attempt) {
        let (mut counts, now) = self.lock();
        counts.pairs.give_back(attempt.bucket, PAIR, now);
        counts.give_back_address(attempt, now);
    }

    /// The password was never looked at, because too many others wait. A stranger's address keeps the try as used, since it
    /// may be what fills the queue; towards the account it was none.
    pub fn turned_away(&self, attempt: &Attempt) {
        let (mut counts, now) = self.lock();
        counts.pairs.give_back(attempt.bucket, PAIR, now);
    }

    /// The bucket of somebody known, which nobody else can empty.
    fn own_bucket(&self, known: Known) -> Option<u64> {
        match known {
            Known::Nothing => None,
            Known::Device(id) => Some(self.0.secret.hash_one(("device", id))),
            Known::SignedIn(id) => Some(self.0.secret.hash_one(("own password", id))),
        }
    }

    fn stranger(&self, account: &str, address: Option<IpAddr>) -> Stranger {
        let hash =
            |what: &str, account: &str, network: Option<IpAddr>| self.0.secret.hash_one((what, account, network));
        let customer = address.map(network);
        let site = address.and_then(site);
        Stranger {
            pair: hash("pair", account, customer),
            address: hash("address", "", customer),
            site: site.map(|site| hash("site", "", Some(site))),
            account: hash("account", account, None),
        }
    }

    fn lock(&self) -> (MutexGuard<'_, Counts>, Instant) {
        // No panic leaves the counts half changed.
        let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts, (self.0.now)())
    }
}

impl fmt::Debug for SignInThrottle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SignInThrottle(…)")
    }
}

/// What is known of whoever tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Nothing,
    /// The browser has signed in to this account before; by the id of its token. Without a try left it is a stranger's.
    Device(Uuid),
    /// Somebody who is signed in and shows their password again; by their session.
    SignedIn(Uuid),
}

/// A try that was admitted.
#[derive(Debug)]
pub struct Attempt {
    /// How long the answer is to be held back, whatever it will be.
    pub delay: Duration,
    /// Of the pair, or of somebody known.
    bucket: u64,
    stranger: Option<Stranger>,
}

impl Attempt {
    /// Whether it counts as that of somebody known.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.stranger.is_none()
    }
}

/// Where a stranger's try is counted.
#[derive(Debug)]
struct Stranger {
    pair: u64,
    address: u64,
    site: Option<u64>,
    account: u64,
}

/// What one customer of a network has: an IPv4 address, or the 64 bits of an IPv6 address that are not the host's.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// What a customer of IPv6 can have at most, with 65 536 of those networks.
fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (!0 << 80)).into()),
        IpAddr::V4(_) => None,
    }
}

impl Counts {
    /// How long until a stranger has a try everywhere.
    fn wait(&self, stranger: &Stranger, now: Instant) -> Duration {
        let pair = self.pairs.wait(stranger.pair, PAIR, now);
        let address = self.addresses.wait(stranger.address, ADDRESS, now);
        let site = stranger.site.map(|site| self.sites.wait(site, SITE, now));
        pair.max(address).max(site.unwrap_or_default())
    }

    fn give_back_address(&mut self, attempt: &Attempt, now: Instant) {
        let Some(stranger) = &attempt.stranger else {
            return;
        };
        self.addresses.give_back(stranger.address, ADDRESS, now);
        if let Some(site) = stranger.site {
            self.sites.give_back(site, SITE, now);
        }
    }

    fn delay(&self, account: u64, now: Instant) -> Duration {
        let failures = self.accounts.taken(account, ACCOUNT, now);
        (DELAY_STEP * failures.saturating_sub(ACCOUNT.tries)).min(LONGEST_DELAY)
    }
}

/// Each bucket as the time at which it will be full again (the generic cell rate algorithm). One that is full is left out.
#[derive(Default)]
struct Buckets(HashMap<u64, Instant>);

impl Buckets {
    /// How many tries are taken, rounded up.
    fn taken(&self, key: u64, rule: Rule, now: Instant) -> u32 {
        let full_in = self.full_in(key, now);
        full_in.as_millis().div_ceil(rule.interval.as_millis()) as u32
    }

    /// How long until there is a try; zero when there is one.
    fn wait(&self, key: u64, rule: Rule, now: Instant) -> Duration {
        let one_left = rule.interval * (rule.tries - 1);
        self.full_in(key, now).saturating_sub(one_left)
    }

    fn full_in(&self, key: u64, now: Instant) -> Duration {
        self.0
            .get(&key)
            .map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now))
    }

    fn take(&mut self, key: u64, rule: Rule, now: Instant) {
        if self.0.len() >= MOST_ENTRIES && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let full_at = self.0.entry(key).or_insert(now);
        *full_at = (*full_at).max(now) + rule.interval;
    }

    fn give_back(&mut self, key: u64, rule: Rule, now: Instant) {
        match self.full_in(key, now).checked_sub(rule.interval) {
            Some(full_in) if full_in > Duration::ZERO => drop(self.0.insert(key, now + full_in)),
            _ => drop(self.0.remove(&key)),
        }
    }

    /// Forgets the buckets that are full, and if there are not enough of them, the eighth that will be full soonest: those
    /// are the ones with the fewest failures.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, full_at| *full_at > now);
        let enough = MOST_ENTRIES / 8;
        if self.0.len() + enough > MOST_ENTRIES {
            let mut times: Vec<Instant> = self.0.values().copied().collect();
            let (_, limit, _) = times.select_nth_unstable(enough);
            let limit = *limit;
            let mut left = enough;
            self.0.retain(|_, full_at| {
                let goes = *full_at <= limit && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
    }
}

#[cfg(test)]
#[path = "sign_in_throttle_tests.rs"]
mod tests;
