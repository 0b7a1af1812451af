//! Gets an answer to one question: given before and kept, or on its way for somebody else, or asked for now, booked and recorded.
//! Nothing is asked twice, and no failure is kept.

use super::{
    flights::{Company, Crew, FlightKey, Flights, Leader, Ride, Step},
    spending::Spending,
    wanted::Wanted,
    writer::Writer,
    writer_queue::Answer,
};
use crate::{
    cache::{AnswerCache, Key},
    db::Db,
    domain::{
        Clock, Error, Result, Timestamp,
        analyses::{Analysis, AnalysisOutput, SharedAnalysis},
        caching::{CacheMode, CacheOutcome, CachePolicy, CacheTier},
        identifiers::{AnalysisId, CollectionId},
        ledger::Payer,
    },
    engines::router::{Answered, Asking, Router},
    repositories::analyses,
    telemetry::{Metrics, Waiting, trace_id},
    text::hash_text,
};
use sqlx::types::Json;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Kept free for an answer of one's own where somebody else's does not come in time: this share of the time, and this at most.
const SHARE_OF_END: u32 = 10;
const LONGEST_END: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Answering {
    pub db: Db,
    pub clock: Clock,
    pub router: Router,
    pub cache: AnswerCache,
    /// How old an answer may be that is given again.
    pub ttl: Duration,
    pub flights: Flights<Landed>,
    pub writer: Writer,
    pub spending: Spending,
    pub metrics: Metrics,
}

/// An answer and how it came about.
#[derive(Debug, Clone)]
pub struct Given {
    pub analysis: Arc<SharedAnalysis>,
    pub cache: CacheOutcome,
    /// Where the document is that it is about.
    pub(super) collection: Option<CollectionId>,
}

impl Given {
    /// Whether a model was asked for it, now and for this request.
    pub(super) fn asked_a_model(&self) -> bool {
        let now = matches!(
            self.cache,
            CacheOutcome::Miss(_) | CacheOutcome::TooOld(_) | CacheOutcome::Bypassed(_)
        );
        now && self.analysis.usage.calls > 0
    }
}

/// What a flight brings.
#[derive(Clone)]
pub(super) struct Landed(Given);

/// An answer that is there, or one that is on its way.
pub(super) enum Begun {
    Done(Given),
    UnderWay(Ride<Landed>, Waiting),
}

impl Answering {
    /// Waits for the answer.
    pub async fn answer(&self, wanted: &Wanted) -> Result<Given> {
        let mut company = Company::default();
        loop {
            let (mut ride, _waiting) = match self.begin(wanted, false, company).await? {
                Begun::Done(given) => return Ok(given),
                Begun::UnderWay(ride, waiting) => (ride, waiting),
            };
            let outcome = match patience(wanted, &ride) {
                None => Ok(ride.landed().await),
                Some(until) => timeout_at(until, ride.landed()).await,
            };
            let Ok(outcome) = outcome else {
                drop(ride);
                return self.answer_at_once(wanted).await;
            };
            match self.disembark(wanted, ride.joined.is_some(), outcome) {
                Err(error) => company = company.after(&ride, &error).ok_or(error)?,
                given => return given,
            }
        }
    }

    /// For models no time is left: the embedded engine answers, or it is said that nobody did.
    async fn answer_at_once(&self, wanted: &Wanted) -> Result<Given> {
        let wanted = Wanted {
            deadline: Some(Instant::now()),
            ..wanted.clone()
        };
        let mut ride = self.set_out(&wanted, wanted.key()?, None, false, Company::default());
        let outcome = ride.landed().await;
        self.disembark(&wanted, false, outcome)
    }

    /// Finds the answer, or sets out for it in such company. With `stream`, pieces of it can be followed.
    pub async fn begin(&self, wanted: &Wanted, stream: bool, company: Company) -> Result<Begun> {
        if wanted.plan.is_embedded() {
            let mut answers = self.embedded(vec![Ok(wanted.clone())]).await?;
            let answer = answers.pop();
            return answer
                .unwrap_or_else(|| Err(Error::internal("an input has no answer")))
                .map(Begun::Done);
        }
        let key = wanted.key()?;
        if wanted.policy.mode.reads()
            && let Some(analysis) = self.cache.at_hand(&key, self.oldest(wanted.policy)).await
        {
            return Ok(Begun::Done(self.give_again(wanted, analysis, CacheTier::Memory)));
        }
        let joinable = (wanted.policy.mode == CacheMode::On).then(|| FlightKey {
            question: key,
            max_age: wanted.policy.max_age,
            falls_back: wanted.plan.falls_back(),
        });
        let ride = self.set_out(wanted, key, joinable, stream, company);
        Ok(Begun::UnderWay(ride, self.metrics.models().waiting()))
    }

