//! What the platform talks about: resources, identifiers, time, errors. Pure values, no I/O; every other layer may use it.

pub mod analyses;
pub mod answers;
pub mod api_keys;
pub mod audit;
pub mod budgets;
pub mod caching;
pub mod clock;
pub mod collections;
mod common_passwords;
pub mod documents;
pub mod emails;
pub mod engines;
pub mod errors;
pub mod etags;
pub mod identifiers;
pub mod labels;
pub mod ledger;
pub mod money;
pub mod paging;
pub mod passwords;
pub mod permissions;
pub mod prices;
pub mod principal;
pub mod prompts;
pub mod refusals;
pub mod scopes;
pub mod sessions;
pub mod signing_keys;
pub mod taxonomies;
pub mod text_fields;
pub mod timestamps;
pub mod usage;
pub mod users;

pub use clock::Clock;
pub use errors::{Error, Field, Result, Violation};
pub use timestamps::Timestamp;
