//! The longest that a request may take, from its head to the head of its answer. Dropped on the way, a handler's transaction is
//! rolled back.

use super::Context;
use crate::{
    domain::deadlines,
    dto::problem::{Code, Problem, into_poem_error},
};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    let limits = &context.limits;
    let deadline = Instant::now() + limits.request_timeout();
    let answering = Box::pin(next.call(request));
    match deadlines::scope(deadline, timeout_at(deadline, answering)).await {
        Ok(answer) => answer.map(IntoResponse::into_response),
        Err(_) => Err(into_poem_error(Problem::new(
            Code::TimedOut,
            format!("no answer was ready within {} seconds", limits.request_timeout_seconds),
        ))),
    }
}
