//! One model of a server that speaks OpenAI's protocol (`POST /chat/completions`), through the `async-openai` crate. Each call is
//! sent once; retries, limits and prices are the provider's.

mod answer;
mod body;
mod received;
mod refusal;
mod strict;
mod transport;

pub use transport::Connections;

use super::{
    chat::{CallContext, ChatFailure, ChatModel, ChatReply, ChatRequest, FailureKind, Finish, Used},
    tokenizer,
};
use crate::config::{Model, Provider, ProviderKind};
use answer::{Answer, Piece};
use async_openai::{Client, config::OpenAIConfig, error::OpenAIError, traits::RequestOptionsBuilder};
use body::Body;
use futures_util::{StreamExt, future::BoxFuture};
use received::{MostTokens, Received};
use refusal::Fault;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use transport::{Progress, Sender};
use url::Url;

/// What a token takes on the wire at most, with its probability and the names around it, and what an answer takes besides.
const WIRE_BYTES_PER_TOKEN: usize = 2 * 1024;
const WIRE_BYTES: usize = 1024 * 1024;
/// How long the end of a stream is waited for once everything in it has come.
const FAREWELL: Duration = Duration::from_secs(1);

/// A model, and the way to it.
pub struct OpenAiModel {
    provider: Arc<Provider>,
    model: Model,
    connections: Connections,
    client: Client<OpenAIConfig>,
}

impl OpenAiModel {
    /// # Errors
    /// In words, when the provider's address is none.
    pub fn new(provider: &Arc<Provider>, model: &Model, connections: &Connections) -> Result<Self, String> {
        // Everything that the library would take from the environment is given, so that it takes nothing; the key is not, because
        // the transport adds it.
        let config = OpenAIConfig::new()
            .with_api_key("")
            .with_org_id("")
            .with_project_id("")
            .with_api_base(base(provider, &model.name)?);
        Ok(Self {
            provider: Arc::new(Provider {
                logprobs: model.logprobs.unwrap_or(provider.logprobs),
                ..Provider::clone(provider)
            }),
            model: model.clone(),
            connections: connections.clone(),
            client: Client::with_config(config),
        })
    }

    /// Makes one call that ends by this time at the latest.
    pub async fn call_until(
        &self,
        request: &ChatRequest,
        context: &CallContext,
        deadline: Instant,
    ) -> Result<ChatReply, ChatFailure> {
        let body = body::of(&self.provider, &self.model.name, self.model.temperature, request);
        let messages = || {
            let messages = body.messages.iter();
            messages
                .map(|message| (message.role, message.content.to_string()))
                .collect()
        };
        let most = request.max_output_tokens as usize * WIRE_BYTES_PER_TOKEN + WIRE_BYTES;
        let (sender, progress) = Sender::new(&self.connections, self.provider.streaming, most);
        let client = self.client.clone().with_http_service(sender);
        let mut received = Received::new(MostTokens {
            input: tokenizer::upper_bound(request),
            output: request.max_output_tokens,
            context: self.model.context_tokens,
        });
        let outcome = tokio::select! {
            biased;
            () = context.cancel.cancelled() => Err(Fault::new(FailureKind::Cancelled, "it was given up")),
            outcome = self.converse(&client, &body, context, deadline, &mut received) => outcome,
        };
        // From here on nothing is connected any more: the conversation and its client are gone.
        drop(client);
        match outcome {
            Ok(finish) => Ok(ChatReply {
                used: received.used(messages).await,
                text: received.text,
                finish,
                logprobs: received.logprobs,
                first_piece_after: received.first_piece_after,
            }),
            Err(fault) => {
                let is_unseen = progress.is_unseen() || !self.provider.streaming && !received.alive;
                let used = if fault.free || !progress.is_sent() {
                    Used::default()
                } else if is_unseen {
                    received.worst_case(messages()).await
                } else {
                    received.estimate(messages()).await
                };
                Err(ChatFailure {
                    kind: fault.kind,
                    detail: explained(fault, &progress),
                    used,
                    alive: received.alive,
                    began: context.pieces.is_some() && !received.text.is_empty(),
                })
            }
        }
    }

    async fn converse(
        &self,
        client: &Client<OpenAIConfig>,
        body: &Body<'_>,
        context: &CallContext,
        deadline: Instant,
        received: &mut Received,
    ) -> Result<Finish, Fault> {
        if self.provider.streaming {
            self.listen(client, body, context, deadline, received).await
        } else {
            self.read(client, body, context, deadline, received).await
        }
    }

    /// Reads an answer that comes in one piece.
    async fn read(
        &self,
        client: &Client<OpenAIConfig>,
        body: &Body<'_>,
        context: &CallContext,
        deadline: Instant,
        received: &mut Received,
    ) -> Result<Finish, Fault> {
        let query = self.query();
        let chat = client.chat().query(&query).map_err(|error| fault(&error))?;
        let answer = timeout_at(deadline, chat.create_byot::<_, Answer>(body))
            .await
            .map_err(|_| timed_out("in time"))?
            .map_err(|error| fault(&error))?;
        received.alive = true;
        let piece = Piece::from(answer);
        // A whole answer is one whether it says why it ended or not.
        let is_whole = !piece.text.is_empty();
        received.take(piece, context)?;
        received
            .finish
            .or(is_whole.then_some(Finish::Stop))
            .ok_or_else(|| Fault::new(FailureKind::Broken, "there is no text in its answer"))
    }

