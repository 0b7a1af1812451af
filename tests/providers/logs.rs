//! What providers answer never reaches the log, although the client library logs it.

use crate::support::World;
use serde_json::json;
use std::{
    io,
    sync::{Arc, Mutex},
};
use synoptic::{config::Secret, telemetry::logs};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt};

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

#[test]
fn no_text_and_no_key_is_logged_or_printed() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::registry()
        .with(EnvFilter::new("trace"))
        .with(logs::without_texts())
        .with(fmt::layer().with_writer(move || writer.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            for model in [
                "truncated-json",
                "status-500",
                "status-422",
                "error-in-stream",
                "endless-line",
            ] {
                let key = json!({"headers": {"x-key": "sk-secret"}, "retries": 0});
                let world = World::with(model, &key).await;
                let (failure, _) = world.fail().await;
                assert!(!format!("{failure:?}").contains("secret"));
            }
        });
    });
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!written.is_empty());
    for secret in ["synopsis", "The answer", "quotes", "conte", "sk-secret"] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert_eq!(format!("{:?}", Secret::new("sk-secret")), "***");
}
