//! `If-None-Match` (RFC 9110, section 13.1.2): a client that has the current version is told so instead of being sent it.

use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
};
use std::sync::Arc;

pub async fn around<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    let known = if request.method() == Method::GET {
        request.headers().get(IF_NONE_MATCH).cloned()
    } else {
        None
    };
    let mut response = next.call(request).await?.into_response();
    if let Some(known) = known.and_then(|known| known.to_str().map(str::to_owned).ok())
        && response.status() == StatusCode::OK
        && let Some(current) = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok())
        && known
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == current)
    {
        response.set_status(StatusCode::NOT_MODIFIED);
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
        response.set_body(());
    }
    Ok(response)
}
