//! Time: what is waited for, for how long, and what happens when nobody wants to wait any more.

use crate::support::{World, context, failed, listening, request, unavailable};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use synoptic::engines::{
    chat::FailureKind,
    provider::{BreakerState, UnavailableReason},
};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn a_slow_answer_may_take_its_time_but_not_for_ever() {
    // 11 pieces, one every 700 ms: below the silence that is borne, above the time for all of it.
    let settings = json!({"silence_timeout_seconds": 3, "timeout_seconds": 1});
    let world = World::with("drip-700", &settings).await;
    let began = Instant::now();
    let (failure, usage) = world.fail().await;
    assert_eq!(failure.kind, FailureKind::TimedOut);
    // All pieces would take 7.7 s.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    world.wait_until_disconnected().await;
    assert_eq!(usage.tokens.output, world.upstream.total().output);
    let world = World::with("drip-20", &settings).await;
    world.ask().await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_once_and_is_booked() {
    for (model, streaming, output) in [
        ("stall-after-3", true, true),
        ("hang", true, false),
        ("hang", false, true),
    ] {
        let world = Arc::new(World::with(model, &json!({ "streaming": streaming })).await);
        let context = context();
        let cancel = context.cancel.clone();
        let asking = Arc::clone(&world);
        let tasks = tokio_util::task::TaskTracker::new();
        let call = tasks.spawn(async move { asking.chat(&request(), &context).await });
        while world.upstream.total().input == 0 {
            sleep(Duration::from_millis(2)).await;
        }
        sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        cancel.cancel();
        let (failure, usage) = failed(call.await.unwrap());
        assert_eq!(failure.kind, FailureKind::Cancelled);
        world.wait_until_disconnected().await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let counts = world.upstream.total();
        // Of an answer in one piece nothing is seen, so that all of it counts.
        let sent = if streaming { counts.output } else { 50 };
        assert_eq!(
            (usage.tokens.input, usage.tokens.output),
            (counts.input, sent),
            "{model}"
        );
        assert_eq!(usage.tokens.output > 0, output, "{model}");
        assert!(usage.estimated);
        assert_eq!(usage.calls, 1);
        world.books.are_closed();
        assert_eq!(world.provider.state(), BreakerState::Closed);
    }
}

#[tokio::test]
async fn a_provider_is_left_alone_that_says_nothing_until_nobody_waits_any_more() {
    for (model, settings, state) in [
        ("hang", json!({"first_piece_timeout_seconds": 1}), BreakerState::Open),
        (
            "stall-after-3",
            json!({"first_piece_timeout_seconds": 1}),
            BreakerState::Closed,
        ),
        // There the first piece is the whole answer, which may take long.
        (
            "hang",
            json!({"first_piece_timeout_seconds": 1, "streaming": false}),
            BreakerState::Closed,
        ),
        (
            "hang",
            json!({"timeout_seconds": 1, "streaming": false}),
            BreakerState::Open,
        ),
    ] {
        let mut settings = settings;
        settings["retries"] = json!(0);
        let world = World::with(model, &settings).await;
        let asking = (0..5).map(|_| async {
            let context = context();
            let giving_up = async {
                sleep(Duration::from_millis(700)).await;
                context.cancel.cancel();
            };
            let request = request();
            let (outcome, ()) = tokio::join!(world.chat(&request, &context), giving_up);
            assert_eq!(failed(outcome).0.kind, FailureKind::Cancelled);
        });
        futures_util::future::join_all(asking).await;
        assert_eq!(world.provider.state(), state, "{model} with {settings}");
        world.books.are_closed();
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_before_it_began_costs_nothing() {
    let world = World::new("ok").await;
    let context = context();
    context.cancel.cancel();
    let (failure, usage) = failed(world.chat(&request(), &context).await);
    assert_eq!(failure.kind, FailureKind::Cancelled);
    assert_eq!((usage.tokens.total(), world.calls()), (0, 0));
    world.books.are_closed();
}

#[tokio::test]
async fn what_was_heard_before_giving_up_is_reported_as_begun() {
    let world = Arc::new(World::new("stall-after-3").await);
    let (context, heard) = listening();
    let cancel = context.cancel.clone();
    let giving_up = async {
        while heard.lock().unwrap().len() < 3 {
            sleep(Duration::from_millis(2)).await;
        }
        cancel.cancel();
    };
    let request = request();
    let (outcome, ()) = tokio::join!(world.chat(&request, &context), giving_up);
    let (failure, _) = failed(outcome);
    assert!(failure.began);
    assert_eq!(failure.kind, FailureKind::Cancelled);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_until_a_probe_succeeds() {
    let world = World::with("failing-6", &json!({"retries": 0})).await;
    for _ in 0..5 {
        assert_eq!(world.provider.state(), BreakerState::Closed);
        world.fail().await;
    }
    assert_eq!(world.provider.state(), BreakerState::Open);
    let refused = unavailable(world.ask().await);
    assert_eq!(refused.reason, UnavailableReason::LeftAlone);
    assert_eq!(world.calls(), 5, "nothing is sent");
    sleep(Duration::from_millis(2_050)).await;
    world.fail().await;
    assert_eq!((world.provider.state(), world.calls()), (BreakerState::Open, 6));
    sleep(Duration::from_millis(4_050)).await;
    world.ask().await.unwrap();
    assert_eq!(world.provider.state(), BreakerState::Closed);
    world.books.are_closed();
}

#[tokio::test]
async fn refusals_of_a_request_do_not_speak_against_the_provider() {
    for model in ["context-exceeded", "status-422"] {
        let world = World::new(model).await;
        for _ in 0..8 {
            world.fail().await;
        }
        assert_eq!(world.provider.state(), BreakerState::Closed, "{model}");
    }
}

#[tokio::test]
async fn a_provider_that_asks_for_a_long_pause_gets_it() {
    let world = World::with("retry-after-2", &json!({"longest_wait_seconds": 1})).await;
    let (failure, usage) = world.fail().await;
    let retry_after = Some(Duration::from_secs(2));
    assert_eq!(failure.kind, FailureKind::RateLimited { retry_after });
    assert_eq!(usage.calls, 1);
    assert_eq!(world.provider.state(), BreakerState::Open);
    let refused = unavailable(world.ask().await);
    assert!(
        refused.retry_after.is_some_and(|rest| rest <= Duration::from_secs(2)),
        "{refused:?}"
    );
    assert_eq!(world.calls(), 1);
    sleep(Duration::from_millis(2_010)).await;
    world.ask().await.unwrap();
}

/// Two calls, of which the first is told to wait: the second one waits along, whether it comes later or waits for its turn.
#[tokio::test]
async fn a_pause_that_one_call_is_asked_for_is_kept_by_all() {
    for concurrency in [1, 8] {
        let settings = json!({"longest_wait_seconds": 2, "concurrency": concurrency});
        let world = World::with("retry-after-1", &settings).await;
        let began = Instant::now();
        let second = async {
            if concurrency > 1 {
                while world.provider.state() == BreakerState::Closed {
                    sleep(Duration::from_millis(2)).await;
                }
            }
            world.ask().await
        };
        let watching = async {
            sleep(Duration::from_millis(800)).await;
            world.calls()
        };
        let (first, second, calls) = tokio::join!(world.ask(), second, watching);
        assert_eq!((first.unwrap().usage.calls, second.unwrap().usage.calls), (2, 1));
        assert_eq!(calls, 1, "the second call was sent in the pause");
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!((world.calls(), world.provider.state()), (3, BreakerState::Closed));
        world.books.are_closed();
    }
}

#[tokio::test]
async fn a_pause_that_is_too_long_turns_away_those_that_wait_for_their_turn() {
    let settings = json!({"longest_wait_seconds": 1, "concurrency": 1});
    let world = World::with("retry-after-30", &settings).await;
    let (first, second) = tokio::join!(world.ask(), world.ask());
    assert_eq!(failed(first).0.kind.name(), "rate_limited");
    let second = unavailable(second);
    assert_eq!(second.reason, UnavailableReason::LeftAlone);
    assert!(
        second.retry_after.is_some_and(|rest| rest > Duration::from_secs(25)),
        "{second:?}"
    );
    assert_eq!(world.calls(), 1);
    // Nor does a pause that would outlast the call's own time begin.
    let settings = json!({"longest_wait_seconds": 60, "timeout_seconds": 10});
    let world = World::with("retry-after-30", &settings).await;
    world.fail().await;
    let began = Instant::now();
    let refused = unavailable(world.ask().await);
    assert!(
        refused.retry_after.is_some_and(|rest| rest > Duration::from_secs(20)),
        "{refused:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(world.turned_away(), [UnavailableReason::LeftAlone]);
}

#[tokio::test]
async fn a_call_that_waits_out_a_pause_can_be_given_up() {
    let world = World::with("retry-after-5", &json!({"longest_wait_seconds": 10})).await;
    let first = context();
    let second = context();
    let giving_up = async {
        while world.provider.state() == BreakerState::Closed {
            sleep(Duration::from_millis(2)).await;
        }
        sleep(Duration::from_millis(50)).await;
        first.cancel.cancel();
        second.cancel.cancel();
    };
    let late = async {
        while world.provider.state() == BreakerState::Closed {
            sleep(Duration::from_millis(2)).await;
        }
        world.chat(&request(), &second).await
    };
    let request = request();
    let began = Instant::now();
    let (one, two, ()) = tokio::join!(world.chat(&request, &first), late, giving_up);
    for outcome in [one, two] {
        assert_eq!(failed(outcome).0.kind, FailureKind::Cancelled);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(world.calls(), 1);
    world.books.are_closed();
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_may_be_and_no_more_wait_than_can() {
    let world = World::with("hang", &json!({"concurrency": 2, "timeout_seconds": 1})).await;
    let request = request();
    let context = context();
    let calls = (0..80).map(|_| world.chat(&request, &context));
    let watching = async {
        sleep(Duration::from_millis(700)).await;
        world.calls()
    };
    let (outcomes, under_way) = tokio::join!(futures_util::future::join_all(calls), watching);
    assert_eq!(under_way, 2);
    let mut reasons = [0, 0, 0];
    for outcome in outcomes {
        match outcome {
            Err(synoptic::engines::provider::CallError::Failed(failure, _)) => {
                assert_eq!(failure.kind, FailureKind::TimedOut);
                reasons[0] += 1;
            }
            other => match unavailable(other).reason {
                UnavailableReason::QueueFull => reasons[1] += 1,
                UnavailableReason::NoTurn => reasons[2] += 1,
                UnavailableReason::LeftAlone => panic!("two failures are not enough"),
            },
        }
    }
    // 2 places, 64 that may wait, and 14 too many. Where polling 80 calls takes long, some of the 64 begin in their last moments.
    assert_eq!(reasons[1], 14);
    assert_eq!(reasons[0] + reasons[2], 66);
    assert!(reasons[0] >= 2, "{reasons:?}");
    world.books.are_closed();
}

#[tokio::test]
async fn a_turn_that_comes_too_late_does_not_speak_against_the_provider() {
    // One call after the other, 2.2 s each: the second has 0.8 s left when its turn comes, and the third none.
    let settings = json!({"concurrency": 1, "timeout_seconds": 3});
    let world = World::with("drip-200", &settings).await;
    for _ in 0..3 {
        let (first, second, third) = tokio::join!(world.ask(), world.ask(), world.ask());
        first.unwrap();
        assert_eq!(failed(second).0.kind, FailureKind::TimedOut);
        assert_eq!(unavailable(third).reason, UnavailableReason::NoTurn);
    }
    assert_eq!((world.provider.state(), world.calls()), (BreakerState::Closed, 6));
    world.books.are_closed();
}

#[tokio::test]
async fn calls_begin_no_faster_than_they_may() {
    // Three at once, and then one every 61/28 s.
    let world = World::with("ok", &json!({"requests_per_minute": 30, "timeout_seconds": 10})).await;
    let began = Instant::now();
    for _ in 0..4 {
        world.ask().await.unwrap();
    }
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(world.calls(), 4);
    // One at once, and then one every 61/3 s: that the turn comes too late is clear at once.
    let world = World::with("ok", &json!({"requests_per_minute": 3, "timeout_seconds": 10})).await;
    world.ask().await.unwrap();
    let began = Instant::now();
    assert_eq!(unavailable(world.ask().await).reason, UnavailableReason::NoTurn);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(world.calls(), 1);
}
