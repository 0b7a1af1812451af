//! `synoptic signing-keys`: the keys that sign access tokens. Their secrets are never shown.

use super::table;
use crate::{
    config::Auth,
    domain::{Timestamp, principal::Actor, signing_keys::SigningKey},
    services::Services,
};
use anyhow::Result;
use clap::Subcommand;
use std::{
    io::{Write, stdout},
    process::ExitCode,
};
use time::Duration;

#[derive(Debug, clap::Args)]
pub struct SigningKeysArgs {
    #[command(subcommand)]
    command: SigningKeysCommand,
}

#[derive(Debug, Subcommand)]
enum SigningKeysCommand {
    /// List the keys, newest first, without their secrets.
    List,
    /// Make a new key. The one before signs no more; its tokens work until they expire.
    Rotate {
        /// End all access tokens and forget the old keys, as when one has become known. Refresh tokens and cookies work on.
        #[arg(long)]
        at_once: bool,
    },
}

pub async fn run(args: SigningKeysArgs, services: &Services, auth: &Auth) -> Result<ExitCode> {
    match args.command {
        SigningKeysCommand::List => {
            let keys = services.signing_keys.list().await?;
            let now = services.api_keys.now();
            let rows = keys.iter().map(|key| row(key, auth, now)).collect();
            table::print(["ID", "ALGORITHM", "CREATED", "STATE"], rows)
        }
        SigningKeysCommand::Rotate { at_once } => {
            let id = services.signing_keys.rotate(&Actor::operator(), at_once).await?;
            let seconds = auth.recheck_seconds;
            let mut out = stdout().lock();
            if at_once {
                // A token that was recognised by keys that were looked up a moment before.
                let twice = seconds.saturating_mul(2);
                writeln!(
                    out,
                    "{id} signs from now on; all access tokens end, with a running server within {twice} s"
                )?;
            } else {
                writeln!(
                    out,
                    "{id} signs from now on, with a running server within {seconds} s; older access tokens work until they \
                     expire"
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn row(key: &SigningKey, auth: &Auth, now: Timestamp) -> [String; 4] {
    let state = match key.retired_at {
        None => "signs".to_owned(),
        Some(retired) => {
            let lifetime = Duration::minutes(auth.access_token_minutes.into());
            let end = Timestamp::new(retired.as_offset_date_time() + lifetime);
            if now < end {
                format!("verifies until {}", table::minute(Some(end), ""))
            } else {
                "ended".to_owned()
            }
        }
    };
    [
        key.id.clone(),
        key.algorithm.to_string(),
        table::minute(Some(key.created_at), ""),
        state,
    ]
}
