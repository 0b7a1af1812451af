//! `synoptic keys`: API keys, for whoever may read the database anyway. They belong to nobody, so that they outlive every user.

use super::{
    arguments::{in_words, reach},
    table,
};
use crate::{
    config::Auth,
    domain::{
        Timestamp,
        api_keys::{ApiKey, ApiKeyFields, SecretKey},
        etags::Expected,
        identifiers::ApiKeyId,
        paging::{MOST_PER_PAGE, PageRequest},
        permissions::{Scope, Scopes},
        principal::Actor,
        users::{User, UserState},
    },
    services::Services,
};
use anyhow::Result;
use clap::Subcommand;
use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};
use time::Duration;

#[derive(Debug, clap::Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it, this once.
    Create(CreateArgs),
    /// List all keys, revoked ones too: their visible beginnings and what they may do.
    List,
    /// Make a key useless.
    Revoke {
        /// The key's id, as `list` shows it.
        id: ApiKeyId,
    },
    /// Give a key another secret and print it, this once.
    Rotate {
        /// The key's id, as `list` shows it.
        id: ApiKeyId,
        /// For how many hours the secret that it has now goes on working, at most 720 (30 days); 0 ends it at once.
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=720))]
        overlap_hours: i64,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What the key is for, such as `import-job`.
    name: String,
    /// What the key may do, such as `documents:read`; may be repeated, or several with commas between them. Everything with
    /// collections, documents, taxonomies and analyses when not given. `synoptic permissions` explains them all.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', value_parser = scope)]
    scopes: Vec<Scope>,
    /// The only collections that there are for the key, by slug or id; may be repeated. All of them when not given.
    #[arg(long = "collection", value_name = "COLLECTION", value_delimiter = ',')]
    collections: Vec<String>,
    /// After how many days the key ends; never when not given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=36_500))]
    expires_in_days: Option<i64>,
}

/// Reads a scope's name.
fn scope(text: &str) -> Result<Scope, String> {
    let known = Scope::ALL.into_iter().find(|scope| scope.name() == text);
    known.ok_or_else(|| format!("must be one of {}", Scope::ALL.map(Scope::name).join(", ")))
}

pub async fn run(args: KeysArgs, services: &Services, auth: &Auth) -> Result<ExitCode> {
    match args.command {
        KeysCommand::Create(args) => create(args, services).await,
        KeysCommand::List => list(services).await,
        KeysCommand::Revoke { id } => {
            services.api_keys.revoke(&Actor::operator(), id, &Expected::Any).await?;
            writeln!(stdout().lock(), "revoked; {}", noticed_within(auth))?;
            Ok(ExitCode::SUCCESS)
        }
        KeysCommand::Rotate { id, overlap_hours } => {
            let overlap = Duration::hours(overlap_hours);
            let (key, secret) = services
                .api_keys
                .rotate(&Actor::operator(), id, &Expected::Any, overlap)
                .await?;
            print_secret(&secret)?;
            if overlap.is_zero() {
                writeln!(stderr().lock(), "The secret before it ended; {}.", noticed_within(auth))?;
            } else {
                let end = table::minute(key.row.previous_until, "now");
                writeln!(stderr().lock(), "The secret before it works until {end}.")?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// When a running server, which is another process, takes notice.
pub(super) fn noticed_within(auth: &Auth) -> String {
    format!("a running server takes notice within {} s", auth.recheck_seconds)
}

async fn create(args: CreateArgs, services: &Services) -> Result<ExitCode> {
    let scopes = if args.scopes.is_empty() {
        Scopes::DATA
    } else {
        Scopes::of(&args.scopes)
    };
    let reach = reach(services, &args.collections).await?;
    let now = services.api_keys.now();
    let expires_at = args
        .expires_in_days
        .map(|days| Timestamp::new(now.as_offset_date_time() + Duration::days(days)));
    let fields = ApiKeyFields::new(&args.name, Ok(scopes), reach, expires_at, now);
    let fields = fields.map_err(|error| in_words(error, &[("/name", "NAME")]))?;
    let (_, secret) = services.api_keys.create(&Actor::operator(), fields).await?;
    print_secret(&secret)?;
    Ok(ExitCode::SUCCESS)
}

/// Alone on standard output, so that a script can take it from there.
fn print_secret(secret: &SecretKey) -> Result<()> {
    Ok(writeln!(stdout().lock(), "{}", secret.reveal())?)
}

async fn list(services: &Services) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest {
            limit: MOST_PER_PAGE,
            after,
        };
        let page = services.api_keys.list(&Actor::operator(), None, true, page).await?;
        for key in page.rows {
            rows.push(row(services, key).await?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    table::print(
        [
            "ID",
            "KEY",
            "NAME",
            "OWNER",
            "STATE",
            "EXPIRES",
            "LAST USED",
            "COLLECTIONS",
            "SCOPES",
        ],
        rows,
    )
}

async fn row(services: &Services, key: ApiKey) -> Result<[String; 9]> {
    let collections = services.api_keys.slugs(&Actor::operator(), &key.reach).await?;
    let owner = match key.row.owner_id {
        Some(id) => services.users.get(id).await.ok(),
        None => None,
    };
    Ok([
        key.row.id.to_string(),
        format!("{}…", key.row.prefix),
        key.row.name.clone(),
        owner
            .as_ref()
            .map_or("-".to_owned(), |owner| owner.row.email.to_string()),
        state(&key, owner.as_ref(), services.api_keys.now()).to_owned(),
        table::minute(key.row.expires_at, "never"),
        table::minute(key.row.last_used_at, "never"),
        table::collections(collections),
        key.row.scope_names,
    ])
}

fn state(key: &ApiKey, owner: Option<&User>, now: Timestamp) -> &'static str {
    if key.row.revoked_at.is_some() {
        "revoked"
    } else if !key.row.is_live(now) {
        "expired"
    } else if owner.is_some_and(|owner| owner.row.state == UserState::Disabled) {
        "owner disabled"
    } else {
        "live"
    }
}
