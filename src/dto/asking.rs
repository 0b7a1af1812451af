//! What every request for an answer may say: which engine is to be asked, and whether an answer that was given before will do. And
//! how answers come: whole, or as a stream of events.

use super::{
    analyses::{Analysis, location},
    budget_header::budget_header,
    problem::Problem,
    written_json::WrittenJson,
};
use crate::{
    domain::{
        Error, Result,
        analyses::SharedAnalysis,
        budget_left::BudgetLeft,
        caching::{CacheMode, CacheOutcome, CachePolicy},
        engines::EngineChoice,
    },
    services::{
        analyses::Given,
        following::{Follow, Progress},
    },
    telemetry::trace_id,
};
use futures_util::stream::{self, BoxStream, StreamExt};
use poem::web::sse::Event;
use poem_openapi::{
    ApiResponse, Enum, Object, Union,
    payload::{EventStream, Json},
    types::ToJSON,
};
use serde::Deserialize;
use std::time::Duration;

/// The longest age that can be asked for: ten years, in seconds.
const OLDEST: u64 = 10 * 365 * 24 * 60 * 60;
/// How long a stream is silent before a comment says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether an answer that was given before will do, and whether this one is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "CacheMode")]
pub enum Cache {
    /// Both.
    On,
    /// Neither.
    Off,
    /// It will do; a new one is not kept.
    ReadOnly,
    /// A new one is wanted, and is kept.
    WriteOnly,
}

/// Reads the fields that all requests for an answer share.
pub(super) fn choices(
    engine: Option<&str>,
    cache: Option<Cache>,
    max_age: Option<u64>,
) -> Result<(EngineChoice, CachePolicy)> {
    let engine = engine.map(EngineChoice::parse).transpose()?.unwrap_or_default();
    let mode = match cache {
        None | Some(Cache::On) => CacheMode::On,
        Some(Cache::Off) => CacheMode::Off,
        Some(Cache::ReadOnly) => CacheMode::ReadOnly,
        Some(Cache::WriteOnly) => CacheMode::WriteOnly,
    };
    if max_age.is_some() && !mode.reads() {
        return Err(Error::invalid(
            "/max_age",
            "goes with an answer that was given before, which this `cache` does not allow",
        ));
    }
    if max_age.is_some_and(|age| age > OLDEST) {
        return Err(Error::invalid("/max_age", format!("must be 0 to {OLDEST} seconds")));
    }
    let max_age = max_age.map(Duration::from_secs);
    Ok((engine, CachePolicy { mode, max_age }))
}

/// An answer that was asked for.
#[derive(ApiResponse)]
pub enum Asked {
    /// The answer, piece by piece.
    #[oai(status = 200)]
    Stream(
        EventStream<BoxStream<'static, AnswerEvent>>,
        /// Whether the answer was given before (RFC 9211).
        #[oai(header = "Cache-Status")]
        String,
        /// What is left of the budgets that apply while the worst case of this answer is set aside.
        #[oai(header = "Synoptic-Budget")]
        Option<String>,
    ),
    /// The answer.
    #[oai(status = 200)]
    Whole(
        WrittenJson<Analysis>,
        /// Where the answer can be read again.
        #[oai(header = "Location")]
        String,
        /// Whether the answer was given before (RFC 9211).
        #[oai(header = "Cache-Status")]
        String,
        /// What is left of the budgets that apply, after an answer that was asked of a model, as
        /// `"name";left=4200;unit=microdollars;reset=3600`, with a comma between several; `reset` in seconds.
        #[oai(header = "Synoptic-Budget")]
        Option<String>,
    ),
}

impl Asked {
    #[must_use]
    pub fn whole(given: &Given, left: &[BudgetLeft]) -> Self {
        let status = cache_status(given.cache);
        let location = location(given.analysis.id);
        let json = given
            .analysis
            .written(|analysis| Analysis::from(analysis.clone()).to_json_string().into());
        Self::Whole(WrittenJson::new(json), location, status, budget_header(left))
    }

