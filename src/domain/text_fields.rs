//! Text that people type into fields, checked once where it enters: length in characters, no NUL (PostgreSQL cannot store
//! it), not blank where something must be said.

use super::errors::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// The longest name of a collection, taxonomy or label, in characters.
pub const LONGEST_NAME: usize = 120;
/// The longest description of a collection, taxonomy or label, in characters.
pub const LONGEST_DESCRIPTION: usize = 2_000;

/// Refuses text that is longer than `most` characters or holds U+0000; `pointer` says where it stands in the body.
///
/// # Errors
/// [`Error::Invalid`] that names the pointer.
pub fn check_text(pointer: &str, text: &str, most: usize) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(pointer, "must not contain the character U+0000"));
    }
    // Bytes bound characters from above, so that most texts need no count.
    if text.len() > most {
        let characters = text.chars().count();
        if characters > most {
            return Err(Error::invalid(
                pointer,
                format!("has {characters} characters; at most {most} are allowed"),
            ));
        }
    }
    Ok(())
}

/// Like [`check_text`], and refuses text that is empty or only white space.
///
/// # Errors
/// [`Error::Invalid`] that names the pointer.
pub fn check_required_text(pointer: &str, text: &str, most: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(pointer, "must not be empty"));
    }
    check_text(pointer, text, most)
}

/// A short name for addresses: lower-case ASCII letters, digits and single hyphens, 1 to 64 characters, not shaped like
/// a UUID (an address takes a slug or an id, and must know which).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Slug(String);

impl Slug {
    /// The longest slug, in characters.
    pub const LONGEST: usize = 64;

    /// # Errors
    /// [`Error::Invalid`] at `pointer` when the text is not a slug.
    pub fn parse(pointer: &str, text: &str) -> Result<Self> {
        let hint = || match slugify(text) {
            Some(better) if better != text => format!(", for example `{better}`"),
            _ => String::new(),
        };
        if text.is_empty() || text.len() > Self::LONGEST || !is_slug(text) {
            return Err(Error::invalid(
                pointer,
                format!(
                    "must be 1 to {} lower-case letters, digits and single hyphens{}",
                    Self::LONGEST,
                    hint()
                ),
            ));
        }
        if uuid::Uuid::try_parse(text).is_ok() {
            return Err(Error::invalid(
                pointer,
                "must not look like a UUID, because addresses take a slug or an id",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug that a name suggests (`Bug report` → `bug-report`), or `fallback` when it has no ASCII letter or digit.
    #[must_use]
    pub fn from_name(name: &str, fallback: &str) -> Self {
        Self(slugify(name).unwrap_or_else(|| fallback.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_slug(text: &str) -> bool {
    !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn slugify(name: &str) -> Option<String> {
    let words = name.to_lowercase();
    let mut slug = String::new();
    for word in words
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if slug.len() + word.len() + 1 > Slug::LONGEST {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    (!slug.is_empty()).then_some(slug)
}

/// The name of a resource in an address: its id, or its slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameOrId<Id> {
    Id(Id),
    Name(String),
}

impl<Id: std::str::FromStr> NameOrId<Id> {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl<Id: fmt::Display> fmt::Display for NameOrId<Id> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Cow<'_, str> = match self {
            Self::Id(id) => id.to_string().into(),
            Self::Name(name) => name.into(),
        };
        formatter.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_slug_is_refused_with_a_better_one() {
        let error = Slug::parse("/slug", "Support Tickets!").unwrap_err().to_string();
        assert!(
            error.contains("`/slug`") && error.contains("`support-tickets`"),
            "{error}"
        );
        for bad in ["", "-a", "a-", "a--b", "ä", "0190b5c2-7c1e-7000-8000-000000000001"] {
            assert!(Slug::parse("/slug", bad).is_err(), "{bad:?}");
        }
        assert!(Slug::parse("/slug", "support-tickets-2").is_ok());
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(check_text("/title", "ééé", 3).is_ok());
        assert!(
            check_text("/title", "éééé", 3)
                .unwrap_err()
                .to_string()
                .contains("has 4 characters")
        );
        assert!(check_text("/title", "a\0b", 10).is_err());
    }
}
