//! An answer that is followed while it comes about: piece by piece, then the whole.

use super::{
    answering::{Answering, Begun, Given, Wanted},
    flights::Step,
};
use crate::domain::{
    Error, Result,
    caching::{CacheMode, CacheOutcome},
};
use std::sync::Arc;

/// Dropped before the end, the answer is given up, unless somebody else waits for it too.
pub struct Follow {
    answering: Answering,
    wanted: Wanted,
    begun: Option<Begun>,
    /// Whether pieces have come.
    some: bool,
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
    /// Sets out for the answer.
    pub(super) async fn begin(answering: &Answering, wanted: Wanted) -> Result<Self> {
        Ok(Self {
            begun: Some(answering.begin(&wanted, true).await?),
            answering: answering.clone(),
            wanted,
            some: false,
        })
    }

    /// How the answer comes about, as far as is known already.
    #[must_use]
    pub fn cache(&self) -> CacheOutcome {
        match &self.begun {
            Some(Begun::Done(given)) => given.cache,
            Some(Begun::UnderWay(ride)) if ride.joined => CacheOutcome::Collapsed,
            _ if self.wanted.policy.mode == CacheMode::On => CacheOutcome::Miss { stored: false },
            _ => CacheOutcome::Bypassed { stored: false },
        }
    }

    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Progress> {
        let progress = match self.begun.take()? {
            Begun::Done(given) => {
                // An answer that was there already comes as one piece.
                if !self.some
                    && let Some(text) = given.analysis.text()
                {
                    self.some = true;
                    let piece = Progress::Piece(text.into());
                    self.begun = Some(Begun::Done(given));
                    return Some(piece);
                }
                Progress::Done(given)
            }
            Begun::UnderWay(mut ride) => match self.answering.next(&self.wanted, &mut ride).await {
                Step::Piece(piece) => {
                    self.some = true;
                    self.begun = Some(Begun::UnderWay(ride));
                    Progress::Piece(piece)
                }
                Step::Landed(Ok(given)) => {
                    self.begun = Some(Begun::Done(given));
                    return Box::pin(self.next()).await;
                }
                // It was somebody else's budget: now with one's own.
                Step::Landed(Err(Error::OverBudget { .. })) if ride.joined && !self.some => {
                    match self.answering.begin(&self.wanted, true).await {
                        Ok(begun) => {
                            self.begun = Some(begun);
                            return Box::pin(self.next()).await;
                        }
                        Err(error) => Progress::Failed(error),
                    }
                }
                Step::Landed(Err(error)) => Progress::Failed(error),
            },
        };
        Some(progress)
    }
}
