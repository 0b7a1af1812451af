//! A server with providers in front of scripted upstreams.

use crate::{
    support::{Answer, Request, TestApp, send},
    upstream::Upstream,
};
use futures_util::StreamExt;
use poem::Response;
use serde_json::{Value, json};
use std::{ops::Deref, time::Duration};
use synoptic::config::{self, Config};
use tokio::time::{Instant, sleep};

/// Longer than what the upstream says about it.
pub const TEXT: &str = "The parcel left the warehouse in Leipzig on Monday. It was seen in Hanover on Tuesday, with a torn label. \
    Nobody has seen it since, and the customer in Bremen has written twice. The carrier promises an answer by Friday.";
/// What the upstream says by itself.
pub const SAID: &str = "The answer of the scripted upstream, in a few plain words.";

pub struct World {
    pub app: TestApp,
    pub upstream: Upstream,
}

impl Deref for World {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

/// Settings of a provider with these models, with some besides or instead.
pub fn provider(name: &str, base_url: &str, models: &[&str], settings: Value) -> config::Provider {
    drop(rustls::crypto::ring::default_provider().install_default());
    let models: Vec<Value> = models
        .iter()
        .map(|model| {
            json!({"name": model, "context_tokens": 8192, "max_output_tokens": 200, "input": "1", "output": "10"})
        })
        .collect();
    let mut all =
        json!({"name": name, "base_url": base_url, "longest_wait_seconds": 0, "retries": 0, "models": models});
    if let Value::Object(settings) = settings {
        all.as_object_mut().unwrap().extend(settings);
    }
    serde_json::from_value(all).unwrap()
}

impl World {
    /// With one provider, `upstream`, that has this model.
    pub async fn new(model: &str) -> Self {
        Self::with(&[model], |_| {}).await
    }

    pub async fn with(models: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start().await;
        let provider = provider("upstream", &upstream.base_url(), models, json!({}));
        let app = TestApp::with(|config| {
            config.providers.push(provider);
            change(config);
        })
        .await;
        Self { app, upstream }
    }

    /// With providers `a`, `b` and so on, each with one of these models.
    pub async fn of_providers(models: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start().await;
        let names = ["a", "b", "c", "d"];
        let providers = names
            .iter()
            .zip(models)
            .map(|(name, model)| provider(name, &upstream.base_url(), &[model], json!({})));
        let providers: Vec<_> = providers.collect();
        let app = TestApp::with(|config| {
            config.providers = providers;
            change(config);
        })
        .await;
        Self { app, upstream }
    }

    pub fn calls(&self) -> i64 {
        self.upstream.total().calls
    }

    pub async fn summarize(&self, fields: Value) -> Answer {
        self.post("/api/summarize", asked(fields)).await
    }

    /// With another key.
    pub async fn summarize_as(&self, key: &str, fields: Value) -> Answer {
        send(self.with_token(key, "POST", "/api/summarize").body_json(&asked(fields))).await
    }

    /// A document in a collection, which is made if it is not there; its id.
    pub async fn document(&self, collection: &str, text: &str) -> String {
        self.post("/api/collections", json!({"name": collection, "slug": collection}))
            .await;
        let stored = self
            .post(
                format!("/api/collections/{collection}/documents"),
                json!({"text": text}),
            )
            .await;
        stored.created().body["id"].as_str().unwrap().to_owned()
    }

    /// A prompt `reply` that takes `tone` and a text.
    pub async fn prompt(&self) {
        let prompt = json!({
            "name": "Reply", "slug": "reply", "system": "Be {{ tone }}.", "user": "Reply to this: {{ document }}",
            "variables": {"type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}
        });
        self.post("/api/prompts", prompt).await.created();
    }

    pub async fn generate(&self, fields: Value) -> Answer {
        self.post("/api/generate", commission(fields)).await
    }

    /// What the books say about everything.
    pub async fn used(&self) -> Value {
        self.services.spending.written().await.unwrap();
        self.get("/api/usage").await.ok().body["total"].clone()
    }

    /// A number of `/metrics`, 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = send(self.anonymous("GET", "/metrics")).await;
        let line = metrics
            .ok()
            .text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::to_owned);
        line.map_or(0.0, |number| number.trim().parse().unwrap())
    }

    /// Waits until exactly this many requests wait for answers of models.
    pub async fn until_waiting(&self, requests: u32) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let waiting = self.metric("synoptic_answers_awaited").await;
            if (waiting - f64::from(requests)).abs() < 0.1 {
                return;
            }
            assert!(Instant::now() < end, "{waiting} instead of {requests} wait");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until this many requests have come to the upstream in all.
    pub async fn until_called(&self, calls: i64) {
        until("the upstream was called", || self.calls() >= calls).await;
    }
}

