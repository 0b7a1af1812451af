//! Where a request comes from, as far as that can be trusted; the middleware leaves it in the request's extensions.

use std::net::IpAddr;

/// The client's address: the peer's, or what trusted proxies say that theirs is. IPv4 is never written as IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
