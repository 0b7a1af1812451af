//! Leaves a provider alone that keeps failing, and one that has asked for it.

use failsafe::{
    Instrument, StateMachine,
    backoff::{self, Exponential},
    failure_policy::{ConsecutiveFailures, consecutive_failures},
};
use std::{
    iter::Map,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// After so many failures in a row.
pub const FAILURES: u32 = 5;
/// How long a provider is left alone at first, and at most; in between, twice as long after each probe that failed. As much again
/// is added by chance, so that replicas do not come back together.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// The longest that a provider may ask to be left alone.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// Whether a provider is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It is left alone.
    Open,
    /// One call finds out whether it is well again.
    HalfOpen,
}

impl BreakerState {
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

type Pauses = Map<Exponential, fn(Duration) -> Duration>;
type Machine = StateMachine<ConsecutiveFailures<Pauses>, Watch>;

fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + rand::random::<f64>())
}

pub struct Breaker {
    machine: Machine,
    watch: Watch,
    gate: Mutex<Gate>,
}

/// What decides on a call, together: who passes and what is made of a result must not be seen half done.
#[derive(Default)]
struct Gate {
    /// Whether the one call is under way that finds out whether the provider is well again.
    probing: bool,
    /// Counts the changes from called to left alone and back. Results of calls from before the last change say nothing.
    era: u64,
    /// Until when the provider has asked to be left alone.
    asked: Option<Instant>,
}

impl Gate {
    fn asked_for(&self) -> Option<Duration> {
        let rest = self.asked?.checked_duration_since(Instant::now())?;
        (!rest.is_zero()).then_some(rest)
    }
}

impl Breaker {
    pub fn new(provider: &Arc<str>) -> Self {
        let pauses: Pauses = backoff::exponential(SHORTEST, LONGEST).map(with_jitter);
        let watch = Watch {
            provider: Arc::clone(provider),
            state: Arc::new(AtomicU8::new(CLOSED)),
        };
        Self {
            machine: StateMachine::new(consecutive_failures(FAILURES, pauses), watch.clone()),
            watch,
            gate: Mutex::default(),
        }
    }

    pub fn state(&self) -> BreakerState {
        if self.asked_for().is_some() {
            return BreakerState::Open;
        }
        self.watch.state()
    }

    /// Lets a call through, or says for how long not to call, if that is known.
    pub fn enter(&self) -> Result<Passage<'_>, Option<Duration>> {
        let mut gate = self.gate();
        if let Some(rest) = gate.asked_for() {
            return Err(Some(rest));
        }
        if gate.probing || !self.machine.is_call_permitted() {
            return Err(None);
        }
        gate.probing = self.watch.state() == BreakerState::HalfOpen;
        Ok(Passage {
            breaker: self,
            is_probe: gate.probing,
            era: gate.era,
        })
    }

    /// Leaves the provider alone for as long as it has asked for.
    pub fn leave_alone(&self, asked: Duration) {
        let until = Instant::now() + asked.min(LONGEST_ASKED);
        let mut gate = self.gate();
        gate.asked = gate.asked.max(Some(until));
    }

    /// For how much longer the provider is to be left alone, because it asked for that.
    pub fn asked_for(&self) -> Option<Duration> {
        self.gate().asked_for()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one call. What came of it must be said; a call of which nothing can be said is simply dropped.
pub struct Passage<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    era: u64,
}

impl Passage<'_> {
    /// Whether the provider has been found unwell since.
    pub fn is_void(&self) -> bool {
        self.breaker.gate().era != self.era
    }

    pub fn succeeded(self) {
        self.ended(StateMachine::on_success);
    }

    pub fn failed(self) {
        self.ended(StateMachine::on_error);
    }

    fn ended(mut self, tell: impl FnOnce(&Machine)) {
        let mut gate = self.breaker.gate();
        if gate.era != self.era {
            return;
        }
        let before = self.breaker.watch.state();
        tell(&self.breaker.machine);
        if self.breaker.watch.state() != before {
            gate.era += 1;
        }
        if std::mem::take(&mut self.is_probe) {
            gate.probing = false;
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.gate().probing = false;
        }
    }
}

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const HALF_OPEN: u8 = 2;

/// Follows the state and logs its changes.
#[derive(Clone)]
struct Watch {
    provider: Arc<str>,
    state: Arc<AtomicU8>,
}

