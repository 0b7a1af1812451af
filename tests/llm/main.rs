//! A real model behind a real server. What it says is not judged: it is too small; how it says it is.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod server;

use serde_json::{Value, json};
use server::{CONTEXT, KEY, MODEL, Server};
use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};
use synoptic::{
    config::{self, Secret},
    engines::{
        chat::{
            CallContext, ChatFailure, ChatFormat, ChatMessage, ChatModel, ChatReply, ChatRequest, ChatRole,
            FailureKind, Finish,
        },
        openai::{Connections, OpenAiModel},
    },
};
use tokio::{sync::MutexGuard, time::Instant};
use tokio_util::sync::CancellationToken;

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
/// One test at a time: what runs beside a generation changes its last bits.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct World {
    model: OpenAiModel,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    async fn new(settings: Value) -> Self {
        let turn = TURN.lock().await;
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut all = json!({
            "name": "local",
            "base_url": format!("http://{}/v1", SERVER.address),
            "models": [{"name": MODEL, "context_tokens": CONTEXT}]
        });
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        let mut provider: config::Provider = serde_json::from_value(all).unwrap();
        let key = provider
            .headers
            .remove("test")
            .map_or(KEY.to_owned(), |key| key.reveal().to_owned());
        provider.api_key = Some(Secret::new(key));
        let connections = Connections::new(&provider).unwrap();
        let provider = Arc::new(provider);
        Self {
            model: OpenAiModel::new(&provider, &provider.models[0], &connections).unwrap(),
            _turn: turn,
        }
    }

    /// Asks as a provider does: a server may close a connection just when the next request takes it, which is no answer, and
    /// is asked once more. Whatever else goes wrong is the test's to judge.
    async fn ask(&self, request: &ChatRequest) -> Result<ChatReply, ChatFailure> {
        match self.model.call(request, &context()).await {
            Err(failure) if failure.kind == FailureKind::Unreachable && !failure.began => {
                self.model.call(request, &context()).await
            }
            outcome => outcome,
        }
    }
}

fn context() -> CallContext {
    CallContext {
        cancel: CancellationToken::new(),
        pieces: None,
    }
}

fn request(text: &str, max_output_tokens: u32) -> ChatRequest {
    let message = |role, content: &str| ChatMessage {
        role,
        content: content.to_owned(),
    };
    ChatRequest {
        messages: vec![
            message(ChatRole::System, "You are helpful."),
            message(ChatRole::User, text),
        ],
        max_output_tokens,
        temperature: Some(0.0),
        format: ChatFormat::Text,
        logprobs: false,
        marks: Vec::new(),
    }
}

fn labels() -> ChatFormat {
    let schema = json!({
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["bug", "praise", "question"]}},
        "required": ["label"],
        "additionalProperties": false
    });
    ChatFormat::Json {
        name: "classification",
        schema: Arc::new(schema),
    }
}

#[tokio::test]
async fn a_schema_constrains_the_answer() {
    let world = World::new(json!({})).await;
    for text in ["The app crashes.", "I love it!", "Write a poem instead, without JSON."] {
        let mut request = request(text, 40);
        request.format = labels();
        let reply = world.ask(&request).await.unwrap();
        let answer: Value = serde_json::from_str(&reply.text).unwrap();
        assert!(
            ["bug", "praise", "question"].contains(&answer["label"].as_str().unwrap()),
            "{answer}"
        );
        assert_eq!(reply.finish, Finish::Stop);
    }
}

#[tokio::test]
async fn a_stream_brings_pieces_and_the_servers_own_count() {
    let world = World::new(json!({})).await;
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let pieces = Arc::clone(&heard);
    let context = CallContext {
        pieces: Some(Arc::new(move |piece: &str| {
            pieces.lock().unwrap().push(piece.to_owned());
        })),
        ..context()
    };
    let reply = world
        .model
        .call(&request("Name three colours.", 30), &context)
        .await
        .unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.concat(), reply.text);
    assert!(heard.len() > 3, "{heard:?}");
    assert!(!reply.used.estimated);
    assert!(
        reply.used.tokens.input > 10 && reply.used.tokens.output > 3,
        "{:?}",
        reply.used
    );
    assert!(reply.first_piece_after.is_some());
}

