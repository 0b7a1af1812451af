//! What travels over HTTP: request bodies and their checks of shape, response bodies, problems, pages. Everything turns
//! into or comes from a type of the domain.

pub mod analyses;
pub mod asking;
pub mod audit;
pub mod automation;
pub mod body;
mod budget_header;
pub mod budgets;
pub mod classify;
pub mod collections;
pub mod document_lists;
pub mod document_selections;
pub mod documents;
pub mod erasures;
pub mod generate;
pub mod job_items;
pub mod jobs;
pub mod keys;
mod marks;
pub mod outputs;
pub mod page;
pub mod problem;
mod problem_codes;
pub mod prompt_previews;
pub mod prompts;
pub mod responses;
pub mod sign_in;
pub mod summarize;
pub mod taxonomies;
pub mod usage;
pub mod users;
pub mod workers;
mod written_json;
