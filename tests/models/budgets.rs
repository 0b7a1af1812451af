//! What answers say of budgets, whole, streamed and in batches, and what refusals say.

use crate::{
    support::{Answer, send},
    world::{TEXT, World, asked, follow},
};
use serde_json::{Value, json};
use synoptic::domain::{permissions::Scopes, principal::Reach};

/// A world with a key whose budget for a month is this many micro-dollars.
async fn with_budget(amount: i64) -> (World, String) {
    let world = World::new("plain").await;
    let (key, secret) = world.key_with(Scopes::ALL, Reach::Everything).await;
    let budget = json!({"name": "Größe", "subject": "key", "subject_id": key.row.id.0.to_string(), "unit": "microdollars",
                        "amount": amount, "window": "month"});
    world.post("/api/budgets", budget).await.created();
    (world, secret)
}

/// What the header says is left.
#[track_caller]
fn left(header: Option<&str>) -> i64 {
    let header = header.expect("the header");
    let rest = header.strip_prefix("%\"Gr%c3%b6%c3%9fe\";left=").expect(header);
    let (left, rest) = rest.split_once(';').unwrap();
    let seconds = rest.strip_prefix("unit=microdollars;reset=").expect(header);
    assert!((1..=31 * 86_400).contains(&seconds.parse::<i64>().unwrap()), "{header}");
    left.parse().unwrap()
}

async fn post(world: &World, secret: &str, path: &str, body: &Value) -> Answer {
    send(world.with_token(secret, "POST", path).body_json(body)).await
}

#[tokio::test]
async fn every_answer_that_was_paid_for_says_what_is_left() {
    let (world, secret) = with_budget(1_000_000).await;
    let whole = post(&world, &secret, "/api/summarize", &asked(json!({}))).await;
    let cost = |usage: &Value| usage["cost_microdollars"].as_i64().unwrap();
    let mut spent = cost(&whole.ok().body["usage"]);
    assert_eq!(left(whole.header("synoptic-budget")), 1_000_000 - spent);

    let request = world.with_token(&secret, "POST", "/api/summarize");
    let Ok(events) = follow(request.body_json(&asked(json!({"sentences": 2})))).await else {
        panic!("a stream");
    };
    let during = left(events.budget.as_deref());
    let (_, analysis) = events.whole().await;
    spent += cost(&analysis["usage"]);
    // The worst case is set aside, or the answer was booked already.
    assert!(during <= 1_000_000 - spent, "{during}");

    let inputs = [
        json!({"text": TEXT}),
        json!({"text": format!("{TEXT} Today.")}),
        json!({"text": " "}),
    ];
    let batch = post(&world, &secret, "/api/summarize/batch", &json!({"inputs": inputs})).await;
    let results = batch.ok().body["results"].as_array().unwrap();
    assert_eq!(results[0]["cache_status"], "synoptic; hit; detail=memory");
    assert_eq!(results[1]["cache_status"], "synoptic; fwd=miss; stored");
    assert_eq!(
        (&results[2]["cache_status"], &results[2]["error"]["status"]),
        (&Value::Null, &json!(422))
    );
    spent += cost(&results[1]["analysis"]["usage"]);
    assert_eq!(left(batch.header("synoptic-budget")), 1_000_000 - spent);

    // Where no model was asked, nothing is looked up.
    for fields in [json!({}), json!({"engine": "embedded"})] {
        let free = post(&world, &secret, "/api/summarize", &asked(fields)).await;
        assert_eq!(free.ok().header("synoptic-budget"), None);
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_left_and_when_to_come_again_if_ever() {
    let (world, secret) = with_budget(4_000).await;
    let mut answer = post(&world, &secret, "/api/summarize", &asked(json!({}))).await;
    for number in 0..20 {
        if answer.status != 200 {
            break;
        }
        let text = format!("{TEXT} This is ticket {number}.");
        answer = post(&world, &secret, "/api/summarize", &json!({"text": text})).await;
    }
    let problem = answer.problem(429, "over-budget").clone();
    assert!(left(answer.header("synoptic-budget")) < 4_000);
    assert_eq!(problem["resets_at"], "2026-04-01T00:00:00Z", "{problem}");
    assert_eq!(
        answer.header("retry-after").unwrap(),
        problem["retry_after"].to_string()
    );

    let (world, secret) = with_budget(1).await;
    let never = post(&world, &secret, "/api/summarize", &asked(json!({}))).await;
    let problem = never.problem(429, "over-budget");
    assert!(
        problem["detail"].as_str().unwrap().contains("can never hold"),
        "{problem}"
    );
    assert_eq!(left(never.header("synoptic-budget")), 1);
    assert_eq!(
        (never.header("retry-after"), &problem["retry_after"]),
        (None, &Value::Null)
    );
    assert_eq!(world.calls(), 0);
}
