//! Bodies of signing in, of sessions, and of what a caller is.

use super::users::Role;
use crate::{
    domain::{
        permissions::Scopes,
        principal::{Principal, PrincipalId},
        sessions as domain,
    },
    services::{demo, sign_in::TokenPair},
};
use poem_openapi::{Enum, Object, types::Example};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// How a client shows afterwards that it is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// By an access token, for programs.
    #[default]
    Token,
    /// By a cookie, for browsers: the answer sets it, and what changes something needs the CSRF token as `X-CSRF-Token`.
    Cookie,
}

/// E-mail address and password.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct Login {
    #[oai(validator(max_length = 1024))]
    pub email: String,
    #[oai(validator(max_length = 1024))]
    pub password: String,
    #[serde(default)]
    #[oai(default)]
    pub session: SessionKind,
}

impl Example for Login {
    fn example() -> Self {
        Self {
            email: demo::VIEWER_EMAIL.to_owned(),
            password: demo::VIEWER_PASSWORD.to_owned(),
            session: SessionKind::Token,
        }
    }
}

/// What shows that somebody is signed in.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SignedIn {
    /// Send it as `Authorization: Bearer …`. Not there for a cookie.
    pub access_token: Option<String>,
    /// `Bearer`, for an access token.
    pub token_type: Option<String>,
    /// For how many seconds the access token is valid, or the cookie.
    pub expires_in: i64,
    /// Gives the next pair of tokens, once. Not there for a cookie.
    pub refresh_token: Option<String>,
    /// For a cookie: send it as `X-CSRF-Token` with everything that changes something.
    pub csrf_token: Option<String>,
}

impl From<TokenPair> for SignedIn {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: Some(pair.access_token),
            token_type: Some("Bearer".to_owned()),
            expires_in: pair.access_expires_in.whole_seconds(),
            refresh_token: Some(pair.refresh_token.reveal().to_owned()),
            csrf_token: None,
        }
    }
}

/// A request for tokens as OAuth 2.0 has it (RFC 6749, sections 4.3 and 6), for clients that know no other way, such as the
/// *Authorize* dialog of Swagger UI.
#[derive(Clone, Object, Deserialize)]
#[oai(example, skip_serializing_if_is_none)]
pub struct TokenRequest {
    /// `password` or `refresh_token`.
    pub grant_type: String,
    /// The e-mail address.
    pub username: Option<String>,
    pub password: Option<String>,
    pub refresh_token: Option<String>,
    /// Taken for compatibility; a role says what a person may do.
    pub scope: Option<String>,
    /// Taken for compatibility.
    pub client_id: Option<String>,
    /// Taken for compatibility.
    pub client_secret: Option<String>,
}

impl Example for TokenRequest {
    fn example() -> Self {
        Self {
            grant_type: "password".to_owned(),
            username: Some(demo::VIEWER_EMAIL.to_owned()),
            password: Some(demo::VIEWER_PASSWORD.to_owned()),
            refresh_token: None,
            scope: None,
            client_id: None,
            client_secret: None,
        }
    }
}

/// A refresh token, which ends by being used.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct Refresh {
    #[oai(validator(max_length = 1024))]
    pub refresh_token: String,
}

impl Example for Refresh {
    fn example() -> Self {
        Self {
            refresh_token: demo::REFRESH_TOKEN.to_owned(),
        }
    }
}

/// A change of one's own password.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct PasswordChange {
    #[oai(validator(max_length = 1024))]
    pub current_password: String,
    /// 12 to 256 characters that are hard to guess.
    #[oai(validator(min_length = 12, max_length = 256))]
    pub new_password: String,
}

impl Example for PasswordChange {
    fn example() -> Self {
        Self {
            current_password: demo::VIEWER_PASSWORD.to_owned(),
            new_password: "four lanterns beside the canal".to_owned(),
        }
    }
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum CallerKind {
    User,
    ApiKey,
}

/// The caller, as the server knows them.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Me {
    pub kind: CallerKind,
    /// The id of the user or the API key.
    pub id: Uuid,
    /// The user's e-mail address, or the key's name.
    pub name: String,
    /// For a user.
    pub role: Option<Role>,
    /// For a user.
    pub session_id: Option<Uuid>,
    /// What may be done now.
    pub scopes: Vec<String>,
    /// The slugs of the only collections that there are for the caller; not there when it is all.
    pub collections: Option<Vec<String>>,
}

impl Me {
    /// With the slugs of the collections within reach, if that is restricted.
    #[must_use]
    pub fn new(principal: &Principal, collections: Option<Vec<String>>) -> Self {
        Self {
            kind: match principal.id {
                PrincipalId::Key(_) => CallerKind::ApiKey,
                PrincipalId::User(_) | PrincipalId::Operator => CallerKind::User,
            },
            id: principal.id.uuid().unwrap_or_default(),
            name: principal.name.clone(),
            role: principal.role.map(Into::into),
            session_id: principal.session_id.map(|id| id.0),
            scopes: names(principal.scopes),
            collections,
        }
    }
}

fn names(scopes: Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum SignInMethod {
    Password,
    /// Through an OpenID Connect provider.
    Oidc,
}

/// One sign-in on one device.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Session {
    pub id: Uuid,
    pub kind: SessionKind,
    pub method: SignInMethod,
    /// Whether this request came with it.
    pub current: bool,
    /// From where it was begun.
    pub address: Option<String>,
    pub created_at: OffsetDateTime,
    /// To the minute.
    pub last_used_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

impl Session {
    #[must_use]
    pub fn new(session: domain::Session, current: bool) -> Self {
        Self {
            id: session.id.0,
            kind: if session.cookie_hash.is_some() {
                SessionKind::Cookie
            } else {
                SessionKind::Token
            },
            method: match session.method {
                domain::SignInMethod::Password => SignInMethod::Password,
                domain::SignInMethod::Oidc => SignInMethod::Oidc,
            },
            current,
            address: session.address,
            created_at: session.created_at.as_offset_date_time(),
            last_used_at: session.last_used_at.as_offset_date_time(),
            expires_at: session.expires_at.as_offset_date_time(),
        }
    }
}

/// One's own live sessions, newest first.
#[derive(Debug, Clone, Object)]
pub struct SessionList {
    pub items: Vec<Session>,
}
