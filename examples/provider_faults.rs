//! Every documented fault of a provider, many times, with repetitions, breaker and books: what came of it, what was booked, and
//! whether a reservation, a task or a connection was left behind. `cargo run --example provider_faults -- 1000`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should say where, and prints what it measured"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/upstream/mod.rs"]
mod upstream;

use futures_util::{StreamExt, future::BoxFuture, stream};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use synoptic::{
    config,
    domain::{self, usage::Tokens},
    engines::{
        Hold, Meter, PlannedCall, SettledCall,
        chat::{CallContext, ChatFormat, ChatMessage, ChatRequest, ChatRole, PieceSink},
        provider::{BreakerState, CallError, Provider},
    },
};
use tokio_util::sync::CancellationToken;
use upstream::Upstream;
use uuid::Uuid;

/// So many calls are under way at once.
const AT_ONCE: usize = 100;
/// In so many runs, it is found out besides what the fault counts against the provider.
const BLAMED: usize = 10;
/// So many attempts in a row that count against a provider make it left alone.
const FAILURES: u32 = 5;

/// A fault of docs/providers.md, with what is documented there.
#[derive(Clone, Copy)]
struct Fault {
    model: &'static str,
    /// Whether the provider streams.
    streaming: bool,
    outcome: &'static str,
    /// With two repetitions.
    attempts: u32,
    counts_against: bool,
}

const fn answered(model: &'static str) -> Fault {
    fault(model, "answered", 1, false)
}

const fn fault(model: &'static str, outcome: &'static str, attempts: u32, counts_against: bool) -> Fault {
    Fault {
        model,
        streaming: true,
        outcome,
        attempts,
        counts_against,
    }
}

/// The same at a provider whose answers come in one piece.
const fn whole(fault: Fault) -> Fault {
    Fault {
        streaming: false,
        ..fault
    }
}

const FAULTS: &[Fault] = &[
    answered("ok"),
    answered("no-done"),
    answered("no-usage"),
    answered("long-tokens"),
    answered("usage-everywhere"),
    answered("duplicate-chunks"),
    answered("keepalive"),
    answered("empty-choices"),
    answered("split-utf8"),
    answered("not-a-stream"),
    answered("wrong-label"),
    answered("content-filter"),
    answered("refusal"),
    answered("odd-fields"),
    answered("usage-says-zero"),
    answered("hidden-reasoning-40"),
    answered("drip-20"),
    fault("nobody", "unreachable", 3, true),
    fault("unknown-host", "unreachable", 3, true),
    fault("reset-before", "unreachable", 3, true),
    fault("status-429", "rate_limited", 3, true),
    fault("busy-for-1", "rate_limited", 3, true),
    fault("busy-for-30", "rate_limited", 1, true),
    fault("down-for-1", "server_error", 3, true),
    fault("down-for-30", "server_error", 1, true),
    fault("status-408", "server_error", 3, true),
    fault("out-of-quota", "out_of_quota", 1, true),
    fault("status-500", "server_error", 3, true),
    fault("endless-refusal", "server_error", 3, true),
    fault("error-in-stream", "server_error", 3, true),
    fault("unauthorized", "unauthorized", 1, true),
    fault("status-403", "unauthorized", 1, true),
    fault("context-exceeded", "context_exceeded", 1, false),
    fault("context-exceeded-llama", "context_exceeded", 1, false),
    fault("status-422", "refused", 1, false),
    fault("redirect", "refused", 1, false),
    fault("hang", "timed_out", 1, true),
    fault("stall-after-3", "timed_out", 1, true),
    fault("drip-700", "timed_out", 1, true),
    fault("reset-midway", "broken", 3, true),
    fault("no-finish", "broken", 3, true),
    fault("truncated-json", "broken", 3, true),
    fault("overlong", "broken", 3, true),
    fault("endless-line", "broken", 3, true),
    fault("cancelled", "cancelled", 1, false),
    whole(answered("ok")),
    whole(answered("no-usage")),
    whole(answered("usage-says-zero")),
    whole(answered("hidden-reasoning-40")),
    whole(answered("refusal")),
    whole(answered("odd-fields")),
    whole(fault("reset-before", "unreachable", 3, true)),
    whole(fault("status-429", "rate_limited", 3, true)),
    whole(fault("status-500", "server_error", 3, true)),
    whole(fault("context-exceeded", "context_exceeded", 1, false)),
    whole(fault("hang", "timed_out", 1, true)),
    whole(fault("reset-midway", "broken", 3, true)),
    whole(fault("truncated-json", "broken", 3, true)),
    whole(fault("overlong", "broken", 3, true)),
];
/// What only the total of a report says that a model thought, in tokens.
const HIDDEN: i64 = 40;

