//! Long texts are worked on part by part: when one part fails, or nobody waits any more, the others are given up, and what they
//! used is booked all the same.

use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// How many parts are worked on at a time.
const AT_A_TIME: i64 = 4;

/// So many sentences that they are read in more parts than are worked on at a time; one is `poison`.
fn long_text(poison: Option<usize>) -> String {
    let sentence = |number: usize| {
        let what = if Some(number) == poison { "poison" } else { "parcels" };
        format!("Report {number} of the warehouse in Leipzig is about {what} that came on day {number}. ")
    };
    (0..1_600).map(sentence).collect()
}

async fn world() -> World {
    let world = World::new("poisoned").await;
    let budget =
        json!({"name": "All", "subject": "server", "unit": "microdollars", "amount": 1_000_000_000, "window": "month"});
    world.post("/api/budgets", budget).await.created();
    world
}

/// The ledger is the upstream's own count, and nothing is set aside any more.
async fn assert_booked(world: &World, calls: i64) {
    let mut used = Value::Null;
    for _ in 0..300 {
        used = world.used().await;
        if used["calls"] == calls {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let upstream = world.upstream.total();
    assert_eq!(upstream.calls, calls, "further parts were begun: {used}");
    assert_eq!(
        (&used["calls"], &used["input_tokens"], &used["output_tokens"]),
        (&json!(calls), &json!(upstream.input), &json!(upstream.output))
    );
    let budgets = world.get("/api/budgets").await;
    let budget = &budgets.items()[0];
    assert_eq!(
        (&budget["held"], &budget["spent"]),
        (&json!(0), &used["cost_microdollars"]),
        "{budget}"
    );
}

#[tokio::test]
async fn when_a_part_fails_the_others_are_given_up_and_booked() {
    for method in ["abstractive", "extractive"] {
        // In the first part, in the last of those that are worked on at first.
        for place in [5, 600] {
            let world = world().await;
            let wish = json!({"text": long_text(Some(place)), "method": method, "engine": "upstream"});
            let answer = world.summarize(wish).await;
            let detail = answer.problem(502, "upstream")["detail"].as_str().unwrap();
            assert_eq!(detail, "the provider `upstream` failed", "{method} {place}");
            assert_booked(&world, AT_A_TIME).await;
        }
    }
}

#[tokio::test]
async fn when_nobody_waits_any_more_all_parts_are_given_up_and_booked() {
    for method in ["abstractive", "extractive"] {
        let world = world().await;
        let wish = json!({"text": long_text(None), "method": method, "engine": "upstream"});
        tokio::select! {
            answer = world.summarize(wish) => panic!("{answer:?}"),
            () = async {
                world.until_called(AT_A_TIME).await;
                // Their beginnings have come.
                sleep(Duration::from_millis(500)).await;
            } => {}
        }
        assert_booked(&world, AT_A_TIME).await;
    }
}
