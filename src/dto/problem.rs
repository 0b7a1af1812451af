//! Problem details (RFC 9457): the one shape of every error, with a closed registry of types.

use crate::{
    domain::{Error, Field, Violation},
    telemetry::trace_id,
};
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{ApiResponse, Object, payload::Json, types::ToJSON};

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Every type of problem there is. `docs/errors.md` explains them in the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    MalformedRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    IdempotencyUnresolved,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    Invalid,
    IdempotencyMismatch,
    Internal,
    Unavailable,
    StorageFull,
}

impl Code {
    pub const ALL: [Self; 15] = [
        Self::MalformedRequest,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::IdempotencyUnresolved,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::IdempotencyMismatch,
        Self::Internal,
        Self::Unavailable,
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
                "A valid API key is needed",
                "No API key came with the request, or it is unknown or revoked. Send it as `Authorization: Bearer syn_…`. \
                 A new one is made with `synoptic keys create`.",
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
                "Send less at once, or raise `server.max_body_bytes`. Nothing was changed.",
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
            Self::StorageFull => (
                "storage-full",
                StatusCode::INSUFFICIENT_STORAGE,
                "The storage is full or cannot be written",
                "Nothing was changed. Free space for the database, or make it writable; reading still works.",
            ),
        }
    }
}

/// An error, as RFC 9457 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none, skip_serializing_if_is_empty)]
pub struct Problem {
    /// What kind of problem, as an address that explains it: `/problems/not-found`. Match on this.
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind in words, the same every time.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The values that cannot be accepted.
    #[oai(default)]
    pub errors: Vec<FieldProblem>,
    /// Names this request in the server's logs.
    pub trace_id: Option<String>,
}

/// One value that cannot be accepted; it has either a pointer or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FieldProblem {
    /// JSON pointer (RFC 6901) to the value in the request body, such as `/labels/0/name`; empty for the whole body.
    pub pointer: Option<String>,
    /// The name of the query, path or header parameter.
    pub parameter: Option<String>,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.name()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            trace_id: trace_id::current(),
        }
    }
}

impl From<Violation> for FieldProblem {
    fn from(violation: Violation) -> Self {
        let (pointer, parameter) = match violation.field {
            Field::Body(pointer) => (Some(pointer), None),
            Field::Parameter(name) => (None, Some(name)),
        };
        Self {
            pointer,
            parameter,
            detail: violation.message,
        }
    }
}

/// The boundary: here an error is logged once, and only its public words go on.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NotFound { .. } => Code::NotFound,
            Error::Conflict(_) => Code::Conflict,
            Error::PreconditionFailed { .. } => Code::PreconditionFailed,
            Error::Invalid(_) => Code::Invalid,
            Error::Unauthorized => Code::Unauthorized,
            Error::Unavailable { .. } => Code::Unavailable,
            Error::StorageFull { .. } => Code::StorageFull,
            Error::Internal { .. } => Code::Internal,
        };
        if let Some(cause) = error.cause() {
            let trace_id = trace_id::current().unwrap_or_default();
            tracing::error!(problem = code.name(), trace_id, cause = %chain(cause), "request failed");
        }
        let problem = Self::new(code, error.to_string());
        match error {
            Error::Invalid(violations) => Self {
                errors: violations.into_iter().map(FieldProblem::from).collect(),
                ..problem
            },
            _ => problem,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).content_type(CONTENT_TYPE);
        if status == StatusCode::UNAUTHORIZED {
            response = response.header("WWW-Authenticate", "Bearer realm=\"synoptic\"");
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response = response.header("Retry-After", "1");
        }
        response.body(self.to_json_string())
    }
}

/// For the places where poem wants an error of its own.
#[must_use]
pub fn into_poem_error(problem: impl Into<Problem>) -> poem::Error {
    poem::Error::from_response(problem.into().into_response())
}

/// What an operation answers when it does not succeed. Each variant is one status code in the OpenAPI document.
#[derive(ApiResponse)]
pub enum ApiError {
    /// The request cannot be read.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// A valid API key is needed.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>, #[oai(header = "WWW-Authenticate")] String),
    /// There is no such thing.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The request contradicts what is stored.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// Somebody else has changed it: the ETag in `If-Match` is not the current one.
    #[oai(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Json<Problem>),
    /// The body is too large.
    #[oai(status = 413, content_type = "application/problem+json")]
    PayloadTooLarge(Json<Problem>),
    /// The body is not JSON by its `Content-Type`.
    #[oai(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Json<Problem>),
    /// Some values cannot be accepted; `errors` names each.
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Problem>),
    /// The server failed.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The server cannot answer at the moment.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>, #[oai(header = "Retry-After")] String),
    /// The storage is full or cannot be written.
    #[oai(status = 507, content_type = "application/problem+json")]
    StorageFull(Json<Problem>),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let problem = Problem::from(error);
        let status = problem.status;
        let body = Json(problem);
        match status {
            400 => Self::BadRequest(body),
            401 => Self::Unauthorized(body, "Bearer realm=\"synoptic\"".to_owned()),
            404 => Self::NotFound(body),
            409 => Self::Conflict(body),
            412 => Self::PreconditionFailed(body),
            413 => Self::PayloadTooLarge(body),
            415 => Self::UnsupportedMediaType(body),
            422 => Self::Invalid(body),
            503 => Self::Unavailable(body, "1".to_owned()),
            507 => Self::StorageFull(body),
            _ => Self::Internal(body),
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

    #[test]
    fn a_source_never_reaches_the_client() {
        let problem = Problem::from(Error::internal("SELECT secret FROM /var/lib"));
        let text = problem.to_json_string();
        assert!(!text.contains("SELECT") && !text.contains("/var"), "{text}");
    }

    #[test]
    fn every_bad_field_is_listed() {
        let problem = Problem::from(Error::invalid("/labels/0/name", "must not be empty"));
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors[0].pointer.as_deref(), Some("/labels/0/name"));
    }
}
