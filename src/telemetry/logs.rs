//! Structured logs on standard error: one line per request, one per failure. Standard output belongs to the commands.

use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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
    let registry = tracing_subscriber::registry().with(filter);
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