impl Fault {
    /// How many tokens of output are booked for so many calls, of which the upstream counted `sent`.
    fn output(&self, attempts: i64, sent: i64) -> i64 {
        let most = attempts * i64::from(request().max_output_tokens);
        let is_unseen = matches!(self.model, "reset-before" | "hang" | "reset-midway" | "truncated-json");
        match self.model {
            // An estimate ends at what was asked for.
            "long-tokens" | "overlong" => most,
            "hidden-reasoning-40" => sent + attempts * HIDDEN,
            // Of an answer in one piece that did not come, all of it counts.
            _ if is_unseen && !self.streaming => most,
            _ => sent,
        }
    }

    fn has_no_server(&self) -> bool {
        matches!(self.model, "nobody" | "unknown-host")
    }

    fn name(&self) -> String {
        let how = if self.streaming { "" } else { ", in one piece" };
        format!("{}{how}", self.model)
    }

    /// As the upstream knows it.
    fn model(&self) -> &'static str {
        match self.model {
            "cancelled" => "stall-after-3",
            model => model,
        }
    }

    /// A pause is asked for: of how many seconds.
    fn pause(&self) -> Option<u64> {
        let (name, seconds) = self.model.rsplit_once('-')?;
        matches!(name, "busy-for" | "down-for").then(|| seconds.parse().expect("a number"))
    }

    fn provider(&self, upstream: &Upstream) -> Arc<Provider> {
        let patience = if self.outcome == "timed_out" { 1 } else { 60 };
        let base_url = match self.model {
            "nobody" => "http://127.0.0.1:9/v1".to_owned(),
            "unknown-host" => "http://nobody.invalid/v1".to_owned(),
            _ => upstream.base_url(),
        };
        let settings = json!({
            "name": "upstream",
            "base_url": base_url,
            "streaming": self.streaming,
            "first_piece_timeout_seconds": patience,
            "silence_timeout_seconds": patience,
            "timeout_seconds": 3 * patience,
            "longest_wait_seconds": if self.pause().is_some() { 2 } else { 0 },
            "models": [
                {"name": self.model(), "context_tokens": 8192, "input": "0.37", "output": "1.9"},
                {"name": "well", "context_tokens": 8192}
            ]
        });
        let settings: config::Provider = serde_json::from_value(settings).expect("settings");
        Provider::new(&settings, Arc::new(|_| {})).expect("a provider")
    }
}

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
        "| fault | documented | outcomes | attempts | tokens booked | tokens the upstream counted | held | tasks left | connections left | s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut wrong = 0;
    for fault in FAULTS {
        wrong += one(fault, runs).await;
    }
    println!(
        "\n{} faults, {runs} runs each, {wrong} runs with another outcome",
        FAULTS.len()
    );
    assert_eq!(wrong, 0);
}

