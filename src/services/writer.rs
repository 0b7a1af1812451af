//! Writes what requests leave behind, many requests' in one transaction: answers, what is set aside for calls to models, what
//! these have used. A commit waits for the disk, and a request waits for its commit; under load they share one, so that
//! durability costs each of them little.
//!
//! One queue, first in, first out: what a call has used is on disk when the answer that came of it is.

use super::{
    books::{Reservation, Settlement},
    work::WorkQueue,
    writer_queue::{Answer, Claim, Command, Queued, Saved},
    writer_task::Task,
};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result,
        ledger::{LedgerAmounts, LedgerKey, Payer},
    },
    engines::PlannedCall,
    telemetry::metrics::Metrics,
};
use std::{
    mem,
    sync::{Arc, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How many commands may wait to be picked up before others wait to enter.
const QUEUE: usize = 1_024;
/// How many lines are gathered of what answers from a cache have saved, before they are handed on early.
const MOST_SAVED_LINES: usize = 4_096;

/// Hands commands to the task that carries them out. Cheap to clone; the task ends when the last one is dropped and everything
/// is written.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::UnboundedSender<Queued>,
    room: Arc<Semaphore>,
    saved: Saved,
}

impl Writer {
    #[must_use]
    pub fn start(db: Db, clock: Clock, metrics: Metrics, work: WorkQueue, tasks: &TaskTracker) -> Self {
        // The room bounds the queue; only settlements enter without waiting, and wait afterwards.
        let (sender, receiver) = mpsc::unbounded_channel();
        let saved = Saved::default();
        let task = Task::new(db, clock, metrics, work, Arc::clone(&saved));
        tasks.spawn(task.run(receiver));
        Self {
            queue: sender,
            room: Arc::new(Semaphore::new(QUEUE)),
            saved,
        }
    }

    /// Stores the answers of one request, and ends the pieces of work that they came of; returns, for each, why it was not stored.
    /// When it returns, they are on disk.
    ///
    /// # Errors
    /// When the database did not take them; none is stored then.
    pub(super) async fn record(&self, analyses: Vec<Answer>) -> Result<Vec<Option<Error>>> {
        let (reply, answer) = oneshot::channel();
        let room = self.enter().await;
        self.send(Command::Record { analyses, reply }, room)?;
        answer.await.map_err(Error::internal)?
    }

    /// Sets the worst case of a call aside; `None` when no budget applies. Whoever stops waiting leaves nothing set aside.
    ///
    /// # Errors
    /// `Error::OverBudget`, or when the database does not answer.
    pub(super) async fn reserve(&self, payer: Payer, call: PlannedCall) -> Result<Option<Uuid>> {
        let (reply, answer) = oneshot::channel();
        let hold = Uuid::now_v7();
        let claim = Claim::new(hold, self.queue.clone());
        let reservation = Reservation { hold, payer, call };
        let room = self.enter().await;
        let command = Command::Reserve {
            reservation,
            claim,
            reply,
        };
        self.send(command, room)?;
        let claim: Claim = answer.await.map_err(Error::internal)??;
        Ok(claim.take())
    }

    /// Books what a call has used. It is in the queue when this returns, whatever becomes of the caller; what this returns is
    /// to be waited for, so that those who settle are no faster than the database.
    pub(super) fn settle(&self, settlement: Settlement) -> impl Future<Output = ()> + Send + use<> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        let is_full = room.is_none();
        let sent = self.queue.send(Queued {
            command: Command::Settle(settlement),
            room,
        });
        if sent.is_err() {
            tracing::error!("a settlement came after the end of the writer and is not booked");
        }
        let room = Arc::clone(&self.room);
        async move {
            if is_full {
                drop(room.acquire().await);
            }
        }
    }

    /// Counts an answer that was given again. It is written about every second.
    pub(super) fn save(&self, key: LedgerKey, amounts: LedgerAmounts) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        *saved.entry(key).or_default() += amounts;
        if saved.len() >= MOST_SAVED_LINES {
            let lines = mem::take(&mut *saved);
            drop(saved);
            drop(self.settle(Settlement::of_lines(lines)));
        }
    }

    /// Waits until everything that was handed over before is on disk.
    ///
    /// # Errors
    /// When the database does not take it; it is kept, and tried again.
    pub(super) async fn written(&self) -> Result<()> {
        let saved = mem::take(&mut *self.saved.lock().unwrap_or_else(PoisonError::into_inner));
        drop(self.settle(Settlement::of_lines(saved)));
        self.record(Vec::new()).await.map(drop)
    }

    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    fn send(&self, command: Command, room: Option<OwnedSemaphorePermit>) -> Result<()> {
        let queued = Queued { command, room };
        let sent = self.queue.send(queued);
        sent.map_err(|_| Error::internal("the writer has ended"))
    }
}
