//! One configured provider: how many calls it takes at once, how often one is repeated, when it is left alone, and what each call
//! costs. Everything that asks a model goes through [`Provider::chat`].

mod breaker;
mod outcome;
mod queue;

pub use breaker::BreakerState;
pub use outcome::{Answered, AttemptObservation, CallError, Observer, Unavailable, UnavailableReason};

use super::{
    chat::{CallContext, ChatFailure, ChatReply, ChatRequest, FailureKind, Used},
    meter::{Meter, PlannedCall, SettledCall},
    openai::{Connections, OpenAiModel},
    tokenizer,
};
use crate::{
    config,
    domain::{prices::Prices, usage::Usage},
};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use breaker::Breaker;
use queue::{Queue, Turned};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The wait before a call is repeated for the first time; twice as long each time, and up to as much again by chance.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A call that could begin only with less time left than this is not begun: it would cost money and come to nothing.
const LEAST_TIME: Duration = Duration::from_millis(100);

/// A server with its models.
pub struct Provider {
    name: Arc<str>,
    settings: Arc<config::Provider>,
    models: Vec<ModelHandle>,
    queue: Queue,
    breaker: Breaker,
    observer: Observer,
}

/// One model of a provider.
#[derive(Clone)]
pub struct ModelHandle(Arc<Handled>);

struct Handled {
    name: Arc<str>,
    settings: config::Model,
    model: OpenAiModel,
}

impl ModelHandle {
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// How many tokens of input and output together fit.
    #[must_use]
    pub fn context_tokens(&self) -> u32 {
        self.0.settings.context_tokens
    }

    #[must_use]
    pub fn max_output_tokens(&self) -> u32 {
        self.0.settings.max_output_tokens
    }

    #[must_use]
    pub fn prices(&self) -> Prices {
        self.0.settings.prices()
    }
}

impl Provider {
    /// # Errors
    /// In words, when the provider cannot be reached as it is configured.
    pub fn new(settings: &config::Provider, observer: Observer) -> Result<Arc<Self>, String> {
        let connections = Connections::new(settings)?;
        let settings = Arc::new(settings.clone());
        let handle = |model: &config::Model| {
            Ok(ModelHandle(Arc::new(Handled {
                name: Arc::from(model.name.as_str()),
                model: OpenAiModel::new(&settings, model, &connections)?,
                settings: model.clone(),
            })))
        };
        let models = settings.models.iter().map(handle).collect::<Result<Vec<_>, String>>()?;
        if models.is_empty() {
            return Err(format!("the provider `{}` has no model", settings.name));
        }
        let name: Arc<str> = Arc::from(settings.name.as_str());
        Ok(Arc::new(Self {
            breaker: Breaker::new(&name),
            queue: Queue::new(&settings),
            name,
            settings,
            models,
            observer,
        }))
    }

    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// At least one; the first is the one that is asked when no model is named.
    #[must_use]
    pub fn models(&self) -> &[ModelHandle] {
        &self.models
    }

    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelHandle> {
        self.models.iter().find(|model| &*model.0.name == name)
    }

    /// A model and everything configured that changes what it answers: its server, what it is asked for and how much it may say.
    #[must_use]
    pub fn identity_of(&self, model: &ModelHandle) -> String {
        let (server, of_model) = (&self.settings, &model.0.settings);
        let config::Provider {
            base_url,
            kind,
            structured_output,
            ..
        } = &**server;
        format!(
            "{}/{} at {base_url} {kind:?} {structured_output:?} {} {} {} {}\n",
            self.name,
            of_model.name,
            of_model.context_tokens,
            of_model.max_output_tokens,
            of_model.temperature,
            of_model.logprobs.unwrap_or(server.logprobs),
        )
    }

    /// Whether it is called at present.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Asks a model, again if need be, within the time that the provider may take; every attempt is booked. It must be driven to its
    /// end, or what was set aside stays so: to give it up, cancel it through the context.
    pub async fn chat(
        &self,
        model: &ModelHandle,
        request: &ChatRequest,
        context: &CallContext,
        meter: &dyn Meter,
    ) -> Result<Answered, CallError> {
        let mut call = Call {
            provider: self,
            model: &model.0,
            request: within_limits(request, model.max_output_tokens()),
            context,
            meter,
            deadline: Instant::now() + self.settings.timeout(),
            usage: Usage::default(),
        };
        let mut waits = self.waits();
        let mut last = None;
        loop {
            let failure = match Box::pin(call.attempt()).await {
                Ok(reply) => {
                    let usage = call.usage;
                    return Ok(Answered { reply, usage });
                }
                Err(CallError::Failed(failure, _)) => failure,
                // It was asked before, and that is why there is no answer.
                Err(error) => {
                    return Err(last.map_or(error, |failure| CallError::Failed(failure, call.usage)));
                }
            };
            let Some(wait) = self.wait_before_repeating(&failure, &mut waits, call.deadline) else {
                return Err(CallError::Failed(failure, call.usage));
            };
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => return Err(CallError::Failed(given_up(), call.usage)),
                () = sleep(wait) => last = Some(failure),
            }
        }
    }

    fn waits(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(self.settings.longest_wait().max(FIRST_WAIT))
            .with_max_times(self.settings.retries as usize)
            .with_jitter()
            .build()
    }

    /// How long to wait before the call is repeated, if it is.
    fn wait_before_repeating(
        &self,
        failure: &ChatFailure,
        waits: &mut ExponentialBackoff,
        deadline: Instant,
    ) -> Option<Duration> {
        let asked = match failure.kind {
            FailureKind::RateLimited { retry_after } | FailureKind::ServerError { retry_after, .. } => retry_after,
            _ => None,
        };
        // Every call keeps to it, not only this one.
        if let Some(asked) = asked.filter(|asked| !asked.is_zero()) {
            self.breaker.leave_alone(asked);
        }
        let longest = self.settings.longest_wait();
        if asked.is_some_and(|asked| asked > longest) || failure.began || !failure.kind.may_be_repeated() {
            return None;
        }
        let wait = waits.next()?.min(longest).max(asked.unwrap_or_default());
        (Instant::now() + wait + LEAST_TIME < deadline).then_some(wait)
    }
}

