//! The authenticated principal as a handler's first argument.

use crate::{
    domain::{Error, Result, api_keys::SecretKey, principal::Principal},
    dto::problem::into_poem_error,
    services::api_keys::ApiKeys,
};
use poem::{Request, http::header::AUTHORIZATION};
use poem_openapi::{SecurityScheme, auth::Bearer};
use std::sync::Arc;

/// Whoever sends the request, recognised by their API key (`Authorization: Bearer syn_…`).
#[derive(SecurityScheme)]
#[oai(rename = "ApiKey", ty = "bearer", bearer_format = "API key", checker = "recognised")]
pub struct Caller(Arc<Principal>);

impl Caller {
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }
}

/// What became of a request's credential; the middleware leaves it in the request's extensions.
#[derive(Debug, Clone)]
pub enum Authentication {
    Recognised(Arc<Principal>),
    /// No credential, or one that is not valid.
    Refused,
}

/// Recognises the credential of a request.
///
/// # Errors
/// When the database does not answer.
pub async fn authenticate(keys: &ApiKeys, request: &Request) -> Result<Authentication> {
    match bearer(request).and_then(SecretKey::parse) {
        None => Ok(Authentication::Refused),
        Some(secret) => match keys.recognise(&secret).await {
            Ok(principal) => Ok(Authentication::Recognised(principal)),
            Err(Error::Unauthorized) => Ok(Authentication::Refused),
            Err(error) => Err(error),
        },
    }
}

/// The bearer token; the scheme's name ignores case (RFC 9110, section 11.1).
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[expect(clippy::unused_async, reason = "poem-openapi awaits its checkers")]
async fn recognised(request: &Request, _bearer: Bearer) -> poem::Result<Arc<Principal>> {
    match request.extensions().get::<Authentication>() {
        Some(Authentication::Recognised(principal)) => Ok(Arc::clone(principal)),
        _ => Err(into_poem_error(Error::Unauthorized)),
    }
}
