//! The whole server in process with models behind it: a scripted upstream answers, fails and stalls, and what the server makes of
//! it is seen through its API. One file a promise.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../repositories/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "the tests of the API use more of it")]
#[path = "../api/support/mod.rs"]
mod support;
#[expect(dead_code, reason = "tests of the providers use more of it")]
#[path = "../upstream/mod.rs"]
mod upstream;

mod batches;
mod budgets;
mod caching;
mod cascade;
mod forgetting;
mod keys_of_answers;
mod logs;
mod logs_of_schemas;
mod marks;
mod missing;
mod parts;
mod redis_server;
mod replicas;
mod routes;
mod sharing;
mod stand_ins;
mod streams;
mod streams_broken;
mod streams_shared;
mod time_shared;
mod visibility;
mod world;
