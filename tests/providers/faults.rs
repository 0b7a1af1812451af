//! Each way in which a provider fails has its documented outcome: docs/providers.md has the same table.

use crate::support::{World, context, failed, listening, request};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::engines::chat::FailureKind;
use tokio::time::Instant;

/// What a failed attempt used.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Used {
    Nothing,
    Input,
    InputAndOutput,
    /// The input, and all the output that was allowed: nothing was seen of it.
    WorstCase,
}

struct Fault {
    model: &'static str,
    settings: Value,
    kind: &'static str,
    /// With two retries.
    attempts: i64,
    used: Used,
}

fn fault(model: &'static str, kind: &'static str, attempts: i64, used: Used) -> Fault {
    Fault {
        model,
        settings: json!({}),
        kind,
        attempts,
        used,
    }
}

fn faults() -> Vec<Fault> {
    let whole = json!({"streaming": false});
    let impatient = json!({"first_piece_timeout_seconds": 1, "silence_timeout_seconds": 1});
    let with = |fault: Fault, settings: &Value| Fault {
        settings: settings.clone(),
        ..fault
    };
    vec![
        fault("rate-limited-9", "rate_limited", 3, Used::Nothing),
        fault("out-of-quota", "out_of_quota", 1, Used::Nothing),
        fault("status-408", "server_error", 3, Used::Nothing),
        fault("status-500", "server_error", 3, Used::Nothing),
        fault("status-503", "server_error", 3, Used::Nothing),
        fault("endless-refusal", "server_error", 3, Used::Nothing),
        fault("status-404", "refused", 1, Used::Nothing),
        fault("status-422", "refused", 1, Used::Nothing),
        fault("redirect", "refused", 1, Used::Nothing),
        fault("unauthorized", "unauthorized", 1, Used::Nothing),
        fault("status-403", "unauthorized", 1, Used::Nothing),
        fault("context-exceeded", "context_exceeded", 1, Used::Nothing),
        fault("context-exceeded-llama", "context_exceeded", 1, Used::Nothing),
        fault("reset-before", "unreachable", 3, Used::Input),
        fault("reset-midway", "broken", 3, Used::InputAndOutput),
        fault("truncated-json", "broken", 3, Used::InputAndOutput),
        fault("error-in-stream", "server_error", 3, Used::InputAndOutput),
        fault("no-finish", "broken", 3, Used::InputAndOutput),
        fault("endless-line", "broken", 3, Used::InputAndOutput),
        with(fault("hang", "timed_out", 1, Used::Input), &impatient),
        with(fault("stall-after-3", "timed_out", 1, Used::InputAndOutput), &impatient),
        with(
            fault("hang", "timed_out", 1, Used::WorstCase),
            &json!({"streaming": false, "timeout_seconds": 1}),
        ),
        with(fault("reset-before", "unreachable", 3, Used::WorstCase), &whole),
        with(fault("reset-midway", "broken", 3, Used::WorstCase), &whole),
        with(fault("truncated-json", "broken", 3, Used::WorstCase), &whole),
        with(fault("out-of-quota", "out_of_quota", 1, Used::Nothing), &whole),
        with(fault("status-500", "server_error", 3, Used::Nothing), &whole),
    ]
}

