//! Authentication: who sends a request. The middleware recognises the credential before anything else of the request is
//! read; a handler that takes [`Caller`] as its first argument is closed to everybody who was not recognised.

mod caller;

pub use caller::{Authentication, Caller, authenticate};
