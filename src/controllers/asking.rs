//! What the operations that ask for an answer share: whole answers and streams, as the client wants them.

use crate::{
    auth::Caller,
    domain::{self, Error},
    dto::{
        asking::{Asked, AskedBatch},
        problem::ApiError,
    },
    services::{
        Services,
        analyses::Given,
        analysis_tasks::{Input, Order},
        following::Follow,
    },
};
use poem::http::header::{ACCEPT, HeaderMap};

/// Whether the client wants to follow the answer.
///
/// # Errors
/// For a stream with an `Idempotency-Key`: a stream cannot be given again as it was.
pub(super) fn wants_stream(headers: &HeaderMap) -> Result<bool, ApiError> {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let streams = accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream");
    if streams && headers.contains_key("Idempotency-Key") {
        let message = "cannot go with a stream; an answer that was paid for is given again without it";
        return Err(Error::invalid_parameter("Idempotency-Key", message).into());
    }
    Ok(streams)
}

/// Asks, and answers in the form that the client wants.
pub(super) async fn ask(
    services: &Services,
    caller: &Caller,
    headers: &HeaderMap,
    input: Input,
    order: &Order,
) -> Result<Asked, ApiError> {
    if wants_stream(headers)? {
        let follow = services.analyses.follow(caller.actor(), input, order).await?;
        return Ok(followed(services, caller, follow).await);
    }
    answer_whole(services, caller, input, order).await
}

/// Asks, and answers with the whole.
pub(super) async fn answer_whole(
    services: &Services,
    caller: &Caller,
    input: Input,
    order: &Order,
) -> Result<Asked, ApiError> {
    let given = services.analyses.run(caller.actor(), input, order).await?;
    Ok(whole(services, caller, given).await)
}

/// The whole of an answer, and what is left of the budgets after it.
pub(super) async fn whole(services: &Services, caller: &Caller, given: Given) -> Asked {
    let left = services.analyses.budgets_after(caller.actor(), [&given]).await;
    Asked::whole(given, &left)
}

/// An answer that is followed, and what is left of the budgets while it is made.
pub(super) async fn followed(services: &Services, caller: &Caller, follow: Follow) -> Asked {
    let left = services.analyses.budgets_during(caller.actor(), &follow).await;
    Asked::stream(follow, &left)
}

/// Answers to a batch, and what is left of the budgets after them.
pub(super) async fn batch(services: &Services, caller: &Caller, answers: Vec<domain::Result<Given>>) -> AskedBatch {
    let given = answers.iter().filter_map(|answer| answer.as_ref().ok());
    let left = services.analyses.budgets_after(caller.actor(), given).await;
    AskedBatch::new(answers, &left)
}
