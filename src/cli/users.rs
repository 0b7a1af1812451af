//! `synoptic users`: people who sign in, for whoever may read the database anyway. It is also the way back in for an admin who has
//! lost the password.

use super::{
    arguments::{in_words, reach},
    keys::noticed_within,
    table,
};
use crate::{
    config::Auth,
    domain::{
        Error,
        emails::Email,
        etags::Expected,
        paging::{MOST_PER_PAGE, PageRequest},
        passwords::Password,
        permissions::Role,
        principal::Actor,
        users::{User, UserFields, UserFilter, UserState},
    },
    services::{Services, users::UserPatch},
};
use anyhow::Result;
use clap::Subcommand;
use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

/// What the services call the arguments.
const NAMES: [(&str, &str); 3] = [
    ("/email", "EMAIL"),
    ("/name", "--name"),
    ("/collections", "--collection"),
];

#[derive(Debug, clap::Args)]
pub struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Make a user and print a made-up password, this once.
    Create(CreateArgs),
    /// List all users.
    List,
    /// Give a user another password and print it, this once. All their sessions end.
    ResetPassword(Someone),
    /// Keep a user out: their sessions end, and their API keys do not work.
    Disable(Someone),
    /// Let a user in again who was kept out.
    Enable(Someone),
    /// Delete a user. Their API keys are revoked; what they did stays in the audit trail.
    Delete(Someone),
}

#[derive(Debug, clap::Args)]
struct Someone {
    /// The user's e-mail address.
    email: String,
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The e-mail address that they sign in with.
    email: String,
    /// `viewer` reads, `editor` changes what is stored, `admin` does everything.
    #[arg(long)]
    role: Role,
    /// How they are shown; the e-mail address when not given.
    #[arg(long)]
    name: Option<String>,
    /// The only collections that there are for them, by slug or id; may be repeated. All of them when not given.
    #[arg(long = "collection", value_name = "COLLECTION", value_delimiter = ',')]
    collections: Vec<String>,
    /// Make up no password, for somebody who signs in through a provider.
    #[arg(long)]
    without_password: bool,
}

pub async fn run(args: UsersArgs, services: &Services, auth: &Auth) -> Result<ExitCode> {
    match args.command {
        UsersCommand::Create(args) => create(args, services).await?,
        UsersCommand::List => return list(services).await,
        UsersCommand::ResetPassword(who) => reset_password(&who, services, auth).await?,
        UsersCommand::Disable(who) => {
            let email = set_state(&who, UserState::Disabled, services).await?;
            say(&format!("{email} is disabled; {}", noticed_within(auth)))?;
        }
        UsersCommand::Enable(who) => {
            let email = set_state(&who, UserState::Active, services).await?;
            say(&format!("{email} can sign in"))?;
        }
        UsersCommand::Delete(who) => {
            let user = find(&who, services).await?;
            services
                .users
                .delete(&Actor::operator(), user.row.id, &Expected::Any)
                .await?;
            say(&format!("{} is deleted; {}", user.row.email, noticed_within(auth)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: CreateArgs, services: &Services) -> Result<()> {
    let reach = reach(services, &args.collections).await?;
    let fields = UserFields::new(&args.email, args.name.as_deref(), args.role, UserState::Active, reach);
    let fields = fields.map_err(|error| in_words(error, &NAMES))?;
    let password = (!args.without_password).then(Password::generate);
    let text = password.as_ref().map(Password::reveal);
    let made = services.users.create(&Actor::operator(), fields, text).await;
    let email = made.map_err(|error| in_words(error, &NAMES))?.row.email;
    match password {
        Some(password) => print_password(&email, &password),
        None => say(&format!("{email} can sign in through a provider")),
    }
}

async fn reset_password(who: &Someone, services: &Services, auth: &Auth) -> Result<()> {
    let password = Password::generate();
    let patch = UserPatch {
        password: Some(password.reveal().to_owned()),
        ..UserPatch::default()
    };
    let user = change(who, patch, services).await?;
    print_password(&user.row.email, &password)?;
    let mut err = stderr().lock();
    writeln!(err, "All sessions ended; {}.", noticed_within(auth))?;
    if user.row.state == UserState::Disabled {
        writeln!(err, "They are disabled: `synoptic users enable` lets them in.")?;
    }
    Ok(())
}

async fn set_state(who: &Someone, state: UserState, services: &Services) -> Result<Email> {
    let patch = UserPatch {
        state: Some(state),
        ..UserPatch::default()
    };
    Ok(change(who, patch, services).await?.row.email)
}

async fn change(who: &Someone, patch: UserPatch, services: &Services) -> Result<User> {
    let user = find(who, services).await?;
    let changed = services
        .users
        .update(&Actor::operator(), user.row.id, &Expected::Any, patch)
        .await;
    changed.map_err(|error| in_words(error, &NAMES))
}

async fn find(who: &Someone, services: &Services) -> Result<User> {
    let email = Email::parse("/email", &who.email).map_err(|error| in_words(error, &NAMES))?;
    services.users.get_by_email(&email).await.map_err(|error| match error {
        Error::NotFound { .. } => {
            anyhow::anyhow!("there is no user `{email}`; `synoptic users list` shows who there is")
        }
        other => other.into(),
    })
}

/// The password alone on standard output, so that a script can take it from there.
fn print_password(email: &Email, password: &Password) -> Result<()> {
    writeln!(stdout().lock(), "{}", password.reveal())?;
    Ok(writeln!(
        stderr().lock(),
        "The password of {email}, shown this once; they can change it with `POST /api/auth/password`."
    )?)
}

fn say(words: &str) -> Result<()> {
    Ok(writeln!(stdout().lock(), "{words}")?)
}

async fn list(services: &Services) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest {
            limit: MOST_PER_PAGE,
            after,
        };
        let page = services.users.list(UserFilter::default(), None, page).await?;
        for user in page.rows {
            rows.push(row(services, user).await?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    table::print(
        [
            "EMAIL",
            "NAME",
            "ROLE",
            "STATE",
            "PASSWORD",
            "LAST SIGN-IN",
            "COLLECTIONS",
        ],
        rows,
    )
}

async fn row(services: &Services, user: User) -> Result<[String; 7]> {
    let collections = services.users.slugs(&user.reach).await?;
    let row = user.row;
    let state = match row.state {
        UserState::Active => "active",
        UserState::Disabled => "disabled",
    };
    let password = if row.password_hash.is_some() { "yes" } else { "no" };
    Ok([
        row.email.to_string(),
        row.name,
        row.role.to_string(),
        state.to_owned(),
        password.to_owned(),
        table::minute(row.last_sign_in_at, "never"),
        table::collections(collections),
    ])
}
