//! `synoptic openapi`: the document that the server serves at `/openapi.json`.

use crate::app::openapi_document;
use anyhow::Result;
use std::{io::Write, process::ExitCode};

pub fn run() -> Result<ExitCode> {
    let document = super::on_runtime(openapi_document())?;
    writeln!(std::io::stdout().lock(), "{document}")?;
    Ok(ExitCode::SUCCESS)
}
