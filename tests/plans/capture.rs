//! What the databases say of the statements that are executed: `sqlx` tells the log of each, and PostgreSQL sends its plans.

use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Listens from now on.
pub fn begin() {
    let targets = Targets::new()
        .with_target("sqlx::query", Level::TRACE)
        .with_target("sqlx::postgres::notice", Level::TRACE);
    tracing_subscriber::registry()
        .with(Listener.with_filter(targets))
        .init();
}

/// The statements since they were last taken.
pub fn statements() -> Vec<String> {
    take(&STATEMENTS)
}

/// What PostgreSQL has said since it was last taken.
pub fn notices() -> Vec<String> {
    take(&NOTICES)
}

fn take(from: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *from.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The address of the same database for connections that are sent the plan of each of their statements, also of those that a
/// foreign key or a trigger executes.
pub fn explaining(url: &str) -> String {
    let settings = [
        "session_preload_libraries=auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_analyze=on",
        "auto_explain.log_timing=off",
        "auto_explain.log_nested_statements=on",
        "auto_explain.log_format=json",
        "auto_explain.log_level=notice",
    ];
    let settings: Vec<String> = settings
        .iter()
        .map(|setting| format!("-c%20{}", setting.replace('=', "%3D")))
        .collect();
    format!("{url}&options={}", settings.join("%20"))
}

struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let (to, text) = if event.metadata().target() == "sqlx::query" {
            // A short statement is all summary.
            let statement = words.statement.trim();
            (
                &STATEMENTS,
                if statement.is_empty() {
                    words.summary
                } else {
                    statement.to_owned()
                },
            )
        } else {
            (&NOTICES, words.message)
        };
        to.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

#[derive(Default)]
struct Words {
    summary: String,
    statement: String,
    message: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            "message" => value.clone_into(&mut self.message),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
