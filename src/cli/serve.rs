//! `synoptic serve`: the server, with sample data when asked for.

use super::arguments::in_words;
use crate::{
    app::App,
    config::{Auth, Config},
    domain::{
        Clock,
        api_keys::SecretKey,
        passwords::Password,
        permissions::{Scope, Scopes},
        workers::ServerRole,
    },
    services::{Services, demo},
};
use anyhow::{Context, Result};
use std::{io::Write, net::SocketAddr, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// What the key is called that the first start makes.
const FIRST_KEY: &str = "first";
/// What the key is called that `--demo` makes anew at every start.
const DEMO_KEY: &str = "demo";
/// It is for trying everything out with documents and answers, webhooks too.
const DEMO_SCOPES: Scopes = Scopes::DATA.union(Scopes::of(&[Scope::WebhooksWrite]));

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Load sample data (48 support tickets, a taxonomy of six labels, their analyses) and print a sign-in and a key to try it
    /// with: an admin with a new password, besides a viewer whose password is in the documentation.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<SocketAddr>,
    /// What this server does: `all`, `api` (answer requests) or `worker` (work in the background).
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    pub role: Option<ServerRole>,
}

fn parse_role(text: &str) -> Result<ServerRole, String> {
    let roles = [ServerRole::All, ServerRole::Api, ServerRole::Worker];
    let role = roles.into_iter().find(|role| role.name() == text);
    role.ok_or_else(|| "must be `all`, `api` or `worker`".to_owned())
}

pub async fn run(args: ServeArgs, config: Config) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let database = config.database.url.to_string();
    let auth = config.auth.clone();
    let app = App::build(config, Clock::system()).await?;
    // The address first: a second server must not change the first one's key or data.
    let bound = app.bind().await?;
    let welcome = if args.demo {
        demo::load(&app.services)
            .await
            .context("the sample data could not be loaded")?;
        Welcome {
            demo: true,
            admin: Some((
                demo::ADMIN_EMAIL.to_owned(),
                Some(demo::replace_admin(&app.services).await?),
            )),
            key: Some(app.services.api_keys.replace(DEMO_KEY, DEMO_SCOPES).await?.1),
        }
    } else {
        demo::retire_viewer(&app.services).await?;
        Welcome {
            demo: false,
            admin: first_admin(&app.services, &auth).await?,
            key: app.services.api_keys.create_first(FIRST_KEY).await?,
        }
    };
    welcome.announce(bound.address, &database)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("stopping: no new requests, those under way are finished");
    };
    Box::pin(app.serve(bound, stop)).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Makes the first admin; the password is returned when it was made up here.
async fn first_admin(services: &Services, auth: &Auth) -> Result<Option<(String, Option<Password>)>> {
    let made_up = auth.admin_password.is_none().then(Password::generate);
    let password = match (&auth.admin_password, &made_up) {
        (Some(configured), _) => configured.reveal(),
        (None, Some(made_up)) => made_up.reveal(),
        (None, None) => return Ok(None),
    };
    let created = services.users.create_first_admin(&auth.admin_email, password).await;
    let admin = created
        .map_err(|error| {
            in_words(
                error,
                &[("/email", "auth.admin_email"), ("/password", "auth.admin_password")],
            )
        })
        .context("the first admin could not be made")?;
    Ok(admin.map(|admin| (admin.row.email.to_string(), made_up)))
}

/// What a person needs to know when the server has started.
struct Welcome {
    demo: bool,
    /// Address and password of an admin who was made now, the password unless it was configured.
    admin: Option<(String, Option<Password>)>,
    key: Option<SecretKey>,
}

impl Welcome {
    fn announce(&self, address: SocketAddr, database: &str) -> Result<()> {
        let base = base_address(address);
        let mut out = std::io::stdout().lock();
        writeln!(out, "Synoptic {} is ready.\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  Swagger UI  {base}/docs")?;
        writeln!(out, "  Database    {database}")?;
        let once = if self.demo {
            "(for this demo; the next start makes another)"
        } else {
            "(shown this once: keep it)"
        };
        match &self.admin {
            Some((email, Some(password))) => {
                writeln!(out, "  Sign in as  {email}")?;
                writeln!(out, "  Password    {}   {once}", password.reveal())?;
            }
            Some((email, None)) => writeln!(out, "  Sign in as  {email}, with the configured password")?,
            None => writeln!(
                out,
                "  Sign in     as before; `synoptic users reset-password EMAIL` makes a new password"
            )?,
        }
        match &self.key {
            Some(key) => writeln!(out, "  API key     {}   {once}", key.reveal())?,
            None => writeln!(
                out,
                "  API key     as before; `synoptic keys create NAME` makes another"
            )?,
        }
        if let Some(key) = &self.key {
            let (operation, body) = if self.demo { TRY_DEMO } else { TRY_EMPTY };
            writeln!(
                out,
                "\nTry it:\n\n  curl -s {base}{operation} -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
                 -d '{body}'\n",
                key.reveal()
            )?;
        }
        Ok(out.flush()?)
    }
}

const TRY_DEMO: (&str, &str) = (
    "/api/classify",
    r#"{"text": "I was charged twice this month, please refund one payment.", "taxonomy": "ticket-topic"}"#,
);
const TRY_EMPTY: (&str, &str) = (
    "/api/summarize",
    r#"{"text": "It rained all night. The river rose. By morning the bridge was closed.", "sentences": 1}"#,
);

fn base_address(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://127.0.0.1:{}", address.port());
    }
    format!("http://{address}")
}
