//! Every error in one shape. What the framework refuses by itself (no such address, a parameter of the wrong kind, a missing
//! credential) and panics come out as problem details too.

use super::Context;
use crate::{
    domain::Error,
    dto::problem::{Code, Problem},
};
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    error::{MethodNotAllowedError, NotFoundError, ParsePathError as UnreadablePath},
    http::StatusCode,
};
use poem_openapi::{
    OperationId,
    error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError},
};
use std::{any::Any, sync::Arc};

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    let path = request.uri().path().to_owned();
    match next.call(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(error) => {
            let operation = error.data::<OperationId>().copied();
            let mut response = respond(&context, error, &path, operation);
            if let Some(operation) = operation {
                response.set_data(operation);
            }
            Ok(response)
        }
    }
}

fn respond(context: &Context, error: poem::Error, path: &str, operation: Option<OperationId>) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if error.is::<AuthorizationError>() {
        return Problem::from(Error::Unauthorized).into_response();
    }
    if error.is::<NotFoundError>() {
        let detail = "no operation has this address; /docs lists those there are";
        return Problem::new(Code::NotFound, detail).into_response();
    }
    if error.is::<MethodNotAllowedError>() {
        let methods = context.document.methods(path);
        // What is no operation of the API is a page to be read.
        let allowed = if methods.is_empty() {
            "GET".to_owned()
        } else {
            methods.join(", ")
        };
        let detail = format!("this address takes {allowed}");
        let mut response = Problem::new(Code::MethodNotAllowed, detail).into_response();
        if let Ok(allowed) = allowed.try_into() {
            response.headers_mut().insert("Allow", allowed);
        }
        return response;
    }
    let parameter = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(ParseParamError { name, .. }), _) | (_, Some(ParsePathError { name, .. })) => Some(*name),
        _ => None,
    };
    if let Some(name) = parameter {
        let operation = operation.and_then(|id| context.document.operation(id.0));
        let name = operation.map_or(name, |operation| operation.parameter_name(name));
        let requirement = operation.map_or("cannot be read", |operation| operation.requirement(name));
        return Problem::from(Error::invalid_parameter(name, requirement)).into_response();
    }
    if let Some(error) = error.downcast_ref::<ContentTypeError>() {
        let detail = match error {
            ContentTypeError::NotSupported { .. } => "the Content-Type is not understood: send `application/json`",
            ContentTypeError::ExpectContentType => "the Content-Type is missing: send `application/json`",
        };
        return Problem::new(Code::UnsupportedMediaType, detail).into_response();
    }
    if error.is::<UnreadablePath>() {
        return Problem::from(Error::invalid_parameter(
            "the address",
            "holds bytes that are not UTF-8",
        ))
        .into_response();
    }
    let code = match error.status() {
        StatusCode::NOT_FOUND => Code::NotFound,
        status if status.is_client_error() => Code::MalformedRequest,
        _ => return Problem::from(Error::internal(error.to_string())).into_response(),
    };
    Problem::new(code, error.to_string()).into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the middleware hands the panic over")]
pub fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
        .to_owned();
    Problem::from(Error::internal(message)).into_response()
}

/// The page behind a problem's `type`.
pub fn explain(request: &Request) -> Response {
    let name = request.raw_path_param("code").unwrap_or_default();
    match Code::ALL.iter().find(|code| code.name() == name) {
        Some(code) => Response::builder()
            .content_type("text/plain; charset=utf-8")
            .body(format!(
                "{}\nHTTP status {}\n\n{}\n",
                code.title(),
                code.status().as_u16(),
                code.explanation()
            )),
        None => Problem::new(Code::NotFound, "there is no problem of this type").into_response(),
    }
}