/// A request for a summary of [`TEXT`], unless it says otherwise.
pub fn asked(fields: Value) -> Value {
    with_fields(json!({"text": TEXT}), fields)
}

pub fn commission(fields: Value) -> Value {
    with_fields(
        json!({"prompt": "reply", "variables": {"tone": "kind"}, "text": TEXT}),
        fields,
    )
}

/// The fields besides or instead; `null` takes one away.
fn with_fields(mut request: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    let all = request.as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            all.remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    request
}

pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// The text of a summary or a generation.
pub fn text_of(analysis: &Value) -> &str {
    let text = analysis["summary"]["text"].as_str();
    text.or_else(|| analysis["generation"]["text"].as_str()).unwrap()
}

#[track_caller]
pub fn cache_status(answer: &Answer) -> &str {
    answer.ok().header("cache-status").unwrap()
}

/// The same analysis and the same cost in every field, apart from what differs from request to request.
#[track_caller]
pub fn assert_alike(one: &Value, other: &Value) {
    let without = |analysis: &Value| {
        let mut analysis = analysis.clone();
        for field in ["id", "duration_ms", "trace_id", "created_at"] {
            analysis.as_object_mut().unwrap().remove(field);
        }
        // The marks around a text are drawn anew for each call, and are not always as many tokens.
        for field in ["input_tokens", "cost_microdollars"] {
            analysis["usage"].as_object_mut().unwrap().remove(field);
        }
        analysis
    };
    assert_eq!(without(one), without(other));
}

/// A stream of events that is read one by one.
pub struct Events {
    bytes: futures_util::stream::BoxStream<'static, Vec<u8>>,
    buffer: String,
    pub cache_status: String,
    pub trace_id: String,
    /// What is left of budgets, as the head of the answer says.
    pub budget: Option<String>,
}

/// Asks for a stream; the answer as it came when it is none.
pub async fn follow(request: Request<'_>) -> Result<Events, Answer> {
    let response: Response = request.header("accept", "text/event-stream").send().await.0;
    let header = |name: &str| response.header(name).unwrap_or_default().to_owned();
    if !header("content-type").starts_with("text/event-stream") {
        return Err(Answer::read(response).await);
    }
    assert_eq!(response.status().as_u16(), 200);
    let (cache_status, trace_id) = (header("cache-status"), header("x-trace-id"));
    let budget = response.header("synoptic-budget").map(str::to_owned);
    let bytes = response.into_body().into_bytes_stream();
    Ok(Events {
        bytes: bytes.map(|bytes| bytes.unwrap().to_vec()).boxed(),
        buffer: String::new(),
        cache_status,
        trace_id,
        budget,
    })
}

impl World {
    pub async fn follow_summary(&self, fields: Value) -> Result<Events, Answer> {
        follow(self.request("POST", "/api/summarize").body_json(&asked(fields))).await
    }

    pub async fn follow_generation(&self, fields: Value) -> Result<Events, Answer> {
        follow(self.request("POST", "/api/generate").body_json(&commission(fields))).await
    }
}

impl Events {
    /// The next event's name and data.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let (mut name, mut data) = (String::new(), String::new());
                for line in event.lines() {
                    if let Some(value) = line.strip_prefix("event:") {
                        value.trim().clone_into(&mut name);
                    } else if let Some(value) = line.strip_prefix("data:") {
                        data.push_str(value);
                    }
                }
                self.buffer = rest.to_string();
                if data.is_empty() {
                    continue;
                }
                return Some((name, serde_json::from_str(&data).unwrap()));
            }
            let bytes = tokio::time::timeout(Duration::from_secs(20), self.bytes.next()).await;
            self.buffer
                .push_str(&String::from_utf8(bytes.expect("an event in time")?).unwrap());
        }
    }

    /// All that comes: the deltas, joined, and the last event.
    pub async fn all(mut self) -> (String, (String, Value)) {
        let mut text = String::new();
        while let Some((name, data)) = self.next().await {
            if name == "delta" {
                let piece = data["text"].as_str().unwrap();
                assert!(!piece.is_empty());
                text.push_str(piece);
                continue;
            }
            assert_eq!(self.next().await, None, "something follows the end");
            return (text, (name, data));
        }
        panic!("a stream without an end: {text}");
    }

    /// The deltas, joined, and the analysis.
    pub async fn whole(self) -> (String, Value) {
        let (text, (name, data)) = self.all().await;
        assert_eq!(name, "analysis", "{data}");
        (text, data)
    }
}
