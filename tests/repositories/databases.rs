//! A fresh, migrated database of each kind for each test.

use crate::postgres;
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, path::PathBuf, time::Duration};
use synoptic::db::{Db, Pool};
use uuid::Uuid;

const POOL: Pool = Pool {
    connections: 2,
    acquire_timeout: Duration::from_secs(10),
};

/// Runs a test on SQLite, then on PostgreSQL.
pub async fn on_both(test: impl AsyncFn(&Db)) {
    let folder = Folder::new();
    let sqlite = format!("sqlite:{}", folder.0.join("synoptic.db").display());
    for (name, url) in [("SQLite", sqlite), ("PostgreSQL", postgres::new_database().await)] {
        let db = Db::connect(&url, POOL).await.unwrap();
        db.migrate().await.unwrap();
        let outcome = AssertUnwindSafe(Box::pin(test(&db))).catch_unwind().await;
        assert!(outcome.is_ok(), "the failure above is one on {name}");
        db.close().await;
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("synoptic-repositories-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
