//! Who is asked: one engine that a request names, or those of the configured route one after the other, with the embedded engine
//! last. An answer of the embedded engine in place of another is marked as degraded, with the reason.

mod asked;
mod candidates;
mod plan;

pub use candidates::ModelInUse;
pub use plan::{Candidate, Plan};

use super::{
    LocalEngine, Meter, NoMeter, Question,
    chat::{FailureKind, PieceSink},
    provider::Provider,
    tasks::TaskError,
};
use crate::{
    config,
    domain::{
        Error, Result,
        analyses::AnalysisKind,
        analyses::AnalysisOutput,
        answers::ConfidenceSource,
        engines::EngineChoice,
        usage::{Tokens, Usage},
    },
    engines::tokenizer,
    telemetry::{CallUse, Metrics, Share},
};
use asked::Asked;
use candidates::answer_of;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// About how many tokens a label costs as an answer, for what a cascade has saved.
const TOKENS_OF_A_LABEL: i64 = 16;

/// Every engine there is, and the routes between them. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    embedded: LocalEngine,
    providers: Arc<[Arc<Provider>]>,
    plans: Arc<BTreeMap<&'static str, Plan>>,
    metrics: Metrics,
}

/// What goes along with a question.
#[derive(Clone)]
pub struct Asking {
    /// The books of whoever asks.
    pub meter: Arc<dyn Meter>,
    /// Gives the question up.
    pub cancel: CancellationToken,
    /// Takes pieces of the answer, if somebody waits for them.
    pub pieces: Option<PieceSink>,
}

impl Asking {
    /// For questions that cost nothing and that nobody follows.
    #[must_use]
    pub fn free() -> Self {
        Self {
            meter: Arc::new(NoMeter),
            cancel: CancellationToken::new(),
            pieces: None,
        }
    }
}

/// An answer, and who gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub output: AnalysisOutput,
    /// `embedded`, or the name of the provider.
    pub engine: String,
    pub model: String,
    /// What all engines together used that were asked.
    pub usage: Usage,
    /// Why it is not the wanted engine that answered.
    pub degraded: Option<String>,
}

impl Router {
    /// Only the embedded engine.
    #[must_use]
    pub fn embedded_only(metrics: &Metrics) -> Self {
        Self {
            embedded: LocalEngine::default(),
            providers: Arc::new([]),
            plans: Arc::new(BTreeMap::new()),
            metrics: metrics.clone(),
        }
    }

    /// # Errors
    /// In words, when a provider cannot be reached as it is configured, or a route names an engine that is not there.
    pub fn new(providers: &[config::Provider], routes: &config::Routes, metrics: &Metrics) -> anyhow::Result<Self> {
        let of_attempts = metrics.clone();
        let observer: super::provider::Observer = Arc::new(move |attempt| {
            of_attempts
                .models()
                .model_called(&attempt.engine, &attempt.model, attempt.outcome(), attempt.duration);
            if let Some(after) = attempt.first_piece_after {
                of_attempts.models().first_piece(&attempt.engine, &attempt.model, after);
            }
            let used = CallUse {
                input: attempt.used.tokens.input,
                cached_input: attempt.used.tokens.cached_input,
                output: attempt.used.tokens.output,
                cost: attempt.cost.0,
            };
            of_attempts.models().model_used(&attempt.engine, &attempt.model, used);
        });
        let providers = providers
            .iter()
            .map(|settings| Provider::new(settings, Arc::clone(&observer)).map_err(anyhow::Error::msg))
            .collect::<anyhow::Result<Arc<[_]>>>()?;
        let mut plans = BTreeMap::new();
        for (name, route) in routes.named() {
            let plan =
                Plan::of_route(route, &providers).map_err(|fault| anyhow::anyhow!("`routes.{name}`: {fault}"))?;
            plans.insert(name, plan);
        }
        Ok(Self {
            embedded: LocalEngine::default(),
            providers,
            plans: Arc::new(plans),
            metrics: metrics.clone(),
        })
    }

    #[must_use]
    pub fn embedded(&self) -> &LocalEngine {
        &self.embedded
    }

