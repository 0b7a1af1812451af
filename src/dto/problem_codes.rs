//! The closed registry of problem types: the name, status, title and explanation of each.

use poem::http::StatusCode;

/// Every type of problem there is. `docs/errors.md` explains them in the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    MalformedRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    IdempotencyUnresolved,
    Gone,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    Invalid,
    IdempotencyMismatch,
    RateLimited,
    OverBudget,
    Internal,
    Upstream,
    Unavailable,
    TimedOut,
    StorageFull,
}

impl Code {
    pub const ALL: [Self; 22] = [
        Self::MalformedRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::IdempotencyUnresolved,
        Self::Gone,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::Invalid,
        Self::IdempotencyMismatch,
        Self::RateLimited,
        Self::OverBudget,
        Self::Internal,
        Self::Upstream,
        Self::Unavailable,
        Self::TimedOut,
        Self::StorageFull,
    ];

    /// The name in the problem's `type`, `/problems/{name}`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        self.entry().1
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().2
    }

    /// What it means and what to do.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.entry().3
    }

    #[expect(clippy::too_many_lines, reason = "a table of four columns")]
    fn entry(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Self::MalformedRequest => (
                "malformed-request",
                StatusCode::BAD_REQUEST,
                "The request cannot be read",
                "The body is not JSON, is cut off, is nested too deeply or is not UTF-8. `detail` has line and column. \
                 Mend the body and send it again.",
            ),
            Self::Unauthorized => (
                "unauthorized",
                StatusCode::UNAUTHORIZED,
                "A valid credential is needed",
                "No credential came with the request, or it is unknown, expired, revoked or not for this server. Sign in with \
                 `POST /api/auth/login`, or have an API key made, and send it as `Authorization: Bearer …`. A browser that is \
                 signed in by cookie sends `X-CSRF-Token` with everything that changes something.",
            ),
            Self::Forbidden => (
                "forbidden",
                StatusCode::FORBIDDEN,
                "This is not allowed to you",
                "The server knows who you are, and your role or the scopes of your API key do not cover this. `detail` names \
                 what is missing; an admin can give it to you. docs/permissions.md has the whole table.",
            ),
            Self::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "There is no such thing",
                "Nothing has this address, or it was deleted. The list above it shows what there is.",
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The address does not take this method",
                "The `Allow` header lists the methods that it takes.",
            ),
            Self::RequestTimeout => (
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time",
                "The connection is too slow or was interrupted. Nothing was changed; send the request again.",
            ),
            Self::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "The request contradicts what is stored",
                "A name is taken, something is still in use, or somebody else changed it meanwhile. `detail` says which; \
                 nothing was changed.",
            ),
            Self::IdempotencyUnresolved => (
                "idempotency-unresolved",
                StatusCode::CONFLICT,
                "The first request with this Idempotency-Key has no recorded outcome",
                "The first request is still under way, or was cut off before its answer was recorded. Wait and send it \
                 again; when this answer stays, look whether the first one took effect, then use a new key.",
            ),
            Self::Gone => (
                "gone",
                StatusCode::GONE,
                "It is not there any more",
                "The file was there and is not any more, or was never written to its end: `detail` says why. Begin another export.",
            ),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The file has no such part",
                "`Range` begins past the end of the file. `Content-Range` says how long it is.",
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "Somebody else has changed it",
                "The ETag in `If-Match` is not the current one. Read the resource again, look at what changed, and repeat \
                 the change with the new ETag.",
            ),
            Self::PayloadTooLarge => (
                "payload-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "Send less at once, or raise `server.max_body_bytes`, for uploads `imports.max_bytes`. Nothing was changed, but for \
                 what was kept of an upload before.",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is not of a kind that is understood",
                "Send JSON with `Content-Type: application/json`.",
            ),
            Self::Invalid => (
                "invalid",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Some values cannot be accepted",
                "`errors` names each of them, by JSON pointer in the body or by parameter, and says what would be right. \
                 Nothing was changed.",
            ),
            Self::IdempotencyMismatch => (
                "idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key was used for another request",
                "A key stands for one request: the same method, address and body. Use a new key for a new request.",
            ),
            Self::RateLimited => (
                "rate-limited",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
                "Wait for as many seconds as `Retry-After` says, then go on more slowly. `RateLimit` and `RateLimit-Policy` \
                 say what is left and what is allowed. Nothing was changed.",
            ),
            Self::OverBudget => (
                "over-budget",
                StatusCode::TOO_MANY_REQUESTS,
                "A budget does not hold this request",
                "What the request may cost at most is more than a budget has left. `detail` names the budget and what to wait for: \
                 its next window, or, where only calls under way are in the way, their end. `Retry-After` says for how many \
                 seconds. Nothing was asked of a provider; an admin can raise the budget, and `engine: embedded` costs nothing.",
            ),
            Self::Upstream => (
                "upstream",
                StatusCode::BAD_GATEWAY,
                "The provider did not answer",
                "A provider that was to answer could not be reached, refused, or answered in a way that cannot be used. `detail` \
                 says which and what. What it used all the same was booked. `engine: auto` asks others too.",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server failed",
                "A fault of the server. Its log has the cause under the trace id; please report it.",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot answer at the moment",
                "Something it depends on, such as the database, does not answer. Try again after a while.",
            ),
            Self::TimedOut => (
                "timed-out",
                StatusCode::SERVICE_UNAVAILABLE,
                "The request took too long",
                "The server gave the request up after `server.request_timeout_seconds`. Try again after a while, with less at \
                 once. A request with an `Idempotency-Key` may still take effect.",
            ),
            Self::StorageFull => (
                "storage-full",
                StatusCode::INSUFFICIENT_STORAGE,
                "The storage is full or cannot be written",
                "Nothing was changed. Free space for the database, or make it writable; reading still works.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_an_address() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert!(
                code.name()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code:?}"
            );
            assert!(
                !Code::ALL[..index].iter().any(|other| other.name() == code.name()),
                "{code:?}"
            );
        }
    }
}
