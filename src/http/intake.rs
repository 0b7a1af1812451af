//! What is decided of a request before a handler sees it: who sends it, and whether its body arrives whole, in time and within
//! the limit. Nobody unknown makes us read a body.

use super::{Context, rate_limits, streams};
use crate::{
    auth::{Authentication, ClientAddress, Entrance, authenticate},
    domain::refusals::Refusal,
    dto::problem::{Code, Problem, into_poem_error},
};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result,
    error::ReadBodyError,
    http::{Method, header::CONTENT_LENGTH},
};
use std::sync::Arc;
use tokio::time::timeout;

/// Under what everything needs a caller.
const PROTECTED: &str = "/api/";
/// Where other systems leave documents; the token in the address is their credential.
const PUSHED: &str = "/api/push/";
/// The largest body that is read of somebody who is not signed in yet.
const MOST_BYTES_OF_A_STRANGER: usize = 16 * 1024;

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, mut request: Request) -> Result<Response> {
    if request.uri().path().contains("%00") {
        rate_limits::count(&context, &request, None)?;
        // Nothing is stored under a name with U+0000, which PostgreSQL could not even be asked for.
        let detail = "no name holds the character U+0000, so nothing has this address";
        return Err(into_poem_error(Problem::new(Code::NotFound, detail)));
    }
    if request.method() == Method::POST && request.uri().path().starts_with(PUSHED) {
        return pushed(&context, &*next, request).await;
    }
    if request.uri().path().starts_with(PROTECTED) {
        let public = context
            .permits
            .is_public(request.method().as_str(), request.uri().path());
        let authentication = if public {
            Authentication::Refused(Refusal::None)
        } else {
            authenticate(&context.credentials, &request)
                .await
                .map_err(into_poem_error)?
        };
        let most = match &authentication {
            Authentication::Recognised(_) => context.limits.max_body_bytes,
            Authentication::Refused(_) if public => MOST_BYTES_OF_A_STRANGER,
            Authentication::Refused(refusal) => {
                context.metrics.refused(refusal.name());
                0
            }
        };
        let principal = match &authentication {
            Authentication::Recognised(principal) => Some(Arc::clone(principal)),
            Authentication::Refused(_) => None,
        };
        let is_known = principal.is_some();
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0);
        request.extensions_mut().insert(Entrance {
            authentication,
            address,
            permits: Arc::clone(&context.permits),
            is_replay: false,
        });
        rate_limits::count(&context, &request, principal.and_then(|principal| principal.id.uuid()))?;
        if is_known && streams::is_streamed(&context, &request) {
            streams::bound(&context, &mut request)?;
        } else if most > 0 {
            read_body(&context, &mut request, most).await?;
        } else {
            request.set_body(Body::empty());
        }
    } else {
        rate_limits::count(&context, &request, None)?;
        request.set_body(Body::empty());
    }
    next.call(request).await.map(IntoResponse::into_response)
}

/// Of what is left at a push URL, the body is read when there is one of that token.
async fn pushed<E: Endpoint>(context: &Context, next: &E, mut request: Request) -> Result<Response> {
    let token = request.uri().path().trim_start_matches(PUSHED).to_owned();
    let found = context.services.push_urls.recognise(&token).await;
    let found = found.map_err(into_poem_error)?;
    rate_limits::count(context, &request, found.as_ref().map(|url| url.id.0))?;
    let Some(url) = found else {
        context.metrics.refused(Refusal::UnknownKey.name());
        // The address is a secret, or was meant to be one: it is not repeated.
        let detail = "no push URL has this address: it was revoked, or is not complete";
        return Err(into_poem_error(Problem::new(Code::NotFound, detail)));
    };
    read_body(context, &mut request, context.limits.max_body_bytes).await?;
    request.extensions_mut().insert(url);
    next.call(request).await.map(IntoResponse::into_response)
}

async fn read_body(context: &Context, request: &mut Request, most: usize) -> Result<()> {
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
    let detail = if most == MOST_BYTES_OF_A_STRANGER {
        format!("the body is larger than {most} bytes, the limit of this operation")
    } else {
        format!("the body is larger than {most} bytes, the limit that `server.max_body_bytes` sets")
    };
    into_poem_error(Problem::new(Code::PayloadTooLarge, detail))
}