#[tokio::test]
async fn every_fault_has_its_outcome() {
    for fault in faults() {
        let (model, name) = (fault.model, format!("{} with {}", fault.model, fault.settings));
        let world = World::with(model, &fault.settings).await;
        let (failure, usage) = world.fail().await;
        assert_eq!(failure.kind.name(), fault.kind, "{name}: {}", failure.detail);
        assert!(!failure.began, "{name}");
        let counts = world.upstream.total();
        assert_eq!(counts.calls, fault.attempts, "{name}");
        assert_eq!(i64::from(usage.calls), fault.attempts, "{name}");
        let most = i64::from(request().max_output_tokens) * fault.attempts;
        let used = match (usage.tokens.input, usage.tokens.output) {
            (0, 0) => Used::Nothing,
            (_, 0) => Used::Input,
            (_, output) if output == most => Used::WorstCase,
            _ => Used::InputAndOutput,
        };
        assert_eq!(used, fault.used, "{name}");
        assert_eq!(usage.estimated, used != Used::Nothing, "{name}");
        // What the upstream counted itself is what is booked.
        let output = if used == Used::WorstCase { most } else { counts.output };
        assert_eq!(
            (usage.tokens.input, usage.tokens.output),
            (counts.input, output),
            "{name}"
        );
        assert_eq!(world.books.cost(), usage.cost, "{name}");
        world.books.are_closed();
        let observed = world.attempts();
        assert_eq!(i64::try_from(observed.len()), Ok(fault.attempts), "{name}");
        assert!(observed.iter().all(|attempt| attempt.outcome() == fault.kind), "{name}");
        assert_eq!(
            i64::try_from(observed.iter().filter(|attempt| attempt.repeated).count()).unwrap(),
            fault.attempts - 1
        );
        assert!(!failure.detail.contains("quotes"), "{name}: {}", failure.detail);
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_as_a_whole_are_broken() {
    for model in ["truncated-json", "reset-midway", "overlong"] {
        let world = World::with(model, &json!({"streaming": false})).await;
        let (failure, usage) = world.fail().await;
        assert_eq!(failure.kind, FailureKind::Broken, "{model}");
        assert_eq!(world.calls(), 3, "{model}");
        assert_eq!(usage.tokens.input, world.upstream.total().input, "{model}");
        assert!(usage.estimated);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let world = World::new("overlong").await;
    let (failure, usage) = world.fail().await;
    assert_eq!(failure.kind, FailureKind::Broken);
    assert!(failure.detail.contains("far longer"), "{}", failure.detail);
    // No more is booked than was set aside, three times.
    assert_eq!(usage.tokens.output, 3 * 50);
    world.books.are_closed();
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_costs_nothing() {
    let world = World::with("ok", &json!({"base_url": "http://127.0.0.1:9/v1"})).await;
    let (failure, usage) = world.fail().await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_eq!(failure.detail, "there is no connection to it: it was refused");
    assert_eq!((usage.calls, usage.tokens.total(), usage.cost.0), (3, 0, 0));
    world.books.are_closed();
}

#[tokio::test]
async fn a_fault_that_passes_is_overcome() {
    for (model, calls) in [("rate-limited-2", 3), ("failing-1", 2), ("retry-after-0", 2)] {
        let world = World::new(model).await;
        let answered = world.ask().await.unwrap();
        assert_eq!(answered.usage.calls, calls, "{model}");
        assert_eq!(world.calls(), i64::from(calls), "{model}");
        assert_eq!(
            answered.usage.tokens, answered.reply.used.tokens,
            "refusals cost nothing"
        );
        world.books.are_closed();
    }
}

#[tokio::test]
async fn a_call_waits_for_as_long_as_it_is_asked_to() {
    for model in ["retry-after-1", "retry-after-date"] {
        let world = World::with(model, &json!({"longest_wait_seconds": 2})).await;
        let began = Instant::now();
        let answered = world.ask().await.unwrap();
        assert_eq!(answered.usage.calls, 2, "{model}");
        assert!(began.elapsed() >= Duration::from_secs(1), "{model}");
    }
}

#[tokio::test]
async fn what_was_handed_on_is_not_repeated() {
    for model in ["reset-midway", "error-in-stream", "no-finish", "truncated-json"] {
        let world = World::new(model).await;
        let (listener, heard) = listening();
        let (failure, usage) = failed(world.chat(&request(), &listener).await);
        assert!(failure.began, "{model}");
        assert_eq!(usage.calls, 1, "{model}");
        assert_eq!(heard.lock().unwrap().concat(), "The answer of ", "{model}");
    }
    let world = World::new("reset-before").await;
    let (listener, heard) = listening();
    let (failure, usage) = failed(world.chat(&request(), &listener).await);
    assert!(!failure.began && usage.calls == 3 && heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_fault_leaves_a_task_or_a_connection_behind() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for fault in faults() {
        let world = World::with(fault.model, &fault.settings).await;
        for _ in 0..3 {
            drop(world.chat(&request(), &context()).await);
        }
        let World { upstream, provider, .. } = world;
        drop(provider);
        let end = Instant::now() + Duration::from_secs(5);
        while upstream.open_connections() > 0 {
            assert!(Instant::now() < end, "{}: a connection is still open", fault.model);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(upstream);
    }
    let end = Instant::now() + Duration::from_secs(5);
    while tasks() > before {
        assert!(Instant::now() < end, "{} tasks, and {before} before", tasks());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
