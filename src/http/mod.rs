//! The HTTP server: routes, the order of the middleware, and the pages that need no key.

mod acceptor;
mod conditional;
mod idempotency;
mod intake;
pub mod openapi;
mod problems;
mod telemetry;

pub use acceptor::PatientAcceptor;

use crate::{config, controllers, services::Services, telemetry::metrics::Metrics};
use openapi::Document;
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Response, Route, endpoint::make_sync, get, http::StatusCode,
    middleware::CatchPanic,
};
use poem_openapi::OpenApiService;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What the layers between the socket and the handlers share.
pub(crate) struct Context {
    pub services: Services,
    pub metrics: Metrics,
    pub tasks: TaskTracker,
    pub limits: config::Server,
    pub document: Document,
}

/// Builds the whole server as one endpoint. From the outside in, a request passes: telemetry (trace id, log line, metrics),
/// conditional answers (`If-None-Match`), the shape of errors, intake (authentication, then the body within its limits), idempotency, routes.
///
/// # Errors
/// When the OpenAPI document cannot be made.
pub fn endpoint(
    services: &Services,
    metrics: &Metrics,
    tasks: &TaskTracker,
    limits: &config::Server,
) -> anyhow::Result<impl Endpoint<Output = Response> + 'static> {
    let service = OpenApiService::new(controllers::api(services), openapi::TITLE, env!("CARGO_PKG_VERSION"));
    let document = openapi::document(&service)?;
    let context = Arc::new(Context {
        services: services.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        limits: limits.clone(),
        document: document.clone(),
    });
    let swagger = bytes::Bytes::from(openapi::swagger_page(&service, &document));
    let json = bytes::Bytes::from(document.json.clone());
    let exposition = metrics.clone();
    // Not nested at the root, which would take the address `/` too.
    let operations = Arc::new(service.into_endpoint());
    let routes = Route::new()
        .at("/", get(make_sync(|_| redirect("/docs"))))
        .at(
            "/docs",
            get(make_sync(move |_| fixed("text/html; charset=utf-8", swagger.clone()))),
        )
        .at(
            "/openapi.json",
            get(make_sync(move |_| fixed("application/json", json.clone()))),
        )
        .at("/metrics", get(make_sync(move |_| render(&exposition))))
        .at("/problems/:code", get(make_sync(|request| problems::explain(&request))))
        .at("/livez", Arc::clone(&operations))
        .at("/readyz", Arc::clone(&operations))
        .nest_no_strip("/api", operations);
    let (at_idempotency, at_intake, at_problems, at_telemetry) = (
        Arc::clone(&context),
        Arc::clone(&context),
        Arc::clone(&context),
        context,
    );
    Ok(routes
        .around(move |next, request| idempotency::around(Arc::clone(&at_idempotency), next, request))
        .around(move |next, request| intake::around(Arc::clone(&at_intake), next, request))
        .with(CatchPanic::new().with_handler(problems::after_panic))
        .around(move |next, request| problems::around(Arc::clone(&at_problems), next, request))
        .around(conditional::around)
        .around(move |next, request| telemetry::around(Arc::clone(&at_telemetry), next, request))
        .map_to_response())
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// When the document cannot be made.
pub fn openapi_document(services: &Services) -> anyhow::Result<String> {
    let service = OpenApiService::new(controllers::api(services), openapi::TITLE, env!("CARGO_PKG_VERSION"));
    Ok(openapi::document(&service)?.json)
}

fn fixed(content_type: &'static str, body: bytes::Bytes) -> Response {
    Response::builder().content_type(content_type).body(body)
}

fn redirect(to: &str) -> Response {
    Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header("Location", to)
        .finish()
}

fn render(metrics: &Metrics) -> poem::Result<Response> {
    let (content_type, text) = metrics
        .render()
        .map_err(|error| crate::dto::problem::into_poem_error(crate::domain::Error::internal(error)))?;
    Ok(Response::builder().content_type(content_type).body(text))
}
