//! Every documented fault of a provider, many times: what came of it, and whether a task or a connection was left behind.
//! `cargo run --example provider_faults -- 1000`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should say where, and prints what it measured"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/upstream/mod.rs"]
mod upstream;

use futures_util::{StreamExt, stream};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use synoptic::{
    config,
    domain::usage::Tokens,
    engines::{
        chat::{CallContext, ChatFormat, ChatMessage, ChatModel, ChatRequest, ChatRole},
        openai::{Connections, OpenAiModel},
    },
};
use tokio_util::sync::CancellationToken;
use upstream::Upstream;

/// So many calls are under way at once.
const AT_ONCE: usize = 100;

/// The faults of docs/providers.md, with the outcome that is documented there.
const FAULTS: &[(&str, &str)] = &[
    ("ok", "answered"),
    ("no-done", "answered"),
    ("no-usage", "answered"),
    ("usage-everywhere", "answered"),
    ("duplicate-chunks", "answered"),
    ("keepalive", "answered"),
    ("empty-choices", "answered"),
    ("split-utf8", "answered"),
    ("not-a-stream", "answered"),
    ("wrong-label", "answered"),
    ("content-filter", "answered"),
    ("drip-20", "answered"),
    ("status-429", "rate_limited"),
    ("status-500", "server_error"),
    ("endless-refusal", "server_error"),
    ("error-in-stream", "server_error"),
    ("status-422", "refused"),
    ("redirect", "refused"),
    ("unauthorized", "unauthorized"),
    ("context-exceeded", "context_exceeded"),
    ("context-exceeded-llama", "context_exceeded"),
    ("reset-before", "unreachable"),
    ("reset-midway", "broken"),
    ("truncated-json", "broken"),
    ("no-finish", "broken"),
    ("overlong", "broken"),
    ("endless-line", "broken"),
    ("hang", "timed_out"),
    ("stall-after-3", "timed_out"),
    ("drip-500", "timed_out"),
    ("cancelled", "cancelled"),
];

fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runs = std::env::args()
        .nth(1)
        .map_or(1_000, |runs| runs.parse().expect("how often"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(all(runs));
}

async fn all(runs: usize) {
    println!(
        "| fault | documented | outcomes | tokens booked | tokens the upstream counted | tasks left | connections left | s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut wrong = 0;
    for (model, documented) in FAULTS {
        wrong += one(model, documented, runs).await;
    }
    println!(
        "\n{} faults, {runs} runs each, {wrong} runs with another outcome",
        FAULTS.len()
    );
    assert_eq!(wrong, 0);
}

/// Runs one fault and prints its line; how many runs ended otherwise than documented.
async fn one(name: &str, documented: &str, runs: usize) -> usize {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let began = Instant::now();
    let upstream = Upstream::start().await;
    let is_cancelled = name == "cancelled";
    let patience = if documented == "timed_out" { 1 } else { 60 };
    let model = model(&upstream, if is_cancelled { "stall-after-3" } else { name }, patience);
    let request = request();
    let outcomes: Vec<(&str, Tokens)> = stream::iter(0..runs)
        .map(|_| Box::pin(call(&model, &request, is_cancelled)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    drop(model);
    let mut counted = BTreeMap::<&str, usize>::new();
    let mut booked = Tokens::default();
    for (outcome, tokens) in outcomes {
        *counted.entry(outcome).or_default() += 1;
        booked += tokens;
    }
    let end = Instant::now() + Duration::from_secs(5);
    // The one task that is left is the upstream's own, which accepts connections.
    while (upstream.open_connections() > 0 || tasks() > before + 1) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (tasks_left, connections_left) = (tasks().saturating_sub(before + 1), upstream.open_connections());
    let counts = upstream.total();
    println!(
        "| {name} | {documented} | {counted:?} | {} + {} | {} + {} | {tasks_left} | {connections_left} | {:.1} |",
        booked.input,
        booked.output,
        counts.input,
        counts.output,
        began.elapsed().as_secs_f64()
    );
    assert_eq!((tasks_left, connections_left), (0, 0), "{name} leaves something behind");
    drop(upstream);
    while tasks() > before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    runs - counted.get(documented).copied().unwrap_or(0)
}

async fn call(model: &OpenAiModel, request: &ChatRequest, is_cancelled: bool) -> (&'static str, Tokens) {
    let cancel = CancellationToken::new();
    let given_up = cancel.clone();
    let context = CallContext {
        cancel,
        pieces: Some(Arc::new(move |piece: &str| {
            if is_cancelled && piece == "of " {
                given_up.cancel();
            }
        })),
    };
    match model.call(request, &context).await {
        Ok(reply) => ("answered", reply.used.tokens),
        Err(failure) => (failure.kind.name(), failure.used.tokens),
    }
}

/// Waits for so many seconds for the first piece and for the next one, and three times as long for all of them.
fn model(upstream: &Upstream, name: &str, patience: u64) -> OpenAiModel {
    let settings = json!({
        "name": "upstream",
        "base_url": upstream.base_url(),
        "first_piece_timeout_seconds": patience,
        "silence_timeout_seconds": patience,
        "timeout_seconds": 3 * patience,
        "models": [{"name": name, "context_tokens": 8192}]
    });
    let settings: config::Provider = serde_json::from_value(settings).expect("settings");
    let connections = Connections::new(&settings).expect("a client");
    let settings = Arc::new(settings);
    OpenAiModel::new(&settings, &settings.models[0], &connections).expect("a model")
}

fn request() -> ChatRequest {
    ChatRequest {
        messages: vec![ChatMessage {
            role: ChatRole::User,
            content: "What is a synopsis?".to_owned(),
        }],
        max_output_tokens: 100,
        temperature: None,
        format: ChatFormat::Text,
        logprobs: false,
    }
}
