//! `synoptic backup` and `synoptic restore`: a SQLite database as one file, taken while servers use it.

use crate::{app, config::Database};
use anyhow::Result;
use std::{io::Write, path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The file to be written; it must not exist.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Move the database that is there aside.
    #[arg(long)]
    replace: bool,
}

pub async fn back_up(args: BackupArgs, settings: Database) -> Result<ExitCode> {
    let bytes = app::back_up(&settings, &args.to).await?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} ({bytes} bytes) is a sound copy of {}.",
        args.to.display(),
        settings.url
    )?;
    Ok(ExitCode::SUCCESS)
}

pub async fn restore(args: RestoreArgs, settings: Database) -> Result<ExitCode> {
    let aside = app::restore(&settings, &args.from, args.replace).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is now what {} was.", settings.url, args.from.display())?;
    if let Some(aside) = aside {
        writeln!(out, "The database that was there is {}.", aside.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
