//! Each rule of the throttle, also for those who try many things at once.

use super::*;
use std::{net::Ipv4Addr, thread};

/// A throttle, and the time that it is told.
fn throttle() -> (SignInThrottle, Arc<Mutex<Instant>>) {
    let time = Arc::new(Mutex::new(Instant::now()));
    let told = time.clone();
    (SignInThrottle::with_time(move || *told.lock().unwrap()), time)
}

fn pass(time: &Mutex<Instant>, seconds: u64) {
    *time.lock().unwrap() += Duration::from_secs(seconds);
}

const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

fn elsewhere(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// A wrong password; whether it was looked at.
fn fail(throttle: &SignInThrottle, account: &str, address: Option<IpAddr>) -> bool {
    let admitted = throttle.admit(account, address, Known::Nothing);
    admitted.map(|attempt| throttle.failed(&attempt)).is_ok()
}

fn retry_after(throttle: &SignInThrottle, account: &str, address: Option<IpAddr>) -> u64 {
    match throttle.admit(account, address, Known::Nothing) {
        Err(Error::RateLimited { message, retry_after }) => {
            assert_eq!(message, "too many failed sign-ins");
            retry_after.as_secs()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn after_five_failures_there_is_one_try_every_thirty_seconds() {
    let (throttle, time) = throttle();
    for _ in 0..5 {
        assert!(fail(&throttle, "ann", HOME));
    }
    assert_eq!(retry_after(&throttle, "ann", HOME), 30);
    pass(&time, 29);
    assert_eq!(retry_after(&throttle, "ann", HOME), 1);
    pass(&time, 1);
    assert!(fail(&throttle, "ann", HOME));
    assert_eq!(retry_after(&throttle, "ann", HOME), 30);
    // Other accounts from there, and this one from elsewhere, are not concerned.
    assert!(throttle.admit("bob", HOME, Known::Nothing).is_ok());
    assert!(throttle.admit("ann", Some(elsewhere(1)), Known::Nothing).is_ok());
    // With time all five come back.
    pass(&time, 5 * 30);
    assert_eq!((0..9).filter(|_| fail(&throttle, "ann", HOME)).count(), 5);
}

#[test]
fn asking_while_refused_makes_nothing_worse() {
    let (throttle, time) = throttle();
    for _ in 0..1000 {
        fail(&throttle, "ann", HOME);
    }
    pass(&time, 30);
    assert!(throttle.admit("ann", HOME, Known::Nothing).is_ok());
}

#[test]
fn success_forgets_the_failures_before_it() {
    let (throttle, _) = throttle();
    for _ in 0..4 {
        fail(&throttle, "ann", HOME);
    }
    throttle.succeeded(&throttle.admit("ann", HOME, Known::Nothing).unwrap());
    assert_eq!((0..9).filter(|_| fail(&throttle, "ann", HOME)).count(), 5);
}

#[test]
fn an_address_that_tries_many_accounts_is_slowed_down() {
    let (throttle, time) = throttle();
    for number in 0..20 {
        assert!(fail(&throttle, &format!("user{number}"), HOME));
    }
    assert_eq!(retry_after(&throttle, "ann", HOME), 5);
    pass(&time, 5);
    assert!(fail(&throttle, "ann", HOME));
    assert_eq!(retry_after(&throttle, "bob", HOME), 5);
    assert!(throttle.admit("bob", Some(elsewhere(1)), Known::Nothing).is_ok());
}

#[test]
fn whoever_has_an_account_of_their_own_gains_no_tries_by_it() {
    let (throttle, _) = throttle();
    let mut guesses = 0;
    for number in 0..100 {
        if let Ok(attempt) = throttle.admit("mallory", HOME, Known::Nothing) {
            throttle.succeeded(&attempt);
        }
        guesses += usize::from(fail(&throttle, &format!("user{number}"), HOME));
    }
    assert_eq!(guesses, 20);
}

#[test]
fn many_who_succeed_from_one_address_do_not_slow_each_other_down() {
    let (throttle, _) = throttle();
    for number in 0..500 {
        let account = format!("user{number}");
        throttle.succeeded(&throttle.admit(&account, HOME, Known::Nothing).unwrap());
    }
}

#[test]
fn a_hundred_guesses_at_once_are_counted_one_by_one() {
    let (throttle, _) = throttle();
    let admitted: usize = thread::scope(|scope| {
        let guesses: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| usize::from(throttle.admit("ann", HOME, Known::Nothing).is_ok())))
            .collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).sum()
    });
    assert_eq!(admitted, 5);
    let (throttle, _) = self::throttle();
    let admitted: usize = thread::scope(|scope| {
        let throttle = &throttle;
        let guesses: Vec<_> = (0..100)
            .map(|number| scope.spawn(move || throttle.admit(&number.to_string(), HOME, Known::Nothing).is_ok()))
            .collect();
        guesses
            .into_iter()
            .map(|guess| usize::from(guess.join().unwrap()))
            .sum()
    });
    assert_eq!(admitted, 20);
}

#[test]
fn attackers_everywhere_delay_the_owner_and_do_not_keep_them_out() {
    let (throttle, time) = throttle();
    for number in 0..10 {
        assert!(fail(&throttle, "ann", Some(elsewhere(number))));
    }
    let attempt = throttle.admit("ann", HOME, Known::Nothing).unwrap();
    assert_eq!(attempt.delay, Duration::ZERO);
    throttle.undecided(&attempt);
    let mut longest = Duration::ZERO;
    for number in 0..10_000 {
        let attempt = throttle.admit("ann", Some(elsewhere(number)), Known::Nothing).unwrap();
        assert!(attempt.delay >= longest);
        longest = attempt.delay;
        throttle.failed(&attempt);
    }
    assert_eq!(longest, LONGEST_DELAY);
    let attempt = throttle.admit("ann", HOME, Known::Nothing).unwrap();
    assert_eq!(attempt.delay, LONGEST_DELAY);
    // Success does not wipe out what others did, but time does, within minutes.
    throttle.succeeded(&attempt);
    assert_eq!(
        throttle.admit("ann", HOME, Known::Nothing).unwrap().delay,
        LONGEST_DELAY
    );
    assert_eq!(
        throttle.admit("bob", HOME, Known::Nothing).unwrap().delay,
        Duration::ZERO
    );
    pass(&time, 35 * 30);
    assert_eq!(
        throttle.admit("ann", HOME, Known::Nothing).unwrap().delay,
        Duration::ZERO
    );
}

#[test]
fn a_known_browser_is_untouched_by_the_failures_of_others() {
    let (throttle, time) = throttle();
    let [browser, other] = [1, 2].map(|id| Known::Device(Uuid::from_u128(id)));
    for number in 0..1000 {
        fail(&throttle, "ann", HOME);
        fail(&throttle, "ann", Some(elsewhere(number)));
    }
    let attempt = throttle.admit("ann", HOME, browser).unwrap();
    assert!(attempt.is_trusted() && attempt.delay.is_zero());
    throttle.succeeded(&attempt);
    // Its own are counted, wherever it is, and do not count for others, nor for another browser of the account.
    for number in 0..5 {
        let attempt = throttle.admit("ann", Some(elsewhere(5000 + number)), browser).unwrap();
        throttle.failed(&attempt);
    }
    assert!(throttle.admit("ann", HOME, browser).is_err());
    assert!(throttle.admit("ann", HOME, other).unwrap().is_trusted());
    // Without a try of its own it has those of a stranger.
    let attempt = throttle.admit("ann", Some(elsewhere(6000)), browser).unwrap();
    assert!(!attempt.is_trusted());
    assert_eq!(attempt.delay, LONGEST_DELAY);
    pass(&time, 30);
    assert!(throttle.admit("ann", HOME, browser).unwrap().is_trusted());
}

#[test]
fn each_session_has_tries_of_its_own_for_changing_the_password() {
    let (throttle, time) = throttle();
    let id = Uuid::from_u128(1);
    let tried = |known| {
        throttle
            .admit("ann", HOME, known)
            .map(|attempt| throttle.failed(&attempt))
    };
    for _ in 0..5 {
        tried(Known::SignedIn(id)).unwrap();
    }
    // A session is refused then, and has no tries of a stranger besides.
    assert!(tried(Known::SignedIn(id)).is_err());
    assert!(tried(Known::SignedIn(Uuid::from_u128(2))).is_ok());
    assert!(tried(Known::Device(id)).is_ok());
    assert!(tried(Known::Nothing).is_ok());
    pass(&time, 30);
    assert!(tried(Known::SignedIn(id)).is_ok());
}

#[test]
fn what_was_not_looked_at_costs_no_try() {
    let (throttle, _) = throttle();
    for _ in 0..100 {
        throttle.undecided(&throttle.admit("ann", HOME, Known::Nothing).unwrap());
    }
    assert_eq!((0..9).filter(|_| fail(&throttle, "ann", HOME)).count(), 5);
    let counts = throttle.0.counts.lock().unwrap();
    assert_eq!((counts.pairs.0.len(), counts.addresses.0.len()), (1, 1));
}

#[test]
fn an_address_that_fills_the_queue_runs_out_of_tries() {
    let (throttle, _) = throttle();
    let turned_away = |address, known| {
        let admitted = throttle.admit("ann", address, known);
        admitted.map(|attempt| throttle.turned_away(&attempt)).is_ok()
    };
    assert_eq!((0..99).filter(|_| turned_away(HOME, Known::Nothing)).count(), 20);
    // Towards the account none was used, and somebody known has lost nothing.
    assert_eq!(throttle.0.counts.lock().unwrap().pairs.0.len(), 0);
    let browser = Known::Device(Uuid::from_u128(1));
    assert_eq!((0..99).filter(|_| turned_away(HOME, browser)).count(), 99);
}

#[test]
fn changing_the_network_within_a_site_gains_little() {
    let (throttle, time) = throttle();
    let address = |site: u128, network: u128| Some(Ipv6Addr::from_bits((site << 80) | (network << 64) | 1).into());
    let guesses = |from: u128| {
        let tried = (from..from + 1000)
            .filter(|number| fail(&throttle, &number.to_string(), address(0x2001_0db8_0001, *number)));
        tried.count()
    };
    assert_eq!(guesses(0), 100);
    assert_eq!(retry_after(&throttle, "ann", address(0x2001_0db8_0001, 5000)), 1);
    assert!(fail(&throttle, "ann", address(0x2001_0db8_0002, 0)));
    assert!(fail(&throttle, "ann", HOME));
    pass(&time, 10);
    assert_eq!(guesses(2000), 10);
    // Whoever succeeds there uses none up.
    pass(&time, 1);
    for number in 0..500 {
        let attempt = throttle.admit(
            &format!("user{number}"),
            address(0x2001_0db8_0001, 6000 + number),
            Known::Nothing,
        );
        throttle.succeeded(&attempt.unwrap());
    }
}

#[test]
fn an_address_is_a_network_in_version_six_and_itself_in_version_four() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(network(address("2001:db8:1:2:a:b:c:d")), address("2001:db8:1:2::"));
    assert_ne!(network(address("2001:db8:1:3::1")), network(address("2001:db8:1:2::1")));
    assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    let (throttle, _) = throttle();
    for host in 0..5 {
        assert!(fail(&throttle, "ann", Some(address(&format!("2001:db8::{host}")))));
    }
    assert!(!fail(&throttle, "ann", Some(address("2001:db8::ffff:1"))));
    // Those without an address are one.
    for _ in 0..5 {
        assert!(fail(&throttle, "ann", None));
    }
    assert!(!fail(&throttle, "ann", None));
}

#[test]
fn memory_is_bounded_and_what_counts_most_is_kept() {
    let (throttle, time) = throttle();
    for _ in 0..5 {
        fail(&throttle, "ann", HOME);
    }
    for number in 0..(MOST_ENTRIES + MOST_ENTRIES / 4) as u32 {
        fail(&throttle, &number.to_string(), Some(elsewhere(number)));
    }
    let lengths = |throttle: &SignInThrottle| {
        let counts = throttle.0.counts.lock().unwrap();
        [&counts.pairs, &counts.addresses, &counts.sites, &counts.accounts].map(|buckets| buckets.0.len())
    };
    assert!(lengths(&throttle).iter().all(|length| *length <= MOST_ENTRIES));
    assert!(!fail(&throttle, "ann", HOME));
    // Once all have recovered, they go.
    pass(&time, 3600);
    for number in 0..(MOST_ENTRIES / 4) as u32 {
        fail(&throttle, "bob", Some(elsewhere(1_000_000 + number)));
    }
    assert!(lengths(&throttle)[1] <= MOST_ENTRIES / 4);
}
