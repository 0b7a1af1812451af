//! The books: set aside before, settled after, whatever happened.

use crate::{
    support::{World, context, listening, request},
    upstream::Call,
};
use serde_json::json;
use std::time::Duration;
use synoptic::{
    domain::usage::Usage,
    engines::{
        provider::{Answered, CallError},
        tokenizer,
    },
};
use tokio::time::sleep;

#[tokio::test]
async fn what_the_books_refuse_is_not_sent() {
    let world = World::new("ok").await;
    *world.books.refuse_from.lock().unwrap() = Some(0);
    assert!(matches!(world.ask().await, Err(CallError::OverBudget(_))));
    assert_eq!(world.calls(), 0);
    assert!(world.books.settled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_repetition_that_the_books_refuse_leaves_the_failure_and_its_usage() {
    let world = World::new("reset-before").await;
    *world.books.refuse_from.lock().unwrap() = Some(1);
    let (failure, usage) = world.fail().await;
    assert_eq!(failure.kind.name(), "unreachable");
    assert_eq!(usage.calls, 1);
    assert_eq!(usage.tokens.input, world.upstream.total().input);
    world.books.are_closed();
}

#[tokio::test]
async fn what_is_set_aside_is_the_worst_case() {
    let world = World::new("ok").await;
    world.ask().await.unwrap();
    let planned = world.books.planned.lock().unwrap()[0].clone();
    assert_eq!((&*planned.engine, &*planned.model), ("upstream", "ok"));
    let input = planned.worst_tokens - 50;
    assert_eq!(planned.worst_cost.0, input + 500);
    let bytes: usize = request().messages.iter().map(|message| message.content.len()).sum();
    assert!(input as usize > bytes);
}

/// An answer of 50 tokens of another vocabulary has more of ours.
#[tokio::test]
async fn an_estimate_does_not_exceed_what_was_set_aside() {
    for streaming in [true, false] {
        let world = World::with("long-tokens", &json!({ "streaming": streaming })).await;
        let answered = world.ask().await.unwrap();
        assert!(tokenizer::count(&answered.reply.text) > 100);
        assert!(answered.usage.estimated);
        assert_eq!(answered.usage.tokens.output, 50);
        assert_eq!(answered.usage.tokens.input, world.upstream.total().input);
        world.books.are_closed();
    }
}

#[tokio::test]
async fn what_a_model_thought_is_paid_for_though_only_the_total_has_it() {
    for streaming in [true, false] {
        let world = World::with("hidden-reasoning-386", &json!({ "streaming": streaming })).await;
        let answered = world.ask().await.unwrap();
        let counts = world.upstream.total();
        assert_eq!(answered.usage.tokens.output, counts.output + 386);
        assert_eq!(answered.usage.cost.0, counts.input + 10 * (counts.output + 386));
        assert!(!answered.usage.estimated);
        // A total beyond what the model's context holds is nonsense.
        let small = json!([{"name": "hidden-reasoning-386", "context_tokens": 256, "max_output_tokens": 100}]);
        let world = World::with("", &json!({"streaming": streaming, "models": small})).await;
        assert_eq!(world.ask().await.unwrap().usage.tokens.output, 256);
    }
}

#[tokio::test]
async fn a_report_that_says_that_a_text_took_nothing_is_none() {
    for streaming in [true, false] {
        let world = World::with("usage-says-zero", &json!({ "streaming": streaming })).await;
        let answered = world.ask().await.unwrap();
        let counts = world.upstream.total();
        let used = answered.usage;
        assert_eq!((used.tokens.input, used.tokens.output), (counts.input, counts.output));
        assert!(used.tokens.output > 0 && used.estimated);
        world.books.are_closed();
    }
}

/// Nothing is seen of an answer that comes in one piece before it is there, and the provider may send a bill for all of it.
#[tokio::test]
async fn an_answer_of_which_nothing_was_seen_counts_as_a_whole_one() {
    let whole = json!({"streaming": false, "timeout_seconds": 1, "retries": 0});
    for model in ["hang", "reset-before", "reset-midway", "truncated-json", "overlong"] {
        let world = World::with(model, &whole).await;
        let (_, usage) = world.fail().await;
        assert_eq!(usage.tokens.input, world.upstream.total().input, "{model}");
        assert_eq!(usage.tokens.output, 50, "{model}");
        assert!(usage.estimated);
        world.books.are_closed();
    }
}

/// Streams, whole answers, failures, repetitions and calls that are given up, ten at a time: the sum of the books is what the
/// upstream counted.
#[tokio::test]
async fn the_books_agree_with_the_upstream_to_the_last_token() {
    let models = [
        "ok",
        "no-usage",
        "duplicate-chunks",
        "failing-3",
        "stall-after-4",
        "error-in-stream",
        "no-finish",
    ];
    let models: Vec<_> = models
        .iter()
        .map(|name| json!({"name": name, "context_tokens": 8192, "input": "0.37", "output": "1.9"}))
        .collect();
    let world = World::with("", &json!({"models": models, "concurrency": 32, "retries": 1})).await;
    let mut total = Usage::default();
    for round in 0..30 {
        let calls = (0..10).map(|number| Box::pin(one_of_many(&world, round, number)));
        for usage in futures_util::future::join_all(calls).await {
            total += usage;
        }
    }
    let counts = world.upstream.total();
    assert_eq!((total.tokens.input, total.tokens.output), (counts.input, counts.output));
    assert_eq!(total.cost, world.books.cost());
    let price_of = |call: Call| (call.input * 370_000 + call.output * 1_900_000 + 999_999) / 1_000_000;
    let price: i64 = world.upstream.calls().into_iter().map(price_of).sum();
    assert_eq!(total.cost.0, price);
    // 300, two repetitions of `failing-3`, and one of each of 15 answers that broke.
    assert_eq!((counts.calls, i64::from(total.calls)), (317, 317));
    assert_eq!(world.upstream.counts("failing-3").calls, 32);
    world.books.are_closed();
}

async fn one_of_many(world: &World, round: usize, number: usize) -> Usage {
    let model = match number {
        // Rounds without failures keep the breaker closed.
        9 if round % 4 == 1 => "error-in-stream",
        9 if round % 4 == 3 => "no-finish",
        8 => "stall-after-4",
        7 => "failing-3",
        6 => "duplicate-chunks",
        5 => "no-usage",
        _ => "ok",
    };
    let model = world.provider.model(model).unwrap();
    let request = request();
    if &**model.name() != "stall-after-4" {
        let context = context();
        return usage(world.provider.chat(model, &request, &context, &world.books).await);
    }
    let (context, heard) = listening();
    let call = world.provider.chat(model, &request, &context, &world.books);
    let giving_up = async {
        while heard.lock().unwrap().len() < 4 {
            sleep(Duration::from_millis(1)).await;
        }
        context.cancel.cancel();
    };
    usage(tokio::join!(call, giving_up).0)
}

fn usage(outcome: Result<Answered, CallError>) -> Usage {
    match outcome {
        Ok(answered) => answered.usage,
        Err(CallError::Failed(_, usage)) => usage,
        Err(other) => panic!("{other:?}"),
    }
}