/// One question and all the attempts to have it answered.
struct Call<'a> {
    provider: &'a Provider,
    model: &'a Handled,
    request: Cow<'a, ChatRequest>,
    context: &'a CallContext,
    meter: &'a dyn Meter,
    deadline: Instant,
    usage: Usage,
}

impl Call<'_> {
    async fn attempt(&mut self) -> Result<ChatReply, CallError> {
        let provider = self.provider;
        self.wait_out_a_pause().await?;
        let passage = provider.breaker.enter().map_err(left_alone)?;
        let place = provider
            .queue
            .enter(&self.context.cancel, self.deadline - LEAST_TIME)
            .await;
        let place = place.map_err(|turned| self.turned_away(&turned))?;
        // Others may have been told to wait in the meantime.
        self.wait_out_a_pause().await?;
        if passage.is_void() {
            return Err(left_alone(None));
        }
        let hold = self
            .meter
            .reserve(&self.planned())
            .await
            .map_err(CallError::OverBudget)?;
        let began = Instant::now();
        let is_late = self.deadline - began < provider.settings.timeout() / 2;
        let outcome = self
            .model
            .model
            .call_until(&self.request, self.context, self.deadline)
            .await;
        let duration = began.elapsed();
        let had_little_time = is_late && Instant::now() >= self.deadline;
        drop(place);
        match &outcome {
            // One that nobody waited for any longer, after half of the time that its first piece may take, without a piece.
            Err(failure)
                if failure.kind == FailureKind::Cancelled
                    && failure.used.tokens.output == 0
                    && duration >= provider.settings.first_piece_timeout() / 2 =>
            {
                passage.failed();
            }
            // Of a call that was given up earlier, or that had waited here for most of its time, nothing can be said.
            Err(failure) if failure.kind == FailureKind::Cancelled => drop(passage),
            Err(failure) if failure.kind == FailureKind::TimedOut && had_little_time => drop(passage),
            Err(failure) if failure.kind.blames_provider() => passage.failed(),
            Ok(_) | Err(_) => passage.succeeded(),
        }
        let used = outcome.as_ref().map_or_else(|failure| failure.used, |reply| reply.used);
        let cost = self.model.settings.prices().cost(used.tokens);
        (provider.observer)(&AttemptObservation {
            engine: Arc::clone(&provider.name),
            model: Arc::clone(&self.model.name),
            failure: outcome.as_ref().err().map(|failure| failure.kind),
            duration,
            first_piece_after: outcome.as_ref().ok().and_then(|reply| reply.first_piece_after),
            used,
            cost,
            repeated: self.usage.calls > 0,
        });
        self.usage += Usage {
            tokens: used.tokens,
            cost,
            estimated: used.estimated,
            calls: 1,
        };
        let settled = SettledCall {
            engine: Arc::clone(&provider.name),
            model: Arc::clone(&self.model.name),
            used,
            cost,
        };
        self.meter.settle(hold, settled).await;
        outcome.map_err(|failure| CallError::Failed(failure, self.usage))
    }

    /// Waits until the provider may be called again, if that is soon.
    async fn wait_out_a_pause(&self) -> Result<(), CallError> {
        while let Some(rest) = self.provider.breaker.asked_for() {
            let is_soon = rest <= self.provider.settings.longest_wait();
            if !is_soon || Instant::now() + rest + LEAST_TIME > self.deadline {
                return Err(left_alone(Some(rest)));
            }
            tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(CallError::Failed(given_up(), self.usage)),
                () = sleep(rest) => {}
            }
        }
        Ok(())
    }

    fn planned(&self) -> PlannedCall {
        let input = tokenizer::upper_bound(&self.request);
        let output = i64::from(self.request.max_output_tokens);
        PlannedCall {
            engine: Arc::clone(&self.provider.name),
            model: Arc::clone(&self.model.name),
            worst_tokens: input.saturating_add(output),
            worst_cost: self.model.settings.prices().worst_cost(input, output),
        }
    }

    fn turned_away(&self, turned: &Turned) -> CallError {
        let reason = match turned {
            Turned::Full => UnavailableReason::QueueFull,
            Turned::TooLate => UnavailableReason::NoTurn,
            Turned::Cancelled => return CallError::Failed(given_up(), self.usage),
        };
        CallError::Unavailable(Unavailable {
            reason,
            retry_after: None,
        })
    }
}

/// The request, with no more output than the model may write.
fn within_limits(request: &ChatRequest, most: u32) -> Cow<'_, ChatRequest> {
    if request.max_output_tokens <= most {
        return Cow::Borrowed(request);
    }
    Cow::Owned(ChatRequest {
        max_output_tokens: most,
        ..request.clone()
    })
}

fn left_alone(retry_after: Option<Duration>) -> CallError {
    CallError::Unavailable(Unavailable {
        reason: UnavailableReason::LeftAlone,
        retry_after,
    })
}

fn given_up() -> ChatFailure {
    ChatFailure {
        kind: FailureKind::Cancelled,
        detail: "it was given up while it waited".to_owned(),
        used: Used::default(),
        alive: false,
        began: false,
    }
}