impl Watch {
    fn state(&self) -> BreakerState {
        match self.state.load(Ordering::Acquire) {
            OPEN => BreakerState::Open,
            HALF_OPEN => BreakerState::HalfOpen,
            _ => BreakerState::Closed,
        }
    }
}

impl Instrument for Watch {
    fn on_call_rejected(&self) {}

    fn on_open(&self) {
        self.state.store(OPEN, Ordering::Release);
        tracing::warn!(provider = %self.provider, "the provider keeps failing and is left alone for now");
    }

    fn on_half_open(&self) {
        self.state.store(HALF_OPEN, Ordering::Release);
    }

    fn on_closed(&self) {
        if self.state.swap(CLOSED, Ordering::AcqRel) != CLOSED {
            tracing::info!(provider = %self.provider, "the provider answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Breaker {
        let breaker = Breaker::new(&Arc::from("p"));
        for _ in 0..FAILURES {
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.enter().ok().unwrap().failed();
        }
        breaker
    }

    #[test]
    fn a_success_in_between_counts_as_well() {
        let breaker = Breaker::new(&Arc::from("p"));
        for _ in 0..3 {
            for _ in 1..FAILURES {
                breaker.enter().ok().unwrap().failed();
            }
            breaker.enter().ok().unwrap().succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn one_probe_at_a_time_finds_out_whether_it_is_well_again() {
        let breaker = broken();
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.enter().is_err());
        // The first pause is one to two seconds.
        std::thread::sleep(Duration::from_millis(2_050));
        let probe = breaker.enter().ok().unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.enter().is_err(), "a second probe");
        // Nothing can be said of it: the next call is the probe.
        drop(probe);
        let probe = breaker.enter().ok().unwrap();
        assert!(!probe.is_void());
        probe.failed();
        assert_eq!(breaker.state(), BreakerState::Open);
        // The second pause is two to four.
        std::thread::sleep(Duration::from_millis(4_050));
        breaker.enter().ok().unwrap().succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
        drop((breaker.enter().ok().unwrap(), breaker.enter().ok().unwrap()));
    }

    #[test]
    fn what_a_call_from_before_says_is_ignored() {
        let breaker = Breaker::new(&Arc::from("p"));
        let slow: Vec<_> = (0..4).map(|_| breaker.enter().ok().unwrap()).collect();
        let [first, second, third, fourth] = <[_; 4]>::try_from(slow).ok().unwrap();
        for _ in 0..FAILURES {
            breaker.enter().ok().unwrap().failed();
        }
        assert!(fourth.is_void());
        first.succeeded();
        assert_eq!(breaker.state(), BreakerState::Open);
        std::thread::sleep(Duration::from_millis(2_050));
        let probe = breaker.enter().ok().unwrap();
        second.succeeded();
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a slow success closes it");
        third.failed();
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a slow failure opens it");
        assert!(!probe.is_void() && breaker.enter().is_err());
        probe.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
        for _ in 1..FAILURES {
            breaker.enter().ok().unwrap().failed();
        }
        fourth.failed();
        assert_eq!(breaker.state(), BreakerState::Closed, "a failure from before counts");
    }

    #[test]
    fn of_many_that_come_together_one_probes() {
        for _ in 0..2 {
            let breaker = broken();
            std::thread::sleep(Duration::from_millis(2_001));
            let start = std::sync::Barrier::new(16);
            let passed = std::thread::scope(|scope| {
                let entering = || {
                    start.wait();
                    breaker.enter().ok()
                };
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(entering)).collect();
                let passed: Vec<_> = threads
                    .into_iter()
                    .filter_map(|thread| thread.join().unwrap())
                    .collect();
                passed.len()
            });
            assert_eq!(passed, 1);
        }
    }

    #[test]
    fn a_provider_is_left_alone_for_as_long_as_it_asks() {
        let breaker = Breaker::new(&Arc::from("p"));
        let before = breaker.enter().ok().unwrap();
        breaker.leave_alone(Duration::from_hours(100_000));
        breaker.leave_alone(Duration::from_millis(1));
        assert_eq!(breaker.state(), BreakerState::Open);
        // Whether it still may, its own caller asks.
        assert!(!before.is_void() && breaker.asked_for().is_some());
        let rest = breaker.enter().err().unwrap().unwrap();
        assert!((Duration::from_mins(59)..=LONGEST_ASKED).contains(&rest), "{rest:?}");
        let breaker = Breaker::new(&Arc::from("p"));
        breaker.leave_alone(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.enter().is_ok());
    }
}
