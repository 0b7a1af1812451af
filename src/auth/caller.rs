//! The authenticated principal as a handler's first argument.

use super::{Authentication, Permits};
use crate::{
    domain::{
        Error, Result,
        permissions::Access,
        principal::{Actor, Principal, PrincipalId, Reach},
    },
    dto::problem::into_poem_error,
};
use poem::{PathPattern, Request, RequestBody, http::Method};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaOAuthFlow, MetaOAuthFlows, MetaSecurityScheme, Registry},
};
use std::{net::IpAddr, sync::Arc};

/// Whoever sends the request and may use this operation. Handlers pass [`Caller::actor`] on to the services.
pub struct Caller(Actor);

/// Names in the OpenAPI document.
const BEARER: &str = "Bearer";
const SIGN_IN: &str = "SignIn";

impl Caller {
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.0
    }
}

/// What the middleware leaves for the handlers' first argument.
#[derive(Clone)]
pub struct Entrance {
    pub authentication: Authentication,
    pub address: Option<IpAddr>,
    pub permits: Arc<Permits>,
    /// Whether an answer is given again, for which nothing more is needed than for the first time.
    pub is_replay: bool,
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(BEARER, bearer_scheme());
        registry.create_security_scheme(SIGN_IN, sign_in_scheme());
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER, SIGN_IN]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let entrance = request.extensions().get::<Entrance>();
        let Some((entrance, principal)) = entrance.and_then(|entrance| match &entrance.authentication {
            Authentication::Recognised(principal) => Some((entrance, principal)),
            Authentication::Refused(_) => None,
        }) else {
            return Err(into_poem_error(Error::Unauthorized));
        };
        let pattern = request.data::<PathPattern>().map_or("", |pattern| &pattern.0);
        // The router answers HEAD by what answers GET.
        let method = if request.method() == Method::HEAD {
            "GET"
        } else {
            request.method().as_str()
        };
        let access = entrance.permits.at(method, pattern);
        if !entrance.is_replay {
            check(principal, access).map_err(into_poem_error)?;
        }
        Ok(Self(Actor::new(Arc::clone(principal), entrance.address)))
    }
}

/// Whether a principal may use an operation that needs this; `None` is what nobody may use.
///
/// # Errors
/// `Error::Forbidden`, which says what is missing.
pub fn check(principal: &Principal, access: Option<Access>) -> Result<()> {
    let refusal = match access {
        Some(Access::Person) if matches!(principal.id, PrincipalId::User(_)) => return Ok(()),
        Some(Access::Person) => "this operation is for people who are signed in, not for API keys".to_owned(),
        Some(Access::Scope(scope) | Access::ScopeEverywhere(scope)) if !principal.scopes.contains(scope) => {
            match principal.role {
                Some(role) => {
                    format!("this operation needs the scope `{scope}`, which the role `{role}` does not have")
                }
                None => format!("this operation needs the scope `{scope}`, which this API key does not have"),
            }
        }
        Some(Access::ScopeEverywhere(_)) if principal.reach != Reach::Everything => {
            "this operation concerns all collections, and you are restricted to some".to_owned()
        }
        Some(Access::Public | Access::SignedIn | Access::Scope(_) | Access::ScopeEverywhere(_)) => return Ok(()),
        None => "nobody has been given this operation".to_owned(),
    };
    Err(Error::Forbidden(refusal))
}

fn bearer_scheme() -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "http",
        description: Some("An API key (`syn_…`), or the `access_token` that `POST /api/auth/login` answers with."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("API key or JWT"),
        flows: None,
        openid_connect_url: None,
    }
}

fn sign_in_scheme() -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "oauth2",
        description: Some(
            "Sign in with e-mail address and password: type them in here as username and password, leave the client fields \
             as they are. (A browser that is signed in at `/sign-in` needs nothing here.)",
        ),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: Some(MetaOAuthFlows {
            implicit: None,
            password: Some(MetaOAuthFlow {
                authorization_url: None,
                token_url: Some("/api/auth/token"),
                refresh_url: Some("/api/auth/token"),
                scopes: Vec::new(),
            }),
            client_credentials: None,
            authorization_code: None,
        }),
        openid_connect_url: None,
    }
}