    fn set_out(
        &self,
        wanted: &Wanted,
        key: Key,
        joinable: Option<FlightKey>,
        stream: bool,
        company: Company,
    ) -> Ride<Landed> {
        let deadline = wanted.deadline.filter(|_| !stream);
        let me = Leader {
            payer: Payer::of(&wanted.actor, wanted.collection()),
            streams: stream,
            deadline,
            time: deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
        };
        self.flights.board(joinable, me, company, |crew| {
            let (this, wanted) = (self.clone(), wanted.clone());
            async move { this.fly(&wanted, key, crew, me).await }
        })
    }

    /// The next piece of an answer that is on its way, or the answer.
    pub async fn next(&self, wanted: &Wanted, ride: &mut Ride<Landed>) -> Step<Given> {
        match ride.next().await {
            Step::Piece(piece) => Step::Piece(piece),
            Step::Landed(outcome) => Step::Landed(self.disembark(wanted, ride.joined.is_some(), outcome)),
        }
    }

    fn disembark(&self, wanted: &Wanted, joined: bool, outcome: Result<Landed>) -> Result<Given> {
        let Landed(given) = outcome?;
        match given.cache {
            CacheOutcome::Hit(tier) => Ok(self.give_again(wanted, given.analysis, tier)),
            // It cost nothing: nothing is saved.
            _ if joined && given.analysis.usage.calls == 0 => Ok(given),
            _ if joined => {
                let saved = given.analysis.usage.cost_microdollars;
                self.metrics.models().cache_collapsed(saved.0);
                self.note_saved(wanted, &given.analysis);
                Ok(Given {
                    cache: CacheOutcome::Collapsed,
                    ..given
                })
            }
            _ => Ok(given),
        }
    }

    fn give_again(&self, wanted: &Wanted, analysis: Arc<SharedAnalysis>, tier: CacheTier) -> Given {
        self.metrics
            .models()
            .cache_hit(tier.name(), analysis.usage.cost_microdollars.0);
        self.note_saved(wanted, &analysis);
        Given {
            analysis,
            cache: CacheOutcome::Hit(tier),
            collection: wanted.collection(),
        }
    }

    fn note_saved(&self, wanted: &Wanted, analysis: &Analysis) {
        let saved = analysis.usage.cost_microdollars;
        let (actor, collection) = (&wanted.actor, wanted.collection());
        self.spending
            .record_saved(actor, collection, &analysis.engine, &analysis.model, saved);
    }

    fn oldest(&self, policy: CachePolicy) -> Timestamp {
        let age = policy.max_age.map_or(self.ttl, |age| age.min(self.ttl));
        let now = self.clock.now().as_offset_date_time();
        Timestamp::new(now.checked_sub(age.try_into().unwrap_or_default()).unwrap_or(now))
    }

    /// The work of a flight.
    async fn fly(&self, wanted: &Wanted, key: Key, crew: Crew, leader: Leader) -> Result<Landed> {
        if wanted.policy.mode.reads() {
            if let Some((analysis, tier)) = self.find_kept(wanted, &key, self.oldest(wanted.policy)).await? {
                return Ok(Landed(Given {
                    analysis,
                    cache: CacheOutcome::Hit(tier),
                    collection: wanted.collection(),
                }));
            }
            self.metrics.models().cache_missed();
        }
        let too_old = wanted.policy.max_age.is_some()
            && self
                .find_kept(wanted, &key, self.oldest(CachePolicy::default()))
                .await?
                .is_some();
        let epoch = self.cache.epoch();
        let asking = Asking {
            meter: self.spending.meter(&wanted.actor, wanted.collection()),
            cancel: crew.cancel,
            pieces: leader.streams.then_some(crew.pieces),
            deadline: leader.deadline,
        };
        let began = Instant::now();
        let question = wanted.task.question(&wanted.source.text);
        let answered = Box::pin(self.router.answer(&wanted.plan, &question, &asking)).await?;
        let is_makeshift = answered.is_makeshift();
        let analysis = self.analysis(wanted, answered, began.elapsed());
        // What another engine had to answer is asked again next time.
        let keep = wanted.policy.mode.writes() && !is_makeshift && analysis.usage.calls > 0;
        let analysis = Analysis {
            cache_key: keep.then(|| key.to_vec()),
            ..analysis
        };
        let answer = Answer {
            analysis: analysis.clone(),
            ends: wanted.ends,
        };
        let mut outcomes = self.writer.record(vec![answer]).await?;
        if let Some(error) = outcomes.pop().flatten() {
            return Err(error);
        }
        let analysis = SharedAnalysis::new(analysis);
        if keep {
            let collection = wanted.collection();
            self.cache.keep(key, Arc::clone(&analysis), collection, epoch).await;
        }
        let cache = if !wanted.policy.mode.reads() {
            CacheOutcome::Bypassed(keep)
        } else if analysis.usage.calls == 0 && !analysis.degraded {
            CacheOutcome::NotKept
        } else if too_old {
            CacheOutcome::TooOld(keep)
        } else {
            CacheOutcome::Miss(keep)
        };
        Ok(Landed(Given {
            analysis,
            cache,
            collection: wanted.collection(),
        }))
    }

