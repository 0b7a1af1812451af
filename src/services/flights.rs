//! One question under way, for however many wait for its answer: the first begins it, the others come along, and all have the same
//! answer or the same failure. It goes on for as long as somebody waits, and is given up when the last one has gone.

use crate::{
    cache::Key,
    domain::{Error, Result},
    engines::chat::PieceSink,
    telemetry::trace_id,
};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Names a flight that others may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    pub question: Key,
    /// How old an answer may be.
    pub max_age: Option<Duration>,
    /// Whether another engine may answer where the models of the question do not: who has named one is not to be given that answer.
    pub falls_back: bool,
}

/// The flights of this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Flights<T> {
    under_way: UnderWay<T>,
    tasks: TaskTracker,
}

type UnderWay<T> = Arc<Mutex<HashMap<FlightKey, Weak<Seat<T>>>>>;

/// What those on board see: the pieces so far, and in the end the outcome.
struct Board<T> {
    pieces: Vec<Arc<str>>,
    outcome: Option<Result<T, Arc<Error>>>,
}

/// Shared by all who wait; with the last one, the flight is given up.
struct Seat<T> {
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
    /// Whether another request has begun it.
    pub joined: bool,
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

    /// Joins the flight of this key, or begins one. Without a key, nobody else joins it.
    pub fn board<F>(&self, key: Option<FlightKey>, work: impl FnOnce(Crew) -> F) -> Ride<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let Some(key) = key else {
            return self.begin(None, work).ride(false);
        };
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = under_way.get(&key).and_then(Weak::upgrade) {
            return seat.ride(true);
        }
        let seat = self.begin(Some(key), work);
        under_way.insert(key, Arc::downgrade(&seat));
        seat.ride(false)
    }

    fn begin<F>(&self, key: Option<FlightKey>, work: impl FnOnce(Crew) -> F) -> Arc<Seat<T>>
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

/// A flight that others find. It is found no more when this is dropped, however the work ended; a later flight of its key stays.
struct Listed<T> {
    under_way: UnderWay<T>,
    key: FlightKey,
    this: Weak<Seat<T>>,
}

impl<T> Drop for Listed<T> {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(&self.key).is_some_and(|seat| seat.ptr_eq(&self.this)) {
            under_way.remove(&self.key);
        }
    }
}

impl<T> Seat<T> {
    fn ride(self: Arc<Self>, joined: bool) -> Ride<T> {
        Ride {
            board: self.board.clone(),
            seen: 0,
            joined,
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
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    const KEY: FlightKey = FlightKey {
        question: [7; 32],
        max_age: None,
        falls_back: false,
    };

    #[tokio::test]
    async fn many_fly_together_and_land_alike() {
        let flights: Flights<usize> = Flights::new(TaskTracker::new());
        let begun = Arc::new(AtomicUsize::new(0));
        let mut rides: Vec<Ride<usize>> = (0..100)
            .map(|_| {
                let begun = Arc::clone(&begun);
                flights.board(Some(KEY), |crew| async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    (crew.pieces)("one ");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    (crew.pieces)("two");
                    Ok(5)
                })
            })
            .collect();
        assert_eq!(rides.iter().filter(|ride| ride.joined).count(), 99);
        for ride in &mut rides {
            let mut text = String::new();
            let landed = loop {
                match ride.next().await {
                    Step::Piece(piece) => text.push_str(&piece),
                    Step::Landed(outcome) => break outcome,
                }
            };
            assert_eq!((text.as_str(), landed.unwrap()), ("one two", 5));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        // What has landed is not joined any more.
        assert!(!flights.board(Some(KEY), |_| async { Ok(6) }).joined);
    }

    #[tokio::test]
    async fn a_failure_reaches_everybody_and_the_next_one_tries_again() {
        let flights: Flights<u8> = Flights::new(TaskTracker::new());
        let failing = |_: Crew| async {
            tokio::task::yield_now().await;
            Err(Error::Conflict("no".to_owned()))
        };
        let mut rides: Vec<_> = (0..3).map(|_| flights.board(Some(KEY), failing)).collect();
        for ride in &mut rides {
            assert!(matches!(ride.landed().await, Err(Error::Conflict(_))));
        }
        assert_eq!(flights.board(Some(KEY), |_| async { Ok(1) }).landed().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn it_goes_on_until_the_last_one_has_gone() {
        let flights: Flights<u8> = Flights::new(TaskTracker::new());
        let (said, given_up) = tokio::sync::oneshot::channel();
        let work = |crew: Crew| async move {
            crew.cancel.cancelled().await;
            said.send(()).unwrap();
            Ok(0)
        };
        let first = flights.board(Some(KEY), work);
        let second = flights.board(Some(KEY), |_| async { Ok(1) });
        assert!(second.joined);
        drop(first);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(
            flights.board(Some(KEY), |_| async { Ok(2) }).joined,
            "it was given up too early"
        );
        drop(second);
        given_up.await.unwrap();
        // Nobody joins what was given up.
        assert!(!flights.board(Some(KEY), |_| async { Ok(3) }).joined);
    }

    #[tokio::test]
    async fn work_that_breaks_off_is_a_failure() {
        let flights: Flights<u8> = Flights::new(TaskTracker::new());
        let mut ride = flights.board(Some(KEY), |_| async { panic!("a fault of ours") });
        assert!(matches!(ride.landed().await, Err(Error::Internal { .. })));
        // Nobody joins it, and nothing of it is left.
        assert!(flights.under_way.lock().unwrap().is_empty());
    }
}
