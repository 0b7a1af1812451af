//! Finds out where a request comes from. `X-Forwarded-For` can be written by anybody: only what trusted proxies added counts.

use super::Context;
use crate::auth::ClientAddress;
use ipnet::IpNet;
use poem::{Addr, Endpoint, IntoResponse, Request, Response, Result};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

const FORWARDED_FOR: &str = "x-forwarded-for";

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, mut request: Request) -> Result<Response> {
    if let Some(address) = client_address(&request, &context.limits.trusted_proxies) {
        request.extensions_mut().insert(ClientAddress(address));
    }
    next.call(request).await.map(IntoResponse::into_response)
}

/// The address that the nearest untrusted machine has: the peer's, or, when the peer is a trusted proxy, the rightmost of
/// `X-Forwarded-For` that is not another one. `None` without a socket, as in tests.
#[must_use]
pub fn client_address(request: &Request, trusted: &[IpNet]) -> Option<IpAddr> {
    let Addr::SocketAddr(peer) = &**request.remote_addr() else {
        return None;
    };
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = peer.ip().to_canonical();
    let lines: Vec<_> = request.headers().get_all(FORWARDED_FOR).iter().collect();
    for line in lines.into_iter().rev() {
        // Whatever stands left of something that is no address was not written by a proxy we know.
        let Ok(line) = line.to_str() else { return Some(client) };
        for entry in line.rsplit(',') {
            if !is_trusted(client) {
                return Some(client);
            }
            match address(entry.trim()) {
                Some(address) => client = address,
                None => return Some(client),
            }
        }
    }
    Some(client)
}

/// An entry: an address, which some proxies write in brackets or with the port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']').parse();
    let with_port = || entry.parse().map(|address: SocketAddr| address.ip());
    bare.or_else(|_| with_port())
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::{
        http::uri::Scheme,
        web::{LocalAddr, RemoteAddr},
    };

    /// What is taken for the client when this peer sends these lines and `10.0.0.0/8` and `fd00::/8` are trusted.
    fn client(peer: &str, lines: &[&str]) -> String {
        let peer: IpAddr = peer.parse().unwrap();
        let mut head = poem::http::Request::new(()).into_parts().0;
        for line in lines {
            head.headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let remote = RemoteAddr(Addr::SocketAddr((peer, 40_000).into()));
        let parts = (head, LocalAddr::default(), remote, Scheme::HTTP).into();
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        client_address(&Request::from_parts(parts, poem::Body::empty()), &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_stranger_cannot_claim_an_address() {
        assert_eq!(client("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["192.0.2.1, 203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn trusted_proxies_are_passed_over_from_the_right() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9,10.0.0.3 ,  fd00::1"]), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1", "203.0.113.9, 10.0.0.3"]),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "10.0.0.3"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["10.0.0.4, 10.0.0.3"]), "10.0.0.4");
    }

    #[test]
    fn what_is_no_address_ends_the_search_at_the_last_good_one() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.3"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "é"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9,"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[""]), "10.0.0.1");
    }

    #[test]
    fn an_address_has_one_way_to_be_written() {
        assert_eq!(client("::ffff:198.51.100.7", &[]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn without_a_socket_there_is_no_address() {
        assert_eq!(client_address(&Request::default(), &[]), None);
    }
}
