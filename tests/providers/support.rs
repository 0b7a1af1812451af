//! A provider in front of the scripted upstream, with books that remember.

use crate::upstream::Upstream;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use synoptic::{
    config,
    domain::{Error, Result, money::MicroDollars, usage::Usage},
    engines::{
        Hold, Meter, PlannedCall, SettledCall,
        chat::{CallContext, ChatFailure, ChatFormat, ChatMessage, ChatRequest, ChatRole},
        provider::{Answered, AttemptObservation, CallError, Observation, Provider, Unavailable, UnavailableReason},
    },
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The answer that the upstream gives by itself.
pub const ANSWER: &str = "The answer of the scripted upstream, in a few plain words.";

pub struct World {
    pub upstream: Upstream,
    pub provider: Arc<Provider>,
    pub books: Books,
    observed: Arc<Mutex<Vec<Observation>>>,
}

impl World {
    pub async fn new(model: &str) -> Self {
        Self::with(model, &json!({})).await
    }

    /// With these settings of the provider besides or instead.
    pub async fn with(model: &str, settings: &Value) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let upstream = Upstream::start().await;
        let observed = Arc::<Mutex<Vec<Observation>>>::default();
        let seen = Arc::clone(&observed);
        let settings = settings_of(&upstream.base_url(), model, settings);
        let remember = move |observation: &Observation| seen.lock().unwrap().push(observation.clone());
        Self {
            provider: Provider::new(&settings, Arc::new(remember)).unwrap(),
            upstream,
            books: Books::default(),
            observed,
        }
    }

    pub async fn ask(&self) -> Result<Answered, CallError> {
        self.chat(&request(), &context()).await
    }

    pub async fn chat(&self, request: &ChatRequest, context: &CallContext) -> Result<Answered, CallError> {
        let model = &self.provider.models()[0];
        self.provider.chat(model, request, context, &self.books).await
    }

    /// Asks, and expects the provider to fail.
    pub async fn fail(&self) -> (ChatFailure, Usage) {
        failed(self.ask().await)
    }

    /// The attempts that were observed.
    pub fn attempts(&self) -> Vec<AttemptObservation> {
        let observed = self.observed.lock().unwrap();
        let attempts = observed.iter().filter_map(|observation| match observation {
            Observation::Attempt(attempt) => Some(attempt.clone()),
            Observation::TurnedAway { .. } => None,
        });
        attempts.collect()
    }

    /// Why calls were not made, as it was observed.
    pub fn turned_away(&self) -> Vec<UnavailableReason> {
        let observed = self.observed.lock().unwrap();
        let reasons = observed.iter().filter_map(|observation| match observation {
            Observation::Attempt(_) => None,
            Observation::TurnedAway { reason, .. } => Some(*reason),
        });
        reasons.collect()
    }

    pub fn calls(&self) -> i64 {
        self.upstream.total().calls
    }

    pub async fn wait_until_disconnected(&self) {
        let end = Instant::now() + Duration::from_secs(5);
        while self.upstream.open_connections() > 0 {
            assert!(Instant::now() < end, "a connection is still open");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

pub fn settings_of(base_url: &str, model: &str, settings: &Value) -> config::Provider {
    let mut all = json!({
        "name": "upstream",
        "base_url": base_url,
        "longest_wait_seconds": 0,
        "models": [{"name": model, "context_tokens": 8192, "max_output_tokens": 100, "input": "1", "output": "10"}]
    });
    all.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

pub fn request() -> ChatRequest {
    ChatRequest {
        messages: vec![
            ChatMessage {
                role: ChatRole::System,
                content: "Answer briefly.".to_owned(),
            },
            ChatMessage {
                role: ChatRole::User,
                content: "What is a synopsis?".to_owned(),
            },
        ],
        max_output_tokens: 50,
        temperature: Some(0.0),
        format: ChatFormat::Text,
        logprobs: false,
        marks: Vec::new(),
    }
}

pub fn context() -> CallContext {
    CallContext {
        cancel: CancellationToken::new(),
        pieces: None,
    }
}

/// A context whose pieces are kept.
pub fn listening() -> (CallContext, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let pieces = Arc::clone(&heard);
    let context = CallContext {
        cancel: CancellationToken::new(),
        pieces: Some(Arc::new(move |piece: &str| {
            pieces.lock().unwrap().push(piece.to_owned());
        })),
    };
    (context, heard)
}

pub fn failed(outcome: Result<Answered, CallError>) -> (ChatFailure, Usage) {
    match outcome {
        Err(CallError::Failed(failure, usage)) => (failure, usage),
        other => panic!("the provider did not fail: {other:?}"),
    }
}

pub fn unavailable(outcome: Result<Answered, CallError>) -> Unavailable {
    match outcome {
        Err(CallError::Unavailable(unavailable)) => unavailable,
        other => panic!("the provider was asked: {other:?}"),
    }
}

/// Books that set aside whatever is asked, until they are told to refuse.
#[derive(Default)]
pub struct Books {
    pub planned: Mutex<Vec<PlannedCall>>,
    pub settled: Mutex<Vec<SettledCall>>,
    /// Calls from this one on are refused.
    pub refuse_from: Mutex<Option<usize>>,
}

impl Books {
    pub fn cost(&self) -> MicroDollars {
        self.settled.lock().unwrap().iter().map(|settled| settled.cost).sum()
    }

    /// That every call that was planned is settled, within what was set aside for it.
    pub fn are_closed(&self) {
        let (planned, settled) = (self.planned.lock().unwrap(), self.settled.lock().unwrap());
        assert_eq!(planned.len(), settled.len());
        for (planned, settled) in planned.iter().zip(settled.iter()) {
            assert!(settled.cost <= planned.worst_cost, "{settled:?} above {planned:?}");
            assert!(
                settled.used.tokens.total() <= planned.worst_tokens,
                "{settled:?} above {planned:?}"
            );
        }
    }
}

impl Meter for Books {
    fn reserve<'a>(&'a self, call: &'a PlannedCall) -> BoxFuture<'a, Result<Hold>> {
        let mut planned = self.planned.lock().unwrap();
        let refused = self
            .refuse_from
            .lock()
            .unwrap()
            .is_some_and(|from| planned.len() >= from);
        if !refused {
            planned.push(call.clone());
        }
        Box::pin(async move {
            if refused {
                Err(Error::Conflict("over budget".to_owned()))
            } else {
                Ok(Hold(None))
            }
        })
    }

    fn settle(&self, _: Hold, call: SettledCall) -> BoxFuture<'_, ()> {
        self.settled.lock().unwrap().push(call);
        Box::pin(async {})
    }
}
