//! What is decided of a request before a handler sees it: who sends it, and whether its body arrives whole, in time and within
//! the limit. Nobody unknown makes us read a body.

use super::Context;
use crate::{
    auth::{Authentication, authenticate},
    dto::problem::{Code, Problem, into_poem_error},
};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result, error::ReadBodyError, http::header::CONTENT_LENGTH,
};
use std::sync::Arc;
use tokio::time::timeout;

/// Under what everything needs a caller.
const PROTECTED: &str = "/api/";

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, mut request: Request) -> Result<Response> {
    if request.uri().path().contains("%00") {
        // Nothing is stored under a name with U+0000, which PostgreSQL could not even be asked for.
        let detail = "no name holds the character U+0000, so nothing has this address";
        return Err(into_poem_error(Problem::new(Code::NotFound, detail)));
    }
    if request.uri().path().starts_with(PROTECTED) {
        let authentication = authenticate(&context.services.api_keys, &request)
            .await
            .map_err(into_poem_error)?;
        let known = matches!(authentication, Authentication::Recognised(_));
        request.extensions_mut().insert(authentication);
        if known {
            read_body(&context, &mut request).await?;
        } else {
            request.set_body(Body::empty());
        }
    } else {
        request.set_body(Body::empty());
    }
    next.call(request).await.map(IntoResponse::into_response)
}

async fn read_body(context: &Context, request: &mut Request) -> Result<()> {
    let most = context.limits.max_body_bytes;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let reading = request.take_body().into_bytes_limit(most);
    let bytes = match timeout(context.limits.body_timeout(), reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(too_large(most)),
        Ok(Err(error)) => {
            let cut_off = Problem::new(Code::MalformedRequest, format!("the body was cut off: {error}"));
            return Err(into_poem_error(cut_off));
        }
        Err(_) => {
            let seconds = context.limits.body_timeout_seconds;
            let late = Problem::new(
                Code::RequestTimeout,
                format!("the body did not arrive within {seconds} seconds"),
            );
            return Err(into_poem_error(late));
        }
    };
    request.set_body(bytes);
    Ok(())
}

fn too_large(most: usize) -> poem::Error {
    let detail = format!("the body is larger than {most} bytes, the limit that `server.max_body_bytes` sets");
    into_poem_error(Problem::new(Code::PayloadTooLarge, detail))
}
