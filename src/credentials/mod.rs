//! Passwords, tokens and other providers' word: hash and check, sign and verify. No database: services bring the hashes and the
//! keys.

pub mod oidc;
pub mod password_hasher;
pub mod tokens;
