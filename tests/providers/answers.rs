//! Answers in every form in which servers send them.

use crate::{
    support::{ANSWER, World, context, listening, request},
    upstream::Reply,
};
use serde_json::json;
use std::sync::Arc;
use synoptic::engines::chat::{ChatFormat, Finish};

#[tokio::test]
async fn an_answer_comes_whole_whatever_way_it_is_sent() {
    for streaming in [true, false] {
        for model in [
            "ok",
            "no-done",
            "empty-choices",
            "keepalive",
            "usage-everywhere",
            "no-usage",
            "not-a-stream",
        ] {
            let world = World::with(model, &json!({ "streaming": streaming })).await;
            let answered = world.ask().await.unwrap();
            assert_eq!(answered.reply.text, ANSWER, "{model}");
            assert_eq!(answered.reply.finish, Finish::Stop, "{model}");
            assert!(answered.reply.first_piece_after.is_some());
            let counts = world.upstream.total();
            let used = answered.reply.used;
            assert_eq!(
                (used.tokens.input, used.tokens.output),
                (counts.input, counts.output),
                "{model}"
            );
            assert_eq!(used.estimated, model == "no-usage", "{model}");
            assert_eq!(answered.usage.tokens, used.tokens);
            assert_eq!((answered.usage.calls, counts.calls), (1, 1));
            // A dollar and ten for a million tokens each are one and ten micro-dollars for one.
            assert_eq!(answered.usage.cost.0, counts.input + 10 * counts.output);
            assert_eq!(world.books.cost(), answered.usage.cost);
            world.books.are_closed();
        }
    }
}

#[tokio::test]
async fn pieces_are_handed_on_as_they_come() {
    let world = World::new("ok").await;
    let (context, heard) = listening();
    let answered = world.chat(&request(), &context).await.unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.concat(), answered.reply.text);
    assert!(heard.len() > 5, "{heard:?}");
}

#[tokio::test]
async fn letters_that_are_split_between_packets_stay_whole() {
    let world = World::new("split-utf8").await;
    let answered = world.ask().await.unwrap();
    assert_eq!(answered.reply.text, "zażółć 🦀 gęślą 🇵🇱 jaźń");
}

#[tokio::test]
async fn a_piece_that_repeats_stays_and_its_usage_is_not_doubled() {
    let world = World::new("duplicate-chunks").await;
    let answered = world.ask().await.unwrap();
    let doubled: String = ANSWER.split_inclusive(' ').map(|word| word.repeat(2)).collect();
    assert_eq!(answered.reply.text, doubled);
    assert_eq!(answered.reply.used.tokens.output, world.upstream.total().output);
    assert!(!answered.reply.used.estimated);
}

#[tokio::test]
async fn an_answer_ends_where_its_tokens_do() {
    let world = World::new("ok").await;
    let mut request = request();
    request.max_output_tokens = 4;
    let answered = world.chat(&request, &context()).await.unwrap();
    assert_eq!(answered.reply.finish, Finish::Length);
    assert!(ANSWER.starts_with(&answered.reply.text));
    // No model is asked for more than it may write.
    request.max_output_tokens = 5_000;
    world.chat(&request, &context()).await.unwrap();
    assert_eq!(world.upstream.last_request().unwrap().body["max_tokens"], 100);
}

#[tokio::test]
async fn what_the_provider_held_back_is_marked() {
    for streaming in [true, false] {
        for model in ["content-filter", "refusal"] {
            let world = World::with(model, &json!({ "streaming": streaming })).await;
            let answered = world.ask().await.unwrap();
            assert_eq!(answered.reply.finish, Finish::ContentFilter, "{model}");
            assert_eq!(answered.usage.tokens.output, world.upstream.total().output, "{model}");
        }
    }
}

#[tokio::test]
async fn fields_that_are_null_or_said_twice_do_not_break_an_answer() {
    for streaming in [true, false] {
        let world = World::with("odd-fields", &json!({ "streaming": streaming })).await;
        let mut request = request();
        request.logprobs = true;
        let answered = world.chat(&request, &context()).await.unwrap();
        assert_eq!(answered.reply.text, ANSWER);
        assert!(
            answered.reply.logprobs.is_empty(),
            "probabilities that are null are none"
        );
    }
}

#[tokio::test]
async fn probabilities_come_with_their_tokens() {
    for streaming in [true, false] {
        let world = World::with("ok", &json!({ "streaming": streaming })).await;
        world.upstream.say(Reply {
            text: "yes.".to_owned(),
            logprobs: vec![("yes".to_owned(), -0.25), (".".to_owned(), -1.5)],
        });
        let mut request = request();
        request.logprobs = true;
        let answered = world.chat(&request, &context()).await.unwrap();
        let logprobs: Vec<(&str, f64)> = answered
            .reply
            .logprobs
            .iter()
            .map(|token| (token.token.as_str(), token.logprob))
            .collect();
        assert_eq!(logprobs, [("yes", -0.25), (".", -1.5)]);
    }
}

#[tokio::test]
async fn an_answer_outside_the_schema_is_an_answer_here() {
    let world = World::new("wrong-label").await;
    let mut request = request();
    request.format = ChatFormat::Json {
        name: "classification",
        schema: Arc::new(json!({"type": "object", "properties": {"label": {"enum": ["a"]}}})),
    };
    assert_eq!(world.ask().await.unwrap().reply.text, "{\"label\":\"no-such-label\"}");
    let world = World::new("ok").await;
    let answered = world.chat(&request, &context()).await.unwrap();
    assert_eq!(answered.reply.text, "{\"label\":\"a\"}");
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let world = World::new("ok").await;
    for _ in 0..20 {
        world.upstream.answer_with(|_| Reply::text("short"));
        assert_eq!(world.ask().await.unwrap().reply.text, "short");
    }
    assert_eq!(world.upstream.accepted_connections(), 1);
    let World { upstream, provider, .. } = world;
    assert_eq!(upstream.open_connections(), 1);
    drop(provider);
    for _ in 0..1_000 {
        if upstream.open_connections() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    panic!("the connection outlived the provider");
}
