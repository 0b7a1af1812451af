//! One question to a provider and the attempts to have it answered: waiting for a turn, setting aside, calling, booking, and what
//! each attempt says of the provider.

use super::{
    Handled, LEAST_TIME, ModelHandle, Observation, Provider,
    breaker::Passage,
    outcome::{AttemptObservation, CallError, Unavailable, UnavailableReason},
    queue::Turned,
    waits::spread,
};
use crate::{
    domain::usage::Usage,
    engines::{
        chat::{CallContext, ChatFailure, ChatReply, ChatRequest, FailureKind, Used},
        meter::{Meter, PlannedCall, SettledCall},
        tokenizer,
    },
};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// One question and all the attempts to have it answered.
pub struct Call<'a> {
    provider: &'a Provider,
    model: &'a Handled,
    request: Cow<'a, ChatRequest>,
    context: &'a CallContext,
    meter: &'a dyn Meter,
    pub deadline: Instant,
    /// Of all attempts so far.
    pub usage: Usage,
}

impl<'a> Call<'a> {
    /// Its time begins now.
    pub fn new(
        provider: &'a Provider,
        model: &'a ModelHandle,
        request: &'a ChatRequest,
        context: &'a CallContext,
        meter: &'a dyn Meter,
    ) -> Self {
        Self {
            provider,
            model: &model.0,
            request: within_limits(request, model.max_output_tokens()),
            context,
            meter,
            deadline: Instant::now() + provider.settings.timeout(),
            usage: Usage::default(),
        }
    }

    pub async fn attempt(&mut self) -> Result<ChatReply, CallError> {
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
        self.tell(passage, outcome.as_ref().err(), duration, had_little_time);
        let used = outcome.as_ref().map_or_else(|failure| failure.used, |reply| reply.used);
        let cost = self.model.settings.prices().cost(used.tokens);
        (provider.observer)(&Observation::Attempt(AttemptObservation {
            engine: Arc::clone(&provider.name),
            model: Arc::clone(&self.model.name),
            failure: outcome.as_ref().err().map(|failure| failure.kind),
            duration,
            first_piece_after: outcome.as_ref().ok().and_then(|reply| reply.first_piece_after),
            used,
            cost,
            repeated: self.usage.calls > 0,
        }));
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

    /// What an attempt says of the provider.
    fn tell(&self, passage: Passage<'_>, failure: Option<&ChatFailure>, took: Duration, had_little_time: bool) {
        let settings = &self.provider.settings;
        // The time after which nothing is heard of a call that is well: where answers come in one piece, their end is the first sign.
        let patience = if settings.streaming {
            settings.first_piece_timeout()
        } else {
            settings.timeout()
        };
        match failure {
            // One that nobody waited for any longer, after half of that time, without a sign.
            Some(failure) if failure.kind == FailureKind::Cancelled && !failure.alive && took >= patience / 2 => {
                passage.failed();
            }
            // Of a call that was given up earlier, or that had waited here for most of its time, nothing can be said.
            Some(failure) if failure.kind == FailureKind::Cancelled => drop(passage),
            Some(failure) if failure.kind == FailureKind::TimedOut && had_little_time => drop(passage),
            Some(failure) if failure.kind.blames_provider() => passage.failed(),
            Some(_) | None => passage.succeeded(),
        }
    }

    /// Waits until the provider may be called again, if that is soon.
    async fn wait_out_a_pause(&self) -> Result<(), CallError> {
        while let Some(rest) = self.provider.breaker.asked_for() {
            let longest = self.provider.settings.longest_wait();
            let left = self.deadline.saturating_duration_since(Instant::now() + LEAST_TIME);
            if rest > longest.min(left) {
                return Err(left_alone(Some(rest)));
            }
            tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(CallError::Failed(given_up(), self.usage)),
                () = sleep(spread(rest, longest, left)) => {}
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

pub fn given_up() -> ChatFailure {
    ChatFailure {
        kind: FailureKind::Cancelled,
        detail: "it was given up while it waited".to_owned(),
        used: Used::default(),
        alive: false,
        began: false,
    }
}
