//! One question under way, for however many wait for its answer: the first begins it, the others come along, and all have the same
//! answer or the same failure. It goes on for as long as somebody waits, and is given up when the last one has gone.

use crate::{
    cache::Key,
    domain::{Error, Result, ledger::Payer},
    engines::chat::PieceSink,
    telemetry::trace_id,
};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often somebody comes along with others who turn out to be short of money, before they keep to those who pay from the same
/// budgets.
const MOST_COMPANIONS: usize = 3;

/// Names a flight that others may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    pub question: Key,
    /// How old an answer may be.
    pub max_age: Option<Duration>,
    /// Whether another engine may answer where the models of the question do not: who has named one is not to be given that answer.
    pub falls_back: bool,
}

/// Who begins a flight, which others may want to know before they come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leader {
    pub payer: Payer,
    /// Whether pieces of the answer are asked for.
    pub streams: bool,
    /// By when the flight lands; `None` for whenever it is done.
    pub deadline: Option<Instant>,
    /// For how long the flight may last, from its beginning; `None` for however long.
    pub time: Option<Duration>,
}

impl Leader {
    /// Whether it began with so little time, as at the end of a batch or after a body that came slowly, that it is likely to end without
    /// an answer where the other would have one.
    fn has_little_time_beside(&self, other: &Self) -> bool {
        matches!((self.time, other.time), (Some(mine), Some(theirs)) if mine < theirs / 2)
    }
}

/// Whom somebody who sets out comes along with. It narrows with what went wrong on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Company {
    /// How often it was with others who turned out to be short of money.
    refused: usize,
    /// Whether only those will do who want the answer in the same way, whole or as a stream.
    alike: bool,
}

impl Company {
    fn suits(self, me: &Leader, leader: &Leader) -> bool {
        let pays = me.payer == leader.payer || self.refused < MOST_COMPANIONS;
        pays && (!self.alike || me.streams == leader.streams) && !leader.has_little_time_beside(me)
    }

    /// With whom to set out again after a flight that somebody else has begun and that failed; `None` when it would fail alone, too.
    pub fn after<T>(self, ride: &Ride<T>, error: &Error) -> Option<Self> {
        let leader = ride.joined?;
        match error {
            // It was somebody else's budget.
            Error::OverBudget { .. } if leader.payer != ride.me.payer => Some(Self {
                refused: self.refused + 1,
                ..self
            }),
            // A stream ends with what was handed on already, and has no time that its engines share; a whole answer is no stream's.
            Error::Upstream { .. } if leader.streams != ride.me.streams => Some(Self { alike: true, ..self }),
            _ => None,
        }
    }
}

/// The flights of this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Flights<T> {
    under_way: UnderWay<T>,
    tasks: TaskTracker,
}

type UnderWay<T> = Arc<Mutex<HashMap<FlightKey, Vec<Weak<Seat<T>>>>>>;

/// What those on board see: the pieces so far, and in the end the outcome.
struct Board<T> {
    pieces: Vec<Arc<str>>,
    outcome: Option<Result<T, Arc<Error>>>,
}

/// Shared by all who wait; with the last one, the flight is given up.
struct Seat<T> {
    leader: Leader,
    board: watch::Receiver<Board<T>>,
    cancel: CancellationToken,
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// A place on a flight.
pub(super) struct Ride<T> {
    board: watch::Receiver<Board<T>>,
    seen: usize,
    me: Leader,
    /// Who has begun it, if it was another request.
    pub joined: Option<Leader>,
    _seat: Arc<Seat<T>>,
}

/// What comes next.
pub(super) enum Step<T> {
    Piece(Arc<str>),
    Landed(Result<T>),
}

/// What the work of a flight is handed.
pub(super) struct Crew {
    /// Says that nobody waits any more.
    pub cancel: CancellationToken,
    /// Takes pieces of the answer.
    pub pieces: PieceSink,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub fn new(tasks: TaskTracker) -> Self {
        Self {
            under_way: Arc::default(),
            tasks,
        }
    }

