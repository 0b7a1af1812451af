//! `[auth]`: how people sign in and how long that holds.

use super::secrets::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The e-mail address of the admin whom the first start makes.
    pub admin_email: String,
    /// Their password; made up and printed once when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<Secret>,
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// What signs access tokens: `HS256`, or `EdDSA` with the public keys at `/.well-known/jwks.json`.
    pub algorithm: Algorithm,
    /// How long an access token is valid, in minutes.
    pub access_token_minutes: u32,
    /// How long a refresh token is valid, in days.
    pub refresh_token_days: u32,
    /// How long a browser stays signed in, in hours.
    pub browser_session_hours: u32,
    /// For how long a recognised credential is not looked up again, in seconds: the longest time for which another replica
    /// goes on accepting what was revoked.
    pub recheck_seconds: u64,
    /// How many passwords are hashed at once; each takes 19 MiB and a core.
    pub password_threads: usize,
    /// Sign-in through an OpenID Connect provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            admin_email: "admin@localhost.localdomain".to_owned(),
            admin_password: None,
            issuer: "synoptic".to_owned(),
            audience: "synoptic".to_owned(),
            algorithm: Algorithm::HS256,
            access_token_minutes: 24 * 60,
            refresh_token_days: 30,
            browser_session_hours: 24,
            recheck_seconds: 2,
            password_threads: 1,
            oidc: None,
        }
    }
}

impl Auth {
    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let within = [
            (
                "access_token_minutes",
                u64::from(self.access_token_minutes),
                1,
                A_YEAR_IN_MINUTES,
            ),
            ("refresh_token_days", self.refresh_token_days.into(), 1, 10 * 365),
            (
                "browser_session_hours",
                self.browser_session_hours.into(),
                1,
                10 * 365 * 24,
            ),
            ("recheck_seconds", self.recheck_seconds, 0, 60 * 60),
            ("password_threads", self.password_threads as u64, 1, 1_000),
        ];
        for (name, value, least, most) in within {
            if !(least..=most).contains(&value) {
                return Some(format!("`auth.{name}` must be {least} to {most}"));
            }
        }
        let texts = [("issuer", &self.issuer), ("audience", &self.audience)];
        let (name, _) = texts.into_iter().find(|(_, text)| text.trim().is_empty())?;
        Some(format!("`auth.{name}` must not be empty"))
    }
}

const A_YEAR_IN_MINUTES: u64 = 365 * 24 * 60;

/// A signature algorithm of RFC 7518 and RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub enum Algorithm {
    HS256,
    EdDSA,
}

impl TryFrom<String> for Algorithm {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "HS256" => Ok(Self::HS256),
            "EdDSA" => Ok(Self::EdDSA),
            _ => Err("must be `HS256` or `EdDSA`"),
        }
    }
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider's address, under which `/.well-known/openid-configuration` is.
    pub issuer: String,
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// What the button on the sign-in page says.
    #[serde(default = "default_name")]
    pub name: String,
    /// Scopes beyond `openid email profile`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether somebody without an account gets one.
    #[serde(default = "yes")]
    pub create_users: bool,
    /// Whether an e-mail address counts as verified when the provider does not say whether it is. Only for a provider whose
    /// users cannot choose their address.
    #[serde(default)]
    pub trust_email: bool,
    /// The claim of the id token that says the role, a text or a list of texts; may be a path such as `realm_access.roles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_claim: Option<String>,
    /// Which value of the claim means which role, such as `{ "synoptic-admins" = "admin" }`. Of several, the highest counts.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// The role of those whom the claim gives none: `viewer`, `editor` or `admin`.
    #[serde(default = "default_role")]
    pub default_role: String,
}

fn default_name() -> String {
    "Single sign-on".to_owned()
}

fn default_role() -> String {
    "viewer".to_owned()
}

fn yes() -> bool {
    true
}
