//! `synoptic serve`: the server, with sample data when asked for.

use crate::{
    app::App,
    config::Config,
    domain::{Clock, api_keys::SecretKey},
    services::demo,
};
use anyhow::{Context, Result};
use std::{io::Write, net::SocketAddr, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// What the key is called that the first start makes.
const FIRST_KEY: &str = "first";
/// What the key is called that `--demo` makes anew at every start.
const DEMO_KEY: &str = "demo";

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Load sample data (48 support tickets, a taxonomy of six labels, their analyses) and print a key to try it with.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<SocketAddr>,
}

pub async fn run(args: ServeArgs, config: Config) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let database = config.database.url.to_string();
    let app = App::build(config, Clock::system()).await?;
    // The address first: a second server must not change the first one's key or data.
    let bound = app.bind().await?;
    let key = if args.demo {
        demo::load(&app.services)
            .await
            .context("the sample data could not be loaded")?;
        Some(app.services.api_keys.replace(DEMO_KEY).await?.1)
    } else {
        app.services.api_keys.create_first(FIRST_KEY).await?
    };
    announce(bound.address, &database, key.as_ref(), args.demo)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("stopping: no new requests, those under way are finished");
    };
    app.serve(bound, stop).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn announce(address: SocketAddr, database: &str, key: Option<&SecretKey>, demo: bool) -> Result<()> {
    let host = if address.ip().is_unspecified() {
        "127.0.0.1".to_owned()
    } else {
        address.ip().to_string()
    };
    let host = if address.is_ipv6() && !address.ip().is_unspecified() {
        format!("[{host}]")
    } else {
        host
    };
    let base = format!("http://{host}:{}", address.port());
    let mut out = std::io::stdout().lock();
    writeln!(out, "Synoptic {} is ready.\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  Swagger UI  {base}/docs")?;
    writeln!(out, "  Database    {database}")?;
    match key {
        Some(key) if demo => writeln!(
            out,
            "  API key     {}   (for this demo; the next start makes another)",
            key.reveal()
        )?,
        Some(key) => writeln!(out, "  API key     {}   (shown this once: keep it)", key.reveal())?,
        None => writeln!(
            out,
            "  API key     as before; `synoptic keys create NAME` makes another"
        )?,
    }
    if let (Some(key), true) = (key, demo) {
        writeln!(
            out,
            "\nTry it:\n\n  curl -s {base}/api/classify -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
             -d '{{\"text\": \"I was charged twice this month, please refund one payment.\", \"taxonomy\": \"ticket-topic\"}}'\n",
            key.reveal()
        )?;
    } else if let Some(key) = key {
        writeln!(
            out,
            "\nTry it:\n\n  curl -s {base}/api/summarize -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
             -d '{{\"text\": \"It rained all night. The river rose. By morning the bridge was closed.\", \"sentences\": 1}}'\n",
            key.reveal()
        )?;
    }
    Ok(out.flush()?)
}
