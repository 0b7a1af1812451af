//! An answer that is followed while it comes about: piece by piece, then the whole.

use super::{
    answering::{Answering, Begun, Given, Wanted},
    flights::Step,
};
use crate::domain::{Error, Result, caching::CacheOutcome, identifiers::CollectionId};
use std::sync::Arc;

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
        match follow.next().await {
            Some(Progress::Failed(error)) => Err(error),
            first => {
                follow.first = first;
                Ok(follow)
            }
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

    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Progress> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let mut ride = match self.begun.take()? {
                Begun::Done(given) => return Some(self.whole(given)),
                Begun::UnderWay(ride) => ride,
            };
            if ride.joined {
                self.outcome = CacheOutcome::Collapsed;
            }
            match self.answering.next(&self.wanted, &mut ride).await {
                Step::Piece(piece) => {
                    self.some = true;
                    self.begun = Some(Begun::UnderWay(ride));
                    return Some(Progress::Piece(piece));
                }
                Step::Landed(Ok(given)) => self.begun = Some(Begun::Done(given)),
                // It was somebody else's budget: now with one's own.
                Step::Landed(Err(Error::OverBudget { .. })) if ride.joined && !self.some => {
                    self.companions += 1;
                    match Box::pin(self.answering.begin(&self.wanted, true, self.companions)).await {
                        Ok(begun) => self.begun = Some(begun),
                        Err(error) => return Some(Progress::Failed(error)),
                    }
                }
                Step::Landed(Err(error)) => return Some(Progress::Failed(error)),
            }
        }
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
