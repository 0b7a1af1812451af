//! What travels over HTTP: request bodies and their checks of shape, response bodies, problems, pages. Everything turns
//! into or comes from a type of the domain.

pub mod analyses;
pub mod body;
pub mod classify;
pub mod collections;
pub mod document_lists;
pub mod documents;
mod marks;
pub mod page;
pub mod problem;
pub mod responses;
pub mod summarize;
pub mod taxonomies;