/// Runs one fault and prints its line; how many runs ended otherwise than documented.
async fn one(fault: &Fault, runs: usize) -> usize {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let began = Instant::now();
    let (upstream, books) = (Upstream::start().await, Books::default());
    // Made before anything is timed.
    let providers = (0..AT_ONCE.min(runs)).map(|_| fault.provider(&upstream));
    let providers = Mutex::new(providers.collect::<Vec<_>>());
    let outcomes: Vec<String> = stream::iter(0..runs)
        .map(|run| Box::pin(one_run(fault, &upstream, &providers, &books, run)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut counted = BTreeMap::<&str, usize>::new();
    for outcome in &outcomes {
        *counted.entry(outcome).or_default() += 1;
    }
    drop(providers);
    let end = Instant::now() + Duration::from_secs(5);
    // The one task that is left is the upstream's own, which accepts connections.
    while (upstream.open_connections() > 0 || tasks() > before + 1) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (tasks_left, connections_left) = (tasks().saturating_sub(before + 1), upstream.open_connections());
    let counts = upstream.counts(fault.model());
    let (booked, held, attempts) = books.closed();
    println!(
        "| {} | {} | {counted:?} | {attempts} | {} + {} | {} + {} | {held} | {tasks_left} | {connections_left} | {:.1} |",
        fault.name(),
        fault.outcome,
        booked.input,
        booked.output,
        counts.input,
        counts.output,
        began.elapsed().as_secs_f64()
    );
    let name = fault.name();
    assert_eq!(
        (held, tasks_left, connections_left),
        (0, 0, 0),
        "{name} leaves something behind"
    );
    assert!(
        fault.has_no_server() || attempts == counts.calls,
        "{name}: an attempt is not booked"
    );
    assert_eq!(booked.input, counts.input, "{name}");
    assert_eq!(booked.output, fault.output(attempts, counts.output), "{name}");
    drop(upstream);
    while tasks() > before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    runs - counted.get(fault.outcome).copied().unwrap_or(0)
}

/// One call to a provider that is well so far, and in some runs as many more as leave it alone if they count against it. Returns the
/// outcome, or what else is not as documented.
async fn one_run(
    fault: &Fault,
    upstream: &Upstream,
    providers: &Mutex<Vec<Arc<Provider>>>,
    books: &Books,
    run: usize,
) -> String {
    let at_hand = providers.lock().unwrap().pop();
    let provider = at_hand.unwrap_or_else(|| fault.provider(upstream));
    let began = Instant::now();
    let (outcome, mut attempts) = call(&provider, fault, books).await;
    if attempts != fault.attempts {
        return format!("{outcome} after {attempts} attempts");
    }
    let is_long = fault.pause().is_some_and(|pause| pause > 2);
    if let Some(pause) = fault.pause().filter(|_| !is_long) {
        let least = Duration::from_secs(pause) * (attempts - 1);
        if began.elapsed() < least {
            return format!("{outcome} after {:?}", began.elapsed());
        }
    }
    // One that times out takes a second, and one that asks for a pause takes that.
    if is_long || (run < BLAMED && fault.outcome != "timed_out" && fault.pause().is_none()) {
        while attempts < FAILURES && provider.state() == BreakerState::Closed {
            attempts += call(&provider, fault, books).await.1;
        }
        let is_left_alone = provider.state() == BreakerState::Open;
        let refused = is_left_alone && call(&provider, fault, books).await == ("left_alone", 0);
        if (is_left_alone, refused) != (fault.counts_against, fault.counts_against) {
            return format!("{outcome}, and it is {:?} after {attempts}", provider.state());
        }
    }
    // An answer in between makes it a provider that is well.
    let (well, aside) = (&provider.models()[1], Books::default());
    let context = CallContext {
        cancel: CancellationToken::new(),
        pieces: None,
    };
    if provider.chat(well, &request(), &context, &aside).await.is_ok() {
        providers.lock().unwrap().push(provider);
    }
    outcome.to_owned()
}

/// What came of a call, and how many attempts it took.
async fn call(provider: &Provider, fault: &Fault, books: &Books) -> (&'static str, u32) {
    let cancel = CancellationToken::new();
    let given_up = cancel.clone();
    let giving_up: PieceSink = Arc::new(move |piece: &str| {
        if piece == "of " {
            given_up.cancel();
        }
    });
    // Who listens to pieces gets no repetition once there was one.
    let pieces = (fault.outcome == "cancelled").then_some(giving_up);
    let context = CallContext { cancel, pieces };
    match provider.chat(&provider.models()[0], &request(), &context, books).await {
        Ok(answered) => ("answered", answered.usage.calls),
        Err(CallError::Failed(failure, usage)) => (failure.kind.name(), usage.calls),
        Err(CallError::Unavailable(unavailable)) => (unavailable.reason.name(), 0),
        Err(CallError::OverBudget(_)) => ("over_budget", 0),
    }
}

/// Books that hold what is set aside until it is settled.
#[derive(Default)]
struct Books(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    held: BTreeMap<Uuid, PlannedCall>,
    booked: Tokens,
    attempts: i64,
}

impl Books {
    /// What was booked, how much is set aside still, and how many attempts there were.
    fn closed(&self) -> (Tokens, usize, i64) {
        let kept = self.0.lock().unwrap();
        (kept.booked, kept.held.len(), kept.attempts)
    }
}

impl Meter for Books {
    fn reserve<'a>(&'a self, call: &'a PlannedCall) -> BoxFuture<'a, domain::Result<Hold>> {
        let id = Uuid::now_v7();
        self.0.lock().unwrap().held.insert(id, call.clone());
        Box::pin(async move { Ok(Hold(Some(id))) })
    }

    fn settle(&self, hold: Hold, call: SettledCall) -> BoxFuture<'_, ()> {
        let mut kept = self.0.lock().unwrap();
        let planned = hold
            .0
            .and_then(|id| kept.held.remove(&id))
            .expect("it was set aside, once");
        assert!(
            call.cost <= planned.worst_cost && call.used.tokens.total() <= planned.worst_tokens,
            "{call:?} above {planned:?}"
        );
        kept.booked += call.used.tokens;
        kept.attempts += 1;
        Box::pin(async {})
    }
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
        marks: Vec::new(),
    }
}
