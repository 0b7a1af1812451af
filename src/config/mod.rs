//! Configuration: plain typed sections with defaults, from a file, the environment and flags, later ones winning. This is the
//! only reader of files and environment variables; every part of the program is handed its own section.

mod auth;
mod cache;
mod cors;
mod database;
mod imports;
mod limits;
mod log;
mod provider_keys;
mod providers;
mod public_url;
mod routes;
mod secrets;
mod server;
mod webhooks;
mod work;

pub use auth::{Algorithm, Auth, Oidc};
pub use cache::Cache;
pub use cors::{Cors, Origin};
pub use database::{Database, DatabaseUrl, SslMode};
pub use imports::Imports;
pub use limits::Limits;
pub use log::Log;
pub use providers::{AUTO, EMBEDDED, Model, Provider, ProviderKind, StructuredOutput, without_prices};
pub use public_url::PublicUrl;
pub use routes::{Route, Routes};
pub use secrets::Secret;
pub use server::Server;
pub use webhooks::Webhooks;
pub use work::Work;

use crate::domain::workers::ServerRole;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, net::SocketAddr, path::Path};

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "synoptic.toml";
/// With what every environment variable begins; two underscores go down a level: `SYNOPTIC_SERVER__BIND`.
const ENVIRONMENT_PREFIX: &str = "SYNOPTIC";
/// The settings that are lists; in an environment variable, their members are separated by commas.
const LISTS: [&str; 4] = [
    "server.trusted_proxies",
    "cors.allowed_origins",
    "auth.oidc.scopes",
    "webhooks.allow",
];
/// What helps with every fault of the configuration.
const ADVICE: &str = "the configuration cannot be used; docs/configuration.md lists every setting, `synoptic config` prints \
                      what is in force";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub auth: Auth,
    pub limits: Limits,
    pub cors: Cors,
    pub log: Log,
    pub cache: Cache,
    pub routes: Routes,
    pub work: Work,
    pub webhooks: Webhooks,
    pub imports: Imports,
    pub providers: Vec<Provider>,
}

/// What was said on the command line.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub bind: Option<SocketAddr>,
    pub database_url: Option<String>,
    pub log_filter: Option<String>,
    pub role: Option<ServerRole>,
}

impl Config {
    /// Reads the file (the named one, or `synoptic.toml` if it is there), then the environment, then the flags.
    ///
    /// # Errors
    /// When a file cannot be read, or a setting is unknown, of the wrong kind, out of bounds or in contradiction to another; the
    /// message names it.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self> {
        let source = match file {
            Some(file) => config::File::from(file).format(config::FileFormat::Toml).required(true),
            None => config::File::new(DEFAULT_FILE, config::FileFormat::Toml).required(false),
        };
        let mut builder = config::Config::builder().add_source(source);
        for environment in environments() {
            builder = builder.add_source(environment);
        }
        let flags = [
            ("server.bind", overrides.bind.map(|bind| bind.to_string())),
            ("database.url", overrides.database_url.clone()),
            ("log.filter", overrides.log_filter.clone()),
            ("work.role", overrides.role.map(|role| role.name().to_owned())),
        ];
        for (name, value) in flags {
            builder = builder.set_override_option(name, value)?;
        }
        let loaded = builder.build().and_then(config::Config::try_deserialize::<Self>);
        let mut config = loaded.map_err(without_values).context(ADVICE)?;
        config.check().context(ADVICE)?;
        for provider in &mut config.providers {
            provider.api_key = provider_keys::read(provider).context(ADVICE)?;
        }
        Ok(config)
    }

    /// What no single setting shows: values out of bounds and settings that contradict each other.
    fn check(&self) -> Result<()> {
        let sections = [
            self.server.fault(),
            self.database.fault(),
            self.auth.fault(),
            self.limits.fault(),
            self.cors.fault().map(str::to_owned),
            self.cache.fault(),
            self.routes.fault(),
            self.work.fault(),
            self.imports.fault(),
        ];
        let providers = self.providers.iter().map(Provider::fault);
        let twice = self.providers.iter().enumerate().map(|(place, one)| {
            let again = self.providers[..place].iter().any(|other| other.name == one.name);
            again.then(|| format!("there are two providers of the name `{}`", one.name))
        });
        match sections.into_iter().chain(providers).chain(twice).flatten().next() {
            Some(fault) => Err(anyhow!(fault)),
            None => Ok(()),
        }
    }

    /// As TOML, with secrets hidden.
    ///
    /// # Errors
    /// When it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }
}

/// The environment's settings: texts as they are, and lists taken apart. Taking apart goes together with reading what looks like
/// a number as one, by which a password of digits would lose its leading zeros.
fn environments() -> [config::Environment; 2] {
    let lists = LISTS.map(|list| format!("{ENVIRONMENT_PREFIX}_{}", list.replace('.', "__")));
    let is_list = |name: &str| lists.iter().any(|list| list.eq_ignore_ascii_case(name));
    let (of_lists, of_texts) = settings_from_environment()
        .into_iter()
        .partition(|(name, _)| is_list(name));
    let reading = |settings| {
        config::Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator("_")
            .separator("__")
            .source(Some(settings))
    };
    let mut parsed = reading(of_lists).try_parsing(true).list_separator(",");
    for list in LISTS {
        parsed = parsed.with_list_parse_key(list);
    }
    [reading(of_texts), parsed]
}

