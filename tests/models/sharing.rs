//! Many who ask the same at the same time are one to the provider.

use crate::{
    support::Answer,
    world::{World, cache_status},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use synoptic::domain::{permissions::Scopes, principal::Reach};

const STORED: &str = "synoptic; fwd=miss; stored";
const COLLAPSED: &str = "synoptic; fwd=miss; collapsed";

/// So many ask at once; the upstream answers when all wait.
async fn at_once(world: &World, count: u32, fields: Value) -> Vec<Answer> {
    world.upstream.hold();
    let before = world.calls();
    let asking = join_all((0..count).map(|_| world.summarize(fields.clone())));
    let releasing = async {
        world.until_called(before + 1).await;
        world.until_waiting(count).await;
        world.upstream.release();
    };
    tokio::join!(asking, releasing).0
}

#[tokio::test]
async fn a_hundred_at_once_cost_one_call() {
    let world = World::new("plain").await;
    let answers = at_once(&world, 100, json!({})).await;
    assert_eq!(world.calls(), 1);
    let count = |status: &str| answers.iter().filter(|answer| cache_status(answer) == status).count();
    assert_eq!((count(STORED), count(COLLAPSED)), (1, 99));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let used = world.used().await;
    assert_eq!((&used["calls"], &used["cache_hits"]), (&json!(1), &json!(99)));
    assert!((world.metric("synoptic_cache_collapsed_total").await - 99.0).abs() < 0.1);
    assert_eq!(world.get("/api/analyses").await.items().len(), 1);
}

#[tokio::test]
async fn a_failure_reaches_all_and_the_next_one_asks_again() {
    let world = World::new("failing-1").await;
    let answers = at_once(&world, 100, json!({"engine": "upstream"})).await;
    assert_eq!(world.calls(), 1);
    let mut details: Vec<&str> = answers
        .iter()
        .map(|answer| answer.problem(502, "upstream")["detail"].as_str().unwrap())
        .collect();
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    let next = world.summarize(json!({"engine": "upstream"})).await;
    assert_eq!((cache_status(&next), world.calls()), (STORED, 2));
    // Both were looked for and not there, whatever became of them.
    assert!((world.metric("synoptic_cache_misses_total").await - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn those_who_do_not_want_what_is_kept_ask_for_themselves() {
    let world = World::new("plain").await;
    for (number, mode) in ["off", "read_only", "write_only"].iter().enumerate() {
        let fields = json!({"cache": mode, "sentences": number + 1});
        let before = world.calls();
        let answers = at_once(&world, 3, fields).await;
        assert_eq!(world.calls() - before, 3, "{mode}");
        assert!(!answers.iter().any(|answer| cache_status(answer).contains("collapsed")));
    }
}

/// A budget of this many millionths of a dollar for a key.
async fn budget(world: &World, name: &str, key: &str, amount: i64) {
    let body = json!({"name": name, "subject": "key", "subject_id": key, "unit": "microdollars", "amount": amount,
                      "window": "day"});
    world.post("/api/budgets", body).await.created();
}

#[tokio::test]
async fn nobody_is_refused_for_somebody_elses_budget() {
    let world = World::new("plain").await;
    let mut keys = Vec::new();
    for number in 0..12 {
        let (key, secret) = world.key_with(Scopes::ALL, Reach::Everything).await;
        if number != 5 {
            budget(&world, &format!("Purse {number}"), &key.row.id.0.to_string(), 0).await;
        }
        keys.push(secret);
    }
    let asking = keys
        .iter()
        .map(|key| world.summarize_as(key, json!({"engine": "upstream"})));
    let answers = join_all(asking).await;
    for (number, answer) in answers.iter().enumerate() {
        if answer.status == 200 {
            continue;
        }
        assert_ne!(number, 5, "{answer:?}");
        let problem = answer.problem(429, "over-budget");
        assert!(
            problem["detail"].as_str().unwrap().contains(&format!("Purse {number}")),
            "{number} is told of another's budget: {problem}"
        );
    }
    assert_eq!(answers[5].status, 200);
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn after_some_who_cannot_pay_many_who_can_make_one_call() {
    let world = World::new("plain").await;
    let mut poor = Vec::new();
    for number in 0..4 {
        let (key, secret) = world.key_with(Scopes::ALL, Reach::Everything).await;
        budget(&world, &format!("Purse {number}"), &key.row.id.0.to_string(), 0).await;
        poor.push(secret);
    }
    let (_, rich) = world.key_with(Scopes::ALL, Reach::Everything).await;
    let keys = poor.iter().chain(std::iter::repeat_n(&rich, 100));
    let asking = keys.map(|key| world.summarize_as(key, json!({"engine": "upstream"})));
    let answers = join_all(asking).await;
    assert!(answers[4..].iter().all(|answer| answer.status == 200));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn when_one_of_two_goes_the_other_still_has_the_answer() {
    let world = World::new("plain").await;
    world.upstream.hold();
    let mut first = Box::pin(world.summarize(json!({})));
    tokio::select! {
        _ = &mut first => panic!("it is held"),
        () = world.until_called(1) => {}
    }
    let mut second = Box::pin(world.summarize(json!({})));
    tokio::select! {
        _ = &mut second => panic!("it is held"),
        () = world.until_waiting(2) => {}
    }
    drop(first);
    world.until_waiting(1).await;
    world.upstream.release();
    assert_eq!(cache_status(&second.await), COLLAPSED);
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn when_all_have_gone_the_call_ends() {
    let world = World::new("plain").await;
    world.upstream.hold();
    let mut asking = Box::pin(join_all((0..5).map(|_| world.summarize(json!({})))));
    tokio::select! {
        _ = &mut asking => panic!("it is held"),
        () = async { world.until_called(1).await; world.until_waiting(5).await; } => {}
    }
    drop(asking);
    crate::world::until("the call ended", || world.upstream.open_connections() == 0).await;
    world.upstream.release();
    assert_eq!(cache_status(&world.summarize(json!({})).await), STORED);
    assert_eq!(world.calls(), 2);
    assert_eq!(world.get("/api/analyses").await.items().len(), 1);
}

#[tokio::test]
async fn who_names_an_engine_does_not_come_along_with_who_takes_any() {
    let world = World::new("status-500").await;
    world.upstream.hold();
    let asking = async {
        tokio::join!(
            world.summarize(json!({})),
            world.summarize(json!({"engine": "upstream"}))
        )
    };
    let releasing = async {
        world.until_called(2).await;
        world.upstream.release();
    };
    let ((any, named), ()) = tokio::join!(asking, releasing);
    assert_eq!(
        (&any.ok().body["engine"], &any.body["degraded"]),
        (&json!("embedded"), &json!(true))
    );
    named.problem(502, "upstream");
}
