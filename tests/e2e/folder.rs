//! A folder with a database of its own, in which the built program is run.

use crate::process::synoptic;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use synoptic::{
    app::App,
    config::{Config, Database, DatabaseUrl},
    domain::{
        Clock,
        labels::Label,
        principal::Actor,
        taxonomies::{LabelDraft, TaxonomyDraft},
    },
};

pub const TICKETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/tickets.csv");
const TAXONOMY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/taxonomy.json");
/// A folder with a database in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().join("test.db").display())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = synoptic(self.path());
        command.env("SYNOPTIC_DATABASE__URL", self.url()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Stores the sample taxonomy, `ticket-topic`.
    pub fn with_taxonomy(self) -> Self {
        let sample: Value = serde_json::from_str(&fs::read_to_string(TAXONOMY).unwrap()).unwrap();
        let labels: Vec<Label> = serde_json::from_value(sample["labels"].clone()).unwrap();
        let draft = TaxonomyDraft {
            name: sample["name"].as_str().unwrap().to_owned(),
            description: String::new(),
            threshold: None,
            labels: labels.iter().map(LabelDraft::from).collect(),
        };
        let config = Config {
            database: Database {
                url: DatabaseUrl::new(self.url()),
                ..Database::default()
            },
            ..Config::default()
        };
        on_runtime(async {
            let app = App::build(config, Clock::system()).await.unwrap();
            app.services
                .taxonomies
                .create(&Actor::operator(), Some("ticket-topic"), draft)
                .await
                .unwrap();
            app.close().await;
        });
        self
    }

    /// Changes the database behind the program's back.
    pub fn execute(&self, statement: &'static str) {
        let url = self.url();
        on_runtime(async {
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&pool).await.unwrap();
            pool.close().await;
        });
    }

    /// The one number that a query answers.
    pub fn count(&self, query: &'static str) -> i64 {
        let url = self.url();
        on_runtime(async {
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            let count = sqlx::query_scalar(query).fetch_one(&pool).await.unwrap();
            pool.close().await;
            count
        })
    }
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