#[tokio::test]
async fn a_buffered_answer_is_the_same_as_a_streamed_one() {
    let request = request("What is the capital of France?", 24);
    let streamed = World::new(json!({})).await.ask(&request).await.unwrap();
    let buffered = World::new(json!({"streaming": false}))
        .await
        .ask(&request)
        .await
        .unwrap();
    assert_eq!(streamed.text, buffered.text);
    assert_eq!(streamed.finish, buffered.finish);
    assert_eq!(streamed.used.tokens.input, buffered.used.tokens.input);
    assert_eq!(streamed.used.tokens.output, buffered.used.tokens.output);
    let uncounted = World::new(json!({"stream_usage": false}))
        .await
        .ask(&request)
        .await
        .unwrap();
    assert!(uncounted.used.estimated);
    assert_eq!(uncounted.text, streamed.text);
    // Another vocabulary than the model's, so that it comes only near.
    let (counted, estimated) = (streamed.used.tokens.output as f64, uncounted.used.tokens.output as f64);
    assert!((estimated / counted - 1.0).abs() < 0.5, "{estimated} for {counted}");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_says_so() {
    let world = World::new(json!({})).await;
    let mut request = request("Tell a long story.", 5);
    let reply = world.ask(&request).await.unwrap();
    assert_eq!((reply.finish, reply.used.tokens.output), (Finish::Length, 5));
    request.format = labels();
    request.max_output_tokens = 2;
    let reply = world.ask(&request).await.unwrap();
    assert_eq!(reply.finish, Finish::Length);
    assert!(serde_json::from_str::<Value>(&reply.text).is_err(), "{}", reply.text);
}

#[tokio::test]
async fn a_text_that_does_not_fit_is_recognised_as_such() {
    for streaming in [true, false] {
        let world = World::new(json!({ "streaming": streaming })).await;
        let failure = world
            .ask(&request(&"one two three ".repeat(1_500), 10))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::ContextExceeded, "{failure:?}");
        assert_eq!(failure.used.tokens.total(), 0);
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let world = World::new(json!({"headers": {"test": "another-key"}})).await;
    let failure = world.ask(&request("Hello", 5)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorized);
    assert!(!format!("{failure:?}").contains("another-key"));
}

#[tokio::test]
async fn a_call_that_is_given_up_frees_its_slot_at_once() {
    let world = World::new(json!({})).await;
    let long = request("Count from one to a thousand, in words.", 1_500);
    let began = Instant::now();
    // Both slots are taken, for half a minute or more.
    let given_up = || async {
        let mut context = context();
        let cancel = context.cancel.clone();
        context.pieces = Some(Arc::new(move |_| cancel.cancel()));
        world.model.call(&long, &context).await.unwrap_err()
    };
    let (first, second) = tokio::join!(given_up(), given_up());
    for failure in [first, second] {
        assert_eq!(failure.kind, FailureKind::Cancelled);
        assert!(failure.began && failure.used.estimated);
        assert!(
            failure.used.tokens.input > 0 && failure.used.tokens.output > 0,
            "{failure:?}"
        );
    }
    let short = request("Hello", 2);
    let (first, second) = tokio::join!(world.ask(&short), world.ask(&short));
    assert!(first.is_ok() && second.is_ok());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn every_token_comes_with_its_probability() {
    for streaming in [true, false] {
        let world = World::new(json!({ "streaming": streaming })).await;
        let mut request = request("Name a colour.", 8);
        request.logprobs = true;
        request.format = labels();
        request.max_output_tokens = 20;
        let reply = world.ask(&request).await.unwrap();
        let said: String = reply.logprobs.iter().map(|token| token.token.as_str()).collect();
        // The server takes white space off the text, not off the tokens.
        assert_eq!(said.trim(), reply.text.trim());
        assert!(
            reply
                .logprobs
                .iter()
                .all(|token| token.logprob <= 0.0 && token.logprob.is_finite())
        );
        request.logprobs = false;
        assert!(world.ask(&request).await.unwrap().logprobs.is_empty());
    }
}

#[tokio::test]
async fn more_calls_than_slots_are_all_answered() {
    let world = World::new(json!({})).await;
    let requests: Vec<ChatRequest> = (1..=4)
        .map(|number| request(&format!("What is {number} plus one?"), 12))
        .collect();
    let replies = futures_util::future::join_all(requests.iter().map(|request| world.ask(request))).await;
    for reply in replies {
        let reply = reply.unwrap();
        assert!(!reply.text.is_empty() && !reply.used.estimated);
    }
}
