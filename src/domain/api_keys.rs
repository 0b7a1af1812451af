//! An API key: a program's credential. The key itself is shown once and never stored; the database has its hash.

use super::{
    Timestamp,
    errors::{Checks, Error, Result},
    identifiers::{ApiKeyId, UserId},
    permissions::Scopes,
    principal::Reach,
    text_fields::check_required_text,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// With what every key begins, so that people and secret scanners know one when they see it.
pub const KEY_PREFIX: &str = "syn_";
/// How much of a key is kept in clear to tell keys apart: the prefix and six more characters.
const VISIBLE: usize = KEY_PREFIX.len() + 6;
/// Random bytes in a key: 256 bits, beyond guessing, so that a plain hash protects it as well as a slow one.
const ENTROPY_BYTES: usize = 32;

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 120;

/// What the database has of a key, without the collections.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub name: String,
    /// The visible beginning of the key.
    pub prefix: String,
    /// Whose it is: it can do no more than they, and ends with them. `None` for one that was made at the command line.
    pub owner_id: Option<UserId>,
    /// Names with a space between; see [`ApiKeyRow::scopes`].
    #[sqlx(rename = "scopes")]
    pub scope_names: String,
    pub all_collections: bool,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works.
    pub previous_until: Option<Timestamp>,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl ApiKeyRow {
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        Scopes::from(self.scope_names.as_str())
    }

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A key with the collections that it may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub row: ApiKeyRow,
    pub reach: Reach,
}

/// What may be chosen about a key, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyFields {
    pub name: String,
    pub scopes: Scopes,
    pub reach: Reach,
    pub expires_at: Option<Timestamp>,
}

impl ApiKeyFields {
    /// A key for everything with documents and answers, for ever.
    ///
    /// # Errors
    /// `Error::Invalid` for the name.
    pub fn named(name: &str) -> Result<Self> {
        check_required_text("/name", name, LONGEST_NAME)?;
        Ok(Self {
            name: name.trim().to_owned(),
            scopes: Scopes::DATA,
            reach: Reach::Everything,
            expires_at: None,
        })
    }

    /// Checks the fields. `now` is for the expiry, which must be later.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn new(
        name: &str,
        scopes: Result<Scopes>,
        reach: Reach,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/name", name, LONGEST_NAME))?;
        let scopes = checks.take("", scopes)?.unwrap_or_default();
        if expires_at.is_some_and(|end| end <= now) {
            let past = Error::invalid("/expires_at", "must be in the future");
            checks.take("", Err::<(), _>(past))?;
        }
        checks.finish()?;
        Ok(Self {
            name: name.trim().to_owned(),
            scopes,
            reach,
            expires_at,
        })
    }
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
