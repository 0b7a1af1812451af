//! Asks one model one question: the task with the provider's limits, retries and books around it.

use super::Asking;
use crate::{
    domain::{analyses::AnalysisOutput, usage::Usage},
    engines::{
        LocalEngine, Question,
        chat::{CallContext, ChatReply, ChatRequest, PieceSink},
        provider::{CallError, ModelHandle, Provider, UnavailableReason},
        tasks::{self, Cleaner, Model, TaskError},
    },
};
use futures_util::future::BoxFuture;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// A model and the provider that it is reached through.
#[derive(Clone)]
pub struct ModelInUse {
    pub provider: Arc<Provider>,
    pub handle: ModelHandle,
}

/// An answer, and why it is not the model's own if it is not.
pub(super) struct Said {
    pub output: AnalysisOutput,
    /// In words that follow the provider's name.
    pub stood_in: Option<&'static str>,
}

impl Said {
    fn own(output: AnalysisOutput) -> Self {
        let stood_in = None;
        Self { output, stood_in }
    }
}

/// What came of asking one model.
pub(super) struct Answer {
    pub outcome: Result<Said, TaskError>,
    /// In any case.
    pub usage: Usage,
    /// Whether pieces of it were handed on, which cannot be taken back.
    pub began: bool,
}

/// Asks the model.
pub(super) async fn answer_of(
    model: &ModelInUse,
    embedded: &LocalEngine,
    question: &Question,
    asking: &Asking,
) -> Answer {
    let metered = Metered {
        model,
        asking,
        usage: Mutex::default(),
        began: Arc::default(),
    };
    let outcome = match question {
        Question::Summary { text, options } => {
            let summary = Box::pin(tasks::summarize(&metered, embedded.embedded(), text, options)).await;
            summary.map(|found| Said {
                output: AnalysisOutput::Summary(found.summary),
                stood_in: found.stood_in,
            })
        }
        Question::Classification { text, labels, options } => {
            let answer = Box::pin(tasks::classify(&metered, text, &labels.labels, options)).await;
            answer.map(|answer| Said::own(AnalysisOutput::Classification(answer)))
        }
        Question::Generation(question) => {
            let answer = Box::pin(tasks::generate(&metered, question)).await;
            answer.map(|answer| Said::own(AnalysisOutput::Generation(answer)))
        }
    };
    Answer {
        outcome,
        usage: *metered.usage.lock().unwrap_or_else(PoisonError::into_inner),
        began: metered.began.load(Ordering::Acquire),
    }
}

/// A model that adds up what it uses.
struct Metered<'a> {
    model: &'a ModelInUse,
    asking: &'a Asking,
    usage: Mutex<Usage>,
    /// Whether pieces of its answer were handed on.
    began: Arc<AtomicBool>,
}

impl Metered<'_> {
    fn note(&self, usage: Usage) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) += usage;
    }
}

impl Model for Metered<'_> {
    fn context_tokens(&self) -> u32 {
        self.model.handle.context_tokens()
    }

    fn max_output_tokens(&self) -> u32 {
        self.model.handle.max_output_tokens()
    }

    fn cancel(&self) -> CancellationToken {
        self.asking.cancel.clone()
    }

    fn chat(
        &self,
        request: ChatRequest,
        hand_on: bool,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<ChatReply, TaskError>> {
        Box::pin(async move {
            if cancel.is_cancelled() {
                return Err(TaskError::cancelled());
            }
            let sieve = self.asking.pieces.clone().filter(|_| hand_on);
            let sieve = sieve.map(|pieces| Arc::new(Sieve::new(&request, pieces, &self.began)));
            let context = CallContext {
                cancel,
                pieces: sieve.clone().map(Sieve::sink),
            };
            let provider = &self.model.provider;
            let outcome = provider
                .chat(&self.model.handle, &request, &context, &*self.asking.meter)
                .await;
            match outcome {
                Ok(answered) => {
                    self.note(answered.usage);
                    if let Some(sieve) = sieve {
                        sieve.finish();
                    }
                    Ok(answered.reply)
                }
                Err(CallError::OverBudget(error)) => Err(TaskError::Final(error)),
                Err(CallError::Failed(failure, usage)) => {
                    self.note(usage);
                    Err(TaskError::Failed {
                        kind: failure.kind,
                        detail: failure.detail,
                        began: self.began.load(Ordering::Acquire),
                    })
                }
                Err(CallError::Unavailable(unavailable)) => Err(TaskError::Unavailable {
                    why: match unavailable.reason {
                        UnavailableReason::LeftAlone => {
                            "it has failed too often or asked for a pause, and rests for a while"
                        }
                        UnavailableReason::QueueFull => "too many requests wait for it",
                        UnavailableReason::NoTurn => "no turn came in time",
                    }
                    .to_owned(),
                    retry_after: unavailable.retry_after,
                }),
            }
        })
    }
}

/// Hands pieces on as people are to see them.
struct Sieve {
    cleaner: Mutex<Cleaner>,
    pieces: PieceSink,
    /// Whether something was handed on.
    began: Arc<AtomicBool>,
}

impl Sieve {
    fn new(request: &ChatRequest, pieces: PieceSink, began: &Arc<AtomicBool>) -> Self {
        Self {
            cleaner: Mutex::new(Cleaner::new(&request.marks)),
            pieces,
            began: Arc::clone(began),
        }
    }

    fn sink(self: Arc<Self>) -> PieceSink {
        Arc::new(move |piece| {
            let said = self.cleaner.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
            self.hand_on(&said);
        })
    }

    fn finish(&self) {
        let cleaner = self.cleaner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.hand_on(&cleaner.finish());
    }

    fn hand_on(&self, said: &str) {
        if !said.is_empty() {
            self.began.store(true, Ordering::Release);
            (self.pieces)(said);
        }
    }
}
