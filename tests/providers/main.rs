//! Providers against a scripted upstream: every way in which one fails, and what comes of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod accounting;
mod answers;
mod faults;
mod logs;
mod metrics;
mod patience;
mod requests;
mod support;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../upstream/mod.rs"]
mod upstream;
