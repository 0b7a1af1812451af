//! Answers that are followed while they come about.

use crate::{
    support::send,
    world::{Events, SAID, TEXT, World, asked, assert_alike, cache_status, follow, text_of, until},
};
use serde_json::{Value, json};
use synoptic::domain::{permissions::Scopes, principal::Reach};

/// The events of a stream that must come about.
fn begun(outcome: Result<Events, crate::support::Answer>) -> Events {
    outcome.unwrap_or_else(|answer| panic!("no stream: {answer:?}"))
}

#[tokio::test]
async fn the_pieces_of_a_stream_are_the_text_that_is_recorded() {
    for model in [
        "plain",
        "drip-5",
        "duplicate-chunks",
        "split-utf8",
        "no-usage",
        "keepalive",
    ] {
        let world = World::new(model).await;
        world.prompt().await;
        let (text, analysis) = begun(world.follow_generation(json!({"engine": "upstream"})).await)
            .whole()
            .await;
        assert_eq!(text, text_of(&analysis), "{model}");
        let (text, analysis) = begun(world.follow_summary(json!({"engine": "upstream"})).await)
            .whole()
            .await;
        assert_eq!(text, text_of(&analysis), "{model}");
        let stored = world
            .get(format!("/api/analyses/{}", analysis["id"].as_str().unwrap()))
            .await;
        assert_eq!(stored.ok().body, analysis);
    }
}

#[tokio::test]
async fn pieces_come_one_by_one() {
    let world = World::new("drip-100").await;
    world.prompt().await;
    let mut events = begun(world.follow_generation(json!({})).await);
    assert_eq!(events.cache_status, "synoptic; fwd=miss");
    let (name, first) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &first["text"]), ("delta", &json!("The")));
    assert_eq!(world.upstream.open_connections(), 1);
    assert!(world.get("/api/analyses").await.items().is_empty());
    let trace_id = events.trace_id.clone();
    let (rest, analysis) = events.whole().await;
    assert_eq!(format!("The{rest}"), SAID);
    assert_eq!(analysis["trace_id"], trace_id);
}

#[tokio::test]
async fn a_stream_is_booked_and_kept_as_a_whole_answer_is() {
    for (path, request) in [
        ("/api/summarize", asked(json!({}))),
        ("/api/generate", crate::world::commission(json!({}))),
    ] {
        let whole = World::new("plain").await;
        whole.prompt().await;
        let answer = whole.post(path, request.clone()).await.ok().body.clone();
        let streamed = World::new("plain").await;
        streamed.prompt().await;
        let events = follow(streamed.request("POST", path).body_json(&request)).await;
        let (_, mut analysis) = begun(events).whole().await;
        for field in ["prompt_id", "created_by"] {
            if answer.get(field).is_some() {
                analysis[field] = answer[field].clone();
            }
        }
        assert_alike(&answer, &analysis);
        let used = streamed.used().await;
        for field in ["calls", "input_tokens", "output_tokens", "cost_microdollars"] {
            assert_eq!(used[field], analysis["usage"][field], "{field}");
        }
        // What one has left, the other finds: here the same way of asking twice.
        let again = streamed.post(path, request.clone()).await;
        assert_eq!(cache_status(&again), "synoptic; hit; detail=memory");
        assert_eq!(again.body["id"], analysis["id"]);
    }
}

