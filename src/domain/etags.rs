//! Entity tags (RFC 9110, section 8.8.3): they name one version of one resource, so that a change can say what it is based on.

use super::errors::{Error, Result};
use uuid::Uuid;

/// The strong tag of a version. The id takes part, because a resource that was deleted and made anew under the same name
/// begins at version 1 again.
#[must_use]
pub fn etag(id: Uuid, version: i64) -> String {
    let (_, tail) = id.as_u64_pair();
    format!("\"{version}-{:08x}\"", tail & 0xffff_ffff)
}

/// The same for a resource with something that changes by itself: whoever has read it before learns of that, and may change the
/// version all the same.
#[must_use]
pub fn etag_with_state(id: Uuid, version: i64, state: &str) -> String {
    let version = etag(id, version);
    format!("{}.{state}\"", version.trim_end_matches('"'))
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the header was not sent.
    #[default]
    Any,
    /// That there is one, whatever its version (`*`).
    Existing,
    /// One of these tags.
    OneOf(Vec<String>),
}

impl Expected {
    /// Reads the header: `*`, or tags in quotes with commas between them.
    ///
    /// # Errors
    /// `Error::Invalid` for the parameter `If-Match`.
    pub fn parse(header: Option<&str>) -> Result<Self> {
        let Some(header) = header.map(str::trim) else {
            return Ok(Self::Any);
        };
        if header == "*" {
            return Ok(Self::Existing);
        }
        let tags: Vec<String> = header.split(',').map(|tag| tag.trim().to_owned()).collect();
        // What changes by itself takes part in what was read, not in what may be changed.
        let version = |tag: String| match tag.split_once('.') {
            Some((version, rest)) if rest.ends_with('"') => format!("{version}\""),
            _ => tag,
        };
        let tags: Vec<String> = tags.into_iter().map(version).collect();
        // A weak tag never matches here (RFC 9110, section 13.1.1), but it is well formed.
        let well_formed = |tag: &String| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"')
        };
        if tags.iter().all(well_formed) {
            Ok(Self::OneOf(tags))
        } else {
            Err(Error::invalid_parameter(
                "If-Match",
                "must be `*` or the value of an `ETag` header with its quotes, such as `\"3-1f2e3d4c\"`",
            ))
        }
    }

    /// # Errors
    /// `Error::PreconditionFailed` when the current tag is not one that was expected.
    pub fn check(&self, what: &'static str, id: Uuid, version: i64) -> Result<()> {
        let current = etag(id, version);
        match self {
            Self::OneOf(tags) if !tags.contains(&current) => Err(Error::PreconditionFailed { what, current }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_changes_with_the_version_and_with_the_resource() {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert_ne!(etag(one, 1), etag(one, 2));
        assert_ne!(etag(one, 1), etag(other, 1));
        let expected = Expected::parse(Some(&format!("\"x\", {}", etag(one, 1)))).unwrap();
        assert!(expected.check("thing", one, 1).is_ok() && expected.check("thing", one, 2).is_err());
    }

    #[test]
    fn what_changes_by_itself_does_not_stand_in_the_way_of_a_change() {
        let id = Uuid::now_v7();
        let expected = Expected::parse(Some(&etag_with_state(id, 3, "5f-2"))).unwrap();
        assert!(expected.check("thing", id, 3).is_ok() && expected.check("thing", id, 4).is_err());
    }

    #[test]
    fn a_tag_without_quotes_is_refused() {
        assert!(Expected::parse(Some("3")).is_err());
        assert_eq!(Expected::parse(Some("*")).unwrap(), Expected::Existing);
    }
}
