//! `Idempotency-Key` on POST: sent again, a request is answered as the first time and done only once.

use super::Context;
use crate::{
    auth::{Authentication, Entrance, check},
    domain::{Error, deadlines, identifiers::DocumentId, permissions::access, principal::Actor},
    dto::{
        analyses::Analysis,
        problem::{Code, Problem, into_poem_error},
    },
    services::idempotency::{Standing, StoredAnswer},
    telemetry::trace_id,
};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
};
use poem_openapi::types::ToJSON;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

const KEY_HEADER: &str = "Idempotency-Key";
/// Says that an answer was given before.
const REPLAYED_HEADER: &str = "Idempotency-Replayed";
/// The longest key, in characters.
const LONGEST_KEY: usize = 255;
/// Where the routes of operations begin whose requests or answers hold passwords, tokens, keys or secrets, or texts that are looked at and
/// not stored: nothing of them is kept, not even a hash. Uploads are too large to be compared, and go on where they broke off.
const KEEPING_NOTHING: [&str; 8] = [
    "/api/auth",
    "/api/collections/{collection}/imports",
    "/api/collections/{collection}/push-urls",
    "/api/collections/{collection}/webhooks",
    "/api/keys",
    "/api/prompts/{prompt}/preview",
    "/api/push",
    "/api/users",
];
/// The headers that belong to an answer; the others belong to one exchange.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Whether the operation of a route refuses the key.
#[must_use]
pub fn keeps_nothing(route: &str) -> bool {
    KEEPING_NOTHING.iter().any(|beginning| route.starts_with(beginning))
}

pub async fn around<E: Endpoint + 'static>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    if !request.headers().contains_key(KEY_HEADER) {
        return Box::pin(next.call(request)).await.map(IntoResponse::into_response);
    }
    Box::pin(with_key(context, next, request)).await
}

async fn with_key<E: Endpoint + 'static>(
    context: Arc<Context>,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let operation = context.document.operation_at("POST", request.uri().path());
    let Some(Claim { actor, owner, key }) = claim(&request, operation.map(|operation| operation.route.as_str()))?
    else {
        return next.call(request).await.map(IntoResponse::into_response);
    };
    if check(&actor.principal, operation.and_then(|operation| access(&operation.id))).is_err() {
        // The operation refuses those who may not do it, or no more, also what it once answered them.
        return next.call(request).await.map(IntoResponse::into_response);
    }
    let body = request
        .take_body()
        .into_bytes()
        .await
        .map_err(|error| into_poem_error(Error::internal(error)))?;
    let fingerprint = fingerprint(&request, &body);
    request.set_body(body);
    match context
        .services
        .idempotency
        .begin(owner, &key, &fingerprint)
        .await
        .map_err(into_poem_error)?
    {
        Standing::Done(answer) => replay(&context, &next, &request, &actor, answer).await,
        Standing::Unresolved => Err(into_poem_error(Problem::new(
            Code::IdempotencyUnresolved,
            "a request with this Idempotency-Key has begun, and no answer to it is on record",
        ))),
        Standing::Mismatch => Err(into_poem_error(Problem::new(
            Code::IdempotencyMismatch,
            "this Idempotency-Key was sent with another method, address or body before",
        ))),
        Standing::New => {
            // A client that goes away must not leave the key claimed by half a request: the work goes on without it.
            let trace_id = trace_id::current().unwrap_or_else(trace_id::generate);
            let tasks = context.tasks.clone();
            let work = trace_id::scope(trace_id, deadlines::carry(perform(context, next, request, owner, key)));
            tasks
                .spawn(work)
                .await
                .map_err(|error| into_poem_error(Error::internal(error)))?
        }
    }
}

async fn perform<E: Endpoint>(
    context: Arc<Context>,
    next: Arc<E>,
    request: Request,
    owner: Uuid,
    key: String,
) -> Result<Response> {
    let outcome = next.call(request).await.map(IntoResponse::into_response);
    let idempotency = &context.services.idempotency;
    match outcome {
        Ok(response) if response.status().is_success() => {
            let (parts, body) = response.into_parts();
            let body = body
                .into_bytes()
                .await
                .map_err(|error| into_poem_error(Error::internal(error)))?;
            let headers = KEPT_HEADERS
                .iter()
                .filter_map(|name| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned())));
            let answer = StoredAnswer {
                status: parts.status.as_u16(),
                headers: headers.collect(),
                body: kept_body(&parts.headers, &body),
            };
            // The work is done: failing to note the answer must not turn it into a failure.
            if let Err(error) = idempotency.complete(owner, &key, &answer).await {
                tracing::error!(cause = ?error, "an answer could not be recorded for its Idempotency-Key");
            }
            Ok(Response::from_parts(parts, body.into()))
        }
        // Nothing was changed, so that the key stays free.
        failed => {
            if let Err(error) = idempotency.release(owner, &key).await {
                tracing::error!(cause = ?error, "an Idempotency-Key could not be released");
            }
            failed
        }
    }
}

