//! The one error of the domain: what went wrong in words a client may read, apart from the cause, which only the log sees.

use super::budget_left::BudgetLeft;
use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

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
    /// No credential, or one that is not valid. Nobody is told why; the reason is counted.
    #[error(
        "this operation needs a valid credential: an access token or an API key, sent as `Authorization: Bearer …`, or the \
         cookie of a sign-in with its `X-CSRF-Token`"
    )]
    Unauthorized,
    /// A sign-in that did not succeed, in the same words whether there is such an account or not.
    #[error("no user has this e-mail address and this password together")]
    SignInRefused,
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// Too much was asked for in too short a time.
    #[error("{message}; try again in {} s", seconds(.retry_after))]
    RateLimited { message: String, retry_after: Duration },
    /// A budget does not hold what the request may cost.
    #[error("{message}")]
    OverBudget {
        message: String,
        /// The budget that stands in the way longest.
        budget: BudgetLeft,
        /// Until its next window begins, or a few seconds when only calls under way are in the way; `None` when it can never hold
        /// the request.
        retry_after: Option<Duration>,
    },
    /// A provider did not answer, or not in a way that can be used; nobody else was to be asked.
    #[error("{message}")]
    Upstream {
        message: String,
        retry_after: Option<Duration>,
    },
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
            left_out: 0,
        }])
    }

    /// One query, path or header parameter that cannot be accepted.
    #[must_use]
    pub fn invalid_parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            field: Field::Parameter(name.into()),
            message: message.into(),
            left_out: 0,
        }])
    }

    #[must_use]
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal { source: source.into() }
    }

    /// The same for somebody else who waited for the same: in the same words, without the cause, which is logged once.
    #[must_use]
    pub fn for_another(&self) -> Self {
        match self {
            Self::NotFound { what, name } => Self::NotFound {
                what,
                name: name.clone(),
            },
            Self::Conflict(message) => Self::Conflict(message.clone()),
            Self::PreconditionFailed { what, current } => Self::PreconditionFailed {
                what,
                current: current.clone(),
            },
            Self::Invalid(violations) => Self::Invalid(violations.clone()),
            Self::Unauthorized => Self::Unauthorized,
            Self::SignInRefused => Self::SignInRefused,
            Self::Forbidden(message) => Self::Forbidden(message.clone()),
            Self::RateLimited { message, retry_after } => Self::RateLimited {
                message: message.clone(),
                retry_after: *retry_after,
            },
            Self::OverBudget {
                message,
                budget,
                retry_after,
            } => Self::OverBudget {
                message: message.clone(),
                budget: budget.clone(),
                retry_after: *retry_after,
            },
            Self::Upstream { message, retry_after } => Self::Upstream {
                message: message.clone(),
                retry_after: *retry_after,
            },
            Self::Unavailable { message, .. } => Self::Unavailable {
                message: message.clone(),
                source: None,
            },
            Self::StorageFull { message, .. } => Self::StorageFull {
                message: message.clone(),
                source: None,
            },
            Self::Internal { source } => Self::internal(source.to_string()),
        }
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

/// Whole seconds, rounded up, as `Retry-After` takes them.
#[must_use]
pub fn seconds(duration: &Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// One unacceptable value: where it is and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub field: Field,
    pub message: String,
    /// Of the last one of too many: how many it stands for.
    left_out: usize,
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

/// Gathers violations, so that a client learns of all of them at once: of the first hundred, and how many more there are.
#[derive(Debug, Default)]
pub struct Checks {
    noted: Vec<Violation>,
    left_out: usize,
}

impl Checks {
    const MOST: usize = 100;

    /// Keeps the value of a check that passed and notes the violations of one that did not, placed below `prefix`.
    pub fn take<T>(&mut self, prefix: &str, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(violations)) => {
                for violation in violations {
                    if violation.left_out > 0 {
                        self.left_out += violation.left_out;
                    } else if self.noted.len() < Self::MOST {
                        self.noted.push(violation.within(prefix));
                    } else {
                        self.left_out += 1;
                    }
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// `Ok` when nothing was noted.
    pub fn finish(mut self) -> Result<()> {
        if self.noted.is_empty() {
            return Ok(());
        }
        if self.left_out > 0 {
            self.noted.push(Violation {
                field: Field::Body(String::new()),
                message: format!("has {} more values that cannot be accepted", self.left_out),
                left_out: self.left_out,
            });
        }
        Err(Error::Invalid(self.noted))
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
    fn of_too_many_violations_the_rest_is_counted() {
        let gather = |prefix: &str, count: usize| {
            let mut checks = Checks::default();
            for index in 0..count {
                let failed: Result<()> = Err(Error::invalid(format!("/{index}"), "is wrong"));
                assert_eq!(checks.take(prefix, failed).unwrap(), None);
            }
            checks
        };
        for (count, kept) in [(0, 0), (1, 1), (100, 100), (101, 101), (250, 101)] {
            let violations = match gather("/names", count).finish() {
                Err(Error::Invalid(violations)) => violations,
                other => {
                    other.unwrap();
                    Vec::new()
                }
            };
            assert_eq!(violations.len(), kept);
        }
        // Those of a part count one by one in the whole.
        let mut whole = gather("/names", 30);
        let part = gather("", 250).finish();
        assert_eq!(whole.take("/part", part).unwrap(), None);
        let text = whole.finish().unwrap_err().to_string();
        assert!(text.contains("`/names/29`") && text.contains("`/part/69`"), "{text}");
        assert!(!text.contains("`/part/70`"), "{text}");
        assert!(
            text.ends_with("; the body: has 180 more values that cannot be accepted"),
            "{text}"
        );
    }

    #[test]
    fn an_internal_error_keeps_its_cause_from_the_client() {
        let error = Error::internal("password=hunter2");
        assert!(!error.to_string().contains("hunter2"));
        assert!(error.cause().is_some_and(|cause| cause.to_string().contains("hunter2")));
    }
}
