//! Finds a request's credential and has it recognised: an API key or an access token as `Authorization: Bearer …`, or else the
//! cookie of a browser, with its CSRF token for everything that changes something.

use super::cookies::{self, CSRF_HEADER, Names, Planted};
use crate::{
    domain::{Result, api_keys::KEY_PREFIX, principal::Principal, refusals::Refusal, sessions::OpaqueToken},
    services::recognition::{Recognised, Recognition},
};
use poem::{
    Request,
    http::{HeaderValue, Method, header::AUTHORIZATION},
};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What became of a request's credential; the middleware leaves it in the request's extensions.
#[derive(Debug, Clone)]
pub enum Authentication {
    Recognised(Arc<Principal>),
    /// No credential, or one that is not valid.
    Refused(Refusal),
}

/// Where the credentials are looked for and looked up.
#[derive(Clone)]
pub struct Credentials {
    pub recognition: Recognition,
    pub cookies: Names,
}

/// Recognises the credential of a request.
///
/// # Errors
/// When the database does not answer.
pub async fn authenticate(credentials: &Credentials, request: &Request) -> Result<Authentication> {
    let recognised = if request.headers().contains_key(AUTHORIZATION) {
        by_header(credentials, request).await?
    } else {
        by_cookie(credentials, request).await?
    };
    Ok(match recognised {
        Ok(principal) => Authentication::Recognised(principal),
        Err(refusal) => Authentication::Refused(refusal),
    })
}

async fn by_header(credentials: &Credentials, request: &Request) -> Result<Recognised> {
    match bearer(request) {
        None => Ok(Err(Refusal::Malformed)),
        Some(token) if token.starts_with(KEY_PREFIX) => credentials.recognition.api_key(token).await,
        Some(token) => credentials.recognition.access_token(token).await,
    }
}

/// The bearer token; the scheme's name ignores case (RFC 9110, section 11.1).
fn bearer(request: &Request) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let (header, second) = (headers.next()?, headers.next());
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    (second.is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

async fn by_cookie(credentials: &Credentials, request: &Request) -> Result<Recognised> {
    let token = match cookies::read(request, credentials.cookies.session) {
        Ok(Some(token)) => OpaqueToken::parse(&token),
        Ok(None) => return Ok(Err(Refusal::None)),
        Err(Planted) => None,
    };
    let Some(token) = token else {
        return Ok(Err(Refusal::Malformed));
    };
    if !is_safe(request.method()) && !has_csrf_token(request, &token) {
        return Ok(Err(Refusal::Csrf));
    }
    credentials.recognition.cookie(&token).await
}

/// The methods that change nothing (RFC 9110, section 9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn has_csrf_token(request: &Request, token: &OpaqueToken) -> bool {
    // Browsers say where a request comes from; what comes from another site is none of ours, whatever it carries.
    let elsewhere = request
        .headers()
        .get("Sec-Fetch-Site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    let given = request.headers().get(CSRF_HEADER).map(HeaderValue::as_bytes);
    !elsewhere && given.is_some_and(|given| given.ct_eq(token.csrf_token().as_bytes()).into())
}
