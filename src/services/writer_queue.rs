//! What waits for the writer: the commands, and the right to what one of them sets aside.

use super::books::{Reservation, Reserved, Settlement};
use crate::domain::{Error, Result, analyses::Analysis, jobs::Progress, ledger::LedgerLines, work};
use std::{
    mem,
    sync::{Arc, Mutex},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

/// What answers from a cache have saved, until the task writes it, about every second.
pub(super) type Saved = Arc<Mutex<LedgerLines>>;

/// An answer that is to be stored.
pub(super) struct Answer {
    pub(super) analysis: Analysis,
    /// The piece of work that it came of: it ends together with this, or this is not stored.
    pub(super) ends: Option<work::Claim>,
}

impl Answer {
    /// What the end of a piece adds to its job.
    pub(super) const PROGRESS: Progress = Progress {
        done: 1,
        unchanged: 0,
        refused: 0,
        failed: 0,
    };
}

pub(super) enum Command {
    /// The answers of one request, and where to say what became of each: `None` when it was stored.
    Record {
        analyses: Vec<Answer>,
        reply: oneshot::Sender<Result<Vec<Option<Error>>>>,
    },
    Reserve {
        reservation: Reservation,
        claim: Claim,
        reply: oneshot::Sender<Result<Claim>>,
    },
    Settle(Settlement),
}

pub(super) struct Queued {
    pub(super) command: Command,
    /// The place in the queue, free again when the command has been picked up and carried out.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// The right to what is being set aside. Dropped by somebody who does not wait for it any more, it frees it.
pub(super) struct Claim {
    hold: Uuid,
    held: bool,
    queue: mpsc::UnboundedSender<Queued>,
}

impl Claim {
    /// Of a hold that may come to be.
    pub(super) fn new(hold: Uuid, queue: mpsc::UnboundedSender<Queued>) -> Self {
        Self {
            hold,
            held: false,
            queue,
        }
    }

    /// It is set aside now.
    pub(super) fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// The hold, which is the taker's to settle; `None` when nothing was set aside.
    pub(super) fn take(mut self) -> Option<Uuid> {
        mem::take(&mut self.held).then_some(self.hold)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.held {
            // At the end of the program nobody listens: then it counts as spent when its time has come.
            drop(self.queue.send(Queued {
                command: Command::Settle(Settlement::release(self.hold)),
                room: None,
            }));
        }
    }
}

/// Answers that are to be stored.
pub(super) struct Recording {
    pub(super) analyses: Vec<Answer>,
    pub(super) reply: oneshot::Sender<Result<Vec<Option<Error>>>>,
}

/// What is to be set aside.
pub(super) struct Reserving {
    pub(super) reservation: Reservation,
    pub(super) claim: Claim,
    pub(super) reply: oneshot::Sender<Result<Claim>>,
}

/// What became of the parts of a transaction.
pub(super) struct Written {
    pub(super) reserved: Vec<Reserved>,
    pub(super) recorded: Vec<Vec<Option<Error>>>,
}

/// What is written together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) recordings: Vec<Recording>,
    pub(super) reservings: Vec<Reserving>,
    pub(super) settlements: Vec<Settlement>,
    /// How many answers, reservations and settlements there are.
    pub(super) weight: usize,
    pub(super) rooms: Vec<OwnedSemaphorePermit>,
}

impl Batch {
    /// Whether somebody waits for it, or there is nothing in it.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.recordings.is_empty() || !self.reservings.is_empty() || self.settlements.is_empty()
    }

    pub(super) fn add(&mut self, queued: Queued) {
        self.rooms.extend(queued.room);
        match queued.command {
            Command::Record { analyses, reply } => {
                self.weight += analyses.len().max(1);
                self.recordings.push(Recording { analyses, reply });
            }
            Command::Reserve {
                reservation,
                claim,
                reply,
            } => {
                self.weight += 1;
                self.reservings.push(Reserving {
                    reservation,
                    claim,
                    reply,
                });
            }
            Command::Settle(settlement) => {
                self.weight += 1;
                self.settlements.push(settlement);
            }
        }
    }
}