#[tokio::test]
async fn an_answer_that_is_kept_is_streamed_too() {
    let world = World::new("plain").await;
    let first = world.summarize(json!({})).await.ok().body.clone();
    let events = begun(world.follow_summary(json!({})).await);
    assert_eq!(events.cache_status, "synoptic; hit; detail=memory");
    let (text, analysis) = events.whole().await;
    assert_eq!((text.as_str(), &analysis), (text_of(&first), &first));
    let embedded = begun(world.follow_summary(json!({"engine": "embedded"})).await);
    assert_eq!(embedded.cache_status, "synoptic; fwd=bypass; detail=embedded");
    let (text, analysis) = embedded.whole().await;
    assert_eq!(text, text_of(&analysis));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_call_and_pays_for_what_came() {
    let world = World::new("stall-after-4").await;
    world.prompt().await;
    let mut events = begun(world.follow_generation(json!({})).await);
    let mut text = String::new();
    while text.trim_end() != "The answer of the" {
        text.push_str(events.next().await.unwrap().1["text"].as_str().unwrap());
    }
    assert_eq!(world.upstream.open_connections(), 1);
    drop(events);
    until("the call ended", || world.upstream.open_connections() == 0).await;
    // It ends first, and is booked then.
    for _ in 0..200 {
        if world.used().await["calls"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (used, counted) = (world.used().await, world.upstream.total());
    assert_eq!((&used["calls"], &used["estimated_calls"]), (&json!(1), &json!(1)));
    assert!(
        used["output_tokens"].as_i64().unwrap() >= counted.output,
        "{used} {counted:?}"
    );
    assert!(used["cost_microdollars"].as_i64().unwrap() > 0);
    assert!(world.get("/api/analyses").await.items().is_empty());
    assert_eq!(world.services.cache.size().await.0, 0);
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_first_piece_stops_the_call() {
    let world = World::new("hang").await;
    let mut following = Box::pin(world.follow_summary(json!({})));
    tokio::select! {
        _ = &mut following => panic!("nothing comes"),
        () = world.until_called(1) => {}
    }
    drop(following);
    until("the call ended", || world.upstream.open_connections() == 0).await;
}

#[tokio::test]
async fn a_stream_cannot_be_repeated_by_key() {
    let world = World::new("plain").await;
    world.prompt().await;
    let requests = [
        ("/api/summarize", asked(json!({}))),
        ("/api/generate", crate::world::commission(json!({}))),
    ];
    for (path, request) in requests {
        let refused = world
            .request("POST", path)
            .header("idempotency-key", "one")
            .header("accept", "text/event-stream")
            .body_json(&request);
        send(refused).await.invalid_parameter("Idempotency-Key");
    }
    assert_eq!(world.calls(), 0);
}

/// The whole problem that comes in place of a stream.
async fn refused(world: &World, fields: Value, status: u16, code: &str) -> crate::support::Answer {
    match world.follow_summary(fields).await {
        Err(answer) => {
            answer.problem(status, code);
            answer
        }
        Ok(events) => panic!("a stream: {:?}", events.all().await),
    }
}

#[tokio::test]
async fn what_fails_before_the_first_piece_is_an_ordinary_problem() {
    let world = World::with(
        &["plain", "failing-1", "status-418", "reset-before", "retry-after-7"],
        |_| {},
    )
    .await;
    refused(&world, json!({"text": ""}), 422, "invalid").await;
    refused(&world, json!({"engine": "nowhere"}), 422, "invalid").await;
    for model in ["failing-1", "status-418", "reset-before"] {
        refused(&world, json!({"engine": format!("upstream/{model}")}), 502, "upstream").await;
    }
    let (key, secret) = world.key_with(Scopes::ALL, Reach::Everything).await;
    let budget = json!({"name": "Purse", "subject": "key", "subject_id": key.row.id.0.to_string(), "unit": "microdollars", "amount": 0,
                        "window": "day"});
    world.post("/api/budgets", budget).await.created();
    let request = world.with_token(&secret, "POST", "/api/summarize");
    let Err(answer) = follow(request.body_json(&asked(json!({"engine": "upstream"})))).await else {
        panic!("a stream")
    };
    assert!(
        answer.problem(429, "over-budget")["detail"]
            .as_str()
            .unwrap()
            .contains("Purse")
    );
    let busy = refused(&world, json!({"engine": "upstream/retry-after-7"}), 502, "upstream").await;
    assert_eq!(busy.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn what_fails_after_the_first_piece_is_a_problem_in_the_stream() {
    for model in ["reset-midway", "error-in-stream", "truncated-json"] {
        // Another model would answer, but what was said cannot be taken back.
        let world = World::of_providers(&[model, "plain"], |_| {}).await;
        let events = begun(world.follow_summary(json!({})).await);
        let trace_id = events.trace_id.clone();
        let (text, (name, problem)) = events.all().await;
        assert!(!text.is_empty() && SAID.starts_with(&text), "{model}: {text}");
        assert_eq!(
            (name.as_str(), &problem["type"]),
            ("problem", &json!("/problems/upstream")),
            "{model}"
        );
        assert_eq!(problem["trace_id"], trace_id);
        assert!(!problem.to_string().contains("quote"), "{problem}");
        assert_eq!(world.upstream.counts("plain").calls, 0);
        // The same as a whole falls back.
        let whole = world.summarize(json!({})).await;
        assert_eq!(whole.ok().body["engine"], "b", "{model}");
    }
}

#[tokio::test]
async fn a_stream_falls_back_before_the_first_piece() {
    let world = World::of_providers(&["status-500", "plain"], |_| {}).await;
    let (text, analysis) = begun(world.follow_summary(json!({})).await).whole().await;
    assert_eq!((text.as_str(), &analysis["engine"]), (text_of(&analysis), &json!("b")));
    let world = World::of_providers(&["status-500"], |_| {}).await;
    let (text, analysis) = begun(world.follow_summary(json!({})).await).whole().await;
    assert_eq!(
        (&analysis["engine"], &analysis["degraded"]),
        (&json!("embedded"), &json!(true))
    );
    assert!(text == text_of(&analysis) && TEXT.contains(text.split_once('.').unwrap().0));
}