    /// Reads an answer piece by piece.
    async fn listen(
        &self,
        client: &Client<OpenAIConfig>,
        body: &Body<'_>,
        context: &CallContext,
        deadline: Instant,
        received: &mut Received,
    ) -> Result<Finish, Fault> {
        let query = self.query();
        let chat = client.chat().query(&query).map_err(|error| fault(&error))?;
        let first = deadline.min(Instant::now() + self.provider.first_piece_timeout());
        let mut stream = timeout_at(first, chat.create_stream_byot::<_, Answer>(body))
            .await
            .map_err(|_| timed_out("in time"))?
            .map_err(|error| fault(&error))?;
        loop {
            let limit = if received.finish.is_some() && (received.is_reported() || !self.provider.stream_usage) {
                Instant::now() + FAREWELL
            } else if received.alive || received.finish.is_some() {
                Instant::now() + self.provider.silence_timeout()
            } else {
                first
            };
            match (timeout_at(limit.min(deadline), stream.next()).await, received.finish) {
                (Ok(Some(Ok(answer))), _) => received.take(answer.into(), context)?,
                // With the reason why it ended, everything has come, however the connection ends.
                (_, Some(finish)) => return Ok(finish),
                (Err(_), None) => return Err(timed_out(if received.alive { "to its end" } else { "in time" })),
                (Ok(None), None) => return Err(Fault::new(FailureKind::Broken, "its answer ended in the middle")),
                (Ok(Some(Err(error))), None) => return Err(in_the_middle(&error)),
            }
        }
    }

    fn query(&self) -> Vec<(&'static str, &str)> {
        let version = self.provider.api_version.as_deref();
        version
            .filter(|_| self.provider.kind == ProviderKind::Azure)
            .map(|version| ("api-version", version))
            .into_iter()
            .collect()
    }
}

impl ChatModel for OpenAiModel {
    fn call<'a>(
        &'a self,
        request: &'a ChatRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<ChatReply, ChatFailure>> {
        let deadline = Instant::now() + self.provider.timeout();
        Box::pin(self.call_until(request, context, deadline))
    }
}

/// What comes before `/chat/completions`. Azure names the model in the address, where a name must not become more than a name.
fn base(provider: &Provider, model: &str) -> Result<String, String> {
    let base = provider.base_url.trim_end_matches('/');
    if provider.kind != ProviderKind::Azure {
        return Ok(base.to_owned());
    }
    let unusable = || format!("the provider `{}`: `base_url` is no address", provider.name);
    let mut address = Url::parse(base).map_err(|_| unusable())?;
    address
        .path_segments_mut()
        .map_err(|()| unusable())?
        .pop_if_empty()
        .extend(["openai", "deployments", model]);
    Ok(address.into())
}

fn timed_out(when: &str) -> Fault {
    Fault::new(FailureKind::TimedOut, format!("it did not answer {when}"))
}

/// Why a call did not get as far as an answer. The library's own words may quote what was sent or received.
fn fault(error: &OpenAIError) -> Fault {
    match error {
        OpenAIError::Boxed(error) => error
            .downcast_ref::<Fault>()
            .cloned()
            .unwrap_or_else(|| Fault::new(FailureKind::Broken, "its answer cannot be read")),
        OpenAIError::Reqwest(error) if error.is_connect() => Fault {
            kind: FailureKind::Unreachable,
            detail: format!(
                "there is no connection to it: {}",
                cause(error).unwrap_or("it does not answer")
            ),
            free: true,
        },
        OpenAIError::Reqwest(error) if error.is_body() || error.is_decode() => {
            Fault::new(FailureKind::Broken, "its answer ended in the middle")
        }
        OpenAIError::Reqwest(_) => Fault::new(FailureKind::Unreachable, "the connection to it broke before the answer"),
        _ => Fault::new(FailureKind::Broken, "its answer cannot be read"),
    }
}

/// Why a stream did not come to its end.
fn in_the_middle(error: &OpenAIError) -> Fault {
    match error {
        OpenAIError::JSONDeserialize(..) => Fault::new(FailureKind::Broken, "a piece of its answer cannot be read"),
        _ => Fault::new(FailureKind::Broken, "its answer ended in the middle"),
    }
}

/// What the operating system or TLS said, in fixed words.
fn cause(error: &reqwest::Error) -> Option<&'static str> {
    use std::{error::Error, io::ErrorKind};
    if error.is_timeout() {
        return Some("connecting took too long");
    }
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                ErrorKind::ConnectionRefused => Some("it was refused"),
                ErrorKind::ConnectionReset => Some("it was reset"),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("there is no way to it"),
                ErrorKind::InvalidData => Some("TLS failed"),
                _ => Some("the name or the address leads nowhere"),
            };
        }
        source = inner.source();
    }
    None
}

fn explained(fault: Fault, progress: &Progress) -> String {
    if progress.is_too_large() {
        received::too_large().detail
    } else {
        fault.detail
    }
}
