//! One configured provider: how many calls it takes at once, how often one is repeated, when it is left alone, and what each call
//! costs. Everything that asks a model goes through [`Provider::chat`].

mod attempt;
mod breaker;
mod identity;
mod outcome;
mod queue;
mod waits;

pub use breaker::BreakerState;
pub use outcome::{Answered, AttemptObservation, CallError, Observation, Observer, Unavailable, UnavailableReason};

use super::{
    chat::{CallContext, ChatFailure, ChatRequest, FailureKind},
    meter::Meter,
    openai::{Connections, OpenAiModel},
};
use crate::{config, domain::prices::Prices};
use attempt::{Call, given_up};
use backon::ExponentialBackoff;
use breaker::Breaker;
use queue::Queue;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use waits::{spread, waits};

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
    identity: Box<str>,
    settings: config::Model,
    model: OpenAiModel,
}

impl ModelHandle {
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The model and everything configured that changes what it answers.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.0.identity
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
                identity: identity::of(&settings, model).into(),
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
        let mut call = Call::new(self, model, request, context, meter);
        let mut waits = waits(&self.settings);
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
                    if let CallError::Unavailable(unavailable) = &error {
                        (self.observer)(&Observation::TurnedAway {
                            engine: Arc::clone(&self.name),
                            reason: unavailable.reason,
                        });
                    }
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
        let left = deadline.checked_duration_since(Instant::now() + LEAST_TIME)?;
        let asked = asked.map(|asked| spread(asked, longest, left));
        let wait = waits.next()?.min(longest).max(asked.unwrap_or_default());
        (wait < left).then_some(wait)
    }
}
