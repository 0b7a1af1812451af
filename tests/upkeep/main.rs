//! What keeps a database well: migrations, backups, and limits on how long anything may take.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod backups;
mod copying;
mod encryption;
mod limits;
mod migrating;
#[path = "../repositories/postgres.rs"]
mod postgres;
mod sample_rows;

use std::{path::PathBuf, time::Duration};
use synoptic::{
    config::{Config, Database, DatabaseUrl},
    db::Pool,
};
use uuid::Uuid;

const POOL: Pool = Pool {
    connections: 3,
    acquire_timeout: Duration::from_secs(10),
};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("synoptic-upkeep-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn url(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn settings(url: &str) -> Database {
    Database {
        url: DatabaseUrl::new(url),
        ..Database::default()
    }
}

fn config(database: Database) -> Config {
    Config {
        database,
        ..Config::default()
    }
}
