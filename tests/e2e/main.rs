//! The program as a process: started, talked to, stopped and killed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod folder;
mod import;
mod process;
mod serve;
