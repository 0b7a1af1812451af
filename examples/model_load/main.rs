//! Measures what Synoptic adds to calls to a model, against servers that run already: `make bench-models`
//! (`scripts/bench/models.sh`) starts them and this.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool that cannot go on should say where, and prints what it measured"
)]

mod client;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/upstream/mod.rs"]
mod upstream;

use client::{Connection, Taken, Target, run};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Instant};
use upstream::Upstream;

/// Where everything listens; the script starts it there.
const SYNOPTIC: &str = "127.0.0.1:18080";
const BARE: &str = "127.0.0.1:18081";
const UPSTREAM: &str = "127.0.0.1:18090";
/// A second provider, inside of this program, which shows what Synoptic sends.
const MIRROR: &str = "127.0.0.1:18091";
/// Stands in the request that is sent directly where the text goes.
const PLACE: &str = "THE-TEXT-OF-THE-TICKET";
const ROUNDS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let key = arguments.next().expect("what, then the key");
    let count: usize = arguments.next().map_or(2_000, |count| count.parse().expect("a number"));
    match what.as_str() {
        "overhead" => overhead(&key, count).await,
        "cached" => cached(&key, count).await,
        "latency" => latency(&key).await,
        "memory" => memory(&key, count, arguments.next().expect("the server's process")).await,
        _ => panic!("overhead, cached, latency or memory"),
    }
}

/// A ticket like no other.
fn ticket(number: usize) -> String {
    format!(
        "Ticket {number}: the parcel came on Monday and the box was open. Two of the cups in it are broken, and the bill is missing. \
         The customer asks for new cups or for the money, and has called three times. Nobody has called back yet. The order is {}.",
        number.wrapping_mul(2_654_435_761) % 1_000_000_007
    )
}

fn question(number: usize, engine: &str) -> String {
    json!({"text": ticket(number), "engine": engine}).to_string()
}

/// So that no number is used twice, in this run or another.
fn beginning() -> usize {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_millis() as usize)
        * 1_000
}

/// The request that Synoptic sends for a text, with a mark in the place of the text.
async fn mirrored(key: &str) -> String {
    let mirror = Upstream::start_at(MIRROR).await;
    let body = json!({"text": PLACE, "engine": "mirror"}).to_string();
    let target = Target::post(SYNOPTIC, "/api/summarize", key, move |_| body.clone());
    run(&target, 1, 0, 1, None).await.unwrap();
    let mut body = mirror.last_request().unwrap().body;
    body["model"] = Value::from("ok");
    let body = body.to_string();
    assert!(body.contains(PLACE), "the text is not in the request");
    body
}

