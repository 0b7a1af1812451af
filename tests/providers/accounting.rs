//! The books: set aside before, settled after, whatever happened.

use crate::support::{World, context, listening, request};
use serde_json::json;
use std::time::Duration;
use synoptic::engines::provider::CallError;
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

/// Streams, whole answers, failures, repetitions and calls that are given up, many at once: the sum of the books is what the
/// upstream counted.
#[tokio::test]
async fn the_books_agree_with_the_upstream_to_the_last_token() {
    let models = [
        "ok",
        "no-usage",
        "failing-3",
        "stall-after-4",
        "reset-midway",
        "error-in-stream",
        "duplicate-chunks",
    ];
    for streaming in [true, false] {
        let models: Vec<_> = models
            .iter()
            // Of a whole answer that breaks, nothing can be counted.
            .filter(|model| streaming || **model != "reset-midway")
            .map(|name| json!({"name": name, "context_tokens": 8192, "input": "0.37", "output": "1.9"}))
            .collect();
        let settings = json!({"models": models, "streaming": streaming, "concurrency": 32, "retries": 3});
        let world = World::with("", &settings).await;
        let request = request();
        let calls = (0..300).map(|number| {
            let (world, request) = (&world, &request);
            async move {
                let model = &world.provider.models()[number % models_of(world)];
                let (context, heard) = if number % 2 == 0 {
                    listening()
                } else {
                    (context(), Default::default())
                };
                let call = world.provider.chat(model, request, &context, &world.books);
                let giving_up = async {
                    if &**model.name() == "stall-after-4" {
                        // Everything that will come has come.
                        sleep(Duration::from_millis(300)).await;
                        context.cancel.cancel();
                    }
                };
                let (outcome, ()) = tokio::join!(call, giving_up);
                drop(heard);
                match outcome {
                    Ok(answered) => answered.usage,
                    Err(CallError::Failed(_, usage)) => usage,
                    Err(_) => synoptic::domain::usage::Usage::default(),
                }
            }
        });
        let usages = futures_util::future::join_all(calls).await;
        let mut total = synoptic::domain::usage::Usage::default();
        for usage in usages {
            total += usage;
        }
        let counts = world.upstream.total();
        assert_eq!(
            (total.tokens.input, total.tokens.output),
            (counts.input, counts.output),
            "streaming: {streaming}"
        );
        assert_eq!(total.cost, world.books.cost());
        assert!(counts.calls > 100, "{counts:?}");
        world.books.are_closed();
    }
}

fn models_of(world: &World) -> usize {
    world.provider.models().len()
}
