//! Bodies that are not read whole before a handler sees them: uploads, of which a handler keeps what has arrived. They have limits of
//! their own, and each piece must arrive in the time that other bodies have for all of them.

use super::Context;
use crate::dto::{
    problem::{Code, Problem, into_poem_error},
    uploads::{UploadFault, UploadLimit},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use poem::{Body, Request, Result, http::header::CONTENT_LENGTH};
use std::io;
use tokio::time::timeout;

/// The operations whose bodies are streams.
const STREAMED: [&str; 2] = ["createImport", "resumeImport"];

/// Whether the body of a request is for its handler to read.
pub fn is_streamed(context: &Context, request: &Request) -> bool {
    let path = request.uri().path();
    // Most addresses need no looking up.
    (path.starts_with("/api/imports/") || path.ends_with("/imports"))
        && context
            .document
            .operation_at(request.method().as_str(), path)
            .is_some_and(|operation| STREAMED.contains(&operation.id.as_str()))
}

/// Leaves the body to its handler, within the limits of uploads.
///
/// # Errors
/// When it says itself that it is too large.
pub fn bound(context: &Context, request: &mut Request) -> Result<()> {
    let most = context.imports.max_bytes;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most) {
        let detail = format!("the upload is larger than {most} bytes, the limit that `imports.max_bytes` sets");
        return Err(into_poem_error(Problem::new(Code::PayloadTooLarge, detail)));
    }
    request.extensions_mut().insert(UploadLimit(most));
    let patience = context.limits.body_timeout();
    let arriving = request.take_body().into_bytes_stream();
    let body = stream::unfold(Some(Box::pin(arriving)), move |arriving| async move {
        let mut arriving = arriving?;
        match timeout(patience, arriving.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(bytes))) => Some((Ok::<Bytes, io::Error>(bytes), Some(arriving))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error.to_string())), None)),
            Err(_) => Some((Err(UploadFault::late(patience)), None)),
        }
    });
    request.set_body(Body::from_bytes_stream(body));
    Ok(())
}
