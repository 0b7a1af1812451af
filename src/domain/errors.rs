//! The one error of the domain: what went wrong in words a client may read, apart from the cause, which only the log sees.

use std::{borrow::Cow, error::Error as StdError, fmt};

pub type Result<T, E = Error> = std::result::Result<T, E>;
type Source = Box<dyn StdError + Send + Sync>;

/// Everything that can go wrong below the HTTP layer. The messages are public, the sources are not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the caller may not know that there is.
    #[error("{what} `{name}` was not found")]
    NotFound { what: &'static str, name: String },
    /// The request contradicts what is stored (a name taken, a collection not empty).
    #[error("{0}")]
    Conflict(String),
    /// `If-Match` named another version than the stored one.
    #[error(
        "the {what} has the ETag {current} now, which `If-Match` does not name: read it again, then repeat the change"
    )]
    PreconditionFailed { what: &'static str, current: String },
    /// Fields whose values cannot be accepted, at least one.
    #[error("{}", Violations(.0))]
    Invalid(Vec<Violation>),
    /// No credential, or one that is not valid.
    #[error("this operation needs a valid API key, sent as `Authorization: Bearer syn_…`")]
    Unauthorized,
    /// Something the server depends on does not answer now; the same request may succeed later.
    #[error("{message}")]
    Unavailable {
        message: Cow<'static, str>,
        source: Option<Source>,
    },
    /// The storage is full or cannot be written.
    #[error("{message}")]
    StorageFull {
        message: Cow<'static, str>,
        source: Option<Source>,
    },
    /// A fault of ours.
    #[error("the server failed to answer; the log has the cause under this trace id")]
    Internal { source: Source },
}

impl Error {
    #[must_use]
    pub fn not_found(what: &'static str, name: impl fmt::Display) -> Self {
        let name: String = name.to_string().chars().take(200).collect();
        Self::NotFound { what, name }
    }

    /// One field that cannot be accepted, named by its JSON pointer in the request body (`/labels/0/name`).
    #[must_use]
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            field: Field::Body(pointer.into()),
            message: message.into(),
        }])
    }

    /// One query, path or header parameter that cannot be accepted.
    #[must_use]
    pub fn invalid_parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            field: Field::Parameter(name.into()),
            message: message.into(),
        }])
    }

    #[must_use]
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal { source: source.into() }
    }

    /// The same error with every body pointer moved below `prefix`, as when a batch validates its members.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        match self {
            Self::Invalid(violations) => Self::Invalid(violations.into_iter().map(|one| one.within(prefix)).collect()),
            other => other,
        }
    }

    /// What the log may show and the client may not.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Internal { source } => Some(source.as_ref()),
            Self::Unavailable { source, .. } | Self::StorageFull { source, .. } => source
                .as_ref()
                .map(|source| source.as_ref() as &(dyn StdError + 'static)),
            _ => None,
        }
    }
}

/// One unacceptable value: where it is and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub field: Field,
    pub message: String,
}

impl Violation {
    fn within(mut self, prefix: &str) -> Self {
        if let Field::Body(pointer) = &mut self.field {
            pointer.insert_str(0, prefix);
        }
        self
    }
}

/// Where in a request a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// RFC 6901 JSON pointer into the body; empty for the body itself.
    Body(String),
    /// The name of a path, query or header parameter.
    Parameter(String),
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => formatter.write_str("the body"),
            Self::Body(pointer) | Self::Parameter(pointer) => write!(formatter, "`{pointer}`"),
        }
    }
}

struct Violations<'a>(&'a [Violation]);

impl fmt::Display for Violations<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{}: {}", violation.field, violation.message)?;
        }
        Ok(())
    }
}

/// Gathers violations, so that a client learns of all of them at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<Violation>);

impl Checks {
    /// Keeps the value of a check that passed and notes the violations of one that did not, placed below `prefix`.
    pub fn take<T>(&mut self, prefix: &str, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(violations)) => {
                self.0.extend(violations.into_iter().map(|one| one.within(prefix)));
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// `Ok` when nothing was noted.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_moves_below_its_parent() {
        let error = Error::invalid("/name", "must not be empty").within("/labels/2");
        assert_eq!(error.to_string(), "`/labels/2/name`: must not be empty");
    }

    #[test]
    fn an_internal_error_keeps_its_cause_from_the_client() {
        let error = Error::internal("password=hunter2");
        assert!(!error.to_string().contains("hunter2"));
        assert!(error.cause().is_some_and(|cause| cause.to_string().contains("hunter2")));
    }
}
