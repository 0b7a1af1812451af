//! The outermost layer: gives a request its trace id, times and counts it, and writes its one log line. Labels are the method,
//! the route's template and the operation, never a raw address.

use super::Context;
use crate::telemetry::{
    metrics::{Metrics, RequestLabels},
    trace_id,
};
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{HeaderValue, Method},
};
use poem_openapi::OperationId;
use std::{sync::Arc, time::Instant};

/// The response header that names the request in the logs.
const TRACE_HEADER: &str = "x-trace-id";

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    let began = Instant::now();
    let trace_id = request
        .headers()
        .get("traceparent")
        .and_then(|header| header.to_str().ok())
        .and_then(trace_id::from_traceparent)
        .unwrap_or_else(trace_id::generate);
    let method = known_method(request.method());
    let path = request.uri().path().to_owned();
    let page = static_route(&path);
    let active = Active::new(&context.metrics);
    // Each layer's future holds those below it several times over, and is copied when it begins: here and there one is put on the heap.
    let answering = Box::pin(async {
        match next.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) => error.into_response(),
        }
    });
    let mut response = trace_id::scope(trace_id.clone(), answering).await;
    drop(active);
    let operation = match response.data::<OperationId>() {
        Some(id) => context.document.operation(id.0),
        None => context.document.operation_at(method, &path),
    };
    let (route, operation) = operation.map_or((page, ""), |operation| {
        (operation.route.as_str(), operation.id.as_str())
    });
    let status = response.status().as_u16();
    let took = began.elapsed();
    context.metrics.request_answered(
        RequestLabels {
            method,
            route,
            operation,
            status,
        },
        took,
    );
    let milliseconds = took.as_secs_f64() * 1_000.0;
    tracing::info!(method, route, operation, status, milliseconds, trace_id, "request");
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    Ok(response)
}

/// Counts a request as active for as long as it lives, also when its client goes away.
struct Active(Metrics);

impl Active {
    fn new(metrics: &Metrics) -> Self {
        metrics.request_began();
        Self(metrics.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

/// The methods of HTTP; a client can send any word, and each would be a time series of its own.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The template of a page that is no operation of the API; empty for an address that is nothing.
fn static_route(path: &str) -> &'static str {
    match path {
        "/" => "/",
        "/docs" => "/docs",
        "/openapi.json" => "/openapi.json",
        "/metrics" => "/metrics",
        "/sign-in" => "/sign-in",
        "/auth/oidc/start" => "/auth/oidc/start",
        "/auth/oidc/callback" => "/auth/oidc/callback",
        _ if path.starts_with("/problems/") => "/problems/{code}",
        _ => "",
    }
}
