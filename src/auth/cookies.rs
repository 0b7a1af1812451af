//! The cookies of a browser that is signed in. The session's is out of reach of scripts; the CSRF token's is there for the
//! scripts of our own pages, which send it back in a header, as no other site's page can.

use crate::domain::sessions::OpaqueToken;
use cookie::{Cookie, SameSite};
use poem::{
    Request,
    http::{HeaderValue, header::COOKIE},
};
use time::Duration;

/// The header that must come with everything that changes something.
pub const CSRF_HEADER: &str = "X-CSRF-Token";

/// The names of the cookies. Over https they begin with `__Host-`, so that no other host of the domain can set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    pub session: &'static str,
    pub csrf: &'static str,
    pub device: &'static str,
    /// Of a browser that was sent to a provider and has not come back.
    pub sign_in: &'static str,
    secure: bool,
}

impl Names {
    #[must_use]
    pub const fn new(secure: bool) -> Self {
        if secure {
            Self {
                session: "__Host-synoptic_session",
                csrf: "__Host-synoptic_csrf",
                device: "__Host-synoptic_device",
                sign_in: "__Host-synoptic_sign_in",
                secure,
            }
        } else {
            Self {
                session: "synoptic_session",
                csrf: "synoptic_csrf",
                device: "synoptic_device",
                sign_in: "synoptic_sign_in",
                secure,
            }
        }
    }

    /// `Set-Cookie`s of a browser that has signed in.
    #[must_use]
    pub fn signed_in(self, token: &OpaqueToken, lasts: Duration, device: &str) -> Vec<String> {
        vec![
            self.session(token.reveal(), lasts),
            self.csrf(&token.csrf_token(), lasts),
            self.device(device),
        ]
    }

    /// `Set-Cookie` of a session.
    fn session(self, token: &str, lasts: Duration) -> String {
        self.set(self.session, token, lasts, true)
    }

    /// `Set-Cookie` of the CSRF token, which scripts may read.
    fn csrf(self, token: &str, lasts: Duration) -> String {
        self.set(self.csrf, token, lasts, false)
    }

    /// `Set-Cookie` of what tells this browser from others at the next sign-in.
    fn device(self, token: &str) -> String {
        self.set(self.device, token, Duration::days(180), true)
    }

    /// `Set-Cookie`s that take session and CSRF token away.
    #[must_use]
    pub fn removed(self) -> Vec<String> {
        vec![self.session("", Duration::ZERO), self.csrf("", Duration::ZERO)]
    }

    /// `Set-Cookie` of something that is needed for a few minutes.
    #[must_use]
    pub fn short_lived(self, name: &str, value: &str) -> String {
        self.set(name, value, Duration::minutes(10), true)
    }

    /// `Set-Cookie` that takes a cookie away.
    #[must_use]
    pub fn removed_one(self, name: &str) -> String {
        self.set(name, "", Duration::ZERO, true)
    }

    /// `SameSite=Lax`, because a browser that comes back from a provider is to be signed in at once.
    fn set(self, name: &str, value: &str, lasts: Duration, hidden: bool) -> String {
        Cookie::build((name, value))
            .path("/")
            .http_only(hidden)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(lasts)
            .to_string()
    }
}

/// A cookie that comes more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planted;

/// The value of a cookie.
///
/// # Errors
/// When the name comes more than once, as when somebody has planted one.
pub fn read(request: &Request, name: &str) -> Result<Option<String>, Planted> {
    let headers = request.headers().get_all(COOKIE);
    let texts = headers.iter().filter_map(|header: &HeaderValue| header.to_str().ok());
    let mut values = texts
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned());
    let first = values.next();
    if values.next().is_some() {
        Err(Planted)
    } else {
        Ok(first)
    }
}
