//! Two servers and two workers on one PostgreSQL database, with one Redis: they spend one budget, do each piece of work once, and
//! forget together.

use crate::{
    models::{Answer, Database, World, provider_settings},
    redis_server::RedisServer,
};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

const DOCUMENTS: i64 = 200;
const QUESTIONS: i64 = 60;
const PATIENCE: Duration = Duration::from_mins(2);

fn world(redis: &RedisServer) -> World {
    World::of_roles(
        Database::Postgres,
        &["api", "api", "worker", "worker"],
        |base_url, _| {
            format!(
                "[cache]\nredis_url = \"{}\"\nredis_timeout_milliseconds = 2000\n{}",
                redis.url(),
                provider_settings(base_url, &["ok"], "1", "10")
            )
        },
    )
}

fn ask(world: &World, server: usize, body: &Value) -> Answer {
    let answer = world.ask(world.servers[server].address, "/api/summarize", body);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_servers_and_two_workers_spend_one_budget_and_do_each_piece_once() {
    let redis = RedisServer::start();
    let world = world(&redis);
    let budget = world.limit(100_000_000);
    world.api("POST", "/api/collections", r#"{"name": "Notes"}"#);
    let documents: Vec<Value> = (0..DOCUMENTS)
        .map(|number| json!({"text": format!("Parcel {number} was late. I want my money back. Please hurry.")}))
        .collect();
    let batch = json!({"documents": documents});
    world.api("POST", "/api/collections/notes/batch", &batch.to_string());
    // As the key, so that the job spends the budget that questions spend.
    let job =
        json!({"kind": "analyze", "collection": "notes", "documents": {}, "summary": {}, "engine": "upstream/ok"});
    let job = world.ask(world.servers[0].address, "/api/jobs", &job).unwrap();
    assert_eq!(job.status, 202, "{job:?}");
    let job = format!("/api/jobs/{}", job.body["id"].as_str().unwrap());
    thread::scope(|scope| {
        for server in 0..2 {
            let world = &world;
            scope.spawn(move || {
                for number in 0..QUESTIONS / 2 {
                    let text = format!("Question {number} of {server}. Nobody knows why. It is raining.");
                    ask(world, server, &json!({"text": text, "engine": "upstream/ok"}));
                }
            });
        }
    });
    until("the job ends", || world.api("GET", &job, "")["status"] == "succeeded");
    let shown = world.settled(&budget, |shown| shown["held"] == 0);
    let (ledger, billed) = (world.ledger(), world.upstream.total());
    assert_eq!(billed.calls, DOCUMENTS + QUESTIONS);
    let cost = billed.input + 10 * billed.output;
    assert_eq!(
        [&shown["spent"], &ledger["cost_microdollars"], &ledger["calls"]],
        [&json!(cost), &json!(cost), &json!(DOCUMENTS + QUESTIONS)]
    );
    let job = world.api("GET", &job, "");
    let analysed = world.api("GET", "/api/analyses?collection=notes&limit=200", "");
    let mut about: Vec<&str> = analysed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|analysis| analysis["document_id"].as_str().unwrap())
        .collect();
    about.sort_unstable();
    about.dedup();
    assert_eq!(i64::try_from(about.len()).unwrap(), DOCUMENTS, "{job}");
    assert!(analysed["next_cursor"].is_null(), "a document was analysed twice");
}

#[test]
fn what_is_deleted_at_one_server_no_other_gives_any_more() {
    let redis = RedisServer::start();
    let world = world(&redis);
    let question = json!({"text": "The parcel was late. I want my money back. Please hurry.", "engine": "upstream/ok"});
    let status = |answer: &Answer| answer.header("cache-status").unwrap().to_owned();
    let first = ask(&world, 0, &question);
    assert_eq!(status(&first), "synoptic; fwd=miss; stored");
    for expected in ["synoptic; hit; detail=redis", "synoptic; hit; detail=memory"] {
        assert_eq!(status(&ask(&world, 1, &question)), expected);
    }
    world.api(
        "DELETE",
        &format!("/api/analyses/{}", first.body["id"].as_str().unwrap()),
        "",
    );
    // Within the second in which the other looks what was deleted.
    until("the other server forgets", || {
        status(&ask(&world, 1, &question)).starts_with("synoptic; fwd=miss")
    });
    assert_eq!(world.upstream.total().calls, 2);
}
