//! The program as a process: started, talked to, stopped and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod access;
mod folder;
mod import;
mod ledger;
mod limits;
mod models;
mod money;
mod oidc;
mod process;
mod provider;
mod serve;
mod swagger;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../upstream/mod.rs"]
mod upstream;
