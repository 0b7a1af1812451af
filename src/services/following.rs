//! An answer that is followed while it comes about: piece by piece, then the whole.

use super::{
    answering::{Answering, Begun, Given},
    flights::Step,
    wanted::Wanted,
};
use crate::domain::{Error, Result, caching::CacheOutcome, identifiers::CollectionId};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// For how long a stream's first piece is waited for, before the stream begins without it: a failure that comes later is an event,
/// and what a long text has cost so far is not lost to a request that took too long.
const FIRST_MAY_TAKE: Duration = Duration::from_secs(20);

/// Dropped before the end, the answer is given up, unless somebody else waits for it too.
pub struct Follow {
    answering: Answering,
    wanted: Wanted,
    begun: Option<Begun>,
    /// What has come and was not asked for yet.
    first: Option<Progress>,
    outcome: CacheOutcome,
    /// Whether pieces have come.
    some: bool,
    companions: usize,
}

/// What comes next of an answer.
pub enum Progress {
    /// More of its text.
    Piece(Arc<str>),
    /// The whole of it, recorded. Nothing follows.
    Done(Given),
    /// There is none. Nothing follows.
    Failed(Error),
}

impl Follow {
    /// Sets out for the answer, and waits for the first that comes of it: a failure that comes first is an error.
    pub(super) async fn begin(answering: &Answering, wanted: Wanted) -> Result<Self> {
        let mut follow = Self {
            begun: Some(Box::pin(answering.begin(&wanted, true, 0)).await?),
            first: None,
            outcome: if wanted.policy.mode.reads() {
                CacheOutcome::Miss(false)
            } else {
                CacheOutcome::Bypassed(false)
            },
            answering: answering.clone(),
            wanted,
            some: false,
            companions: 0,
        };
        match timeout(FIRST_MAY_TAKE, Box::pin(follow.next())).await {
            Ok(Some(Progress::Failed(error))) => Err(error),
            Ok(first) => {
                follow.first = first;
                Ok(follow)
            }
            Err(_) => Ok(follow),
        }
    }

    /// How the answer comes about, as far as it is known already.
    #[must_use]
    pub fn cache(&self) -> CacheOutcome {
        self.outcome
    }

    /// Whether this answer is asked of a model, as far as it is known already.
    pub(super) fn asks_a_model(&self) -> bool {
        matches!(
            self.outcome,
            CacheOutcome::Miss(_) | CacheOutcome::TooOld(_) | CacheOutcome::Bypassed(_)
        )
    }

    pub(super) fn collection(&self) -> Option<CollectionId> {
        self.wanted.collection()
    }

    /// What comes next; `None` after the end. Nothing is lost when this is given up and called again.
    pub async fn next(&mut self) -> Option<Progress> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let Begun::UnderWay(ride) = self.begun.as_mut()? else {
                let Some(Begun::Done(given)) = self.begun.take() else {
                    return None;
                };
                return Some(self.whole(given));
            };
            let joined = ride.joined;
            if joined {
                self.outcome = CacheOutcome::Collapsed;
            }
            match self.answering.next(&self.wanted, ride).await {
                Step::Piece(piece) => {
                    self.some = true;
                    return Some(Progress::Piece(piece));
                }
                Step::Landed(Ok(given)) => self.begun = Some(Begun::Done(given)),
                // It was somebody else's budget: now with one's own.
                Step::Landed(Err(Error::OverBudget { .. })) if joined && !self.some => {
                    self.companions += 1;
                    let again = Box::pin(self.answering.begin(&self.wanted, true, self.companions)).await;
                    match again {
                        Ok(begun) => self.begun = Some(begun),
                        Err(error) => return Some(self.failed(error)),
                    }
                }
                Step::Landed(Err(error)) => return Some(self.failed(error)),
            }
        }
    }

    fn failed(&mut self, error: Error) -> Progress {
        self.begun = None;
        Progress::Failed(error)
    }

    /// An answer of which no piece has come, comes as one piece.
    fn whole(&mut self, given: Given) -> Progress {
        self.outcome = given.cache;
        if !self.some
            && let Some(text) = given.analysis.text()
        {
            self.some = true;
            let piece = Progress::Piece(text.into());
            self.begun = Some(Begun::Done(given));
            return piece;
        }
        Progress::Done(given)
    }
}
