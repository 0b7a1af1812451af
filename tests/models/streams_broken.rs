//! A stream that breaks off after pieces of it were handed on: nobody else is asked, because two answers must not mix.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn after_a_piece_nobody_else_is_asked_whatever_goes_wrong() {
    for fault in [
        "content-filter",
        "context-in-stream",
        "error-in-stream",
        "reset-midway",
        "no-finish",
    ] {
        for kind in ["summary", "generation"] {
            let world = World::of_providers(&[fault, "plain"], |_| {}).await;
            world.prompt().await;
            let events = match kind {
                "summary" => world.follow_summary(json!({})).await,
                _ => world.follow_generation(json!({})).await,
            };
            let (text, (name, end)) = events.ok().unwrap().all().await;
            assert_eq!(
                (name.as_str(), &end["status"]),
                ("problem", &json!(502)),
                "{fault} {kind}"
            );
            assert!(text.starts_with("The answer of"), "{fault} {kind}: {text}");
            assert_eq!(world.upstream.counts(fault).calls, 1, "{fault} {kind} is asked again");
            assert_eq!(world.upstream.counts("plain").calls, 0, "{fault} {kind}");
        }
    }
}

/// Thoughts and marks are not handed on, so that the next one may still be asked.
#[tokio::test]
async fn what_nobody_has_seen_may_be_answered_by_another() {
    let world = World::of_providers(&["content-filter", "plain"], |_| {}).await;
    world
        .upstream
        .say(crate::upstream::Reply::text("<think>I had better not say"));
    let events = world.follow_summary(json!({})).await.ok().unwrap();
    let (text, analysis) = events.whole().await;
    assert_eq!((text.as_str(), &analysis["engine"]), (crate::world::SAID, &json!("b")));
}
