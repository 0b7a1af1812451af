//! Requests to addresses that users have named: nothing is reached that they could not reach themselves, unless the configuration
//! says so. A name is resolved here and its addresses are checked; the connection goes to the very addresses that were checked, so
//! that a name cannot mean something else a moment later. Redirects are not followed, and the proxies of the environment are not used.

mod addresses;

pub use addresses::is_public;

use crate::config::Webhooks;
use ipnet::IpNet;
use poem::http::{HeaderMap, StatusCode};
use reqwest::{
    Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{DATE, RETRY_AFTER},
};
use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::{Host, Url};

/// How long connecting may take, and a request as a whole.
const CONNECTING_MAY_TAKE: Duration = Duration::from_secs(5);
const REQUEST_MAY_TAKE: Duration = Duration::from_secs(15);
/// How much of an answer is read before the connection is given up; nothing of it is kept.
const MOST_READ: usize = 64 * 1024;
const IDLE: Duration = Duration::from_secs(30);
/// Below this, only the ports of the web are reached.
const FIRST_FREE_PORT: u16 = 1024;

/// Which addresses may be reached.
#[derive(Debug, Clone)]
pub struct Policy {
    allowed: Arc<[IpNet]>,
    allow_http: bool,
}

impl Policy {
    #[must_use]
    pub fn new(settings: &Webhooks) -> Self {
        Self {
            allowed: settings.allow.iter().map(IpNet::trunc).collect(),
            allow_http: settings.allow_http,
        }
    }

    /// What is wrong with a URL as it is written, in words; names are only known when they are resolved.
    #[must_use]
    pub fn fault(&self, url: &Url) -> Option<String> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => {
                return Some("must begin with `https://`; this server is not set up to allow `http://`".to_owned());
            }
            _ => return Some("must begin with `https://`".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Some("must not hold a user name or a password: receivers check the signature".to_owned());
        }
        let literal = match url.host() {
            None => return Some("must name a host".to_owned()),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        match url.port_or_known_default() {
            Some(80 | 443 | FIRST_FREE_PORT..) => {}
            _ => return Some(format!("must have the port 443, 80, or one from {FIRST_FREE_PORT} on")),
        }
        literal
            .filter(|address| !self.may_reach(*address))
            .map(|address| format!("must not be at {address}, which is no public address; {ADVICE}"))
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|net| net.contains(&address))
    }
}

const ADVICE: &str = "whoever runs the server can allow a private network in `webhooks.allow`";

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub status: Option<u16>,
    /// Why it did not succeed, a word from a closed set; `None` when it did.
    pub fault: Option<&'static str>,
    /// When the receiver wants to be asked again.
    pub retry_after: Option<Duration>,
    pub took: Duration,
}

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    policy: Policy,
    client: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

impl Sender {
    #[must_use]
    pub fn new(settings: &Webhooks) -> Self {
        Self {
            policy: Policy::new(settings),
            client: Arc::default(),
        }
    }

    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Posts JSON. Never longer than 15 seconds; what the receiver answers is not kept.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Outcome {
        let began = Instant::now();
        let sent = tokio::time::timeout(REQUEST_MAY_TAKE, self.send(url, headers, body)).await;
        let (status, fault, retry_after) = match sent {
            Ok(Ok((status, retry_after))) => (Some(status.as_u16()), fault_of(status), retry_after),
            Ok(Err(fault)) => (None, Some(fault), None),
            Err(_) => (None, Some("timeout"), None),
        };
        Outcome {
            status,
            fault,
            retry_after,
            took: began.elapsed(),
        }
    }

    async fn send(
        &self,
        url: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<(StatusCode, Option<Duration>), &'static str> {
        let url = Url::parse(url).map_err(|_| "address_refused")?;
        // The settings may have changed since the address was stored, and nothing resolves an address that is written out.
        if self.policy.fault(&url).is_some() {
            return Err("address_refused");
        }
        let client = self.client().ok_or("no_client")?;
        let response = client.post(url).headers(headers).body(body).send().await;
        let response = response.map_err(|error| fault_of_error(&error))?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        drain(response).await;
        Ok((status, retry_after))
    }

    fn client(&self) -> Option<&reqwest::Client> {
        let made = self.client.get_or_init(|| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .dns_resolver(CheckedNames(self.policy.clone()))
                .connect_timeout(CONNECTING_MAY_TAKE)
                .timeout(REQUEST_MAY_TAKE)
                .pool_idle_timeout(IDLE)
                .user_agent(concat!("synoptic/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| error.to_string())
        });
        match made {
            Ok(client) => Some(client),
            Err(fault) => {
                tracing::error!(fault, "there is no HTTP client for webhooks");
                None
            }
        }
    }
}

/// Reads a little of the answer, so that the connection can be used again, and drops it.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MOST_READ {
            return;
        }
    }
}

