//! Authentication and permission: who sends a request, and whether they may. The middleware recognises the credential before
//! anything else of the request is read; a handler that takes [`Caller`] as its first argument is closed to everybody who was
//! not recognised, and to those whom the table of operations does not let in.

mod caller;
mod client_address;
pub mod cookies;
mod credentials;
mod permits;

pub use caller::{Caller, Entrance, check};
pub use client_address::ClientAddress;
pub use credentials::{Authentication, Credentials, authenticate};
pub use permits::Permits;
