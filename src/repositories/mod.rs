//! SQL lives here and nowhere else: plain functions over an open transaction, one file a resource. They decide nothing.

pub mod analyses;
pub mod api_keys;
pub mod audit;
pub mod budgets;
pub mod collections;
pub mod deliveries;
pub mod document_lists;
pub mod document_selection;
pub mod documents;
pub mod erasures;
pub mod evictions;
pub mod exports;
pub mod holds;
pub mod idempotency;
pub mod jobs;
pub mod prompts;
pub mod push_urls;
pub mod readiness;
mod restriction;
mod search_marks;
pub mod sessions;
pub mod signing_keys;
pub mod taxonomies;
mod turns;
pub mod uploads;
pub mod usage;
pub mod users;
pub mod webhooks;
pub mod work;
pub mod work_lists;
pub mod workers;

#[cfg(test)]
#[path = "plans_tests.rs"]
mod plans_tests;
