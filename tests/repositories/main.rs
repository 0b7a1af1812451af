//! Every statement of every repository, executed on SQLite and on PostgreSQL: each test runs on both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod databases;
mod fixtures;
mod postgres;

mod analyses;
mod analysis_pages;
mod api_keys;
mod audit;
mod budgets;
mod budgets_under_load;
mod clocks;
mod collections;
mod document_lists;
mod documents;
mod erasures;
mod files;
mod holds;
mod idempotency;
mod jobs;
mod prompts;
mod ranking;
mod reach;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../e2e/receiver.rs"]
mod receiver;
mod replicas;
mod sample;
mod sessions;
mod signing_keys;
mod spending;
mod spending_server;
mod taxonomies;
mod usage;
mod users;
mod webhooks;
mod work;
mod writer_errors;
