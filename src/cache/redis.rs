//! Answers in Redis, between replicas. No request waits for it longer than configured, and it is never needed: what it does not give
//! is looked for in the database, which also says whether what it does give is still there.

use super::{Key, Subject};
use crate::{
    config::{self, DatabaseUrl},
    domain::analyses::Analysis,
};
use anyhow::Context;
use redis::{
    Client, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
    pipe,
};
use std::{
    fmt::Write,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How long connecting, with TLS and all, and a command may take that no request waits for.
const MAY_TAKE_IN_BACKGROUND: Duration = Duration::from_secs(5);
/// For how long a deletion goes on in the background, and how long it waits before it tries again.
const FORGETTING_MAY_TAKE: Duration = Duration::from_secs(30);
const FORGETTING_PAUSES: Duration = Duration::from_secs(1);
/// How many answers are dropped with one command: Redis does nothing else meanwhile.
const FORGOTTEN_AT_ONCE: usize = 500;

#[derive(Clone)]
pub(super) struct Redis {
    client: Client,
    /// Connects with the first use, and again by itself when the connection breaks. A request that waits for it no longer leaves it to
    /// the next one where it stands.
    connection: Arc<OnceLock<ConnectionManager>>,
    may_take: Duration,
    ttl_seconds: u64,
}

impl Redis {
    pub fn new(url: &DatabaseUrl, settings: &config::Cache) -> anyhow::Result<Self> {
        let client = Client::open(url.reveal())
            .map_err(|_| anyhow::anyhow!("it begins with redis://, rediss:// or unix://"))
            .context("`cache.redis_url` is no address of a Redis server")?;
        Ok(Self {
            client,
            connection: Arc::default(),
            may_take: Duration::from_millis(settings.redis_timeout_milliseconds),
            ttl_seconds: settings.ttl_seconds,
        })
    }

    pub async fn get(&self, key: &Key) -> Option<Analysis> {
        let found: Option<Vec<u8>> = self
            .within_time("get", async {
                let mut connection = self.connection()?;
                redis::cmd("GET")
                    .arg(answer_name(key))
                    .query_async(&mut connection)
                    .await
            })
            .await?;
        // What another version has written and this one cannot read is not there.
        serde_json::from_slice(&found?).ok()
    }

    pub async fn put(&self, key: &Key, analysis: &Analysis, subjects: &[Subject]) {
        let Ok(json) = serde_json::to_vec(analysis) else {
            return;
        };
        let name = answer_name(key);
        let mut commands = pipe();
        commands
            .atomic()
            .cmd("SET")
            .arg(&name)
            .arg(json)
            .arg("EX")
            .arg(self.ttl_seconds)
            .ignore();
        // By when they were made: those that are older than the time that answers are kept for are gone already.
        let made_at = analysis.created_at.as_offset_date_time().unix_timestamp();
        let oldest = made_at.saturating_sub_unsigned(self.ttl_seconds);
        for subject in subjects {
            let set = subject_name(*subject);
            commands.cmd("ZADD").arg(&set).arg(made_at).arg(&name).ignore();
            let mut trim = redis::cmd("ZREMRANGEBYSCORE");
            trim.arg(&set).arg("-inf").arg(format!("({oldest}"));
            commands.add_command(trim).ignore();
            commands.cmd("EXPIRE").arg(&set).arg(self.ttl_seconds).ignore();
        }
        let _: Option<()> = self
            .within_time("put", async {
                let mut connection = self.connection()?;
                commands.query_async(&mut connection).await
            })
            .await;
    }

    pub async fn remove(&self, key: &Key) {
        let _: Option<()> = self
            .within_time("remove", async {
                let mut connection = self.connection()?;
                redis::cmd("DEL")
                    .arg(answer_name(key))
                    .query_async(&mut connection)
                    .await
            })
            .await;
    }

    /// Drops what came from the subject, some at a time; tried again when something goes wrong on the way.
    pub async fn forget(&self, subject: Subject) {
        let set = subject_name(subject);
        let _: Option<()> = within(FORGETTING_MAY_TAKE, "forget", async {
            loop {
                match self.forget_some(&set).await {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(_) => sleep(FORGETTING_PAUSES).await,
                }
            }
        })
        .await;
    }

    /// How many were dropped. Their names go last, so that they are found again if it ends in the middle.
    async fn forget_some(&self, set: &str) -> RedisResult<usize> {
        let mut connection = self.connection()?;
        let names: Vec<String> = redis::cmd("ZRANGE")
            .arg(set)
            .arg(0)
            .arg(FORGOTTEN_AT_ONCE - 1)
            .query_async(&mut connection)
            .await?;
        if !names.is_empty() {
            let mut commands = pipe();
            commands.cmd("UNLINK").arg(&names).ignore();
            commands.cmd("ZREM").arg(set).arg(&names).ignore();
            let () = commands.query_async(&mut connection).await?;
        }
        Ok(names.len())
    }

    fn connection(&self) -> RedisResult<ConnectionManager> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        let settings = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(MAY_TAKE_IN_BACKGROUND))
            .set_response_timeout(Some(MAY_TAKE_IN_BACKGROUND));
        let connection = self.client.get_connection_manager_lazy(settings)?;
        Ok(self.connection.get_or_init(|| connection).clone())
    }

    async fn within_time<T>(&self, what: &'static str, work: impl Future<Output = RedisResult<T>>) -> Option<T> {
        within(self.may_take, what, work).await
    }
}

/// What came of it, if it came in time; else the log says that Redis is away.
async fn within<T>(may_take: Duration, what: &'static str, work: impl Future<Output = RedisResult<T>>) -> Option<T> {
    match timeout(may_take, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::warn!(
                what,
                cause = error.category(),
                "Redis did not do its part; answers are looked for elsewhere"
            );
            None
        }
        Err(_) => {
            tracing::warn!(what, "Redis took too long; answers are looked for elsewhere");
            None
        }
    }
}

fn answer_name(key: &Key) -> String {
    key.iter().fold(String::from("synoptic:answer:"), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn subject_name(subject: Subject) -> String {
    format!("synoptic:answers-of:{subject}")
}
