//! The composition root: the only place that wires the parts together, for the server, for commands and for tests alike.

use crate::{
    cache::AnswerCache,
    config::{self, Auth, Config, Database, DatabaseUrl, SslMode},
    db::{self, Copied, Db, Migrations, PgSslMode, Pool, PostgresSettings},
    domain::Clock,
    engines::router::Router,
    http,
    jobs::Workers,
    outbound::Sender,
    services::{Foundation, Services, oidc_rules::Setup},
    telemetry::metrics::Metrics,
};
use anyhow::{Context, Result, anyhow};
use poem::{
    Endpoint, EndpointExt, Response, Server,
    listener::{Acceptor, Listener, TcpListener},
};
use poem_openapi::OpenApi;
use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// How long work in the background may take to end when the program stops.
const TASKS_MAY_TAKE: Duration = Duration::from_secs(30);

/// Everything a command needs: a migrated database and the services over it.
pub struct App {
    pub services: Services,
    clock: Clock,
    config: Config,
    db: Db,
    metrics: Metrics,
    tasks: TaskTracker,
}

/// Connects to the database as it is configured; changes nothing there.
async fn connect(settings: &Database) -> Result<Db> {
    let (pool, postgres) = connecting(settings);
    Db::connect_with(settings.url.reveal(), pool, &postgres).await
}

fn connecting(settings: &Database) -> (Pool, PostgresSettings) {
    let pool = Pool {
        connections: settings.connections.max(1),
        acquire_timeout: Duration::from_secs(settings.acquire_seconds),
    };
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let postgres = PostgresSettings {
        statement_timeout: seconds(settings.statement_timeout_seconds),
        lock_timeout: seconds(settings.lock_timeout_seconds),
        idle_transaction_timeout: seconds(settings.idle_transaction_timeout_seconds),
        idle_timeout: Duration::from_secs(settings.idle_seconds),
        max_lifetime: Duration::from_secs(settings.lifetime_seconds),
        ssl_mode: settings.ssl_mode.map(|mode| match mode {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require => PgSslMode::Require,
            SslMode::VerifyCa => PgSslMode::VerifyCa,
            SslMode::VerifyFull => PgSslMode::VerifyFull,
        }),
        ssl_root_cert: settings.ssl_root_cert.clone(),
    };
    (pool, postgres)
}

fn check_migrated(migrations: &Migrations) -> Result<()> {
    if let Some(unknown) = migrations.unknown.first() {
        return Err(anyhow!(
            "the database has migration {unknown}, which this version of Synoptic does not know: start the newer version"
        ));
    }
    match migrations.pending.len() {
        0 => Ok(()),
        count => Err(anyhow!(
            "{count} migrations are to be applied, and `database.migrate_on_start` is off: run `synoptic migrate`, then start \
             again"
        )),
    }
}

/// Brings the database to the newest schema, and says what was applied.
///
/// # Errors
/// When the database cannot be reached or migrated.
pub async fn migrate(settings: &Database) -> Result<Migrations> {
    let db = connect(settings).await?;
    let before = db.migrations().await?;
    let outcome = db.migrate().await;
    db.close().await;
    outcome.map(|()| before)
}

/// What was applied, and what is to be.
///
/// # Errors
/// When the database cannot be reached.
pub async fn migrations(settings: &Database) -> Result<Migrations> {
    let db = connect(settings).await?;
    let found = db.migrations().await;
    db.close().await;
    found
}

/// See [`db::back_up`].
///
/// # Errors
/// As there.
pub async fn back_up(settings: &Database, to: &Path) -> Result<u64> {
    db::back_up(settings.url.reveal(), to).await
}

/// See [`db::restore`].
///
/// # Errors
/// As there.
pub async fn restore(settings: &Database, from: &Path, replace: bool) -> Result<Option<PathBuf>> {
    db::restore(from, settings.url.reveal(), replace).await
}

/// See [`db::copy`]. Both are reached as the settings say, but may take as long as they need.
///
/// # Errors
/// As there.
pub async fn copy(settings: &Database, to: &DatabaseUrl) -> Result<Copied> {
    let (pool, postgres) = connecting(settings);
    let patient = PostgresSettings {
        statement_timeout: Duration::ZERO,
        idle_transaction_timeout: Duration::ZERO,
        ..postgres
    };
    Box::pin(db::copy(settings.url.reveal(), to.reveal(), pool, &patient)).await
}

impl App {
    /// Connects and migrates the database and builds the services.
    ///
    /// # Errors
    /// When the database cannot be reached, opened or migrated.
    pub async fn build(config: Config, clock: Clock) -> Result<Self> {
        let oidc = sign_in_provider(&config)?;
        let db = connect(&config.database).await?;
        if config.database.migrate_on_start {
            db.migrate().await?;
        } else {
            check_migrated(&db.migrations().await?)?;
        }
        let tasks = TaskTracker::new();
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
        let router = Router::new(&config.providers, &config.routes, &metrics)?;
        let cache = AnswerCache::new(&config.cache)?;
        let services = Services::new(Foundation {
            db: db.clone(),
            clock: clock.clone(),
            router,
            cache,
            cache_ttl: config.cache.ttl(),
            auth: config.auth.clone(),
            oidc,
            metrics: metrics.clone(),
            outbound: Sender::new(&config.webhooks),
            tasks: tasks.clone(),
        });
        Ok(Self {
            services,
            clock,
            config,
            db,
            metrics,
            tasks,
        })
    }

