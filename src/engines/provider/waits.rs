//! How long to wait before a provider is asked again.

use crate::config;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// The wait before a call is repeated for the first time; twice as long each time, and up to as much again by chance.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// What is added by chance to a wait that the provider asks for, as a share of it: those that were told the same must not come back
/// together.
const LONGEST_SHARE: f64 = 0.2;

/// The waits before the repetitions of one call, as many as there may be.
pub fn waits(settings: &config::Provider) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(settings.longest_wait().max(FIRST_WAIT))
        .with_max_times(settings.retries as usize)
        .with_jitter()
        .build()
}

/// A wait that was asked for and some more: never less than was asked for, above it never more than `longest`, and of the time that
/// is `left` half of what the wait itself leaves stays free for the call.
pub fn spread(asked: Duration, longest: Duration, left: Duration) -> Duration {
    let share = 1.0 + LONGEST_SHARE * rand::random::<f64>();
    let most = longest.min((asked + left) / 2);
    asked.mul_f64(share).min(most).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_come_back_at_one_time_and_none_before_it_was_asked_to() {
        let asked = Duration::from_secs(10);
        let waits: HashSet<Duration> = (0..1_000)
            .map(|_| spread(asked, Duration::from_mins(1), Duration::from_mins(2)))
            .collect();
        assert!(waits.len() > 900, "{}", waits.len());
        assert!(
            waits
                .iter()
                .all(|wait| (asked..=Duration::from_secs(12)).contains(wait))
        );
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(11)));
    }

    #[test]
    fn what_is_added_keeps_to_the_longest_wait_and_to_the_time_that_is_left() {
        let (asked, long) = (Duration::from_secs(10), Duration::from_mins(1));
        for (longest, left, most) in [(10_001, 60_000, 10_001), (60_000, 10_002, 10_001)] {
            let [longest, left, most] = [longest, left, most].map(Duration::from_millis);
            assert!((0..1_000).all(|_| (asked..=most).contains(&spread(asked, longest, left))));
        }
        assert_eq!(spread(asked, Duration::ZERO, long), asked);
        assert_eq!(spread(asked, long, Duration::ZERO), asked);
    }
}
