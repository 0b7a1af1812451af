//! An API key: a program's credential. The key itself is shown once and never stored; the database has its hash.

use super::{Timestamp, identifiers::ApiKeyId};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// With what every key begins, so that people and secret scanners know one when they see it.
pub const KEY_PREFIX: &str = "syn_";
/// How much of a key is kept in clear to tell keys apart: the prefix and six more characters.
const VISIBLE: usize = KEY_PREFIX.len() + 6;
/// Random bytes in a key: 256 bits, beyond guessing, so that a plain hash protects it as well as a slow one.
const ENTROPY_BYTES: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// The visible beginning of the key.
    pub prefix: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// A key in clear. It cannot be printed by accident: `Debug` shows only the visible beginning.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// Makes a new key from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; ENTROPY_BYTES] = rand::random();
        Self(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Takes what a client sent, if it can be a key at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = KEY_PREFIX.len() + ENTROPY_BYTES.div_ceil(3) * 4 - 1;
        (text.len() == whole && text.starts_with(KEY_PREFIX) && text.is_ascii()).then(|| Self(text.to_owned()))
    }

    /// SHA-256 of the key: what is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    #[must_use]
    pub fn visible_prefix(&self) -> &str {
        self.0.get(..VISIBLE).unwrap_or(KEY_PREFIX)
    }

    /// The key in clear, to show it the one time.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretKey({}…)", self.visible_prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_parses_and_hides_itself() {
        let key = SecretKey::generate();
        assert_eq!(SecretKey::parse(key.reveal()).map(|key| key.hash()), Some(key.hash()));
        assert!(!format!("{key:?}").contains(key.reveal()));
        assert_ne!(SecretKey::generate(), key);
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "syn_", "Bearer x", "syn_é", &"syn_a".repeat(10_000)] {
            assert_eq!(SecretKey::parse(text), None);
        }
    }
}
