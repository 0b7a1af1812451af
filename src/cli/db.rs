//! `synoptic db copy`: everything of one database into another, SQLite or PostgreSQL.

use super::{summarize::quietly_when_closed, table};
use crate::{
    app,
    config::{Database, DatabaseUrl},
};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use std::{io::Write, process::ExitCode};

/// How much of a hash is shown.
const SHOWN: usize = 12;

#[derive(Debug, clap::Args)]
pub struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Copy everything into a database that is new or empty, and compare it there. Stop the servers first: what they write
    /// afterwards is not copied.
    Copy {
        /// The database to be copied, `sqlite:FILE` or `postgres://…`; the configured one when left out.
        #[arg(long, value_name = "URL")]
        from: Option<DatabaseUrl>,
        /// The database to be filled.
        #[arg(long, value_name = "URL")]
        to: DatabaseUrl,
    },
}

pub async fn run(args: DbArgs, settings: Database) -> Result<ExitCode> {
    let DbCommand::Copy { from, to } = args.command;
    let url = from.unwrap_or_else(|| settings.url.clone());
    let settings = Database { url, ..settings };
    let copied = app::copy(&settings, &to).await.context("nothing was copied")?;
    let differing = copied
        .tables
        .iter()
        .find_map(|table| Some((table.name.clone(), table.difference.clone()?)));
    let rows: u64 = copied.tables.iter().map(|table| table.rows).sum();
    let count = copied.tables.len();
    let lines = copied.tables.into_iter().map(|table| {
        let hash = table.hash.chars().take(SHOWN).collect();
        let outcome = if table.difference.is_some() { "differs" } else { "ok" };
        [table.name, table.rows.to_string(), hash, outcome.to_owned()]
    });
    table::print(["TABLE", "ROWS", "SHA-256", "TARGET"], lines.collect())?;
    if let Some((table, difference)) = differing {
        bail!("nothing was copied: of `{table}`, {difference}");
    }
    let mut out = std::io::stdout().lock();
    let mut said = Ok(());
    if !copied.left_out.is_empty() {
        let names = copied.left_out.join(", ");
        said = writeln!(out, "Left out, as they are no tables of Synoptic: {names}");
    }
    let from = settings.url;
    quietly_when_closed(
        said.and_then(|()| writeln!(out, "{rows} rows of {count} tables are copied from {from} to {to}.")),
    )
}
