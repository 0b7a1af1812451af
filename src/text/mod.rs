//! What can be said of a text without an engine: its sentences, its word pieces, its language, what of it a
//! search has found, whether JSON fits a schema.
//!
//! Everything here is a pure function of its input: no I/O, no clock, no panic on any text. Places in a text are byte
//! ranges into it; `engines::embedded` turns them into the character offsets that the API shows.

mod abbreviations;
mod hashing;
pub mod json_schema;
pub mod language;
mod letters;
mod lines;
pub mod matches;
pub mod sentences;
pub mod tokens;

pub use hashing::{hash_bytes, hash_document, hash_text};
pub use language::{Language, detect_language};
pub use sentences::sentences;
