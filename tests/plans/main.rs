//! Every list and search of the API, and what is looked up all the time, on databases with many rows: each statement is read
//! from an index, and does not do more when there is more. The statements are those that the repositories execute: SQLite explains
//! them afterwards, PostgreSQL (`auto_explain`) while it executes them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]
#![expect(clippy::too_many_lines, reason = "one call after the other")]

mod books;
mod capture;
mod chores;
mod coverage;
mod documents;
mod filling;
mod foreign_keys;
mod judging;
mod lists;
mod lookups;
#[path = "../repositories/postgres.rs"]
mod postgres;

use judging::Plans;
use std::time::Duration;
use synoptic::db::{Db, Pool};

const POOL: Pool = Pool {
    connections: 2,
    acquire_timeout: Duration::from_secs(10),
};

/// Both in one test: what is captured is the whole program's.
#[tokio::test]
async fn whatever_is_listed_is_read_from_an_index() {
    capture::begin();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("plans.db").display());
    let mut faults = Vec::new();
    for url in [sqlite, postgres::new_database().await] {
        let db = Db::connect(&url, POOL).await.unwrap();
        db.migrate().await.unwrap();
        filling::fill(&db).await;
        faults.extend(foreign_keys::without_index(&db).await);
        db.close().await;
        let url = if url.starts_with("postgres") {
            capture::explaining(&url)
        } else {
            url
        };
        let db = Db::connect(&url, POOL).await.unwrap();
        let mut plans = Plans::new(&db).await;
        documents::look(&mut plans, &db).await;
        lists::look(&mut plans, &db).await;
        lookups::look(&mut plans, &db).await;
        books::look(&mut plans, &db).await;
        chores::look(&mut plans, &db).await;
        faults.extend(plans.faults());
        db.close().await;
    }
    assert!(faults.is_empty(), "{} faults:\n\n{}", faults.len(), faults.join("\n\n"));
}
