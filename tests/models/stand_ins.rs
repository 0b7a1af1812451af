//! What becomes of answers that cannot be had or cannot be used, and of budgets that do not hold a second call.

use crate::world::World;
use serde_json::json;
use synoptic::config::Config;

#[tokio::test]
async fn sentences_that_stand_in_for_what_a_model_wrote_are_marked() {
    let world = World::new("plain").await;
    // Shorter than what the upstream says.
    let text = "The parcel is late. It is wet.";
    for (wish, why) in [
        (json!({"text": text}), "wrote nothing that is shorter than the text"),
        (json!({"max_chars": 20}), "wrote nothing that is short enough"),
        (
            json!({"max_chars": 20, "method": "extractive"}),
            "chose no sentence that is short enough",
        ),
    ] {
        let answer = world.summarize(wish).await;
        let body = &answer.ok().body;
        assert_eq!(
            (
                &body["engine"],
                &body["model"],
                &body["degraded"],
                &body["usage"]["calls"]
            ),
            (&json!("upstream"), &json!("plain"), &json!(true), &json!(1)),
            "{body}"
        );
        let reason = body["degraded_reason"].as_str().unwrap();
        assert!(
            reason.starts_with(&format!("the provider `upstream` {why}")),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn when_nothing_can_stand_in_the_problem_says_when_to_come_again() {
    let world = World::of_providers(&["retry-after-30"], |_| {}).await;
    let prompt = json!({
        "name": "Fact", "slug": "fact", "user": "One fact of this: {{ document }}",
        "output_schema": {"type": "object", "properties": {"fact": {"type": "string"}}, "required": ["fact"]}
    });
    world.post("/api/prompts", prompt).await.created();
    let answer = world
        .post(
            "/api/generate",
            json!({"prompt": "fact", "text": "The parcel is late."}),
        )
        .await;
    answer.problem(502, "upstream");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((28..=30).contains(&wait), "{wait}");
}

/// With a budget that holds one call, not two.
async fn hedged_with_budget(models: &[&str]) -> World {
    let world = World::of_providers(models, |config: &mut Config| {
        config.providers[0].first_piece_timeout_seconds = 1;
        let route = json!({"engines": ["a", "b"], "hedge_after_milliseconds": 100});
        config.routes.default = Some(serde_json::from_value(route).unwrap());
    })
    .await;
    let budget =
        json!({"name": "All", "subject": "server", "unit": "microdollars", "amount": 6_000, "window": "month"});
    world.post("/api/budgets", budget).await.created();
    world
}

#[tokio::test]
async fn a_second_call_that_no_budget_holds_is_left_out() {
    let world = hedged_with_budget(&["drip-60", "plain"]).await;
    let answer = world.summarize(json!({})).await;
    assert_eq!((&answer.ok().body["engine"], world.calls()), (&json!("a"), 1));

    // The other one has its turn when the first has failed and what was set aside for it is free again.
    let world = hedged_with_budget(&["hang", "plain"]).await;
    let answer = world.summarize(json!({})).await;
    assert_eq!(
        (&answer.ok().body["engine"], &answer.body["degraded"]),
        (&json!("b"), &json!(false))
    );
    assert_eq!(
        (
            world.upstream.counts("hang").calls,
            world.upstream.counts("plain").calls
        ),
        (1, 1)
    );
}
