//! What waits for the writer: the commands, and the right to what one of them sets aside.

use super::books::{Reservation, Settlement};
use crate::domain::{Error, Result, analyses::Analysis, ledger::LedgerLines};
use std::{
    mem,
    sync::{Arc, Mutex},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

/// What answers from a cache have saved, until the task writes it, about every second.
pub(super) type Saved = Arc<Mutex<LedgerLines>>;

pub(super) enum Command {
    /// The answers of one request, and where to say what became of each: `None` when it was stored.
    Record {
        analyses: Vec<Analysis>,
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
