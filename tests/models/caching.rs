//! What was answered before is given again, for as long and as often as it may be.

use crate::{
    upstream::Reply,
    world::{TEXT, World, cache_status, provider},
};
use serde_json::json;
use std::time::Duration;

const MISS: &str = "synoptic; fwd=miss; stored";
const HIT: &str = "synoptic; hit; detail=memory";

#[tokio::test]
async fn a_hit_is_the_same_analysis_and_costs_nothing() {
    let world = World::new("plain").await;
    let first = world.summarize(json!({})).await;
    assert_eq!(cache_status(&first), MISS);
    let cost = first.body["usage"]["cost_microdollars"].as_i64().unwrap();
    assert!(cost > 0);
    for _ in 0..3 {
        let again = world.summarize(json!({})).await;
        assert_eq!(cache_status(&again), HIT);
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("synoptic-budget"), None);
    }
    assert_eq!(world.calls(), 1);
    assert_eq!(world.get("/api/analyses").await.items().len(), 1);
    let used = world.used().await;
    assert_eq!(
        (
            &used["calls"],
            &used["cost_microdollars"],
            &used["cache_hits"],
            &used["saved_microdollars"]
        ),
        (&json!(1), &json!(cost), &json!(3), &json!(3 * cost))
    );
    assert!((world.metric("synoptic_cache_hits_total{tier=\"memory\"}").await - 3.0).abs() < 0.1);
}

#[tokio::test]
async fn each_mode_reads_and_keeps_as_it_says() {
    let world = World::new("plain").await;
    let ask = async |mode: &str| {
        let answer = world.summarize(json!({"cache": mode})).await;
        (cache_status(&answer).to_owned(), answer.body["id"].clone())
    };
    // Nothing is kept yet, and these keep nothing.
    assert_eq!(ask("off").await.0, "synoptic; fwd=bypass");
    assert_eq!(ask("read_only").await.0, "synoptic; fwd=miss");
    assert_eq!(ask("read_only").await.0, "synoptic; fwd=miss");
    assert_eq!(world.calls(), 3);
    let (status, first) = ask("on").await;
    assert_eq!((status.as_str(), world.calls()), (MISS, 4));
    assert_eq!(ask("read_only").await, (HIT.to_owned(), first.clone()));
    assert_eq!(ask("on").await, (HIT.to_owned(), first.clone()));
    assert_eq!(ask("off").await.0, "synoptic; fwd=bypass");
    assert_eq!(world.calls(), 5);
    // A new one takes the place of the old one.
    world.tick();
    let (status, second) = ask("write_only").await;
    assert_eq!((status.as_str(), world.calls()), ("synoptic; fwd=bypass; stored", 6));
    assert_ne!(first, second);
    assert_eq!(ask("on").await, (HIT.to_owned(), second));
}

#[tokio::test]
async fn an_answer_is_given_again_for_as_long_as_it_may_be() {
    let world = World::with(&["plain"], |config| config.cache.ttl_seconds = 100).await;
    let first = world.summarize(json!({})).await;
    world.let_pass(Duration::from_mins(1));
    assert_eq!(cache_status(&world.summarize(json!({"max_age": 60})).await), HIT);
    assert_eq!(cache_status(&world.summarize(json!({"max_age": 1000})).await), HIT);
    let fresh = world.summarize(json!({"max_age": 59})).await;
    assert_eq!(cache_status(&fresh), "synoptic; fwd=request; stored");
    assert_ne!(fresh.body["id"], first.body["id"]);
    // The fresh one is given now, until it is too old.
    world.let_pass(Duration::from_secs(100));
    assert_eq!(world.summarize(json!({})).await.body["id"], fresh.body["id"]);
    world.let_pass(Duration::from_secs(1));
    assert_eq!(cache_status(&world.summarize(json!({})).await), MISS);
    assert_eq!(world.calls(), 3);
    world
        .summarize(json!({"cache": "off", "max_age": 5}))
        .await
        .invalid_at(&["/max_age"]);
}

#[tokio::test]
async fn after_a_restart_the_database_answers_and_then_memory() {
    let World { app, upstream } = World::new("plain").await;
    let world = World { app, upstream };
    let first = world.summarize(json!({})).await.ok().body.clone();
    let World { app, upstream } = world;
    let settings = provider("upstream", &upstream.base_url(), &["plain"], json!({}));
    let app = app.restart_with(|config| config.providers.push(settings)).await;
    let world = World { app, upstream };
    let again = world.summarize(json!({})).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=database");
    assert_eq!(again.body, first);
    assert_eq!(cache_status(&world.summarize(json!({})).await), HIT);
    assert_eq!(world.calls(), 1);
    let used = world.used().await;
    assert_eq!((&used["calls"], &used["cache_hits"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn memory_has_its_bound_and_the_database_what_was_pushed_out() {
    let world = World::with(&["plain"], |config| config.cache.memory_bytes = 10_000).await;
    for number in 0..20 {
        let answer = world
            .summarize(json!({"text": format!("{TEXT} This is number {number}.")}))
            .await;
        assert_eq!(cache_status(&answer), MISS);
    }
    let (count, bytes) = world.services.cache.size().await;
    assert!(
        (1..10).contains(&count) && bytes <= 10_000,
        "{count} answers, {bytes} bytes"
    );
    let mut tiers = Vec::new();
    for number in 0..20 {
        let answer = world
            .summarize(json!({"text": format!("{TEXT} This is number {number}.")}))
            .await;
        tiers.push(cache_status(&answer).to_owned());
    }
    assert!(tiers.iter().all(|tier| tier.contains("hit")), "{tiers:?}");
    assert!(tiers.iter().any(|tier| tier.contains("database")), "{tiers:?}");
    assert_eq!(world.calls(), 20);
}

#[tokio::test]
async fn answers_that_stand_in_for_others_are_not_kept() {
    // The provider fails at first, and the embedded engine steps in.
    let world = World::new("failing-2").await;
    for _ in 0..2 {
        let answer = world.summarize(json!({})).await;
        assert_eq!(cache_status(&answer), "synoptic; fwd=miss");
        assert_eq!(answer.body["degraded"], true, "{}", answer.text);
    }
    let answer = world.summarize(json!({})).await;
    assert_eq!((cache_status(&answer), &answer.body["degraded"]), (MISS, &json!(false)));
    assert_eq!(cache_status(&world.summarize(json!({})).await), HIT);
    assert_eq!(world.calls(), 3);
    let embedded = world.summarize(json!({"engine": "embedded"})).await;
    assert_eq!(cache_status(&embedded), "synoptic; fwd=bypass; detail=embedded");
}

#[tokio::test]
async fn an_answer_that_was_no_use_is_not_kept() {
    let world = World::new("plain").await;
    for _ in 0..2 {
        world.upstream.say(Reply::text(" "));
        world.upstream.say(Reply::text("\n"));
        let answer = world.summarize(json!({"engine": "upstream"})).await;
        answer.problem(502, "upstream");
    }
    assert_eq!(world.calls(), 4);
    assert_eq!(cache_status(&world.summarize(json!({})).await), MISS);
}
