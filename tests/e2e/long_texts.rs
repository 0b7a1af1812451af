//! Texts that take several calls: parts that fail, clients that go away while parts are worked on, and routes on which a second
//! provider is asked beside the first. Whatever comes of the answer, the ledger has every call that the upstream counted.

use crate::models::{Database, World};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// How many at once.
const CLIENTS: usize = 6;

/// Four providers that are the same upstream, so that what one does tells nothing about the other. Where the first of the route has
/// not begun to answer for 150 ms, the second is asked as well.
fn world() -> World {
    World::configured(Database::Sqlite, 1, |base_url, _| {
        let provider = |name: &str, model: &str| {
            format!(
                "[[providers]]\nname = \"{name}\"\nbase_url = \"{base_url}\"\nconcurrency = 64\nretries = 0\n\
                 [[providers.models]]\nname = \"{model}\"\ncontext_tokens = 700\nmax_output_tokens = 60\n\
                 input = \"0.37\"\noutput = \"1.9\"\n"
            )
        };
        let route =
            "[routes.summary]\nengines = [\"slow/stall-after-3\", \"sound/ok\"]\nhedge_after_milliseconds = 150\n";
        [
            route.to_owned(),
            provider("slow", "stall-after-3"),
            provider("sound", "ok"),
            provider("failing", "unwell-after-4"),
            provider("left", "stall-after-4"),
        ]
        .concat()
    })
}

/// Several times what fits into the context.
fn long_text(number: usize) -> String {
    let sentences = (0..120).map(|place| {
        let ticket = number * 1_000 + place;
        // Where the model `unwell-after` fails, a second after it was asked.
        if place == 0 {
            return "UNWELL.".to_owned();
        }
        format!(
            "Ticket {ticket}: the parcel {} was damaged when it came.",
            ticket * 7_919 % 10_007
        )
    });
    sentences.collect::<Vec<_>>().join(" ")
}

fn cost(input: i64, output: i64) -> i64 {
    (input * 370_000 + output * 1_900_000 + 999_999) / 1_000_000
}

/// What the clients get, one after the other by their number.
fn ask_all(world: &World, engine: Option<&str>) -> Vec<(u16, Value)> {
    thread::scope(|scope| {
        let asking: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn(move || {
                    let mut body = json!({"text": long_text(number), "cache": "off"});
                    if let Some(engine) = engine {
                        body["engine"] = engine.into();
                    }
                    let answer = world.ask(world.servers[0].address, "/api/summarize", &body).unwrap();
                    (answer.status, answer.body)
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

/// Waits until every call that the upstream did not refuse is booked, and compares both sides to the last token.
fn compare(world: &World, budget: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    let ledger = loop {
        let ledger = world.ledger();
        if ledger["calls"] == world.upstream.calls().len() || Instant::now() > end {
            break ledger;
        }
        thread::sleep(Duration::from_millis(20));
    };
    world.settled(budget, |shown| shown["held"] == 0);
    let (total, calls) = (world.upstream.total(), world.upstream.calls());
    let costs: i64 = calls.iter().map(|call| cost(call.input, call.output)).sum();
    let of_upstream = [i64::try_from(calls.len()).unwrap(), total.input, total.output, costs];
    let fields = ["calls", "input_tokens", "output_tokens", "cost_microdollars"];
    let booked = fields.map(|field| ledger[field].as_i64().unwrap_or_else(|| panic!("{field} of {ledger}")));
    assert_eq!(booked, of_upstream, "{ledger}");
    assert_eq!(world.settled(budget, |_| true)["spent"], costs);
    ledger
}

#[test]
fn an_answer_of_several_calls_is_booked_with_all_of_them() {
    let world = world();
    let budget = world.limit(10_000_000);
    let answers = ask_all(&world, Some("sound"));
    for (status, answer) in &answers {
        assert!(
            *status == 200 && answer["usage"]["calls"].as_i64() > Some(3),
            "{answer}"
        );
    }
    let ledger = compare(&world, &budget);
    let calls: i64 = answers
        .iter()
        .filter_map(|(_, answer)| answer["usage"]["calls"].as_i64())
        .sum();
    assert_eq!(
        (&ledger["calls"], &ledger["estimated_calls"]),
        (&json!(calls), &json!(0))
    );
}

#[test]
fn when_a_part_fails_the_others_are_booked() {
    let world = world();
    let budget = world.limit(10_000_000);
    for (status, answer) in ask_all(&world, Some("failing")) {
        assert!(matches!(status, 502 | 503), "{status} {answer}");
    }
    let ledger = compare(&world, &budget);
    // Of each text, one part failed while others were under way.
    assert!(
        ledger["calls"].as_i64() > Some(12) && ledger["output_tokens"].as_i64() > Some(24),
        "{ledger}"
    );
    assert_eq!(ledger["estimated_calls"], ledger["calls"]);
}

#[test]
fn when_a_client_goes_away_the_parts_under_way_end_and_are_booked() {
    let world = world();
    let budget = world.limit(10_000_000);
    let connections = (0..CLIENTS).map(|number| {
        let body = json!({"text": long_text(number), "engine": "left", "cache": "off"});
        world.stream("/api/summarize", &body)
    });
    let connections: Vec<_> = connections.collect();
    let end = Instant::now() + PATIENCE;
    // Parts are worked on together; what they said was sent, and nothing more comes.
    while world.upstream.calls().len() < 2 * CLIENTS {
        assert!(Instant::now() < end, "the parts are not worked on together");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_secs(1));
    drop(connections);
    while world.upstream.open_connections() > 0 {
        assert!(Instant::now() < end, "a part is still worked on");
        thread::sleep(Duration::from_millis(5));
    }
    let ledger = compare(&world, &budget);
    assert!(ledger["output_tokens"].as_i64() > Some(0), "{ledger}");
    assert_eq!(ledger["estimated_calls"], ledger["calls"]);
}

#[test]
fn of_two_that_are_asked_side_by_side_both_are_booked() {
    let world = world();
    let budget = world.limit(10_000_000);
    for (status, answer) in ask_all(&world, None) {
        assert!(status == 200 && answer["degraded"] != true, "{status} {answer}");
        assert_eq!(answer["usage"]["estimated"], true, "{answer}");
    }
    let ledger = compare(&world, &budget);
    let slow = world.upstream.counts("stall-after-3").calls;
    assert!(usize::try_from(slow).unwrap() >= CLIENTS, "the first was not asked");
    assert_eq!(ledger["estimated_calls"], slow, "{ledger}");
}
