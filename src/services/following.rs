//! An answer that is followed while it comes about: piece by piece, then the whole.

use super::{
    answering::{Answering, Begun, Given},
    flights::{Company, Step},
    wanted::Wanted,
};
use crate::domain::{Error, Result, caching::CacheOutcome, identifiers::CollectionId};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// For how long a stream's first piece is waited for, before the stream begins without it: a failure that comes later is an event,
/// and what a long text has cost so far is not lost to a request that took too long.
const FIRST_MAY_TAKE: Duration = Duration::from_secs(5);

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
    company: Company,
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
            answering: answering.clone(),
            wanted,
            begun: None,
            first: None,
            outcome: CacheOutcome::Miss(false),
            some: false,
            company: Company::default(),
        };
        follow.set_out(Company::default()).await?;
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
            let Begun::UnderWay(ride, _) = self.begun.as_mut()? else {
                let Some(Begun::Done(given)) = self.begun.take() else {
                    return None;
                };
                return Some(self.whole(given));
            };
            match self.answering.next(&self.wanted, ride).await {
                Step::Piece(piece) => {
                    self.some = true;
                    return Some(Progress::Piece(piece));
                }
                Step::Landed(Ok(given)) => self.begun = Some(Begun::Done(given)),
                Step::Landed(Err(error)) => {
                    let company = self.company.after(ride, &error).filter(|_| !self.some);
                    let again = match company {
                        Some(company) => self.set_out(company).await,
                        None => Err(error),
                    };
                    if let Err(error) = again {
                        self.begun = None;
                        return Some(Progress::Failed(error));
                    }
                }
            }
        }
    }

    async fn set_out(&mut self, company: Company) -> Result<()> {
        let begun = Box::pin(self.answering.begin(&self.wanted, true, company)).await?;
        self.outcome = match &begun {
            Begun::UnderWay(ride, _) if ride.joined.is_some() => CacheOutcome::Collapsed,
            _ if self.wanted.policy.mode.reads() => CacheOutcome::Miss(false),
            _ => CacheOutcome::Bypassed(false),
        };
        self.company = company;
        self.begun = Some(begun);
        Ok(())
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