/// An idempotency key and whose it is.
struct Claim {
    actor: Actor,
    /// The id of the user or the API key.
    owner: Uuid,
    key: String,
}

fn claim(request: &Request, route: Option<&str>) -> Result<Option<Claim>> {
    let Some(header) = request.headers().get(KEY_HEADER) else {
        return Ok(None);
    };
    let Some(entrance) = request.extensions().get::<Entrance>() else {
        return Ok(None);
    };
    let Authentication::Recognised(principal) = &entrance.authentication else {
        return Ok(None);
    };
    let Some(owner) = principal.id.uuid().filter(|_| request.method() == Method::POST) else {
        return Ok(None);
    };
    if route.is_some_and(keeps_nothing) {
        return Err(into_poem_error(Error::invalid_parameter(
            KEY_HEADER,
            "is not for this operation: nothing of its request and its answer may be kept",
        )));
    }
    match header.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(Claim {
            actor: Actor::new(Arc::clone(principal), entrance.address),
            owner,
            key: key.to_owned(),
        })),
        _ => Err(into_poem_error(Error::invalid_parameter(
            KEY_HEADER,
            format!("must be 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID"),
        ))),
    }
}

fn fingerprint(request: &Request, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(request.method().as_str());
    hasher.update([0]);
    hasher.update(request.uri().path_and_query().map_or("", |address| address.as_str()));
    hasher.update([0]);
    hasher.update(body);
    hasher.finalize().into()
}

/// What is kept of an answer's body. Texts are not: they would outlive the document that they are from. What has an address
/// is read again there, and of an analysis in a batch the id is kept.
fn kept_body(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    if headers.contains_key(header::LOCATION) {
        return Vec::new();
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    for result in results(&mut value) {
        if let Some(id) = result.pointer("/analysis/id").cloned() {
            result["analysis"] = id;
        }
    }
    value.to_string().into_bytes()
}

async fn replay<E: Endpoint>(
    context: &Context,
    next: &E,
    request: &Request,
    actor: &Actor,
    answer: StoredAnswer,
) -> Result<Response> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = Response::builder()
        .status(status)
        .header(REPLAYED_HEADER, "true")
        .finish();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    match response.headers().get(header::LOCATION).cloned() {
        None => response.set_body(as_of_now(context, actor, &answer.body).await?),
        Some(location) => {
            let mut now = read_again(next, request, &location).await?;
            if let Some(etag) = now.headers_mut().remove(header::ETAG) {
                response.headers_mut().insert(header::ETAG, etag);
            }
            response.set_body(now.take_body());
        }
    }
    Ok(response)
}

fn gone() -> poem::Error {
    let detail = "what the first request with this Idempotency-Key made was deleted since";
    into_poem_error(Problem::new(Code::NotFound, detail))
}

/// Reads what the first request made, as it is now.
async fn read_again<E: Endpoint>(next: &E, request: &Request, location: &HeaderValue) -> Result<Response> {
    let address = Uri::try_from(location.as_bytes()).map_err(|_| gone())?;
    let mut reading = Request::builder().uri(address).finish();
    if let Some(entrance) = request.extensions().get::<Entrance>() {
        // Whoever may write sees what they wrote, as in the first answer, also without the scope to read.
        reading.extensions_mut().insert(Entrance {
            is_replay: true,
            ..entrance.clone()
        });
    }
    let answer = next.call(reading).await.map(IntoResponse::into_response);
    answer
        .ok()
        .filter(|answer| answer.status().is_success())
        .ok_or_else(gone)
}

/// The places of a batch's answer.
fn results(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value
        .get_mut("results")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// The answer to a batch, as far as what it made is there for the actor now: analyses are put back in the places of their
/// ids, and documents of a collection out of reach were never stored.
async fn as_of_now(context: &Context, actor: &Actor, body: &[u8]) -> Result<Body> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Ok(body.to_vec().into());
    };
    let mut documents = Vec::new();
    for result in results(&mut value) {
        documents.extend(result["id"].as_str().and_then(|id| id.parse::<DocumentId>().ok()));
        let Some(id) = result["analysis"].as_str().and_then(|id| id.parse().ok()) else {
            continue;
        };
        *result = match context.services.analyses.get(actor, id).await {
            Ok(analysis) => json!({"analysis": Analysis::from(analysis).to_json()}),
            Err(Error::NotFound { .. }) => {
                let gone = Problem::new(Code::NotFound, "the analysis was deleted since");
                json!({"error": gone.to_json()})
            }
            Err(error) => return Err(into_poem_error(error)),
        };
    }
    let reached = documents.is_empty()
        || context
            .services
            .documents
            .reaches_batch(actor, &documents)
            .await
            .map_err(into_poem_error)?;
    if reached {
        Ok(value.to_string().into())
    } else {
        Err(gone())
    }
}
