//! `[server]`: how the server listens, what it accepts and how long it waits.

use super::public_url::PublicUrl;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The longest that anything may be waited for: a day, in seconds.
const LONGEST: u64 = 24 * 60 * 60;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub bind: SocketAddr,
    /// Under which address browsers reach the server, such as `https://synoptic.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses and networks (`10.0.0.0/8`).
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long the head of a request (its first line and its headers) may take to arrive, in seconds.
    pub header_timeout_seconds: u64,
    /// How long a request's body may take to arrive, in seconds.
    pub body_timeout_seconds: u64,
    /// How long a request may take from its head to its answer, in seconds.
    pub request_timeout_seconds: u64,
    /// How long requests under way may take to end after SIGTERM or Ctrl-C, in seconds.
    pub shutdown_seconds: u64,
    /// How long a connection may be silent before it is closed, in seconds.
    pub idle_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            max_body_bytes: 16 * 1024 * 1024,
            header_timeout_seconds: 10,
            body_timeout_seconds: 30,
            request_timeout_seconds: 120,
            shutdown_seconds: 30,
            idle_seconds: 120,
        }
    }
}

impl Server {
    /// Whether browsers come over TLS, which a proxy in front of the server ends.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_https)
    }

    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds)
    }

    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let waits = [
            ("header_timeout_seconds", self.header_timeout_seconds),
            ("body_timeout_seconds", self.body_timeout_seconds),
            ("request_timeout_seconds", self.request_timeout_seconds),
        ];
        let (name, _) = waits
            .into_iter()
            .find(|(_, seconds)| !(1..=LONGEST).contains(seconds))?;
        Some(format!("`server.{name}` must be 1 to {LONGEST}"))
    }
}

fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let given = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    given
        .map(|text| network(text).map_err(serde::de::Error::custom))
        .collect()
}

/// A network, or an address as the network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || {
        text.parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
    };
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or_else(|_| address())
        .map_err(|_| format!("{text:?} is neither an address nor a network such as `10.0.0.0/8`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), shown);
        }
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0", ""] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn waiting_never_and_waiting_for_ever_are_refused() {
        let server = |header_timeout_seconds| Server {
            header_timeout_seconds,
            ..Server::default()
        };
        assert_eq!(server(1).fault(), None);
        for seconds in [0, u64::MAX] {
            let fault = server(seconds).fault().unwrap();
            assert!(fault.contains("server.header_timeout_seconds"), "{fault}");
        }
    }
}
