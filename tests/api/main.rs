//! The whole server in process: every request goes through the same endpoint that `synoptic serve` puts on a socket, over a
//! fresh database. One file a resource, then one a promise that all of them keep (errors, conditions, authentication …).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../repositories/postgres.rs"]
mod postgres;
mod support;

mod analyses;
mod attacks;
mod attacks_on_cookies;
mod attacks_on_keys;
mod attacks_on_old_tokens;
mod attacks_on_refreshing;
mod attacks_on_rights;
mod attacks_on_routes;
mod attacks_on_sign_in;
mod attacks_on_tokens;
mod attacks_on_users;
mod audit;
mod authentication;
mod body_types;
mod budgets;
mod classify;
mod clock;
mod collections;
mod conditional;
mod document_batches;
mod document_lists;
mod documents;
mod erasures;
mod errors;
mod examples;
mod exports;
mod grants;
mod grants_model;
mod grants_people;
mod grants_property;
mod grants_view;
mod grants_world;
mod hostile_input;
mod idempotency;
mod imports;
mod keys;
mod limits;
mod operations;
mod pages;
mod permission_walk;
mod prompts;
mod push_urls;
mod reach;
mod reach_of_analyses;
mod rights_end;
mod search;
mod security_headers;
mod sessions;
mod summarize;
mod taxonomies;
mod throttling;
mod trail;
mod usage;
mod users;
mod webhooks;
