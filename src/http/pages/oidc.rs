//! `/auth/oidc`: sends the browser to the provider, and takes it back.

use super::{failure, origin, redirect};
use crate::{
    auth::cookies,
    domain::{Error, refusals::Refusal},
    dto::problem::Problem,
    services::{
        oidc::{Callback, Failure, Oidc},
        oidc_rules,
        sign_in::Credential,
    },
};
use poem::{Request, Response, http::StatusCode};
use serde::Deserialize;

pub const START: &str = "/auth/oidc/start";
pub const CALLBACK: &str = oidc_rules::CALLBACK;

/// The two addresses, with what they need.
#[derive(Clone)]
pub struct Pages {
    pub oidc: Option<Oidc>,
    pub cookies: cookies::Names,
}

#[derive(Debug, Default, Deserialize)]
struct StartParameters {
    return_to: Option<String>,
}

/// What the provider adds to our address (RFC 6749, section 4.1.2, and RFC 9207).
#[derive(Debug, Default, Deserialize)]
struct CallbackParameters {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

impl Pages {
    pub async fn start(&self, request: &Request) -> Response {
        let Some(oidc) = &self.oidc else {
            return not_configured();
        };
        let parameters: StartParameters = request.params().unwrap_or_default();
        match oidc.start(parameters.return_to.as_deref()).await {
            Ok(started) => {
                let binding = self.cookies.short_lived(self.binding(), started.binding.reveal());
                redirect(&started.url, vec![binding])
            }
            Err(error) => explain(error),
        }
    }

    pub async fn callback(&self, request: &Request) -> Response {
        let Some(oidc) = &self.oidc else {
            return not_configured();
        };
        let parameters: CallbackParameters = request.params().unwrap_or_default();
        let callback = Callback {
            state: parameters.state,
            code: parameters.code,
            error: parameters.error,
            issuer: parameters.iss,
            binding: cookies::read(request, self.binding()).ok().flatten(),
        };
        let origin = origin(request, self.cookies);
        match oidc.finish(callback, &origin).await {
            Ok((signed_in, return_to)) => {
                let mut cookies = vec![self.cookies.removed_one(self.binding())];
                if let Credential::Cookie { token } = &signed_in.credential {
                    cookies.extend(self.cookies.signed_in(token, signed_in.lasts, &signed_in.device));
                }
                redirect(&return_to, cookies)
            }
            Err(error) => explain(error),
        }
    }

    /// The name of the cookie that only the browser has which was sent to the provider.
    fn binding(&self) -> &'static str {
        self.cookies.sign_in
    }
}

fn not_configured() -> Response {
    failure(
        StatusCode::NOT_FOUND,
        "There is no single sign-on here",
        "No provider is configured on this server. Sign in with your e-mail address and password.",
    )
}

/// What went wrong, for the person in front of the browser.
fn explain(error: Failure) -> Response {
    let refusal = match error {
        Failure::Refused(refusal) => refusal,
        Failure::Unreachable => {
            return failure(
                StatusCode::SERVICE_UNAVAILABLE,
                "The sign-in provider does not answer",
                "Try again in a moment. If it stays so, tell whoever runs this server; its log has the cause.",
            );
        }
        Failure::Other(Error::SignInRefused) => Refusal::InactiveUser,
        Failure::Other(error) => {
            // The boundary: the cause is logged here, and only public words go on.
            let problem = Problem::from(error);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return failure(status, &problem.title, &problem.detail);
        }
    };
    let (status, title, words) = match refusal {
        Refusal::SignOnStale => (
            StatusCode::BAD_REQUEST,
            "This sign-in is not under way",
            "It was finished already, took longer than ten minutes, or was begun in another browser. Begin again.",
        ),
        Refusal::SignOnDenied => (
            StatusCode::FORBIDDEN,
            "The provider did not sign you in",
            "You or the provider declined. Begin again if that was a mistake.",
        ),
        Refusal::SignOnCode => (
            StatusCode::BAD_REQUEST,
            "The provider does not accept this sign-in any more",
            "Its code was used already or has expired. Begin again.",
        ),
        Refusal::SignOnUnverifiedEmail => (
            StatusCode::FORBIDDEN,
            "Your e-mail address is not verified",
            "The provider gives no e-mail address for you that it has verified. Verify yours there, then begin again.",
        ),
        Refusal::SignOnNoAccount => (
            StatusCode::FORBIDDEN,
            "You have no account here",
            "The provider knows you, and this server does not. Ask an admin for an account with the same e-mail address.",
        ),
        Refusal::InactiveUser => (
            StatusCode::FORBIDDEN,
            "Your account is disabled",
            "Ask an admin to enable it, then begin again.",
        ),
        _ => (
            StatusCode::BAD_GATEWAY,
            "The provider's answer cannot be trusted",
            "It could not be verified, so nobody was signed in. Tell whoever runs this server; its log has the cause.",
        ),
    };
    failure(status, title, words)
}