    /// Joins a flight of this key whose company suits, best one of the same payer; or begins one. Without a key, nobody else joins
    /// it.
    pub fn board<F>(
        &self,
        key: Option<FlightKey>,
        me: Leader,
        company: Company,
        work: impl FnOnce(Crew) -> F,
    ) -> Ride<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let Some(key) = key else {
            return self.begin(None, me, work).ride(me, false);
        };
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let flights = under_way.entry(key).or_default();
        let suiting = || {
            let found = flights.iter().filter_map(Weak::upgrade);
            found.filter(|seat| company.suits(&me, &seat.leader))
        };
        let own = suiting().find(|seat| seat.leader.payer == me.payer);
        if let Some(seat) = own.or_else(|| suiting().next()) {
            return seat.ride(me, true);
        }
        let seat = self.begin(Some(key), me, work);
        flights.push(Arc::downgrade(&seat));
        seat.ride(me, false)
    }

    fn begin<F>(&self, key: Option<FlightKey>, leader: Leader, work: impl FnOnce(Crew) -> F) -> Arc<Seat<T>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (sender, board) = watch::channel(Board {
            pieces: Vec::new(),
            outcome: None,
        });
        let sender = Arc::new(sender);
        let cancel = CancellationToken::new();
        let of_pieces = Arc::clone(&sender);
        let pieces: PieceSink = Arc::new(move |piece| {
            of_pieces.send_modify(|board| board.pieces.push(piece.into()));
        });
        let seat = Arc::new(Seat {
            leader,
            board,
            cancel: cancel.clone(),
        });
        let flying = work(Crew { cancel, pieces });
        let (under_way, this) = (Arc::clone(&self.under_way), Arc::downgrade(&seat));
        let trace_id = trace_id::current().unwrap_or_else(trace_id::generate);
        let listed = key.map(|key| Listed { under_way, key, this });
        self.tasks.spawn(trace_id::scope(trace_id, async move {
            let outcome = Box::pin(flying).await.map_err(Arc::new);
            // From now on the answer is kept, or another request tries again.
            drop(listed);
            sender.send_modify(|board| board.outcome = Some(outcome));
        }));
        seat
    }
}

/// A flight that others find. It is found no more when this is dropped, however the work ended; others of its key stay.
struct Listed<T> {
    under_way: UnderWay<T>,
    key: FlightKey,
    this: Weak<Seat<T>>,
}

impl<T> Drop for Listed<T> {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(flights) = under_way.get_mut(&self.key) else {
            return;
        };
        flights.retain(|seat| !seat.ptr_eq(&self.this));
        if flights.is_empty() {
            under_way.remove(&self.key);
        }
    }
}

impl<T> Seat<T> {
    fn ride(self: Arc<Self>, me: Leader, joined: bool) -> Ride<T> {
        Ride {
            board: self.board.clone(),
            seen: 0,
            me,
            joined: joined.then_some(self.leader),
            _seat: self,
        }
    }
}

impl<T: Clone> Ride<T> {
    /// Waits for the outcome.
    pub async fn landed(&mut self) -> Result<T> {
        let board = self.board.wait_for(|board| board.outcome.is_some()).await;
        match board {
            Ok(board) => outcome_of(&board),
            Err(_) => Err(ended()),
        }
    }

    /// Waits for the next piece, or for the outcome after the last one.
    pub async fn next(&mut self) -> Step<T> {
        let seen = self.seen;
        let board = self
            .board
            .wait_for(|board| board.pieces.len() > seen || board.outcome.is_some())
            .await;
        let step = match &board {
            Ok(board) => match board.pieces.get(seen) {
                Some(piece) => Step::Piece(Arc::clone(piece)),
                None => Step::Landed(outcome_of(board)),
            },
            Err(_) => Step::Landed(Err(ended())),
        };
        drop(board);
        self.seen += 1;
        step
    }
}

fn outcome_of<T: Clone>(board: &Board<T>) -> Result<T> {
    match &board.outcome {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(error)) => Err(error.for_another()),
        None => Err(ended()),
    }
}

fn ended() -> Error {
    Error::internal("the work on an answer ended without an outcome")
}

#[cfg(test)]
#[path = "flights_tests.rs"]
mod tests;
