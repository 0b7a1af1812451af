//! Streams and whole answers to the same question share one call.

use crate::world::{Events, SAID, World, cache_status, settle, text_of, until};
use futures_util::future::join_all;
use serde_json::json;

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
        world.until_called(1).await;
        settle().await;
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

impl Events {
    async fn whole_with_status(self) -> (String, String, serde_json::Value) {
        let status = self.cache_status.clone();
        let (text, analysis) = self.whole().await;
        (status, text, analysis)
    }
}
