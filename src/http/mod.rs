//! The HTTP server: routes, the order of the middleware, and the pages that need no key.

mod acceptor;
mod buckets;
mod client_address;
mod conditional;
mod cross_origin;
mod head_timer;
mod idempotency;
mod intake;
mod mending;
pub mod openapi;
mod pages;
mod problems;
mod rate_limits;
mod security_headers;
mod streams;
mod telemetry;
mod time_limit;

pub use acceptor::PatientAcceptor;
pub use client_address::client_address;

use crate::{
    auth::{Credentials, Permits, cookies},
    config::{self, Config},
    controllers,
    services::Services,
    telemetry::metrics::Metrics,
};
use bytes::Bytes;
use cross_origin::CrossOrigin;
use openapi::Document;
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Response, Route,
    endpoint::make_sync,
    get,
    http::{StatusCode, header::CONTENT_SECURITY_POLICY},
    middleware::CatchPanic,
};
use poem_openapi::{OpenApi, OpenApiService};
use rate_limits::RateLimits;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What the layers between the socket and the handlers share.
pub(crate) struct Context {
    pub services: Services,
    pub metrics: Metrics,
    pub tasks: TaskTracker,
    pub limits: config::Server,
    pub imports: config::Imports,
    pub rate_limits: RateLimits,
    pub document: Document,
    pub permits: Arc<Permits>,
    pub credentials: Credentials,
}

/// Builds the whole server as one endpoint. From the outside in, a request passes: telemetry (trace id, log line, metrics),
/// headers for browsers, pages of other origins, the client's address, the headers of the rate limits, conditional answers
/// (`If-None-Match`), the shape of errors, the limit on time, intake (authentication, rate limits, then the body within its
/// limits), idempotency, routes.
///
/// # Errors
/// When the OpenAPI document cannot be made.
pub fn endpoint(
    services: &Services,
    metrics: &Metrics,
    tasks: &TaskTracker,
    config: &Config,
) -> anyhow::Result<impl Endpoint<Output = Response> + 'static> {
    let cookies = cookies::Names::new(config.server.is_https());
    endpoint_of(controllers::api(services, cookies), services, metrics, tasks, config)
}

/// Of a server that answers no requests but those about its health.
///
/// # Errors
/// As for [`endpoint`].
pub fn health_endpoint(
    services: &Services,
    metrics: &Metrics,
    tasks: &TaskTracker,
    config: &Config,
) -> anyhow::Result<impl Endpoint<Output = Response> + 'static> {
    endpoint_of(controllers::health(services), services, metrics, tasks, config)
}

/// The same around other operations, as for measuring what the layers cost. Their ids must be in the table of permissions.
///
/// # Errors
/// As for [`endpoint`].
pub fn endpoint_of<T: OpenApi + 'static>(
    api: T,
    services: &Services,
    metrics: &Metrics,
    tasks: &TaskTracker,
    config: &Config,
) -> anyhow::Result<impl Endpoint<Output = Response> + 'static> {
    let cookies = cookies::Names::new(config.server.is_https());
    let service = OpenApiService::new(api, openapi::TITLE, env!("CARGO_PKG_VERSION"));
    let document = openapi::document(&service)?;
    let context = Arc::new(Context {
        services: services.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        limits: config.server.clone(),
        imports: config.imports.clone(),
        rate_limits: RateLimits::new(&config.limits, metrics),
        document: document.clone(),
        permits: Arc::new(Permits::new(document.routes())),
        credentials: Credentials {
            recognition: services.recognition.clone(),
            cookies,
        },
    });
    let at = || Arc::clone(&context);
    let (at_idempotency, at_intake, at_time_limit, at_problems) = (at(), at(), at(), at());
    let (at_address, at_browsers, at_telemetry) = (at(), at(), at());
    let routes = pages::add_to(routes(service, &document, metrics.clone()), services, cookies);
    Ok(routes
        .around(move |next, request| idempotency::around(Arc::clone(&at_idempotency), next, request))
        .around(move |next, request| intake::around(Arc::clone(&at_intake), next, request))
        .around(move |next, request| time_limit::around(Arc::clone(&at_time_limit), next, request))
        .with(CatchPanic::new().with_handler(problems::after_panic))
        .around(move |next, request| problems::around(Arc::clone(&at_problems), next, request))
        // So many layers in one type are more than the compiler goes into.
        .boxed()
        .around(conditional::around)
        .around(rate_limits::around)
        .around(move |next, request| client_address::around(Arc::clone(&at_address), next, request))
        .with(CrossOrigin(config.cors.clone()))
        .around(move |next, request| security_headers::around(Arc::clone(&at_browsers), next, request))
        .around(move |next, request| telemetry::around(Arc::clone(&at_telemetry), next, request))
        .map_to_response())
}

/// The pages that need no key, and the operations.
fn routes<T: OpenApi + 'static>(service: OpenApiService<T, ()>, document: &Document, metrics: Metrics) -> Route {
    let swagger = openapi::swagger_page(&service, document);
    let policy = security_headers::page_policy(&swagger);
    let swagger = Bytes::from(swagger);
    let json = Bytes::from(document.json.clone());
    // Not nested at the root, which would take the address `/` too.
    let operations = Arc::new(service.into_endpoint());
    Route::new()
        .at("/", get(make_sync(|_| redirect("/docs"))))
        .at("/docs", get(make_sync(move |_| page(&policy, swagger.clone()))))
        .at(
            "/openapi.json",
            get(make_sync(move |_| {
                Response::builder().content_type("application/json").body(json.clone())
            })),
        )
        .at("/metrics", get(make_sync(move |_| render(&metrics))))
        .at("/problems/:code", get(make_sync(|request| problems::explain(&request))))
        .at("/livez", Arc::clone(&operations))
        .at("/readyz", Arc::clone(&operations))
        .at("/.well-known/jwks.json", Arc::clone(&operations))
        .nest_no_strip("/api", operations)
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// When the document cannot be made.
pub fn openapi_document(services: &Services) -> anyhow::Result<String> {
    let api = controllers::api(services, cookies::Names::new(false));
    let service = OpenApiService::new(api, openapi::TITLE, env!("CARGO_PKG_VERSION"));
    Ok(openapi::document(&service)?.json)
}

fn page(policy: &str, html: Bytes) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, policy)
        .body(html)
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
