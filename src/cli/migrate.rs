//! `synoptic migrate`: brings the database to the newest schema, or says how far it has come.

use crate::{app, config::Database};
use anyhow::Result;
use std::{io::Write, process::ExitCode};

#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Only say what was applied and what is to be; with something to apply, the exit code is 1.
    #[arg(long)]
    status: bool,
}

pub async fn run(args: MigrateArgs, settings: Database) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if !args.status {
        let before = app::migrate(&settings).await?;
        for one in &before.pending {
            writeln!(out, "applied {:04} {}", one.version, one.name)?;
        }
        if before.pending.is_empty() {
            writeln!(out, "The database has every migration already.")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let found = app::migrations(&settings).await?;
    writeln!(out, "{} migrations are applied.", found.applied)?;
    for one in &found.pending {
        writeln!(out, "to be applied: {:04} {}", one.version, one.name)?;
    }
    for version in &found.unknown {
        writeln!(out, "unknown, of a newer version of Synoptic: {version:04}")?;
    }
    let is_current = found.pending.is_empty() && found.unknown.is_empty();
    Ok(if is_current {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
