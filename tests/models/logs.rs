//! No text of anybody's, no prompt, no key and no mark is in a log line, whatever is asked and however it ends.

use crate::{
    upstream::Reply,
    world::{World, commission, follow, provider},
};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
    thread,
};
use synoptic::{config::Secret, telemetry::logs};
use tracing_subscriber::{EnvFilter, filter::dynamic_filter_fn, fmt, layer::SubscriberExt};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const TEXT: &str = "Xylophones arrived broken in Wuppertal. The box was wet. Nobody has called back since the Tuesday.";
const KEY: &str = "sk-geheim";
/// Of the text, the prompt, the variables, the labels, the answers and the keys.
const SECRETS: [&str; 9] = [
    "Xylophones",
    "Wuppertal",
    "Grumpily",
    "wistful",
    "Zebra",
    "Aardvark",
    "sk-geheim",
    "quotes the request",
    "conte\"",
];

const MODELS: [&str; 13] = [
    "plain",
    "status-500",
    "status-422",
    "unauthorized",
    "context-exceeded",
    "rate-limited-9",
    "truncated-json",
    "error-in-stream",
    "endless-line",
    "reset-midway",
    "no-usage",
    "wrong-label",
    "drip-5",
];

fn requests(engine: &str) -> Vec<(&'static str, Value)> {
    let labels = json!([{"id": "zebra", "name": "Zebra", "description": "Aardvark things."}, {"name": "Other"}]);
    let generation = json!({"variables": {"tone": "wistful"}, "text": TEXT, "engine": engine});
    vec![
        (
            "/api/summarize",
            json!({"text": TEXT, "engine": engine, "focus": "Wuppertal"}),
        ),
        (
            "/api/summarize",
            json!({"text": TEXT, "engine": engine, "method": "extractive"}),
        ),
        (
            "/api/classify",
            json!({"text": TEXT, "engine": engine, "labels": labels}),
        ),
        ("/api/generate", commission(generation)),
    ]
}

async fn ask_everything(marks: &Arc<Mutex<Vec<String>>>) {
    let upstream = crate::upstream::Upstream::start().await;
    let base_url = upstream.base_url();
    let app = crate::support::TestApp::with(|config| {
        let mut settings = provider(
            "upstream",
            &base_url,
            &MODELS,
            json!({"retries": 1, "headers": {"x-key": KEY}}),
        );
        settings.api_key = Some(Secret::new(KEY));
        config.providers.push(settings);
        let free = json!({"models": [{"name": "without-prices", "context_tokens": 8192}]});
        config.providers.push(provider("forgotten", &base_url, &[], free));
        for model in MODELS {
            let alone = provider(&format!("only-{model}"), &base_url, &[model], json!({}));
            config.providers.push(alone);
        }
    })
    .await;
    let world = World { app, upstream };
    let prompt = json!({
        "name": "Reply", "slug": "reply", "system": "Grumpily. Be {{ tone }}.", "user": "Reply to {{ document }}",
        "variables": {"type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}
    });
    world.post("/api/prompts", prompt).await.created();
    let noted = Arc::clone(marks);
    world.upstream.answer_with(move |body| {
        let text = body["messages"].to_string();
        for before in ["\\nEND ", "</data-"] {
            if let Some((_, rest)) = text.rsplit_once(before) {
                noted.lock().unwrap().push(rest[..32].to_owned());
            }
        }
        let fitting = Reply::fitting(body);
        if fitting.text.starts_with('{') {
            fitting
        } else {
            Reply::text(format!("It says: {TEXT}"))
        }
    });
    for model in MODELS {
        for engine in [format!("upstream/{model}"), format!("only-{model}")] {
            for (path, request) in requests(&engine) {
                let answer = world.post(path, request.clone()).await;
                assert!([200, 502].contains(&answer.status), "{model} of {path}: {answer:?}");
                if path != "/api/classify" {
                    let mut request = request;
                    request["cache"] = json!("off");
                    if let Ok(events) = follow(world.request("POST", path).body_json(&request)).await {
                        events.all().await;
                    }
                }
            }
        }
    }
    let (_, request) = &requests("auto")[0];
    world.post("/api/summarize", request.clone()).await.ok();
    let going = follow(
        world
            .request("POST", "/api/generate")
            .body_json(&requests("only-drip-5")[3].1),
    )
    .await;
    drop(going.ok());
    world
        .post(
            "/api/generate",
            json!({"prompt": "reply", "variables": {"tone": 5}, "text": TEXT}),
        )
        .await;
    world
        .post("/api/summarize", json!({"text": TEXT, "engine": "nowhere"}))
        .await;
}

#[test]
fn no_line_has_a_text_a_key_or_a_mark() {
    let (lines, marks) = (Lines::default(), Arc::default());
    let writer = lines.clone();
    // For the whole program, as what is logged under one thread's own subscriber depends on what others log first.
    let own = thread::current().id();
    let subscriber = tracing_subscriber::registry()
        .with(dynamic_filter_fn(move |_, _| thread::current().id() == own))
        .with(EnvFilter::new("trace"))
        .with(logs::without_texts())
        .with(fmt::layer().with_ansi(false).with_writer(move || writer.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    runtime.block_on(ask_everything(&marks));
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("an engine did not answer"), "nothing is logged");
    for detail in ["it answered 422", "its answer ended in the middle"] {
        assert!(written.contains(detail), "why it did not is not logged: {detail}");
    }
    let warned = written.lines().filter(|line| line.contains("has no prices"));
    assert!(warned.clone().count() == 1 && warned.clone().all(|line| line.contains("without-prices")));
    let marks = marks.lock().unwrap();
    assert!(marks.len() > 20);
    for secret in SECRETS.into_iter().chain(marks.iter().map(String::as_str)) {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
