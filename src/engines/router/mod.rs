//! Who is asked: one engine that a request names, or those of the configured route one after the other, with the embedded engine
//! last. An answer of the embedded engine in place of another is marked as degraded, with the reason.

mod asked;
mod candidates;
mod estimating;
mod failures;
mod hedging;
mod observing;
mod plan;
mod turns;

pub use candidates::ModelInUse;
pub use estimating::Estimate;
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
    telemetry::{Metrics, Share},
};
use asked::Asked;
use candidates::{Said, answer_of};
use failures::{Failures, in_words};
use hedging::hedged;
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use turns::Turns;

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
    /// By when an answer is of use: the models of a route share the time until then, with some of it kept for the end. `None` for
    /// streams, and where nobody waits.
    pub deadline: Option<Instant>,
}

impl Asking {
    /// For questions that cost nothing and that nobody follows.
    #[must_use]
    pub fn free() -> Self {
        Self {
            meter: Arc::new(NoMeter),
            cancel: CancellationToken::new(),
            pieces: None,
            deadline: None,
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
    /// Why it is not what was wanted: another engine answered, or the wanted one wrote nothing that can be used, and sentences of
    /// the text stand in for it.
    pub degraded: Option<String>,
}

impl Answered {
    /// Whether the embedded engine answered because nobody else did, which another time may be different. An answer that a model was
    /// paid for is none, even if what it wrote could not be used: it would write the same again.
    #[must_use]
    pub fn is_makeshift(&self) -> bool {
        self.degraded.is_some() && self.engine == config::EMBEDDED
    }
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
        for (provider, model) in config::without_prices(providers) {
            tracing::warn!(
                engine = provider,
                model,
                "the model has no prices: its calls count as free, and no budget of money holds them; `input` and `output` of \"0\" \
                 say that this is meant"
            );
        }
        let observer = observing::observer(metrics);
        let providers = providers
            .iter()
            .map(|settings| Provider::new(settings, Arc::clone(&observer)).map_err(anyhow::Error::msg))
            .collect::<anyhow::Result<Arc<[_]>>>()?;
        observing::announce(metrics, &providers);
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
        let mut failures = Failures::default();
        let turns = Turns::new(asking);
        let mut candidates = plan.candidates.iter();
        while let Some(candidate) = candidates.next() {
            let Candidate::Model(model) = candidate else {
                let answer = self.answer_embedded(plan, question, failures).await;
                return answer.map(|answer| Answered { usage, ..answer });
            };
            let others = candidates.clone().filter_map(Candidate::as_model);
            let left = 1 + u32::try_from(others.count()).unwrap_or(u32::MAX - 1);
            let beside = plan
                .hedge_after
                .filter(|_| asking.pieces.is_none())
                .and_then(|after| Some((after, candidates.clone().find_map(Candidate::as_model)?)));
            let Some((turn, asking)) = turns.next(1 + u32::from(beside.is_some()), left, asking) else {
                let why = TaskError::Unavailable {
                    why: "no time is left".to_owned(),
                    retry_after: None,
                };
                note(model, &why, &mut failures);
                continue;
            };
            let asked = if let Some((after, other)) = beside {
                let work = hedged((model, other), after, &self.embedded, question, &asking);
                let asked = Box::pin(turn.of(work)).await;
                if asked.was_asked(other) {
                    self.metrics
                        .providers()
                        .hedged(other.provider.name(), other.handle.name());
                }
                asked
            } else {
                let work = async { Asked::one(model, answer_of(model, &self.embedded, question, &asking).await) };
                Box::pin(turn.of(work)).await
            };
            usage += asked.usage;
            if asked.outcomes.len() > 1 {
                // The next one has had its turn.
                candidates.next();
            }
            let began = asked.began;
            for (model, outcome) in asked.best_first() {
                let error = match outcome {
                    Ok(said) => {
                        if self.is_cascade(plan, question) {
                            self.metrics.models().cascaded(Share::Model, 0);
                        }
                        return Ok(answered(&model, said, usage));
                    }
                    Err(TaskError::Final(error)) => return Err(error),
                    Err(TaskError::Failed {
                        kind: FailureKind::Cancelled,
                        ..
                    }) => return Err(failures::given_up()),
                    Err(error) => error,
                };
                note(&model, &error, &mut failures);
            }
            if began {
                // What was handed on cannot be taken back.
                break;
            }
        }
        Err(failures.into_error())
    }

    /// Whether the embedded engine is asked first.
    fn is_cascade(&self, plan: &Plan, question: &Question) -> bool {
        plan.cascade_confidence.is_some()
            && matches!(question, Question::Classification { .. })
            && self.embedded.cannot(question).is_none()
    }

    /// The embedded engine's own answer, where a route asks for it first and it is sure enough.
    async fn answer_of_cascade(&self, plan: &Plan, question: &Question) -> Result<Option<Answered>> {
        let Some(wanted) = plan.cascade_confidence else {
            return Ok(None);
        };
        let Question::Classification { text, .. } = question else {
            return Ok(None);
        };
        if !self.is_cascade(plan, question) {
            return Ok(None);
        }
        let answer = self.answer_embedded(plan, question, Failures::default()).await?;
        let AnalysisOutput::Classification(classification) = &answer.output else {
            return Ok(None);
        };
        let sure = classification.abstained.is_none()
            && classification.confidence_source == ConfidenceSource::Embedded
            && classification.confidence.is_some_and(|confidence| confidence >= wanted);
        if !sure {
            return Ok(None);
        }
        let saved = plan.candidates.iter().find_map(Candidate::as_model).map(|model| {
            model.handle.prices().cost(Tokens {
                input: tokenizer::rough_count(text),
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
    async fn answer_embedded(&self, plan: &Plan, question: &Question, failures: Failures) -> Result<Answered> {
        let cannot = self.embedded.cannot(question);
        let cannot = cannot.map(|what| format!("the embedded engine {what}"));
        let failed = (!failures.is_empty()).then(|| failures.in_words());
        let degraded = match (failed, cannot) {
            (None, Some(cannot)) if plan.is_embedded_by_choice() => return Err(Error::invalid("/engine", cannot)),
            (Some(failure), Some(cannot)) => Some(format!("{failure}; {cannot}")),
            (Some(reason), None) | (None, Some(reason)) => Some(reason),
            (None, None) => {
                let stands_in = matches!(question, Question::Generation(_)) && !plan.is_embedded_by_choice();
                stands_in.then(|| "no model is configured: these are sentences of the text".to_owned())
            }
        };
        let output = match self.embedded.answer(question).await {
            // Not the request is at fault, but those who were to answer it.
            Err(Error::Invalid(_)) if !failures.is_empty() => return Err(failures.into_error()),
            outcome => outcome?,
        };
        Ok(Answered {
            output,
            engine: config::EMBEDDED.to_owned(),
            model: LocalEngine::MODEL.to_owned(),
            usage: Usage::default(),
            degraded,
        })
    }
}

fn answered(model: &ModelInUse, said: Said, usage: Usage) -> Answered {
    let provider = model.provider.name();
    Answered {
        output: said.output,
        engine: provider.to_string(),
        model: model.handle.name().to_string(),
        usage,
        degraded: said.stood_in.map(|why| format!("the provider `{provider}` {why}")),
    }
}

fn note(model: &ModelInUse, error: &TaskError, failures: &mut Failures) {
    let words = in_words(model.provider.name(), error);
    let detail = match error {
        TaskError::Failed { detail, .. } => detail.as_str(),
        _ => "",
    };
    tracing::warn!(engine = %model.provider.name(), model = %model.handle.name(), reason = words, detail, "an engine did not answer");
    failures.add(words, error);
}
