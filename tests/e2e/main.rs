//! The program as a process: started, talked to, stopped and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod access;
mod folder;
mod import;
mod limits;
mod oidc;
mod process;
mod provider;
mod serve;
mod swagger;
