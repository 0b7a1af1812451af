//! The whole server in process: every request goes through the same endpoint that `synoptic serve` puts on a socket, over a
//! fresh database. One file a resource, then one a promise that all of them keep (errors, conditions, authentication …).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod support;

mod analyses;
mod authentication;
mod body_types;
mod classify;
mod collections;
mod conditional;
mod document_batches;
mod document_lists;
mod documents;
mod errors;
mod examples;
mod hostile_input;
mod idempotency;
mod operations;
mod search;
mod summarize;
mod taxonomies;
