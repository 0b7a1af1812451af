//! Structured logs on standard error: one line per request, one per failure. Standard output belongs to the commands.

use anyhow::Context;
use std::io::IsTerminal;
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterFn, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts logging. `filter` is a level (`info`) or directives (`info,sqlx=debug`).
///
/// # Errors
/// When the filter cannot be read.
pub fn init(format: Format, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("`log.filter` is {filter:?}; one that works is \"info\" or \"info,sqlx=debug\""))?;
    let registry = tracing_subscriber::registry().with(filter).with(without_texts());
    let started = match format {
        Format::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
        Format::Text => {
            let colours = std::io::stderr().is_terminal();
            registry
                .with(
                    fmt::layer()
                        .with_ansi(colours)
                        .with_target(false)
                        .with_writer(std::io::stderr),
                )
                .try_init()
        }
    };
    // A second start in one process keeps the first: several servers may live in one test.
    drop(started);
    Ok(())
}

/// Silences, whatever the filter says, a library that logs what providers answer: texts of documents are never logged.
#[must_use]
pub fn without_texts() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| !metadata.target().starts_with("async_openai"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

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
    fn answers_of_providers_are_not_logged_whatever_the_filter_says() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new("trace,async_openai=trace,async_openai::client=trace"))
            .with(without_texts())
            .with(fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "async_openai::error", "failed deserialization of: a text");
            tracing::warn!(target: "async_openai::client", "Server error: a text");
            tracing::info!("something else");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(written.contains("something else"), "{written}");
        assert!(!written.contains("a text"), "{written}");
    }
}