    #[must_use]
    pub fn stream(follow: Follow, left: &[BudgetLeft]) -> Self {
        let status = cache_status(follow.cache());
        // The events are made after the request's handler has ended, and belong to the request all the same.
        let trace_id = trace_id::current().unwrap_or_else(trace_id::generate);
        let events = stream::unfold(follow, move |mut follow| {
            trace_id::scope(trace_id.clone(), async move {
                let event = match follow.next().await? {
                    Progress::Piece(text) => AnswerEvent::Delta(Delta { text: text.to_string() }),
                    Progress::Done(given) => AnswerEvent::analysis(given),
                    Progress::Failed(error) => AnswerEvent::Problem(error.into()),
                };
                Some((event, follow))
            })
        });
        Self::Stream(
            EventStream::new(events.boxed())
                .keep_alive(KEEP_ALIVE)
                .to_event(AnswerEvent::into_event),
            status,
            budget_header(left),
        )
    }
}

/// Answers to a batch that was asked for.
#[derive(ApiResponse)]
pub enum AskedBatch {
    /// An analysis or a problem for each input.
    #[oai(status = 200)]
    Results(
        Json<AnalysisBatchResult>,
        /// What is left of the budgets that apply, after answers that were asked of a model, as
        /// `"name";left=4200;unit=microdollars;reset=3600`, with a comma between several; `reset` in seconds.
        #[oai(header = "Synoptic-Budget")]
        Option<String>,
    ),
}

impl AskedBatch {
    #[must_use]
    pub fn new(answers: Vec<Result<Given>>, left: &[BudgetLeft]) -> Self {
        let results = answers.into_iter().enumerate().map(AnalysisResult::of).collect();
        Self::Results(Json(AnalysisBatchResult { results }), budget_header(left))
    }
}

/// The answers to a batch, in the order of its inputs.
#[derive(Debug, Clone, Object)]
pub struct AnalysisBatchResult {
    pub results: Vec<AnalysisResult>,
}

/// The answer to one input: an analysis or a problem.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AnalysisResult {
    pub analysis: Option<Analysis>,
    /// Whether a model's answer was given before, as the header `Cache-Status` (RFC 9211) has it. Not there for answers of the
    /// embedded engine, and when the whole batch is given again for its `Idempotency-Key`.
    pub cache_status: Option<String>,
    pub error: Option<Problem>,
}

impl AnalysisResult {
    fn of((index, answer): (usize, Result<Given>)) -> Self {
        match answer {
            Ok(given) => Self {
                cache_status: (given.cache != CacheOutcome::NotKept).then(|| cache_status(given.cache)),
                analysis: Some(SharedAnalysis::into_analysis(given.analysis).into()),
                error: None,
            },
            Err(error) => Self {
                analysis: None,
                cache_status: None,
                error: Some(error.within(&format!("/inputs/{index}")).into()),
            },
        }
    }
}

/// The `data` of one event of a stream. The event's name says which: `delta`, any number of times, then once `analysis` or `problem`.
#[derive(Debug, Clone, Union)]
#[oai(one_of)]
pub enum AnswerEvent {
    Delta(Delta),
    Analysis(Box<Analysis>),
    Problem(Problem),
}

/// More of an answer's text.
#[derive(Debug, Clone, Object)]
pub struct Delta {
    pub text: String,
}

impl AnswerEvent {
    fn analysis(given: Given) -> Self {
        Self::Analysis(Box::new(SharedAnalysis::into_analysis(given.analysis).into()))
    }

    fn into_event(self) -> Event {
        let name = match self {
            Self::Delta(_) => "delta",
            Self::Analysis(_) => "analysis",
            Self::Problem(_) => "problem",
        };
        Event::message(self.to_json_string()).event_type(name)
    }
}

/// As RFC 9211 has it: `miss` when nothing that is kept could be used, `request` when the request did not want it as old as it
/// is, `bypass` when nothing was looked for.
#[must_use]
pub fn cache_status(outcome: CacheOutcome) -> String {
    match outcome {
        CacheOutcome::Hit(tier) => format!("synoptic; hit; detail={}", tier.name()),
        CacheOutcome::Miss(kept) => format!("synoptic; fwd=miss{}", stored(kept)),
        CacheOutcome::TooOld(kept) => format!("synoptic; fwd=request{}", stored(kept)),
        CacheOutcome::Bypassed(kept) => format!("synoptic; fwd=bypass{}", stored(kept)),
        CacheOutcome::Collapsed => "synoptic; fwd=miss; collapsed".to_owned(),
        CacheOutcome::NotKept => "synoptic; fwd=bypass; detail=embedded".to_owned(),
    }
}

fn stored(kept: bool) -> &'static str {
    if kept { "; stored" } else { "" }
}
