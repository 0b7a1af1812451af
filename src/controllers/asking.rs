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

/// Whether the client wants to follow the answer: it names streams of events, and ranks them above JSON if it names that, too.
///
/// # Errors
/// For a stream with an `Idempotency-Key`: a stream cannot be given again as it was.
pub(super) fn wants_stream(headers: &HeaderMap) -> Result<bool, ApiError> {
    let stream = quality(headers, "text/event-stream").unwrap_or_default();
    let streams = stream > 0.0 && quality(headers, "application/json").is_none_or(|whole| stream > whole);
    if streams && headers.contains_key("Idempotency-Key") {
        let message = "cannot go with a stream; an answer that was paid for is given again without it";
        return Err(Error::invalid_parameter("Idempotency-Key", message).into());
    }
    Ok(streams)
}

/// How much the client wants this kind of content, 0 to 1, if it names it (RFC 9110, section 12.5.1).
fn quality(headers: &HeaderMap, kind: &str) -> Option<f32> {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = accepted.flat_map(|value| value.split(','));
    let qualities = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next()?.eq_ignore_ascii_case(kind).then_some(())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0))
    });
    qualities.reduce(f32::max)
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
        let follow = Box::pin(services.analyses.follow(caller.actor(), input, order)).await?;
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
    let given = Box::pin(services.analyses.run(caller.actor(), input, order)).await?;
    Ok(whole(services, caller, given).await)
}

/// The whole of an answer, and what is left of the budgets after it.
pub(super) async fn whole(services: &Services, caller: &Caller, given: Given) -> Asked {
    let left = services.analyses.budgets_after(caller.actor(), [&given]).await;
    Asked::whole(&given, &left)
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

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    #[test]
    fn a_stream_is_for_those_who_rank_it_first() {
        for (accept, streams) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream, */*", true),
            ("text/event-stream, */*;q=0.8, application/json;q=0.5", true),
            ("application/json;q=0.5, text/event-stream;Q=0.6", true),
            ("application/json, text/event-stream", false),
            ("application/json, text/event-stream;q=0.1", false),
            ("text/event-stream;q=0", false),
            ("text/event-stream; q=0.000, */*", false),
            ("application/json", false),
            ("text/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_stream(&headers).ok(), Some(streams), "{accept}");
        }
        assert_eq!(wants_stream(&HeaderMap::new()).ok(), Some(false));
        // Several lines are one list.
        let lines = ["application/json;q=0.2", "text/event-stream;q=0.3"];
        let mut several = HeaderMap::new();
        for line in lines {
            several.append(ACCEPT, HeaderValue::from_static(line));
        }
        assert_eq!(wants_stream(&several).ok(), Some(true));
    }
}