/// Latency of the upstream asked directly and through Synoptic, in turns.
async fn overhead(key: &str, count: usize) {
    let template = mirrored(key).await;
    let direct = Target::post(UPSTREAM, "/v1/chat/completions", "key", move |number| {
        template.replace(PLACE, &ticket(number))
    });
    let through = Target::post(SYNOPTIC, "/api/summarize", key, |number| {
        question(number, "upstream/ok")
    });
    let mut next = beginning();
    for target in [&direct, &through] {
        run(target, 16, next, 1_000, None).await.unwrap();
        next += 1_000;
    }
    let settings = [(1, None), (16, None), (64, None), (16, Some(50.0)), (16, Some(200.0))];
    let mut rounds: BTreeMap<usize, Vec<[Taken; 2]>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (place, (at_once, pace)) in settings.iter().enumerate() {
            let count = if pace.is_some() { count / 4 } else { count };
            let before = run(&direct, *at_once, next, count, *pace).await.unwrap();
            next += count;
            let after = run(&through, *at_once, next, count, *pace).await.unwrap();
            next += count;
            rounds.entry(place).or_default().push([before, after]);
        }
    }
    println!(
        "| at once | p50 directly | p50 through | **p50 added** | p99 directly | p99 through | **p99 added** | calls/s directly | through |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (place, rounds) in &rounds {
        let (at_once, pace) = settings[*place];
        let of = |which: usize, percent: usize| {
            median(rounds.iter().map(|round| round[which].percentile(percent)).collect()) / 1_000.0
        };
        let added = |percent: usize| {
            let added = |round: &[Taken; 2]| round[1].percentile(percent) - round[0].percentile(percent);
            median(rounds.iter().map(added).collect()) / 1_000.0
        };
        let rate = |which: usize| median(rounds.iter().map(|round| round[which].per_second()).collect());
        println!(
            "| {at_once}{} | {:.2} ms | {:.2} ms | **{:.2} ms** | {:.2} ms | {:.2} ms | **{:.2} ms** | {:.0} | {:.0} |",
            pace.map_or(String::new(), |pace| format!(", {pace} calls/s at fixed times")),
            of(0, 50),
            of(1, 50),
            added(50),
            of(0, 99),
            of(1, 99),
            added(99),
            rate(0),
            rate(1)
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Answers out of memory, next to a bare handler that answers as many bytes to the same request.
async fn cached(key: &str, count: usize) {
    let number = beginning();
    let body = question(number, "upstream/ok");
    let sent = body.clone();
    let hit = Target::post(SYNOPTIC, "/api/summarize", key, move |_| body.clone());
    let bare = Target::post(BARE, "/same", key, move |_| sent.clone());
    run(&hit, 1, 0, 1, None).await.unwrap();
    let mut connection = Connection::open(SYNOPTIC).await.unwrap();
    let answer = connection.ask(&(hit.requests)(0)).await.unwrap();
    let answer = String::from_utf8_lossy(answer).into_owned();
    assert!(
        answer
            .to_ascii_lowercase()
            .contains("cache-status: synoptic; hit; detail=memory"),
        "{answer}"
    );
    let answer = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    // The bare handler gives back what it is given here.
    let given = Target::post(BARE, "/answer", key, move |_| answer.clone());
    run(&given, 1, 0, 1, None).await.unwrap();
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (target, rates) in [&bare, &hit].into_iter().zip(&mut rates) {
            rates.push(run(target, 32, 0, count, None).await.unwrap().per_second());
        }
    }
    let [bare, hit] = rates.map(median);
    println!("bare handler: {bare:.0} requests/s");
    println!("answer out of memory: {hit:.0} requests/s, ratio {:.2}", hit / bare);
}

/// One after the other, with the real model: a text that is new, then the same again.
async fn latency(key: &str) {
    let target = Target::post(SYNOPTIC, "/api/summarize", key, |number| question(number, "local"));
    let first = beginning();
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    run(&target, 1, first, 1, None).await.unwrap();
    for number in first + 1..first + 12 {
        fresh.push(run(&target, 1, number, 1, None).await.unwrap().percentile(50) / 1_000.0);
        let mut connection = Connection::open(SYNOPTIC).await.unwrap();
        let request = (target.requests)(number);
        for _ in 0..20 {
            let began = Instant::now();
            connection.ask(&request).await.unwrap();
            again.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let (fresh, again) = (median(fresh), median(again));
    println!(
        "asked: {fresh:.1} ms, out of memory: {again:.3} ms, ratio {:.0}",
        fresh / again
    );
}

/// How much memory the server has while it answers, half of the requests out of the cache.
async fn memory(key: &str, count: usize, process: String) {
    let first = beginning();
    let target = Target::post(SYNOPTIC, "/api/summarize", key, move |number| {
        question(
            first + if number % 2 == 0 { number } else { number % 1_001 },
            "upstream/ok",
        )
    });
    println!("after {:>7} requests: {}", 0, resident(&process));
    let step = count / 10;
    for part in 0..10 {
        let taken = run(&target, 32, part * step, step, None).await.unwrap();
        println!(
            "after {:>7} requests: {}, {:.0} requests/s",
            (part + 1) * step,
            resident(&process),
            taken.per_second()
        );
    }
}

fn resident(process: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the server runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    format!("{:.1} MiB", kib / 1_024.0)
}
