//! Who is asked, in which order, and what becomes of failures.

use crate::world::{TEXT, World, cache_status, provider};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use synoptic::config::{Config, Route};

fn route(engines: &[&str], fields: &Value) -> Route {
    let mut route = json!({"engines": engines});
    route
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    serde_json::from_value(route).unwrap()
}

/// Nothing that only the provider, its operator or the author of the text may know.
#[track_caller]
fn assert_readable(reason: &str) {
    for secret in [
        "http",
        "127.0.0.1",
        "quote",
        "sk-",
        "parcel",
        "Leipzig",
        "{",
        "scripted",
    ] {
        assert!(!reason.contains(secret), "{secret:?} in {reason:?}");
    }
    assert!(reason.contains("the provider `a`"), "{reason}");
}

#[tokio::test]
async fn after_every_fault_the_next_one_is_asked() {
    let faults = [
        "status-500",
        "status-503",
        "status-400",
        "status-404",
        "unauthorized",
        "context-exceeded",
        "rate-limited-9",
        "retry-after-30",
        "reset-before",
        "reset-midway",
        "truncated-json",
        "error-in-stream",
        "no-finish",
        "content-filter",
        "redirect",
        "endless-refusal",
        "endless-line",
    ];
    for fault in faults {
        let world = World::of_providers(&[fault, "plain"], |_| {}).await;
        let answer = world.summarize(json!({})).await;
        let body = &answer.ok().body;
        assert_eq!(
            (&body["engine"], &body["model"], &body["degraded"]),
            (&json!("b"), &json!("plain"), &json!(false)),
            "{fault}"
        );
        assert!(world.upstream.counts(fault).calls >= 1);
        // What the first one used is part of what the answer cost.
        let calls = body["usage"]["calls"].as_i64().unwrap();
        if fault == "context-exceeded" {
            // Parts of the text that were given up on their way may not have come to it.
            assert!(calls >= world.calls(), "{fault}");
        } else {
            assert_eq!(calls, world.calls(), "{fault}");
        }

        let world = World::of_providers(&[fault], |_| {}).await;
        let answer = world.summarize(json!({})).await;
        let body = &answer.ok().body;
        assert_eq!(
            (&body["engine"], &body["degraded"]),
            (&json!("embedded"), &json!(true)),
            "{fault}"
        );
        assert_readable(body["degraded_reason"].as_str().unwrap());

        let refused = world.summarize(json!({"engine": "a"})).await;
        assert_readable(refused.problem(502, "upstream")["detail"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_provider_that_hangs_or_is_not_there_is_passed_over() {
    let world = World::of_providers(&["hang", "plain"], |config: &mut Config| {
        config.providers[0].first_piece_timeout_seconds = 1;
        config
            .providers
            .insert(1, provider("gone", "http://127.0.0.1:9/v1", &["plain"], json!({})));
    })
    .await;
    let answer = world.summarize(json!({})).await;
    assert_eq!(answer.ok().body["engine"], "b");
    world
        .summarize(json!({"engine": "gone"}))
        .await
        .problem(502, "upstream");
}

#[tokio::test]
async fn all_are_asked_in_their_order_and_the_reason_names_each() {
    let world = World::of_providers(&["status-500", "unauthorized", "context-exceeded"], |_| {}).await;
    let answer = world.summarize(json!({})).await;
    let reason = answer.ok().body["degraded_reason"].as_str().unwrap();
    assert_eq!(
        reason,
        "the provider `a` failed; the provider `b` does not accept the configured key; the provider `c` cannot take a text \
         of this length"
    );
}

#[tokio::test]
async fn a_route_may_end_without_the_embedded_engine() {
    let world = World::of_providers(&["retry-after-7", "status-500"], |config| {
        config.routes.default = Some(route(&["a", "b"], &json!({"fallback": false})));
        config.routes.classification = Some(route(&["b", "embedded"], &json!({})));
    })
    .await;
    let refused = world.summarize(json!({})).await;
    assert_readable(refused.problem(502, "upstream")["detail"].as_str().unwrap());
    assert_eq!(refused.header("retry-after"), Some("7"));
    let labels = json!([{"name": "Late"}, {"name": "Lost"}]);
    let classified = world
        .post("/api/classify", json!({"text": TEXT, "labels": labels}))
        .await;
    assert_eq!(classified.ok().body["degraded"], true);
    assert_eq!(world.upstream.counts("retry-after-7").calls, 1);
}

#[tokio::test]
async fn a_provider_that_is_named_answers_or_nobody_does() {
    let world = World::of_providers(&["retry-after-30", "plain"], |_| {}).await;
    for again in 0..2 {
        let refused = world.summarize(json!({"engine": "a"})).await;
        let problem = refused.problem(502, "upstream");
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((28..=30).contains(&wait), "{wait}");
        assert_eq!(problem["retry_after"], wait);
        // It has asked for a pause, and has it.
        assert_eq!(world.upstream.counts("retry-after-30").calls, 1, "{again}");
    }
    assert_eq!(world.upstream.counts("plain").calls, 0);
    assert_eq!(
        world.summarize(json!({"engine": "b/plain"})).await.ok().body["engine"],
        "b"
    );
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named_with_those_that_are() {
    let world = World::of_providers(&["plain", "other"], |_| {}).await;
    world.prompt().await;
    for (engine, words) in [
        ("nowhere", "`auto`, `embedded`, `a`, `b`"),
        ("a/other", "`plain`"),
        ("A", "`a`"),
    ] {
        let refused = world.summarize(json!({"engine": engine})).await;
        let problem = refused.invalid_at(&["/engine"]);
        assert!(
            problem["errors"][0]["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
        world.generate(json!({"engine": engine})).await.invalid_at(&["/engine"]);
    }
    assert_eq!(world.calls(), 0);
}

#[tokio::test]
async fn what_the_embedded_engine_cannot_do_is_refused_where_it_is_named() {
    let world = World::new("plain").await;
    world.prompt().await;
    for fields in [json!({"method": "abstractive"}), json!({"language": "de"})] {
        let mut request = fields.clone();
        request["engine"] = json!("embedded");
        world.summarize(request).await.invalid_at(&["/engine"]);
    }
    let labels = json!([{"name": "Late"}, {"name": "Lost"}]);
    let request = json!({"text": TEXT, "labels": labels, "rationale": true, "engine": "embedded"});
    world.post("/api/classify", request).await.invalid_at(&["/engine"]);
    let nothing = json!({"text": null, "engine": "embedded"});
    assert_eq!(world.generate(nothing).await.status, 422);
    assert_eq!(world.calls(), 0);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_and_comes_back() {
    let world = World::new("failing-5").await;
    for _ in 0..5 {
        world
            .summarize(json!({"engine": "upstream"}))
            .await
            .problem(502, "upstream");
    }
    let refused = world.summarize(json!({"engine": "upstream"})).await;
    let detail = refused.problem(502, "upstream")["detail"].as_str().unwrap();
    assert!(detail.contains("was not asked"), "{detail}");
    let degraded = world.summarize(json!({})).await;
    assert_eq!(degraded.ok().body["degraded"], true);
    assert_eq!(world.calls(), 5);
    // The first pause is one to two seconds.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(
        world.summarize(json!({"engine": "upstream"})).await.ok().body["degraded"],
        false
    );
    assert_eq!(world.calls(), 6);
}

#[tokio::test]
async fn nobody_is_asked_beside_another_unless_it_is_configured() {
    let world = World::of_providers(&["drip-40", "plain"], |_| {}).await;
    assert_eq!(world.summarize(json!({})).await.ok().body["engine"], "a");
    assert_eq!(world.upstream.counts("plain").calls, 0);
}

#[tokio::test]
async fn a_slow_one_is_overtaken_by_the_next_and_given_up() {
    let hedged = |config: &mut Config| {
        config.routes.default = Some(route(&["a", "b"], &json!({"hedge_after_milliseconds": 200})));
    };
    let world = World::of_providers(&["stall-after-4", "plain"], hedged).await;
    let began = Instant::now();
    let answer = world.summarize(json!({})).await;
    assert!(began.elapsed() >= Duration::from_millis(200) && began.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (&answer.ok().body["engine"], &answer.body["degraded"]),
        (&json!("b"), &json!(false))
    );
    assert_eq!(answer.body["usage"]["calls"], 2);
    // Both are booked, and the one that lost is no longer called.
    let used = world.used().await;
    assert_eq!((&used["calls"], &used["estimated_calls"]), (&json!(2), &json!(1)));
    assert_eq!(used["cost_microdollars"], answer.body["usage"]["cost_microdollars"]);
    assert!(world.upstream.open_connections() <= 1);
    assert_eq!(
        cache_status(&world.summarize(json!({})).await),
        "synoptic; hit; detail=memory"
    );

    let world = World::of_providers(&["plain", "other"], hedged).await;
    assert_eq!(world.summarize(json!({})).await.ok().body["engine"], "a");
    assert_eq!(world.calls(), 1);

    // When both fail, each is asked once and named once.
    let world = World::of_providers(&["hang", "status-500"], |config| {
        config.providers[0].first_piece_timeout_seconds = 1;
        hedged(config);
    })
    .await;
    let answer = world.summarize(json!({})).await;
    let reason = answer.ok().body["degraded_reason"].as_str().unwrap();
    assert_eq!(reason, "the provider `b` failed; the provider `a` took too long");
    assert_eq!(world.calls(), 2);
}
