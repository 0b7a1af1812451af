//! SQL lives here and nowhere else: plain functions over an open transaction, one file a resource. They decide nothing.

pub mod analyses;
pub mod api_keys;
pub mod audit;
pub mod budgets;
pub mod collections;
pub mod document_lists;
pub mod document_selection;
pub mod documents;
pub mod erasures;
pub mod evictions;
pub mod holds;
pub mod idempotency;
pub mod jobs;
pub mod prompts;
mod restriction;
pub mod sessions;
pub mod signing_keys;
pub mod taxonomies;
mod turns;
pub mod usage;
pub mod users;
pub mod work;
pub mod work_lists;
pub mod workers;

#[cfg(test)]
#[path = "plans_tests.rs"]
mod plans_tests;