    /// The whole server as one endpoint, for serving and for tests in process.
    ///
    /// # Errors
    /// When the OpenAPI document cannot be made.
    pub fn endpoint(&self) -> Result<impl Endpoint<Output = Response> + 'static> {
        http::endpoint(&self.services, &self.metrics, &self.tasks, &self.config)
    }

    /// Of a server that only works in the background: its health and its metrics.
    ///
    /// # Errors
    /// As for [`App::endpoint`].
    pub fn health_endpoint(&self) -> Result<impl Endpoint<Output = Response> + 'static> {
        http::health_endpoint(&self.services, &self.metrics, &self.tasks, &self.config)
    }

    /// Starts to work in the background, as the configured role says.
    #[must_use]
    pub fn work(&self) -> Workers {
        Workers::start(&self.services, &self.metrics, &self.clock, &self.config.work)
    }

    /// The layers of the server around other operations, for measuring what they cost.
    ///
    /// # Errors
    /// As for [`App::endpoint`].
    pub fn endpoint_of<T: OpenApi + 'static>(&self, api: T) -> Result<impl Endpoint<Output = Response> + 'static> {
        http::endpoint_of(api, &self.services, &self.metrics, &self.tasks, &self.config)
    }

    /// Takes the configured address.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(&self) -> Result<Bound> {
        let address = self.config.server.bind;
        let acceptor = TcpListener::bind(address).into_acceptor().await.with_context(|| {
            format!(
                "{address} cannot be listened on; is another server running? `--bind 127.0.0.1:8081` takes another port"
            )
        })?;
        let local = acceptor
            .local_addr()
            .into_iter()
            .find_map(|local| local.as_socket_addr().copied());
        Ok(Bound {
            acceptor,
            address: local.unwrap_or(address),
        })
    }

    /// Serves until `stop`, then finishes the requests under way and closes the database.
    ///
    /// # Errors
    /// When the server cannot go on.
    pub async fn serve(self, bound: Bound, stop: impl Future<Output = ()>) -> Result<()> {
        let endpoint = if self.config.work.role.answers() {
            self.endpoint()?.boxed()
        } else {
            self.health_endpoint()?.boxed()
        };
        let workers = self.work();
        let stopping = workers.stopping();
        let stop = async move {
            stop.await;
            stopping.cancel();
        };
        let grace = Duration::from_secs(self.config.server.shutdown_seconds);
        let acceptor = http::PatientAcceptor {
            acceptor: bound.acceptor,
            header_timeout: self.config.server.header_timeout(),
        };
        Server::new_with_acceptor(acceptor)
            .idle_timeout(Duration::from_secs(self.config.server.idle_seconds))
            .run_with_graceful_shutdown(endpoint, stop, Some(grace))
            .await?;
        workers.drain(grace).await;
        Box::pin(self.close()).await;
        Ok(())
    }

    /// Waits for work in the background and closes the database.
    pub async fn close(self) {
        let Self {
            services, db, tasks, ..
        } = self;
        // The services hold the queues of the tasks, which end when the queues do.
        drop(services);
        tasks.close();
        if tokio::time::timeout(TASKS_MAY_TAKE, tasks.wait()).await.is_err() {
            tracing::warn!("work in the background did not end in time");
        }
        db.close().await;
    }
}

/// The provider that people sign in through, if one is configured.
fn sign_in_provider(config: &Config) -> Result<Option<Setup>> {
    let Some(settings) = &config.auth.oidc else {
        return Ok(None);
    };
    let setup = Setup::new(settings, base_url(&config.server)).map_err(|fault| anyhow!(fault))?;
    Ok(Some(setup))
}

/// Where browsers reach the server: the configured address, or the one it listens on if that is this machine's own.
fn base_url(server: &config::Server) -> Option<String> {
    let configured = server.public_url.as_ref().map(ToString::to_string);
    let own = || {
        let known = server.bind.ip().is_loopback() && server.bind.port() != 0;
        known.then(|| format!("http://{}", server.bind))
    };
    configured.or_else(own)
}

/// An address that is listened on.
pub struct Bound {
    acceptor: poem::listener::TcpAcceptor,
    /// The address, with the port that was given when 0 was asked for.
    pub address: SocketAddr,
}

/// The OpenAPI document, which depends on no configuration and no data.
///
/// # Errors
/// When the document cannot be made.
pub async fn openapi_document() -> Result<String> {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
    let settings = config::Cache::default();
    let services = Services::new(Foundation {
        db: Db::nowhere()?,
        clock: Clock::system(),
        router: Router::embedded_only(&metrics),
        cache: AnswerCache::new(&settings)?,
        cache_ttl: settings.ttl(),
        auth: Auth::default(),
        oidc: None,
        metrics,
        outbound: Sender::new(&config::Webhooks::default()),
        tasks: TaskTracker::new(),
    });
    http::openapi_document(&services)
}
