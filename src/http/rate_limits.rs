//! Limits on how fast requests may come. One with a valid credential counts for its principal, wherever it comes from; any other
//! counts for its address, so that nobody behind the same address suffers from it who has a credential.

use super::{
    Context,
    buckets::{Buckets, Standing},
};
use crate::{
    auth::ClientAddress,
    config,
    domain::{Error, errors::seconds},
    dto::problem::into_poem_error,
    telemetry::metrics::{Limit, Metrics},
};
use governor::clock::DefaultClock;
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{HeaderName, HeaderValue},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, OnceLock},
};
use uuid::Uuid;

/// What is asked by machines that watch the server, and must be answered most of all when it is busy.
const EXEMPT: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// The fields of draft-ietf-httpapi-ratelimit-headers-10: what is allowed, and what is left of it.
pub const POLICY_HEADER: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const STANDING_HEADER: HeaderName = HeaderName::from_static("ratelimit");
/// One network of a customer, who has all of its addresses.
const IPV6_PREFIX: u32 = 64;

/// The limits of one server.
pub struct RateLimits {
    principals: Option<Buckets<Uuid>>,
    addresses: Option<Buckets<IpAddr>>,
    metrics: Metrics,
}

/// A request that was counted, under which limit, and how that stands now.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    limit: Limit,
    burst: u32,
    /// Whole seconds.
    window: u64,
    standing: Standing,
}

/// Where the layer that counts tells the layer that writes the headers.
type Note = Arc<OnceLock<Counted>>;

impl RateLimits {
    #[must_use]
    pub fn new(limits: &config::Limits, metrics: &Metrics) -> Self {
        let clock = DefaultClock::default();
        Self {
            principals: Buckets::new(limits.principal_per_second, limits.principal_burst, clock.clone()),
            addresses: Buckets::new(limits.address_per_second, limits.address_burst, clock),
            metrics: metrics.clone(),
        }
    }

    /// Counts a request of a user or an API key; `None` when they are not limited.
    pub fn check_principal(&self, id: Uuid) -> Option<Counted> {
        let buckets = self.principals.as_ref()?;
        Some(self.counted(
            Limit::Principal,
            buckets.burst(),
            seconds(&buckets.window()),
            buckets.take(id),
        ))
    }

    /// Counts a request from an address; `None` when they are not limited.
    pub fn check_address(&self, address: IpAddr) -> Option<Counted> {
        let buckets = self.addresses.as_ref()?;
        let standing = buckets.take(sender(address));
        Some(self.counted(Limit::Address, buckets.burst(), seconds(&buckets.window()), standing))
    }

    fn counted(&self, limit: Limit, burst: u32, window: u64, standing: Standing) -> Counted {
        if standing.is_refused {
            self.metrics.rate_limited(limit);
        }
        Counted {
            limit,
            burst,
            window: window.max(1),
            standing,
        }
    }
}

impl Counted {
    fn write(&self, response: &mut Response) {
        let (name, Standing { remaining, .. }) = (self.limit.name(), self.standing);
        let policy = format!("\"{name}\";q={};w={}", self.burst, self.window);
        let standing = format!(
            "\"{name}\";r={remaining};t={}",
            seconds(&self.standing.more_after).max(1)
        );
        for (header, value) in [(POLICY_HEADER, policy), (STANDING_HEADER, standing)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(header, value);
            }
        }
    }

    fn refusal(&self) -> Option<Error> {
        let who = match self.limit {
            Limit::Principal => "this user or API key",
            Limit::Address => "this address without a valid credential",
        };
        self.standing.is_refused.then(|| Error::RateLimited {
            message: format!("requests come too fast from {who}"),
            retry_after: self.standing.more_after,
        })
    }
}

/// Writes into the headers of an answer, whatever it is, how the limit stands that its request was counted under.
pub async fn around<E: Endpoint>(next: Arc<E>, mut request: Request) -> Result<Response> {
    let note = Note::default();
    request.extensions_mut().insert(Arc::clone(&note));
    let mut response = next.call(request).await?.into_response();
    if let Some(counted) = note.get() {
        counted.write(&mut response);
    }
    Ok(response)
}

/// Counts a request for whom it is of, or else for its address. Without a socket, as in tests, there is no address to count for.
///
/// # Errors
/// When there were too many.
pub fn count(context: &Context, request: &Request, sender_id: Option<Uuid>) -> Result<()> {
    let limits = &context.rate_limits;
    let counted = match sender_id {
        Some(id) => limits.check_principal(id),
        None if EXEMPT.contains(&request.uri().path()) => None,
        None => request
            .extensions()
            .get::<ClientAddress>()
            .and_then(|address| limits.check_address(address.0)),
    };
    let Some(counted) = counted else { return Ok(()) };
    if let Some(note) = request.extensions().get::<Note>() {
        // A request is counted once; a second count would be one too many.
        let _ = note.set(counted);
    }
    match counted.refusal() {
        Some(error) => Err(into_poem_error(error)),
        None => Ok(()),
    }
}

/// Whom an address stands for: itself, or its IPv6 network.
fn sender(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits(limits: config::Limits) -> RateLimits {
        RateLimits::new(&limits, &Metrics::new("test").unwrap())
    }

    fn headers(counted: &Counted) -> [String; 2] {
        let mut response = Response::default();
        counted.write(&mut response);
        [POLICY_HEADER, STANDING_HEADER].map(|name| response.headers()[name].to_str().unwrap().to_owned())
    }

    #[test]
    fn the_headers_say_what_is_allowed_and_what_is_left() {
        let counted = limits(config::Limits::default())
            .check_principal(Uuid::now_v7())
            .unwrap();
        assert_eq!(
            headers(&counted),
            [r#""principal";q=5000;w=10"#, r#""principal";r=4999;t=1"#]
        );
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let counted = Counted {
            limit: Limit::Address,
            burst: 1,
            window: 3,
            standing: Standing {
                is_refused: true,
                remaining: 0,
                more_after: Duration::from_millis(2_001),
            },
        };
        assert_eq!(headers(&counted), [r#""address";q=1;w=3"#, r#""address";r=0;t=3"#]);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_an_ipv4_address_by_itself() {
        let limits = limits(config::Limits {
            address_per_second: 1,
            address_burst: 1,
            ..config::Limits::default()
        });
        let passes = |address: &str| {
            limits
                .check_address(address.parse().unwrap())
                .unwrap()
                .refusal()
                .is_none()
        };
        assert!(passes("2001:db8:1:2::1") && !passes("2001:db8:1:2:ffff::2") && passes("2001:db8:1:3::1"));
        assert!(passes("192.0.2.1") && !passes("192.0.2.1") && passes("192.0.2.2"));
    }

    #[test]
    fn a_limit_of_none_a_second_is_no_limit() {
        let limits = limits(config::Limits {
            principal_per_second: 0,
            address_per_second: 0,
            ..config::Limits::default()
        });
        assert!(limits.check_principal(Uuid::now_v7()).is_none());
        assert!(limits.check_address("192.0.2.1".parse().unwrap()).is_none());
    }
}
