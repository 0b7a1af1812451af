//! `synoptic keys`: API keys, for whoever may read the database anyway.

use crate::{domain::identifiers::ApiKeyId, services::Services};
use anyhow::Result;
use clap::Subcommand;
use std::{io::Write, process::ExitCode};

#[derive(Debug, clap::Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it, this once.
    Create {
        /// What the key is for, such as `import-job`.
        name: String,
    },
    /// List the keys by their visible beginnings.
    List,
    /// Make a key useless.
    Revoke {
        /// The key's id, as `list` shows it.
        id: ApiKeyId,
    },
}

pub async fn run(args: KeysArgs, services: &Services) -> Result<ExitCode> {
    match args.command {
        KeysCommand::Create { name } => {
            let (_, secret) = services.api_keys.create(&name).await?;
            writeln!(std::io::stdout().lock(), "{}", secret.reveal())?;
        }
        KeysCommand::List => {
            let keys = services.api_keys.list().await?;
            let mut out = std::io::stdout().lock();
            for key in keys {
                let state = key
                    .revoked_at
                    .map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
                writeln!(
                    out,
                    "{}  {}…  {}  {}  {state}",
                    key.id, key.prefix, key.created_at, key.name
                )?;
            }
        }
        KeysCommand::Revoke { id } => {
            services.api_keys.revoke(id).await?;
            writeln!(
                std::io::stdout().lock(),
                "revoked; a running server refuses it within five seconds"
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