/// What is wrong, without the values: one of them may be a password that stands in the wrong place.
fn without_values(error: config::ConfigError) -> anyhow::Error {
    match error {
        config::ConfigError::FileParse { uri, cause } => {
            // The cause shows the line; its last sentence says what is wrong there.
            let cause = cause.to_string();
            let (place, reason) = (
                cause.lines().next().unwrap_or_default(),
                cause.lines().last().unwrap_or_default(),
            );
            anyhow!(
                "{} is not sound TOML: {place}: {reason}",
                uri.as_deref().unwrap_or(DEFAULT_FILE)
            )
        }
        config::ConfigError::Type { expected, key, .. } => {
            anyhow!("`{}` must be {expected}", key.as_deref().unwrap_or("a setting"))
        }
        config::ConfigError::At { error, key, .. } => {
            anyhow!(
                "`{}`: {}",
                key.as_deref().unwrap_or("a setting"),
                without_values(*error)
            )
        }
        other => anyhow!(other),
    }
}

/// The variables that are settings: those that go down a level. Others that begin alike are not ours, such as the
/// `SYNOPTIC_PORT` that Kubernetes sets beside a service of that name.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn settings_from_environment() -> HashMap<String, String> {
    let prefix = format!("{ENVIRONMENT_PREFIX}_");
    let readable =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    readable
        .filter(|(name, _)| name.strip_prefix(&prefix).is_some_and(|setting| setting.contains("__")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_an_unknown_setting_is_named() {
        let folder = std::env::temp_dir().join(format!("synoptic-config-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("synoptic.toml");
        std::fs::write(&file, "[server]\nbind = \"0.0.0.0:9000\"\n").unwrap();
        let config = Config::load(Some(&file), &Overrides::default()).unwrap();
        assert_eq!(config.server.bind.port(), 9000);
        let flags = Overrides {
            bind: Some(([127, 0, 0, 1], 1).into()),
            ..Overrides::default()
        };
        assert_eq!(Config::load(Some(&file), &flags).unwrap().server.bind.port(), 1);
        std::fs::write(&file, "[server]\nbnd = \"0.0.0.0:9000\"\n").unwrap();
        let error = format!("{:#}", Config::load(Some(&file), &Overrides::default()).unwrap_err());
        assert!(error.contains("bnd"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
    /// What a file with this text gives, or why it cannot be used.
    fn loaded(text: &str) -> Result<Config, String> {
        let folder = std::env::temp_dir().join(format!("synoptic-config-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("synoptic.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), &Overrides::default()).map_err(|error| format!("{error:#}"));
        std::fs::remove_dir_all(&folder).unwrap();
        config
    }

    #[test]
    fn a_value_that_cannot_be_meant_is_named_with_its_setting() {
        for (text, setting, reason) in [
            (
                "[server]\ntrusted_proxies = [\"proxy.example\"]",
                "server.trusted_proxies",
                "proxy.example",
            ),
            (
                "[server]\npublic_url = \"synoptic.example\"",
                "server.public_url",
                "https://",
            ),
            (
                "[server]\nheader_timeout_seconds = 0",
                "server.header_timeout_seconds",
                "must be 1 to",
            ),
            ("[limits]\naddress_burst = 0", "limits.address_burst", "at least 1"),
            (
                "[auth]\naccess_token_minutes = 0",
                "auth.access_token_minutes",
                "must be 1 to",
            ),
            (
                "[auth]\nrefresh_token_days = 4294967295",
                "auth.refresh_token_days",
                "must be 1 to",
            ),
            ("[auth]\nissuer = \"\"", "auth.issuer", "must not be empty"),
            ("[auth]\nalgorithm = \"none\"", "auth.algorithm", "HS256"),
            (
                "[limits]\naddress_per_second = -1",
                "limits.address_per_second",
                "integer",
            ),
            (
                "[cors]\nallowed_origins = [\"app.example\"]",
                "cors.allowed_origins",
                "app.example",
            ),
            (
                "[cors]\nallowed_origins = [\"*\"]\nallow_credentials = true",
                "cors.allow_credentials",
                "list",
            ),
        ] {
            let error = loaded(text).unwrap_err();
            assert!(error.contains(setting) && error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let text = "[server]\npublic_url = \"https://synoptic.example/\"\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]\n\
                    [limits]\naddress_per_second = 0\n[cors]\nallowed_origins = [\"https://app.example\"]\n";
        let printed = loaded(text).unwrap().to_toml().unwrap();
        assert_eq!(loaded(&printed).unwrap().to_toml().unwrap(), printed);
        assert!(
            printed.contains("public_url = \"https://synoptic.example\""),
            "{printed}"
        );
    }
}
