//! The program as a process: started, talked to, stopped and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod access;
mod burst;
mod chaos;
mod files;
mod folder;
mod import;
mod ledger;
mod limits;
#[path = "../llm/server.rs"]
mod llm_server;
mod local_model;
mod long_texts;
mod models;
mod money;
mod oidc;
mod outages;
#[path = "../repositories/postgres.rs"]
mod postgres;
mod process;
mod provider;
#[expect(dead_code, reason = "other tests use more of it")]
mod receiver;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../models/redis_server.rs"]
mod redis_server;
mod replicas;
mod serve;
mod swagger;
mod upkeep;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../upstream/mod.rs"]
mod upstream;
mod webhooks;
