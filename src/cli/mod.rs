//! The command line: one file a command. Results go to standard output, everything else to standard error.

mod arguments;
mod backup;
mod classify;
mod config;
mod db;
mod export;
mod import;
mod keys;
mod migrate;
mod openapi;
pub mod permissions;
mod serve;
mod signing_keys;
mod summarize;
mod table;
mod users;

use crate::{
    app::App,
    config::{Auth, Config, Overrides},
    domain::{Clock, workers::ServerRole},
    services::Services,
    telemetry::logs,
};
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{future::Future, io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

/// How long the program waits, at its end, for work that nobody waits for.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// Stores streams of text, summarises and classifies them, and tells how sure it is.
#[derive(Debug, Parser)]
#[command(name = "synoptic", version, max_term_width = 100)]
pub struct Arguments {
    /// The configuration file; `synoptic.toml` in this folder if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database: `sqlite:FILE` or `postgres://…`.
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// What is logged: a level (`debug`) or directives (`info,sqlx=debug`).
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(serve::ServeArgs),
    /// Read documents from files into a collection.
    Import(import::ImportArgs),
    /// Write a collection's documents to a file.
    Export(export::ExportArgs),
    /// Summarise a text, without server or database.
    Summarize(summarize::SummarizeArgs),
    /// Classify a text, without server or database.
    Classify(classify::ClassifyArgs),
    /// Make, list, rotate and revoke API keys.
    Keys(keys::KeysArgs),
    /// Make, list and change users, and give them new passwords.
    Users(users::UsersArgs),
    /// List and rotate the keys that sign access tokens.
    SigningKeys(signing_keys::SigningKeysArgs),
    /// Bring the database to the newest schema.
    Migrate(migrate::MigrateArgs),
    /// Copy a SQLite database into a file while servers use it.
    Backup(backup::BackupArgs),
    /// Put a backup where the database is.
    Restore(backup::RestoreArgs),
    /// Copy everything from one database into another.
    Db(db::DbArgs),
    /// Print who may do what, as Markdown.
    Permissions,
    /// Print the configuration in force, with secrets hidden.
    Config,
    /// Print the OpenAPI document.
    Openapi,
}

/// Runs one command; its failure is told in words on standard error.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "synoptic: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode> {
    let Arguments {
        config,
        database,
        log,
        command,
    } = arguments;
    let load = |bind: Option<SocketAddr>, role: Option<ServerRole>| {
        let overrides = Overrides {
            bind,
            role,
            database_url: database.clone(),
            log_filter: log.clone(),
        };
        Config::load(config.as_deref(), &overrides)
    };
    match command {
        Command::Serve(args) => {
            let config = load(args.bind, args.role)?;
            logs::init(config.log.format, &config.log.filter)?;
            on_runtime(serve::run(args, config))
        }
        Command::Import(args) => with_services(load(None, None)?, async |app| import::run(args, &app.services).await),
        Command::Export(args) => with_services(load(None, None)?, async |app| export::run(args, &app.services).await),
        Command::Keys(args) => with_auth(load(None, None)?, async |services, auth| {
            keys::run(args, services, auth).await
        }),
        Command::Users(args) => with_auth(load(None, None)?, async |services, auth| {
            users::run(args, services, auth).await
        }),
        Command::SigningKeys(args) => with_auth(load(None, None)?, async |services, auth| {
            signing_keys::run(args, services, auth).await
        }),
        Command::Migrate(args) => on_runtime(migrate::run(args, load(None, None)?.database)),
        Command::Backup(args) => on_runtime(backup::back_up(args, load(None, None)?.database)),
        Command::Restore(args) => on_runtime(backup::restore(args, load(None, None)?.database)),
        Command::Db(args) => on_runtime(db::run(args, load(None, None)?.database)),
        Command::Permissions => permissions::run(),
        Command::Summarize(args) => summarize::run(args),
        Command::Classify(args) => classify::run(args),
        Command::Config => config::run(&load(None, None)?),
        Command::Openapi => openapi::run(),
    }
}

/// Runs a command that says how long a running server takes to notice.
fn with_auth(config: Config, command: impl AsyncFnOnce(&Services, &Auth) -> Result<ExitCode>) -> Result<ExitCode> {
    let auth = config.auth.clone();
    with_services(config, async |app| command(&app.services, &auth).await)
}

/// Runs a command over the database. Its own words are its result; of the logs only trouble belongs beside them, unless another
/// filter was asked for.
fn with_services(config: Config, command: impl AsyncFnOnce(&App) -> Result<ExitCode>) -> Result<ExitCode> {
    let unchanged = config.log.filter == crate::config::Log::default().filter;
    logs::init(config.log.format, if unchanged { "warn" } else { &config.log.filter })?;
    on_runtime(async move {
        let app = App::build(config, Clock::system()).await?;
        let outcome = command(&app).await;
        Box::pin(app.close()).await;
        outcome
    })
}

fn on_runtime<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the program could not start its threads")?;
    let outcome = runtime.block_on(future);
    // Work on a thread of its own cannot be called off; nobody waits for its answer any more.
    runtime.shutdown_timeout(ABANDONED_AFTER);
    outcome
}
