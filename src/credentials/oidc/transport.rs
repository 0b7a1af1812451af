//! How the provider is spoken to: over TLS or on this machine, without following redirects, within limits of time and size.

use futures_util::future::BoxFuture;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use std::{net::IpAddr, time::Duration};
use url::{Host, Url};

/// How long an answer may take as a whole.
const ANSWER_MAY_TAKE: Duration = Duration::from_secs(10);
const CONNECTING_MAY_TAKE: Duration = Duration::from_secs(5);
/// Far more than discovery documents, key sets and claims take.
const LARGEST_ANSWER: usize = 1024 * 1024;

pub struct Transport(reqwest::Client);

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("{0} is neither https nor on this machine")]
    Insecure(String),
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    #[error(transparent)]
    Answer(#[from] http::Error),
}

impl Transport {
    /// # Errors
    /// When this machine has no certificates to trust.
    pub fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MAY_TAKE)
            .connect_timeout(CONNECTING_MAY_TAKE)
            .user_agent(concat!("synoptic/", env!("CARGO_PKG_VERSION")));
        client.build().map(Self)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let request = reqwest::Request::try_from(request)?;
        if !is_secure(request.url()) {
            return Err(TransportError::Insecure(request.url().to_string()));
        }
        let mut answer = self.0.execute(request).await?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = TransportError;
    type Future = BoxFuture<'c, Result<HttpResponse, TransportError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Whether nobody on the way can read along or answer in the provider's place.
#[must_use]
pub fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => url.host().is_some_and(|host| is_loopback(&host)),
        _ => false,
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match *host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::from(address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (url, secure) in [
            ("https://accounts.example", true),
            ("http://127.0.0.1:3000/", true),
            ("http://[::1]:3000/", true),
            ("http://localhost/realms/team", true),
            ("http://accounts.example", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
            ("ftp://127.0.0.1", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_secure(&Url::parse(url).unwrap()), secure, "{url}");
        }
    }
}
