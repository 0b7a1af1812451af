//! The ledger against the upstream's own count: whole answers and streams, clients that go away in the middle, repetitions of what
//! was refused and of what broke off and is billed, answers out of the cache, usage that is not reported, batches. Not a token is
//! missing, and none is too many. What is reported the upstream counts by a rule of its own; what is not is compared apart, with
//! the estimate that it should be.

use crate::{
    models::{Answer, World},
    process::read_all,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How many requests. `SYNOPTIC_LEDGER_REQUESTS=5000` is what `make bench-models` runs.
const REQUESTS: usize = 1_000;
const CLIENTS: usize = 16;
/// Prices that leave fractions of micro-dollars, which are rounded up once a call.
const INPUT: &str = "0.37";
const OUTPUT: &str = "1.9";
/// So many pieces come before the upstream says nothing more.
const PIECES: usize = 4;

fn cost(input: i64, output: i64) -> i64 {
    (input * 370_000 + output * 1_900_000 + 999_999) / 1_000_000
}

/// Each call of these is reported.
const REPORTED: [&str; 4] = ["ok", "every-few-429-5", "every-few-500-7", "drip-1"];
/// No call of these is: it reports nothing, or breaks off or is given up before that.
const ESTIMATED: [&str; 2] = ["no-usage", "stall-after-4"];
/// Every fifth call breaks off in the middle, and is repeated.
const BREAKING: &str = "every-few-resets-5";

/// What the clients saw.
#[derive(Default)]
struct Seen {
    answers: AtomicI64,
    given_again: AtomicI64,
    gone: AtomicI64,
    failed: AtomicI64,
}

impl Seen {
    /// Counts an answer that says the right price.
    fn count(counter: &AtomicI64, answer: &Value) {
        let usage = &answer["usage"];
        let tokens = |field: &str| usage[field].as_i64().unwrap_or_else(|| panic!("{answer}"));
        if tokens("calls") == 1 {
            let (input, output) = (tokens("input_tokens"), tokens("output_tokens"));
            assert_eq!(tokens("cost_microdollars"), cost(input, output), "{answer}");
        }
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn whole(&self, answer: &Answer) {
        match answer.status {
            200 if is_given_again(answer.header("cache-status").unwrap()) => {
                Self::count(&self.given_again, &answer.body);
            }
            200 => Self::count(&self.answers, &answer.body),
            // All attempts were refused, which is not booked.
            502 | 503 => drop(self.failed.fetch_add(1, Ordering::SeqCst)),
            _ => panic!("{answer:?}"),
        }
    }
}

fn is_given_again(status: &str) -> bool {
    status.contains("; hit") || status.contains("; collapsed")
}

fn text(number: usize) -> String {
    format!(
        "Ticket {number}: the parcel {} was damaged when it came. The customer asks for order {}. Nobody has called back yet.",
        number * 7_919 % 10_007,
        number * 104_729 % 99_991
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is a matter of patience, not of configuration"
)]
fn requests() -> usize {
    let wanted = std::env::var("SYNOPTIC_LEDGER_REQUESTS");
    wanted.map_or(REQUESTS, |wanted| wanted.parse().unwrap())
}

#[test]
fn the_ledger_has_what_the_upstream_counted_to_the_last_token() {
    let models: Vec<&str> = REPORTED.into_iter().chain(ESTIMATED).chain([BREAKING]).collect();
    let world = World::new(1, &models, INPUT, OUTPUT);
    let prompt = json!({"slug": "reply", "name": "Reply", "user": "Answer {{ name }}: {{ document }}",
                        "variables": {"type": "object", "properties": {"name": {"type": "string"}}}});
    world.api("POST", "/api/prompts", &prompt.to_string());
    let (next, seen, count) = (AtomicUsize::new(0), Seen::default(), requests());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    send(&world, &seen, number);
                }
            });
        }
    });
    let [answers, given_again, gone, failed] =
        [seen.answers, seen.given_again, seen.gone, seen.failed].map(AtomicI64::into_inner);
    println!("{answers} answers, {given_again} given again, {gone} given up, {failed} failed");
    let upstream = world.upstream.total();
    let ledger = settled(&world, given_again);
    let booked = |field: &str| ledger[field].as_i64().unwrap();
    assert_eq!(
        (booked("input_tokens"), booked("output_tokens")),
        (upstream.input, upstream.output),
        "{ledger}"
    );
    let calls = world.upstream.calls();
    let costs: i64 = calls.iter().map(|call| cost(call.input, call.output)).sum();
    assert_eq!(booked("cost_microdollars"), costs);
    assert_eq!(usize::try_from(booked("calls")).unwrap(), calls.len());
    let breaking = world.upstream.counts(BREAKING);
    let broken = breaking.calls - breaking.reported;
    assert_eq!(
        booked("calls"),
        answers + gone + broken,
        "an answer took more than one call that went well, or none"
    );
    assert_eq!(booked("cache_hits"), given_again);
    // Those that do not report what was used, those that were given up, and those that broke off.
    let estimated = world.upstream.counts("no-usage").calls + gone + broken;
    assert_eq!(booked("estimated_calls"), estimated);
    compare_each_model(&world);
    // Every kind took place.
    assert!(upstream.calls > booked("calls"), "nothing was repeated");
    assert!(
        gone > 0 && given_again > 0 && broken > 0 && failed * 50 < i64::try_from(count).unwrap(),
        "{ledger}"
    );
}

