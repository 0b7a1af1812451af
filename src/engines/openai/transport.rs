//! How a provider's server is reached: one HTTP client with its pool of connections, the key and headers of the configuration, and
//! limits to what is read. Redirects are not followed and the proxies of the environment are not used, because either would show
//! the key to somebody whom the configuration does not name.

use super::refusal::{self, Fault};
use crate::{
    config::{Provider, ProviderKind},
    engines::chat::FailureKind,
};
use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use futures_util::{StreamExt, future::BoxFuture, stream};
// Only the types of the `http` crate, which reqwest takes.
use poem::http;
use reqwest::{
    Body, Request, Response,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// Of a refusal, no more is read.
const LARGEST_REFUSAL: usize = 64 * 1024;
/// Of a stream, no line is longer: its parser reads an unfinished line anew with every packet.
const LONGEST_LINE: usize = 1024 * 1024;
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_mins(1);

/// The connections to one provider, shared by its models.
#[derive(Clone)]
pub struct Connections {
    client: reqwest::Client,
    headers: HeaderMap,
}

impl Connections {
    /// # Errors
    /// In words, when a header of the configuration cannot be sent, or when this machine has no certificates to trust.
    pub fn new(provider: &Provider) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(provider.connect_timeout())
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .user_agent(concat!("synoptic/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the provider `{}`: no HTTP client: {error}", provider.name))?;
        Ok(Self {
            client,
            headers: headers(provider)?,
        })
    }
}

/// The key and the configured headers, marked so that they are not printed.
fn headers(provider: &Provider) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &str| {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            format!(
                "the provider `{}`: the value of the header `{name}` cannot be sent",
                provider.name
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<_, String>(())
    };
    if let Some(key) = &provider.api_key {
        match provider.kind {
            ProviderKind::Azure => add(HeaderName::from_static("api-key"), key.reveal())?,
            ProviderKind::Openai | ProviderKind::Compatible => add(AUTHORIZATION, &format!("Bearer {}", key.reveal()))?,
        }
    }
    for (name, value) in &provider.headers {
        let name = name
            .parse()
            .map_err(|_| format!("the provider `{}`: `{name}` is no name of a header", provider.name))?;
        add(name, value.reveal())?;
    }
    Ok(headers)
}

/// Sends the requests of one call. A service, because that is what the client library takes in place of its own retries, and the
/// one place where the status and the headers of an answer can be seen.
#[derive(Clone)]
pub struct Sender {
    connections: Connections,
    /// Of an answer, more bytes are a fault.
    largest_answer: usize,
    streaming: bool,
    progress: Arc<Progress>,
}

/// How far a call has come on the wire.
#[derive(Debug, Default)]
pub struct Progress {
    sent: AtomicBool,
    too_large: AtomicBool,
    unseen: AtomicBool,
}

impl Progress {
    /// Whether the request has begun to go out, so that the provider may be working on it.
    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// Whether an answer has begun to come of which nothing can be seen before its end, because it comes in one piece.
    pub fn is_unseen(&self) -> bool {
        self.unseen.load(Ordering::Acquire)
    }

    /// Whether the answer was cut off because it is too large.
    pub fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Acquire)
    }
}

impl Sender {
    pub fn new(connections: &Connections, streaming: bool, largest_answer: usize) -> (Self, Arc<Progress>) {
        let progress = Arc::<Progress>::default();
        let sender = Self {
            connections: connections.clone(),
            largest_answer,
            streaming,
            progress: Arc::clone(&progress),
        };
        (sender, progress)
    }

    async fn send(self, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let mut request = factory.build().await?;
        // The library always sets the key that it was given, which is none.
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().extend(self.connections.headers.clone());
        let request = noticed(request, Arc::clone(&self.progress));
        let response = self.connections.client.execute(request).await?;
        let status = response.status();
        let headers = response.headers().clone();
        if !status.is_success() {
            let body = beginning(response, LARGEST_REFUSAL).await;
            return Err(refused(refusal::by_status(status.as_u16(), &headers, &body)));
        }
        let is_json = headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if self.streaming && is_json {
            self.progress.unseen.store(true, Ordering::Release);
            let body = beginning(response, self.largest_answer).await;
            let body = serde_json::from_slice(&body).map_err(|_| unreadable())?;
            self.progress.unseen.store(false, Ordering::Release);
            return as_stream(&body);
        }
        let longest_line = if self.streaming {
            LONGEST_LINE
        } else {
            self.largest_answer
        };
        Ok(bounded(response, self.largest_answer, longest_line, self.progress))
    }
}

impl tower::Service<HttpRequestFactory> for Sender {
    type Response = Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<Response, OpenAIError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequestFactory) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn unreadable() -> OpenAIError {
    refused(Fault::new(FailureKind::Broken, "its answer cannot be read"))
}

fn refused(fault: Fault) -> OpenAIError {
    OpenAIError::Boxed(Box::new(fault))
}

/// A body that is one JSON object where a stream was asked for: an error, or the answer of a server that does not stream, which is
/// the only piece of its stream then.
fn as_stream(body: &serde_json::Value) -> Result<Response, OpenAIError> {
    if body["error"].is_object() {
        return Err(refused(refusal::inside_answer(&body["error"])));
    }
    Ok(http::Response::new(Body::from(format!("data: {body}\n\n"))).into())
}

/// The same request, whose body says when it is first taken: that is when there is a connection for it.
fn noticed(mut request: Request, progress: Arc<Progress>) -> Request {
    let Some(bytes) = request
        .body()
        .and_then(Body::as_bytes)
        .map(bytes::Bytes::copy_from_slice)
    else {
        return request;
    };
    request
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let body = stream::once(async move {
        progress.sent.store(true, Ordering::Release);
        Ok::<_, io::Error>(bytes)
    });
    *request.body_mut() = Some(Body::wrap_stream(body));
    request
}

/// What can be read of a body, up to a bound.
async fn beginning(mut response: Response, most: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let rest = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(rest)]);
        if body.len() == most {
            break;
        }
    }
    body
}

/// The same answer, whose body fails after so many bytes: neither a stream nor a line in it may fill the memory.
fn bounded(response: Response, most: usize, longest_line: usize, progress: Arc<Progress>) -> Response {
    let status = response.status();
    let (mut read, mut line) = (0, 0);
    let chunks = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        read += chunk.len();
        line = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => chunk.len() - end,
            None => line + chunk.len(),
        };
        if read > most || line > longest_line {
            progress.too_large.store(true, Ordering::Release);
            return Err(io::Error::other("the answer is too large"));
        }
        Ok(chunk)
    });
    let mut bounded = http::Response::new(Body::wrap_stream(chunks));
    *bounded.status_mut() = status;
    bounded.into()
}