    #[must_use]
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Who is to be asked.
    ///
    /// # Errors
    /// `Error::Invalid` at `/engine` for an engine or a model that is not there.
    pub fn plan(&self, kind: AnalysisKind, choice: &EngineChoice) -> Result<Plan> {
        match choice {
            EngineChoice::Auto => {
                let route = self.plans.get(kind.name()).or_else(|| self.plans.get("default"));
                Ok(route.cloned().unwrap_or_else(|| Plan::of_all(&self.providers)))
            }
            EngineChoice::Embedded => Ok(Plan::embedded()),
            EngineChoice::Provider { name, model } => {
                let candidate = Candidate::find(&self.providers, name, model.as_deref());
                candidate
                    .map(Plan::only)
                    .map_err(|fault| Error::invalid("/engine", fault))
            }
        }
    }

    /// Asks those of the plan until one answers.
    ///
    /// # Errors
    /// `Error::OverBudget` when a budget does not hold the call, `Error::Upstream` when nobody answered who was to.
    pub async fn answer(&self, plan: &Plan, question: &Question, asking: &Asking) -> Result<Answered> {
        if let Some(answer) = self.answer_of_cascade(plan, question).await? {
            return Ok(answer);
        }
        let mut usage = Usage::default();
        let mut failures: Vec<String> = Vec::new();
        let mut retry_after = None;
        let mut candidates = plan.candidates.iter();
        while let Some(candidate) = candidates.next() {
            let model = match candidate {
                Candidate::Embedded if failures.is_empty() => return self.answer_embedded(plan, question, None).await,
                Candidate::Embedded => {
                    let reason = failures.join("; ");
                    return self
                        .answer_embedded(plan, question, Some(reason))
                        .await
                        .map(|answer| Answered { usage, ..answer });
                }
                Candidate::Model(model) => model,
            };
            let beside = plan
                .hedge_after
                .filter(|_| asking.pieces.is_none())
                .and_then(|after| Some((after, candidates.clone().find_map(Candidate::as_model)?)));
            let asked = if let Some((after, other)) = beside {
                Box::pin(self.hedged((model, other), after, question, asking)).await
            } else {
                Asked::one(
                    model,
                    Box::pin(answer_of(model, &self.embedded, question, asking)).await,
                )
            };
            usage += asked.usage;
            if asked.outcomes.len() > 1 {
                // The next one has had its turn.
                candidates.next();
            }
            let began = asked.began;
            for (model, outcome) in asked.best_first() {
                let error = match outcome {
                    Ok(output) => {
                        return Ok(Answered {
                            output,
                            engine: model.provider.name().to_string(),
                            model: model.handle.name().to_string(),
                            usage,
                            degraded: None,
                        });
                    }
                    Err(TaskError::Final(error)) => return Err(error),
                    Err(TaskError::Failed {
                        kind: FailureKind::Cancelled,
                        ..
                    }) => return Err(given_up()),
                    Err(error) => error,
                };
                let words = in_words(model.provider.name(), &error);
                tracing::warn!(engine = %model.provider.name(), model = %model.handle.name(), reason = words, "an engine did not answer");
                retry_after = retry_after.or(wait_of(&error));
                failures.push(words);
            }
            if began {
                // What was handed on cannot be taken back.
                break;
            }
        }
        Err(Error::Upstream {
            message: failures.join("; "),
            retry_after,
        })
    }

    /// The embedded engine's own answer, where a route asks for it first and it is sure enough.
    async fn answer_of_cascade(&self, plan: &Plan, question: &Question) -> Result<Option<Answered>> {
        let Some(wanted) = plan.cascade_confidence else {
            return Ok(None);
        };
        let Question::Classification { text, .. } = question else {
            return Ok(None);
        };
        if self.embedded.cannot(question).is_some() {
            return Ok(None);
        }
        let answer = self.answer_embedded(plan, question, None).await?;
        let AnalysisOutput::Classification(classification) = &answer.output else {
            return Ok(None);
        };
        let sure = classification.abstained.is_none()
            && classification.confidence_source == ConfidenceSource::Embedded
            && classification.confidence.is_some_and(|confidence| confidence >= wanted);
        if !sure {
            self.metrics.models().cascaded(Share::Model, 0);
            return Ok(None);
        }
        let saved = plan.candidates.iter().find_map(Candidate::as_model).map(|model| {
            model.handle.prices().cost(Tokens {
                input: tokenizer::count(text),
                cached_input: 0,
                output: TOKENS_OF_A_LABEL,
            })
        });
        self.metrics
            .models()
            .cascaded(Share::Embedded, saved.map_or(0, |saved| saved.0));
        Ok(Some(answer))
    }