/// Of each model, what is reported is booked as the upstream counted it by its own rule, and what is not as it should be estimated.
fn compare_each_model(world: &World) {
    let report = world.api("GET", "/api/usage?group_by=model", "");
    let lines = report["items"].as_array().unwrap();
    let line = |model: &str| {
        lines
            .iter()
            .find(|line| line["model"] == model)
            .unwrap_or_else(|| panic!("{report}"))
    };
    let booked = |model: &str, field: &str| line(model)[field].as_i64().unwrap_or_else(|| panic!("{report}"));
    for model in REPORTED.into_iter().chain(ESTIMATED).chain([BREAKING]) {
        let counted = world.upstream.counts(model);
        assert_eq!(
            (booked(model, "input_tokens"), booked(model, "output_tokens")),
            (counted.input, counted.output),
            "{model}"
        );
        assert_eq!(
            booked(model, "calls") - booked(model, "estimated_calls"),
            counted.reported,
            "{model}"
        );
    }
    for model in REPORTED {
        assert_eq!(booked(model, "estimated_calls"), 0, "{model}");
    }
    for model in ESTIMATED {
        assert_eq!(world.upstream.counts(model).reported, 0, "{model}");
    }
}

/// What was given again is in the ledger within about a second, and what was given up once the server has noticed.
fn settled(world: &World, given_again: i64) -> Value {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let (ledger, upstream) = (world.ledger(), world.upstream.total());
        let settled = ledger["cache_hits"] == given_again
            && ledger["input_tokens"] == upstream.input
            && ledger["calls"] == world.upstream.calls().len();
        if settled || Instant::now() > end {
            return ledger;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// One of the kinds of requests.
fn send(world: &World, seen: &Seen, number: usize) {
    let text = text(number);
    let labels = json!([{"id": "damage", "name": "Damage"}, {"id": "delay", "name": "Delay"}]);
    let whole = |path: &str, body: Value| seen.whole(&world.ask(world.servers[0].address, path, &body).unwrap());
    match number % 20 {
        0..4 => whole("/api/summarize", json!({"text": text, "engine": "upstream/ok"})),
        4 => whole(
            "/api/classify",
            json!({"text": text, "engine": "upstream/ok", "labels": labels}),
        ),
        5 => {
            let variables = json!({"name": format!("customer {number}")});
            whole(
                "/api/generate",
                json!({"prompt": "reply", "variables": variables, "text": text, "engine": "upstream/ok"}),
            );
        }
        6 | 7 => whole(
            "/api/summarize",
            json!({"text": text, "engine": "upstream/every-few-429-5"}),
        ),
        8 => whole(
            "/api/summarize",
            json!({"text": text, "engine": "upstream/every-few-500-7"}),
        ),
        9 => whole(
            "/api/summarize",
            json!({"text": text, "engine": format!("upstream/{BREAKING}")}),
        ),
        10 => whole("/api/summarize", json!({"text": text, "engine": "upstream/no-usage"})),
        11 => whole(
            "/api/summarize",
            json!({"text": text, "engine": "upstream/ok", "cache": "off"}),
        ),
        // Few texts, so that most were asked about before, or are at the moment.
        12..15 => {
            let text = self::text(number % 7);
            whole(
                "/api/summarize",
                json!({"text": text, "engine": "upstream/ok", "cache": "on"}),
            );
        }
        15 | 16 => {
            let model = if number % 40 < 20 { "ok" } else { "drip-1" };
            follow(
                world,
                seen,
                &json!({"text": text, "engine": format!("upstream/{model}")}),
            );
        }
        17 => follow(
            world,
            seen,
            &json!({"text": self::text(number % 3), "engine": "upstream/no-usage"}),
        ),
        18 => go_away(world, seen, &json!({"text": text, "engine": "upstream/stall-after-4"})),
        _ => batch(world, seen, number),
    }
}

fn batch(world: &World, seen: &Seen, number: usize) {
    let inputs: Vec<Value> = (0..5)
        .map(|place| json!({"text": text(number * 1_000 + place)}))
        .collect();
    let body = json!({"inputs": inputs, "engine": "upstream/ok"});
    let answer = world
        .ask(world.servers[0].address, "/api/summarize/batch", &body)
        .unwrap();
    let results = answer.body["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(results.len(), 5);
    for result in results {
        Seen::count(&seen.answers, &result["analysis"]);
    }
}

/// Follows a stream to its end.
fn follow(world: &World, seen: &Seen, body: &Value) {
    let answer = read_all(&mut world.stream("/api/summarize", body));
    let status = answer
        .lines()
        .find_map(|line| line.strip_prefix("cache-status: "))
        .unwrap();
    let (_, last) = answer
        .split_once("event: analysis")
        .unwrap_or_else(|| panic!("{answer}"));
    let analysis = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let analysis = serde_json::from_str(analysis).unwrap();
    Seen::count(
        if is_given_again(status) {
            &seen.given_again
        } else {
            &seen.answers
        },
        &analysis,
    );
}

/// Follows a stream for as long as something comes, and goes away.
fn go_away(world: &World, seen: &Seen, body: &Value) {
    let mut lines = BufReader::new(world.stream("/api/summarize", body)).lines();
    for _ in 0..PIECES {
        let piece = lines.find(|line| line.as_ref().unwrap().contains("event: delta"));
        assert!(piece.is_some(), "the answer ended");
    }
    seen.gone.fetch_add(1, Ordering::SeqCst);
}