fn fault_of(status: StatusCode) -> Option<&'static str> {
    if status.is_success() {
        None
    } else if status.is_redirection() {
        Some("redirect")
    } else if status == StatusCode::GONE {
        Some("gone")
    } else {
        Some("http_status")
    }
}

fn fault_of_error(error: &reqwest::Error) -> &'static str {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(one) = source {
        if one.downcast_ref::<Refused>().is_some() {
            return "address_refused";
        }
        if one.downcast_ref::<Unresolved>().is_some() {
            return "name_not_found";
        }
        if one.downcast_ref::<rustls::Error>().is_some() {
            return "tls";
        }
        // The error of rustls lies inside of one of input and output, whose `source` skips it.
        if let Some(inner) = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && inner.downcast_ref::<rustls::Error>().is_some()
        {
            return "tls";
        }
        source = one.source();
    }
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "broken_off"
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3). A date is taken against the answer's own `Date`, so that the two clocks need not
/// agree; without one it says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let now = OffsetDateTime::parse(headers.get(DATE)?.to_str().ok()?, &Rfc2822).ok()?;
    (until - now).try_into().ok()
}

/// Resolves names to addresses that may be reached, all of them or none.
struct CheckedNames(Policy);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| Unresolved)?.collect();
            if found.is_empty() {
                return Err(Unresolved.into());
            }
            // One that is refused shows what the name is for.
            if found.iter().any(|address| !policy.may_reach(address.ip())) {
                return Err(Refused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name means an address that is not public")
    }
}

impl StdError for Refused {}

#[derive(Debug)]
struct Unresolved;

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name means no address")
    }
}

impl StdError for Unresolved {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(settings: &Webhooks, url: &str) -> Option<String> {
        Policy::new(settings).fault(&Url::parse(url).unwrap())
    }

    #[test]
    fn an_address_is_judged_as_it_is_written() {
        let strict = Webhooks::default();
        for fine in [
            "https://hooks.example/x",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]:8443/",
        ] {
            assert_eq!(fault(&strict, fine), None, "{fine}");
        }
        for (bad, word) in [
            ("http://hooks.example/", "https"),
            ("ftp://hooks.example/", "https"),
            ("https://me:secret@hooks.example/", "password"),
            ("https://127.0.0.1/", "no public address"),
            ("https://0x7f.1/", "no public address"),
            ("https://2130706433/", "no public address"),
            ("https://[::1]/", "no public address"),
            ("https://[::ffff:10.0.0.1]/", "no public address"),
            ("https://169.254.169.254/latest/meta-data", "no public address"),
            ("https://hooks.example:25/", "port"),
        ] {
            let told = fault(&strict, bad).unwrap_or_default();
            assert!(told.contains(word), "{bad}: {told}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_reached_and_no_other() {
        let open = Webhooks {
            allow: vec!["10.1.2.3/16".parse().unwrap()],
            allow_http: true,
        };
        assert_eq!(fault(&open, "http://10.1.200.7:8080/"), None);
        assert_eq!(fault(&open, "http://[::ffff:10.1.200.7]:8080/"), None);
        assert!(fault(&open, "http://10.2.0.1/").is_some());
        assert!(fault(&open, "http://127.0.0.1/").is_some());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pair = |(name, value): &(&'static str, &'static str)| (name.parse().unwrap(), value.parse().unwrap());
            pairs.iter().map(pair).collect()
        };
        let after = |pairs: &[(&'static str, &'static str)]| retry_after(&headers(pairs));
        assert_eq!(after(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let until = ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(after(&[until, date]), Some(Duration::from_secs(30)));
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), date]), None);
        for odd in ["soon", "-1", "1.5", "", "Sun, 06 Nov 1994 08:50:07 GMT"] {
            assert_eq!(after(&[("retry-after", odd)]), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_when_it_is_resolved() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let sender = Sender::new(&Webhooks {
            allow: Vec::new(),
            allow_http: true,
        });
        let outcome = sender
            .post("http://localhost:9/", HeaderMap::new(), "{}".to_owned())
            .await;
        assert_eq!((outcome.status, outcome.fault), (None, Some("address_refused")));
        let outcome = sender
            .post("http://nobody.invalid/", HeaderMap::new(), "{}".to_owned())
            .await;
        assert_eq!(outcome.fault, Some("name_not_found"));
    }
}
