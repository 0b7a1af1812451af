//! Streams and whole answers to the same question share one call.

use crate::world::{Events, SAID, World, cache_status, text_of, until};
use futures_util::future::join_all;
use serde_json::json;
use synoptic::domain::{permissions::Scopes, principal::Reach};

const COLLAPSED: &str = "synoptic; fwd=miss; collapsed";

#[tokio::test]
async fn a_stream_joins_a_whole_answer_and_has_it_as_one_piece() {
    let world = World::new("plain").await;
    world.upstream.hold();
    let whole = world.summarize(json!({}));
    let streamed = async {
        world.until_called(1).await;
        world
            .follow_summary(json!({}))
            .await
            .ok()
            .unwrap()
            .whole_with_status()
            .await
    };
    let releasing = async {
        world.until_waiting(2).await;
        world.upstream.release();
    };
    let (whole, (status, text, analysis), ()) = tokio::join!(whole, streamed, releasing);
    assert_eq!(status, COLLAPSED);
    assert_eq!(cache_status(&whole), "synoptic; fwd=miss; stored");
    assert_eq!((text.as_str(), &analysis), (text_of(&whole.body), &whole.body));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn whole_answers_join_a_stream() {
    let world = World::new("drip-60").await;
    let mut events = world.follow_summary(json!({})).await.ok().unwrap();
    let first = events.next().await.unwrap().1["text"].as_str().unwrap().to_owned();
    let (wholes, (text, analysis)) = tokio::join!(join_all((0..5).map(|_| world.summarize(json!({})))), events.whole());
    assert_eq!(first + &text, SAID);
    for whole in &wholes {
        assert_eq!((cache_status(whole), &whole.body), (COLLAPSED, &analysis));
    }
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn of_two_who_follow_one_may_leave_and_one_may_come_late() {
    let world = World::new("drip-60").await;
    let mut first = world.follow_summary(json!({})).await.ok().unwrap();
    first.next().await.unwrap();
    first.next().await.unwrap();
    let late = world.follow_summary(json!({})).await.ok().unwrap();
    assert_eq!(late.cache_status, COLLAPSED);
    drop(first);
    let (text, analysis) = late.whole().await;
    assert_eq!((text.as_str(), text_of(&analysis)), (SAID, SAID));
    assert_eq!(world.calls(), 1);
    until("the connection is idle or closed", || {
        world.upstream.open_connections() <= 1
    })
    .await;
    assert_eq!(world.used().await["cache_hits"], 1);
}

#[tokio::test]
async fn a_hundred_followers_have_the_same_pieces() {
    let world = World::new("drip-60").await;
    let following = (0..100).map(|_| async {
        world
            .follow_summary(json!({}))
            .await
            .ok()
            .unwrap()
            .whole_with_status()
            .await
    });
    let answers = join_all(following).await;
    assert_eq!(world.calls(), 1);
    assert!(
        answers
            .iter()
            .all(|(_, text, analysis)| text == SAID && analysis == &answers[0].2)
    );
    assert_eq!(answers.iter().filter(|(status, ..)| status == COLLAPSED).count(), 99);
}

#[tokio::test]
async fn a_whole_answer_is_not_lost_with_a_stream_that_breaks_off() {
    let world = World::of_providers(&["reset-midway", "plain"], |_| {}).await;
    world.upstream.hold();
    let streamed = async { world.follow_summary(json!({})).await.ok().unwrap().all().await };
    let whole = async {
        world.until_called(1).await;
        tokio::join!(world.summarize(json!({})), world.summarize(json!({})))
    };
    let releasing = async {
        world.until_waiting(3).await;
        world.upstream.release();
    };
    let ((_, (end, problem)), wholes, ()) = tokio::join!(streamed, whole, releasing);
    assert_eq!((end.as_str(), &problem["status"]), ("problem", &json!(502)));
    for whole in [&wholes.0, &wholes.1] {
        assert_eq!(
            (whole.status, &whole.body["engine"]),
            (200, &json!("b")),
            "{}",
            whole.text
        );
    }
    // They set out together again.
    assert_eq!(wholes.0.body, wholes.1.body);
    assert_eq!(
        (
            world.upstream.counts("reset-midway").calls,
            world.upstream.counts("plain").calls
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn a_whole_answer_does_not_wait_for_a_stream_beyond_its_own_time() {
    let world = World::with(&["stall-after-3"], |config| config.server.request_timeout_seconds = 5).await;
    let mut events = world.follow_summary(json!({})).await.ok().unwrap();
    events.next().await.unwrap();
    let whole = world.summarize(json!({})).await;
    let body = &whole.ok().body;
    assert_eq!((&body["engine"], &body["degraded"]), (&json!("embedded"), &json!(true)));
    // Nobody was asked a second time for it, and the stream goes on.
    assert_eq!((cache_status(&whole), world.calls()), ("synoptic; fwd=miss", 1));
    world.until_waiting(1).await;
    drop(events);
    until("the call ended", || world.upstream.open_connections() == 0).await;
}

#[tokio::test]
async fn a_stream_sets_out_by_itself_when_a_whole_answer_fails() {
    let world = World::new("failing-1").await;
    world.upstream.hold();
    let named = json!({"engine": "upstream"});
    let streamed = async {
        world.until_called(1).await;
        let events = world.follow_summary(named.clone()).await.ok().unwrap();
        events.whole_with_status().await
    };
    let releasing = async {
        world.until_waiting(2).await;
        world.upstream.release();
    };
    let (whole, (status, text, _), ()) = tokio::join!(world.summarize(named.clone()), streamed, releasing);
    whole.problem(502, "upstream");
    assert_eq!((status.as_str(), text.as_str()), ("synoptic; fwd=miss", SAID));
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_stream_after_somebody_elses_empty_purse_is_its_own() {
    let world = World::new("plain").await;
    let (key, poor) = world.key_with(Scopes::ALL, Reach::Everything).await;
    let budget = json!({"name": "Purse", "subject": "key", "subject_id": key.row.id.0.to_string(),
                        "unit": "microdollars", "amount": 0, "window": "day"});
    world.post("/api/budgets", budget).await.created();
    let server =
        json!({"name": "All", "subject": "server", "unit": "microdollars", "amount": 1_000_000, "window": "day"});
    world.post("/api/budgets", server).await.created();
    // Whether the stream comes along with the one who cannot pay or sets out first: it is the one that is paid for.
    for sentences in 1..=5 {
        let wanted = json!({"sentences": sentences});
        let refused = world.summarize_as(&poor, wanted.clone());
        let (_, events) = tokio::join!(refused, world.follow_summary(wanted));
        let events = events.ok().unwrap();
        assert_eq!(events.cache_status, "synoptic; fwd=miss");
        let left = events.budget.as_deref().unwrap_or_default();
        assert!(left.contains("\"All\""), "{left}");
        events.whole().await;
    }
}

impl Events {
    async fn whole_with_status(self) -> (String, String, serde_json::Value) {
        let status = self.cache_status.clone();
        let (text, analysis) = self.whole().await;
        (status, text, analysis)
    }
}
