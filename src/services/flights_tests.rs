use super::*;
use crate::domain::{Timestamp, budget_left::BudgetLeft, identifiers::ApiKeyId};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

const KEY: FlightKey = FlightKey {
    question: [7; 32],
    max_age: None,
    falls_back: false,
};

const ME: Leader = Leader {
    payer: Payer {
        key: None,
        user: None,
        collection: None,
    },
    streams: false,
    deadline: None,
    time: None,
};

#[tokio::test]
async fn many_fly_together_and_land_alike() {
    let flights: Flights<usize> = Flights::new(TaskTracker::new());
    let begun = Arc::new(AtomicUsize::new(0));
    let mut rides: Vec<Ride<usize>> = (0..100)
        .map(|_| {
            let begun = Arc::clone(&begun);
            flights.board(Some(KEY), ME, Company::default(), |crew| async move {
                begun.fetch_add(1, Ordering::SeqCst);
                (crew.pieces)("one ");
                tokio::time::sleep(Duration::from_millis(20)).await;
                (crew.pieces)("two");
                Ok(5)
            })
        })
        .collect();
    assert_eq!(rides.iter().filter(|ride| ride.joined.is_some()).count(), 99);
    for ride in &mut rides {
        let mut text = String::new();
        let landed = loop {
            match ride.next().await {
                Step::Piece(piece) => text.push_str(&piece),
                Step::Landed(outcome) => break outcome,
            }
        };
        assert_eq!((text.as_str(), landed.unwrap()), ("one two", 5));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    // What has landed is not joined any more.
    assert!(
        flights
            .board(Some(KEY), ME, Company::default(), |_| async { Ok(6) })
            .joined
            .is_none()
    );
}

#[tokio::test]
async fn a_failure_reaches_everybody_and_the_next_one_tries_again() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let failing = |_: Crew| async {
        tokio::task::yield_now().await;
        Err(Error::Conflict("no".to_owned()))
    };
    let mut rides: Vec<_> = (0..3)
        .map(|_| flights.board(Some(KEY), ME, Company::default(), failing))
        .collect();
    for ride in &mut rides {
        assert!(matches!(ride.landed().await, Err(Error::Conflict(_))));
    }
    assert_eq!(
        flights
            .board(Some(KEY), ME, Company::default(), |_| async { Ok(1) })
            .landed()
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn it_goes_on_until_the_last_one_has_gone() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let (said, given_up) = tokio::sync::oneshot::channel();
    let work = |crew: Crew| async move {
        crew.cancel.cancelled().await;
        said.send(()).unwrap();
        Ok(0)
    };
    let first = flights.board(Some(KEY), ME, Company::default(), work);
    let second = flights.board(Some(KEY), ME, Company::default(), |_| async { Ok(1) });
    assert!(second.joined.is_some());
    drop(first);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(
        flights
            .board(Some(KEY), ME, Company::default(), |_| async { Ok(2) })
            .joined
            .is_some(),
        "it was given up too early"
    );
    drop(second);
    given_up.await.unwrap();
    // Nobody joins what was given up.
    assert!(
        flights
            .board(Some(KEY), ME, Company::default(), |_| async { Ok(3) })
            .joined
            .is_none()
    );
}

#[tokio::test]
async fn work_that_breaks_off_is_a_failure() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let mut ride = flights.board(Some(KEY), ME, Company::default(), |_| async {
        panic!("a fault of ours")
    });
    assert!(matches!(ride.landed().await, Err(Error::Internal { .. })));
    // Nobody joins it, and nothing of it is left.
    assert!(flights.under_way.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_was_refused_with_others_keeps_to_their_own_payer_and_is_joined_all_the_same() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let payer = |key| Leader {
        payer: Payer {
            key: Some(key),
            ..ME.payer
        },
        ..ME
    };
    let (poor, rich) = (payer(ApiKeyId::generate()), payer(ApiKeyId::generate()));
    let refused = |_: Crew| async {
        tokio::task::yield_now().await;
        let at = Timestamp::from_unix_seconds(0);
        Err(Error::OverBudget {
            message: "no".to_owned(),
            budget: BudgetLeft::new("theirs".to_owned(), "tokens", 0, at, at),
            retry_after: None,
        })
    };
    let mut company = Company::default();
    for _ in 0..MOST_COMPANIONS {
        let mut leading = flights.board(Some(KEY), poor, Company::default(), refused);
        let mut own = flights.board(Some(KEY), poor, Company::default(), refused);
        let mut joining = flights.board(Some(KEY), rich, company, |_| async { Ok(1) });
        assert_eq!(joining.joined, Some(poor));
        let error = joining.landed().await.unwrap_err();
        company = company.after(&joining, &error).unwrap();
        // Those of the same payer would be refused themselves.
        for ride in [&mut leading, &mut own] {
            let error = ride.landed().await.unwrap_err();
            assert_eq!(Company::default().after(ride, &error), None);
        }
    }
    let _poor = flights.board(Some(KEY), poor, Company::default(), |_| std::future::pending());
    let first = flights.board(Some(KEY), rich, company, |_| std::future::pending());
    assert_eq!(first.joined, None);
    for company in [company, Company::default()] {
        let next = flights.board(Some(KEY), rich, company, |_| async { Ok(3) });
        assert_eq!(next.joined, Some(rich));
    }
}

#[tokio::test]
async fn after_a_failure_of_the_other_way_of_answering_only_the_same_way_will_do() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let stream = Leader { streams: true, ..ME };
    let failing = |_: Crew| async {
        Err(Error::Upstream {
            message: "it broke off".to_owned(),
            retry_after: None,
        })
    };
    let mut first = flights.board(Some(KEY), stream, Company::default(), failing);
    let mut joining = flights.board(Some(KEY), ME, Company::default(), |_| async { Ok(1) });
    let error = joining.landed().await.unwrap_err();
    let company = Company::default().after(&joining, &error).unwrap();
    let error = first.landed().await.unwrap_err();
    assert_eq!(Company::default().after(&first, &error), None, "it was its own");
    let _stream = flights.board(Some(KEY), stream, Company::default(), |_| std::future::pending());
    let mut own = flights.board(Some(KEY), ME, company, failing);
    let mut other = flights.board(Some(KEY), ME, company, |_| async { Ok(2) });
    assert_eq!((own.joined, other.joined), (None, Some(ME)));
    for ride in [&mut own, &mut other] {
        let error = ride.landed().await.unwrap_err();
        assert_eq!(company.after(ride, &error), None, "once is enough");
    }
}

#[tokio::test]
async fn nobody_comes_along_with_those_who_began_with_far_less_time() {
    let flights: Flights<u8> = Flights::new(TaskTracker::new());
    let within = |seconds| {
        let time = Duration::from_secs(seconds);
        Leader {
            deadline: Some(Instant::now() + time),
            time: Some(time),
            ..ME
        }
    };
    let board = |leader| flights.board(Some(KEY), leader, Company::default(), |_| std::future::pending());
    let hurried = board(within(2));
    let patient = board(within(120));
    assert_eq!(patient.joined, None);
    // Those who have as little come along with either; those who have the time, with the patient one.
    assert!(board(within(3)).joined.is_some());
    assert_eq!(
        board(within(100)).joined.and_then(|leader| leader.time),
        Some(Duration::from_mins(2))
    );
    drop((hurried, patient));
}
