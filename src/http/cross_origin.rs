//! Lets web pages of other origins use the API, those that the configuration names; by default none, and then no answer has a
//! header about it. Requests of other origins are answered all the same: it is their browser that keeps the answer from the page.

use crate::{
    config,
    dto::problem::{Code, Problem},
};
use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{
        HeaderValue, Method,
        header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY},
    },
    middleware::{Cors, CorsEndpoint},
};
use std::sync::Arc;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// What a page may send.
const REQUEST_HEADERS: [&str; 11] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "if-range",
    "range",
    "traceparent",
    "tracestate",
    "upload-offset",
    "x-csrf-token",
];
/// What a page may read, beyond what it always may.
const ANSWER_HEADERS: [&str; 16] = [
    "accept-ranges",
    "cache-status",
    "content-disposition",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "synoptic-budget",
    "upload-offset",
    "x-trace-id",
];

/// The layer, as the configuration has it.
pub struct CrossOrigin(pub config::Cors);

pub struct CrossOriginEndpoint<E> {
    next: Arc<E>,
    allowed: Option<Allowed<E>>,
}

struct Allowed<E> {
    /// `None` for all.
    origins: Option<Vec<HeaderValue>>,
    cors: CorsEndpoint<Arc<E>>,
}

impl<E: Endpoint> Middleware<E> for CrossOrigin {
    type Output = CrossOriginEndpoint<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        let next = Arc::new(endpoint);
        let allowed = (!self.0.allowed_origins.is_empty()).then(|| {
            let names = self.0.allowed_origins.iter().map(config::Origin::as_str);
            let origins: Vec<HeaderValue> = names.filter_map(|name| name.try_into().ok()).collect();
            let cors = Cors::new()
                .allow_credentials(self.0.allow_credentials)
                .allow_methods(METHODS)
                .allow_headers(REQUEST_HEADERS)
                .expose_headers(ANSWER_HEADERS);
            if self.0.allows_any() {
                let cors = cors.transform(Arc::clone(&next));
                Allowed { origins: None, cors }
            } else {
                let cors = cors.allow_origins(origins.clone()).transform(Arc::clone(&next));
                let origins = Some(origins);
                Allowed { origins, cors }
            }
        });
        CrossOriginEndpoint { next, allowed }
    }
}

impl<E: Endpoint> Endpoint for CrossOriginEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(allowed) = &self.allowed else {
            return self.next.call(request).await.map(IntoResponse::into_response);
        };
        let mut response = if allowed.concerns(&request) {
            allowed.cors.call(request).await.unwrap_or_else(|_| refusal())
        } else {
            self.next.call(request).await?.into_response()
        };
        if allowed.origins.is_some() {
            response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
        }
        Ok(response)
    }
}

impl<E> Allowed<E> {
    /// Whether this comes from a page of an allowed origin. A browser sends `Origin` with much of what pages of our own send, too.
    fn concerns(&self, request: &Request) -> bool {
        let headers = request.headers();
        let is_preflight = headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let is_allowed = |origin: &HeaderValue| self.origins.as_ref().is_none_or(|origins| origins.contains(origin));
        headers.get(ORIGIN).is_some_and(is_allowed) && (request.method() != Method::OPTIONS || is_preflight)
    }
}

fn refusal() -> Response {
    let detail = format!(
        "pages of other origins may send {} with the headers {}",
        METHODS.map(|method| method.to_string()).join(", "),
        REQUEST_HEADERS.join(", ")
    );
    Problem::new(Code::Forbidden, detail).into_response()
}
