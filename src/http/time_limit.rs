//! The longest that a request may take, from its head to the head of its answer. Dropped on the way, a handler's transaction is
//! rolled back.

use super::{Context, streams};
use crate::{
    domain::deadlines,
    dto::problem::{Code, Problem, into_poem_error},
};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    // An upload takes as long as its client needs.
    let longest = if streams::is_streamed(&context, &request) {
        context.imports.timeout()
    } else {
        context.limits.request_timeout()
    };
    let deadline = Instant::now() + longest;
    let answering = Box::pin(next.call(request));
    match deadlines::scope(deadline, timeout_at(deadline, answering)).await {
        Ok(answer) => answer.map(IntoResponse::into_response),
        Err(_) => Err(into_poem_error(Problem::new(
            Code::TimedOut,
            format!("no answer was ready within {} seconds", longest.as_secs()),
        ))),
    }
}
