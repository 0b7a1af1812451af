//! A key that signs access tokens: data as it is stored, and how a new one is made.

use super::Timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A signature algorithm: HS256 of RFC 7518, or `EdDSA` of RFC 8037 over Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub enum Algorithm {
    HS256,
    EdDSA,
}

impl Algorithm {
    /// As it stands in the header of a token.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The length of a secret of either algorithm, in bytes. RFC 7518, section 3.2, asks for at least the 256 bits of the hash.
pub const SECRET_LENGTH: usize = 32;

#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SigningKey {
    /// The `kid` of the tokens that it signs.
    pub id: String,
    pub algorithm: Algorithm,
    /// The secret of HS256, the seed of the private Ed25519 key.
    pub secret: Vec<u8>,
    pub created_at: Timestamp,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
}

impl SigningKey {
    #[must_use]
    pub fn generate(algorithm: Algorithm, now: Timestamp) -> Self {
        let id: [u8; 12] = rand::random();
        let secret: [u8; SECRET_LENGTH] = rand::random();
        Self {
            id: URL_SAFE_NO_PAD.encode(id),
            algorithm,
            secret: secret.to_vec(),
            created_at: now,
            retired_at: None,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("created_at", &self.created_at)
            .field("retired_at", &self.retired_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hides_its_secret_and_differs_from_the_next() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let key = SigningKey::generate(Algorithm::EdDSA, now);
        let printed = format!("{key:?}");
        assert!(printed.contains(&key.id) && !printed.contains("secret"), "{printed}");
        assert_ne!(SigningKey::generate(Algorithm::EdDSA, now), key);
        assert_eq!((key.id.len(), key.secret.len()), (16, SECRET_LENGTH));
    }
}