    /// The embedded engine's answer, in place of those who have failed if some have.
    async fn answer_embedded(&self, plan: &Plan, question: &Question, failure: Option<String>) -> Result<Answered> {
        let cannot = self.embedded.cannot(question);
        let cannot = cannot.map(|what| format!("the embedded engine {what}"));
        let degraded = match (failure.clone(), cannot) {
            (None, Some(cannot)) if plan.is_embedded_by_choice() => return Err(Error::invalid("/engine", cannot)),
            (Some(failure), Some(cannot)) => Some(format!("{failure}; {cannot}")),
            (Some(reason), None) | (None, Some(reason)) => Some(reason),
            (None, None) => {
                let stands_in = matches!(question, Question::Generation(_)) && !plan.is_embedded_by_choice();
                stands_in.then(|| "no model is configured: these are sentences of the text".to_owned())
            }
        };
        let output = match (self.embedded.answer(question).await, failure) {
            (Ok(output), _) => output,
            // Not the request is at fault, but those who were to answer it.
            (Err(Error::Invalid(_)), Some(message)) => {
                let retry_after = None;
                return Err(Error::Upstream { message, retry_after });
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Answered {
            output,
            engine: config::EMBEDDED.to_owned(),
            model: LocalEngine::MODEL.to_owned(),
            usage: Usage::default(),
            degraded,
        })
    }

    /// Asks a second model when the first has not answered after a while; the first answer counts, the other is given up.
    async fn hedged(
        &self,
        (first, second): (&ModelInUse, &ModelInUse),
        after: Duration,
        question: &Question,
        asking: &Asking,
    ) -> Asked {
        let with_own_end = |model: &ModelInUse| {
            let cancel = asking.cancel.child_token();
            let asking = Asking {
                cancel: cancel.clone(),
                ..asking.clone()
            };
            let (model, embedded, question) = (model.clone(), self.embedded.clone(), question.clone());
            let work = async move {
                let answer = answer_of(&model, &embedded, &question, &asking).await;
                Asked::one(&model, answer)
            };
            (cancel, Box::pin(work))
        };
        let (cancel_first, mut of_first) = with_own_end(first);
        tokio::select! {
            asked = &mut of_first => return asked,
            () = tokio::time::sleep(after) => {}
        }
        let (cancel_second, mut of_second) = with_own_end(second);
        // Whoever is given up is waited for, so that what it used is booked.
        let (earlier, cancel, later) = tokio::select! {
            asked = &mut of_first => (asked, cancel_second, of_second),
            asked = &mut of_second => (asked, cancel_first, of_first),
        };
        if earlier.outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
            cancel.cancel();
        }
        earlier.and(later.await)
    }
}

fn given_up() -> Error {
    Error::Unavailable {
        message: Cow::Borrowed("the answer was given up, because nobody waits for it any more"),
        source: None,
    }
}

/// What a provider did, for people.
fn in_words(provider: &str, error: &TaskError) -> String {
    match error {
        TaskError::Final(error) => error.to_string(),
        TaskError::Failed { kind, .. } => {
            let what = match kind {
                FailureKind::Unreachable => "cannot be reached",
                FailureKind::RateLimited { .. } => "takes no more requests at present",
                FailureKind::ServerError { .. } => "failed",
                FailureKind::TimedOut => "took too long",
                FailureKind::Broken => "broke off its answer",
                FailureKind::ContextExceeded => "cannot take a text of this length",
                FailureKind::Unauthorized => "does not accept the configured key",
                FailureKind::Refused { .. } => "refused the request",
                FailureKind::Cancelled => "was given up",
            };
            format!("the provider `{provider}` {what}")
        }
        TaskError::Unavailable { why, .. } => format!("the provider `{provider}` was not asked: {why}"),
        TaskError::Unusable(why) => format!("the provider `{provider}` gave no usable answer: {why}"),
    }
}

fn wait_of(error: &TaskError) -> Option<Duration> {
    match error {
        TaskError::Failed {
            kind: FailureKind::RateLimited { retry_after } | FailureKind::ServerError { retry_after, .. },
            ..
        }
        | TaskError::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}
