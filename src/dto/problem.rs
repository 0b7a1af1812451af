//! Problem details (RFC 9457): the one shape of every error, with a closed registry of types.

pub use super::problem_codes::Code;

use super::budget_header::budget_header;
use crate::{
    domain::{Error, Field, Violation, errors::seconds},
    telemetry::trace_id,
};
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{ApiResponse, Object, payload::Json, types::ToJSON};
use time::OffsetDateTime;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

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
    /// After how many seconds to try again; the header `Retry-After` says the same.
    pub retry_after: Option<u64>,
    /// When the budget that stands in the way begins anew.
    pub resets_at: Option<OffsetDateTime>,
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
            retry_after: (code.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
            resets_at: None,
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
            Error::Unauthorized | Error::SignInRefused => Code::Unauthorized,
            Error::Forbidden(_) => Code::Forbidden,
            Error::RateLimited { .. } => Code::RateLimited,
            Error::OverBudget { .. } => Code::OverBudget,
            Error::Upstream { .. } => Code::Upstream,
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
            Error::OverBudget {
                budget, retry_after, ..
            } => Self {
                retry_after: retry_after.as_ref().map(seconds),
                resets_at: Some(budget.resets_at.as_offset_date_time()),
                ..problem
            },
            Error::RateLimited { retry_after, .. }
            | Error::Upstream {
                retry_after: Some(retry_after),
                ..
            } => Self {
                retry_after: Some(seconds(&retry_after)),
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
        if let Some(seconds) = self.retry_after {
            response = response.header("Retry-After", seconds.to_string());
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
    /// A valid credential is needed.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>, #[oai(header = "WWW-Authenticate")] String),
    /// The caller's role or scopes do not cover this.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(Json<Problem>),
    /// There is no such thing.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The body did not arrive in time.
    #[oai(status = 408, content_type = "application/problem+json")]
    RequestTimeout(Json<Problem>),
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
    /// Too many requests.
    #[oai(status = 429, content_type = "application/problem+json")]
    RateLimited(
        Json<Problem>,
        #[oai(header = "Retry-After")] Option<String>,
        /// What is left of the budget that does not hold the request.
        #[oai(header = "Synoptic-Budget")]
        Option<String>,
    ),
    /// The server failed.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The provider that was to answer did not.
    #[oai(status = 502, content_type = "application/problem+json")]
    Upstream(Json<Problem>, #[oai(header = "Retry-After")] Option<String>),
    /// The server cannot answer at the moment.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>, #[oai(header = "Retry-After")] String),
    /// The storage is full or cannot be written.
    #[oai(status = 507, content_type = "application/problem+json")]
    StorageFull(Json<Problem>),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let budget = match &error {
            Error::OverBudget { budget, .. } => budget_header(std::slice::from_ref(budget)),
            _ => None,
        };
        let problem = Problem::from(error);
        let status = problem.status;
        let retry_after = problem.retry_after.map(|seconds| seconds.to_string());
        let body = Json(problem);
        match status {
            400 => Self::BadRequest(body),
            401 => Self::Unauthorized(body, "Bearer realm=\"synoptic\"".to_owned()),
            403 => Self::Forbidden(body),
            404 => Self::NotFound(body),
            408 => Self::RequestTimeout(body),
            409 => Self::Conflict(body),
            412 => Self::PreconditionFailed(body),
            413 => Self::PayloadTooLarge(body),
            415 => Self::UnsupportedMediaType(body),
            422 => Self::Invalid(body),
            429 => Self::RateLimited(body, retry_after, budget),
            502 => Self::Upstream(body, retry_after),
            503 => Self::Unavailable(body, retry_after.unwrap_or_else(|| "1".to_owned())),
            507 => Self::StorageFull(body),
            _ => Self::Internal(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