    /// An answer that another replica, or this one before it was started again, has paid for.
    async fn find_kept(
        &self,
        wanted: &Wanted,
        key: &Key,
        oldest: Timestamp,
    ) -> Result<Option<(Arc<SharedAnalysis>, CacheTier)>> {
        let epoch = self.cache.epoch();
        let shared = self.cache.shared(key, oldest).await;
        let mut tx = self.db.glance().await?;
        let mut found = None;
        let mut is_gone = false;
        if let Some((analysis, tier)) = shared {
            // Redis may not have heard of a deletion or of a newer answer, or belong to others, too; the database knows.
            is_gone = !analyses::is_kept(&mut tx, analysis.id, key).await?;
            found = (!is_gone).then_some((analysis, tier));
        }
        if found.is_none() {
            let stored = analyses::find_kept(&mut tx, key, oldest).await?;
            found = stored.map(|analysis| (SharedAnalysis::new(analysis), CacheTier::Database));
        }
        drop(tx);
        if is_gone {
            self.cache.drop_shared(key).await;
        }
        if let Some((analysis, _)) = &found {
            self.cache
                .bring_near(*key, Arc::clone(analysis), wanted.collection(), epoch)
                .await;
        }
        Ok(found)
    }

    /// What is recorded of an answer.
    pub fn analysis(&self, wanted: &Wanted, answered: Answered, took: Duration) -> Analysis {
        let Wanted {
            actor, source, task, ..
        } = wanted;
        let classification = match &answered.output {
            AnalysisOutput::Classification(classification) => Some(classification),
            AnalysisOutput::Summary(_) | AnalysisOutput::Generation(_) => None,
        };
        let degraded = answered.degraded.is_some();
        self.metrics
            .models()
            .answered(task.kind().name(), &answered.engine, degraded);
        Analysis {
            id: AnalysisId::generate(),
            kind: task.kind(),
            document_id: source.document.as_ref().map(|document| document.id),
            document_version: source.document.as_ref().map(|document| document.version),
            input_hash: hash_text(&source.text),
            taxonomy_id: task.taxonomy().map(|(id, _)| id),
            taxonomy_version: task.taxonomy().map(|(_, version)| version),
            prompt_id: task.prompt().map(|(id, _)| id),
            prompt_version: task.prompt().map(|(_, version)| version),
            label: classification.and_then(|answer| answer.label.clone()),
            confidence: classification.and_then(|answer| answer.confidence),
            options: Json(task.options()),
            output: Json(answered.output),
            engine: answered.engine,
            model: answered.model,
            duration_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
            degraded,
            degraded_reason: answered.degraded,
            usage: answered.usage.into(),
            cache_key: None,
            trace_id: trace_id::current(),
            created_by: actor.principal.key_id(),
            created_by_user: actor.principal.user_id,
            created_at: self.clock.now(),
        }
    }
}

/// Until when to wait for a flight of others, if it may land after the time in which an answer is of use.
fn patience(wanted: &Wanted, ride: &Ride<Landed>) -> Option<Instant> {
    let deadline = wanted.deadline?;
    let may_be_late = ride.joined?.deadline.is_none_or(|landing| landing > deadline);
    let left = deadline.saturating_duration_since(Instant::now());
    may_be_late.then(|| deadline - (left / SHARE_OF_END).min(LONGEST_END).min(left))
}
