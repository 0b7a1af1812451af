//! A session: one sign-in on one device, until it is ended or expires.

use super::{
    Timestamp,
    identifiers::{SessionId, UserId},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum SignInMethod {
    Password,
    Oidc,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub method: SignInMethod,
    /// SHA-256 of a browser's cookie; `None` for a session of tokens.
    pub cookie_hash: Option<Vec<u8>>,
    /// From where it was begun.
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Random bytes in a token: 256 bits, beyond guessing, so that a plain hash protects it as well as a slow one.
const ENTROPY_BYTES: usize = 32;
const LENGTH: usize = 43;

/// A refresh token, a session cookie or the state of a sign-in in clear. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken(String);

impl OpaqueToken {
    /// Makes a new token from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; ENTROPY_BYTES] = rand::random();
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// Takes what a client sent, if it can be a token at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == LENGTH && text.bytes().all(sound)).then(|| Self(text.to_owned()))
    }

    /// SHA-256 of the token: what is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The CSRF token of a session cookie: whoever knows it has seen the cookie, which another site's page cannot.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"synoptic csrf\0");
        hasher.update(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(hasher.finalize())
    }

    /// The token in clear, for the client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OpaqueToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_and_hides_itself() {
        let token = OpaqueToken::generate();
        assert_eq!(OpaqueToken::parse(token.reveal()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(token.reveal()));
        assert_ne!(token.csrf_token(), token.reveal());
        for text in ["", "x", &"é".repeat(43), &"a".repeat(44), &"a ".repeat(30)[..43]] {
            assert_eq!(OpaqueToken::parse(text), None);
        }
    }
}
