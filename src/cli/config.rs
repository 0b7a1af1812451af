//! `synoptic config`: what is in force, from the file, the environment and the flags together.

use crate::config::Config;
use anyhow::Result;
use std::{io::Write, process::ExitCode};

pub fn run(config: &Config) -> Result<ExitCode> {
    write!(std::io::stdout().lock(), "{}", config.to_toml()?)?;
    Ok(ExitCode::SUCCESS)
}
