//! What the platform talks about: resources, identifiers, time, errors. Pure values, no I/O; every other layer may use it.

pub mod analyses;
pub mod answers;
pub mod api_keys;
pub mod clock;
pub mod collections;
pub mod documents;
pub mod errors;
pub mod etags;
pub mod identifiers;
pub mod labels;
pub mod paging;
pub mod principal;
pub mod taxonomies;
pub mod text_fields;
pub mod timestamps;

pub use clock::Clock;
pub use errors::{Error, Field, Result, Violation};
pub use timestamps::Timestamp;
