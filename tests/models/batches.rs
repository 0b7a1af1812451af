//! Batches: each input has an answer or an error of its own, in its place.

use crate::world::{TEXT, World};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crate::upstream::Reply;

fn texts(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"text": format!("{TEXT} It has the number {number}.")}))
        .collect()
}

fn results(body: &Value) -> &Vec<Value> {
    body["results"].as_array().unwrap()
}

#[tokio::test]
async fn answers_stand_in_the_order_of_their_inputs_and_eight_are_asked_at_once() {
    let world = World::with(&["plain"], |config| config.providers[0].concurrency = 64).await;
    world.upstream.answer_with(|body| {
        let text = body["messages"].to_string();
        let number = text.split("has the number ").nth(1).unwrap();
        Reply::text(format!("This is about {}.", number.split('.').next().unwrap()))
    });
    world.upstream.hold();
    let most = Arc::new(AtomicUsize::new(0));
    let asking = world.post("/api/summarize/batch", json!({"inputs": texts(40)}));
    let watching = async {
        world.until_called(8).await;
        world.until_waiting(8).await;
        // Time for one too many, if there is one.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        most.store(usize::try_from(world.calls()).unwrap(), Ordering::SeqCst);
        world.upstream.release();
    };
    let (answer, ()) = tokio::join!(asking, watching);
    assert_eq!(most.load(Ordering::SeqCst), 8);
    let results = results(&answer.ok().body);
    assert_eq!(results.len(), 40);
    for (number, result) in results.iter().enumerate() {
        assert_eq!(
            result["analysis"]["summary"]["text"],
            format!("This is about {number}.")
        );
    }
    assert_eq!(world.calls(), 40);
}

#[tokio::test]
async fn an_input_that_fails_does_not_touch_the_others() {
    let world = World::new("plain").await;
    let document = world.document("notes", TEXT).await;
    let inputs = json!([
        {"text": format!("{TEXT} One.")},
        {"text": " "},
        {"document_id": "01890000-0000-7000-8000-000000000000"},
        {"document_id": document},
        {},
        {"text": format!("{TEXT} Two.")},
        {"text": format!("{TEXT} One.")},
    ]);
    let answer = world.post("/api/summarize/batch", json!({"inputs": inputs})).await;
    let results = results(&answer.ok().body);
    let status: Vec<i64> = results
        .iter()
        .map(|result| result["error"]["status"].as_i64().unwrap_or(200))
        .collect();
    assert_eq!(status, [200, 422, 404, 200, 422, 200, 200]);
    assert_eq!(world.calls(), 3);
    // The same twice is one answer.
    assert_eq!(results[0]["analysis"]["id"], results[6]["analysis"]["id"]);
}

#[tokio::test]
async fn one_that_the_provider_cannot_take_fails_alone() {
    let world = World::new("plain").await;
    world.upstream.answer_with(|body| {
        let bad = body["messages"].to_string().contains("has the number 3.");
        Reply::text(if bad { " " } else { "A summary." })
    });
    let answer = world
        .post(
            "/api/summarize/batch",
            json!({"inputs": texts(6), "engine": "upstream"}),
        )
        .await;
    for (number, result) in results(&answer.ok().body).iter().enumerate() {
        assert_eq!(result.get("error").is_some(), number == 3, "{result}");
    }
    // By the route, the embedded engine stands in for that one alone.
    let answer = world.post("/api/summarize/batch", json!({"inputs": texts(6)})).await;
    for (number, result) in results(&answer.ok().body).iter().enumerate() {
        assert_eq!(result["analysis"]["degraded"], number == 3, "{result}");
    }
}

#[tokio::test]
async fn a_budget_lets_some_inputs_through_and_refuses_the_rest() {
    let world = World::with(&["plain"], |config| config.providers[0].concurrency = 1).await;
    let first = world.summarize(json!({})).await;
    let cost = first.ok().body["usage"]["cost_microdollars"].as_i64().unwrap();
    let spent = Mutex::new(cost);
    // The worst case of a call is about ten times what it costs; so there is room for some calls.
    let amount = 20 * cost;
    let budget =
        json!({"name": "House", "subject": "server", "unit": "microdollars", "amount": amount, "window": "day"});
    world.post("/api/budgets", budget).await.created();
    let answer = world
        .post(
            "/api/summarize/batch",
            json!({"inputs": texts(40), "engine": "upstream"}),
        )
        .await;
    let results = results(&answer.ok().body);
    let mut counts = (0, 0);
    for result in results {
        if let Some(cost) = result["analysis"]["usage"]["cost_microdollars"].as_i64() {
            counts.0 += 1;
            *spent.lock().unwrap() += cost;
        } else {
            counts.1 += 1;
            assert_eq!(result["error"]["type"], "/problems/over-budget", "{result}");
        }
    }
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
    assert_eq!(world.used().await["cost_microdollars"], *spent.lock().unwrap());
    assert!(*spent.lock().unwrap() - cost <= amount);
}
