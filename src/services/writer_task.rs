//! The task behind the writer: gathers what is waiting, writes it, and keeps what has been used until it is written.

use super::{
    books::{self, Reservation, Settlement},
    records::{self, Stored},
    work::WorkQueue,
    writer_queue::{Batch, Queued, Recording, Reserving, Saved, Written},
};
use crate::{
    db::{Db, Tx, is_contention, is_fault_of_data},
    domain::{Clock, Error, Result, Timestamp, money::MicroDollars},
    repositories::usage,
    telemetry::metrics::Metrics,
};
use std::{collections::VecDeque, mem, sync::PoisonError, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use uuid::Uuid;

/// With how many answers, reservations and settlements a transaction takes no more in.
const ENOUGH_PER_TRANSACTION: usize = 512;
/// How many settlements are kept while the database is away; the oldest go when there are more.
const MOST_KEPT: usize = 65_536;
/// How often what was saved is written, and what could not be written is tried again.
const TICK: Duration = Duration::from_secs(1);
/// For how long what nobody waits for waits for something that somebody does.
const NOBODY_WAITS: Duration = Duration::from_millis(5);
/// How often a transaction is tried that others stood in the way of, and how long it waits in between.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(5);
/// How long the end of the program may wait for a database that is away.
const END_MAY_TAKE: Duration = Duration::from_secs(20);
/// How often forgotten holds are looked for.
const SWEEP_EVERY: time::Duration = time::Duration::MINUTE;

pub(super) struct Task {
    db: Db,
    clock: Clock,
    metrics: Metrics,
    work: WorkQueue,
    saved: Saved,
    /// This task among those of other servers.
    id: Uuid,
    /// How many transactions it has tried to commit.
    batch: i64,
    /// What is not known to be written, in its order.
    kept: VecDeque<Settlement>,
    /// A transaction of which it is not known whether it was committed, and how many of the kept were in it.
    uncertain: Option<(i64, usize)>,
    swept_at: Option<Timestamp>,
    /// When it has last looked for what was saved.
    looked_at: Instant,
}

impl Task {
    pub(super) fn new(db: Db, clock: Clock, metrics: Metrics, work: WorkQueue, saved: Saved) -> Self {
        Self {
            db,
            clock,
            metrics,
            work,
            saved,
            id: Uuid::now_v7(),
            batch: 0,
            kept: VecDeque::new(),
            uncertain: None,
            swept_at: None,
            looked_at: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Queued>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut batch = Batch::default();
            tokio::select! {
                biased;
                next = queue.recv() => match next {
                    Some(first) => batch.add(first),
                    None => break,
                },
                _ = tick.tick() => {}
            }
            if self.looked_at.elapsed() >= TICK {
                self.take_saved(&mut batch);
            }
            let until = Instant::now() + NOBODY_WAITS;
            while batch.weight < ENOUGH_PER_TRANSACTION {
                if let Ok(next) = queue.try_recv() {
                    batch.add(next);
                } else if batch.is_waited_for() {
                    break;
                } else {
                    // The answer that came of a call follows what the call has used: they share a transaction.
                    match tokio::time::timeout_at(until, queue.recv()).await {
                        Ok(Some(next)) => batch.add(next),
                        Ok(None) | Err(_) => break,
                    }
                }
            }
            // Nobody may ask for anything for a long time; what was set aside and forgotten is booked all the same. What is known to
            // have been used comes before what is taken to have been.
            if self.kept.is_empty() && self.is_to_sweep(self.clock.now()) {
                self.sweep().await;
            }
            if batch.weight > 0 || !self.kept.is_empty() {
                self.write(batch).await;
            }
        }
        self.end().await;
    }

    fn take_saved(&mut self, batch: &mut Batch) {
        self.looked_at = Instant::now();
        let lines = mem::take(&mut *self.saved.lock().unwrap_or_else(PoisonError::into_inner));
        if !lines.is_empty() {
            batch.settlements.push(Settlement::of_lines(lines));
            batch.weight += 1;
        }
    }

    /// Writes what is left; waits a while for a database that is away.
    async fn end(mut self) {
        let until = Instant::now() + END_MAY_TAKE;
        loop {
            let mut batch = Batch::default();
            self.take_saved(&mut batch);
            if batch.weight == 0 && self.kept.is_empty() {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || tokio::time::timeout(left, self.write(batch)).await.is_err() {
                break;
            }
            if !self.kept.is_empty() {
                tokio::time::sleep(TICK.min(left)).await;
            }
        }
        let lost = mem::take(&mut self.kept);
        self.give_up(lost.iter(), "the program ends and the database is away");
    }

    async fn write(&mut self, batch: Batch) {
        let Batch {
            mut recordings,
            mut reservings,
            settlements,
            rooms,
            ..
        } = batch;
        self.kept.extend(settlements);
        let outcome = self.write_all(&reservings, &recordings).await;
        match outcome {
            Ok(written) => {
                answer_reservings(reservings, written.reserved);
                answer_recordings(recordings, written.recorded);
            }
            // The database does not answer: asking once more for each would only make all of them wait longer.
            Err(error @ (Error::Unavailable { .. } | Error::StorageFull { .. })) => {
                let mut error = Some(error);
                for reserving in reservings.drain(..) {
                    self.refuse(reserving, again(&mut error));
                }
                for recording in recordings.drain(..) {
                    drop(recording.reply.send(Err(again(&mut error))));
                }
            }
            // One request's trouble must not become the others': each is tried again by itself.
            Err(_) => self.write_each(reservings, recordings).await,
        }
        self.keep_within_bounds();
        drop(rooms);
    }

    /// What is kept first; then the rest, with as much of it as a transaction takes.
    async fn write_all(&mut self, reservings: &[Reserving], recordings: &[Recording]) -> Result<Written> {
        while self.kept.len() > ENOUGH_PER_TRANSACTION {
            self.transact(ENOUGH_PER_TRANSACTION, &[], &[]).await?;
        }
        self.transact(ENOUGH_PER_TRANSACTION, reservings, recordings).await
    }

    async fn write_each(&mut self, reservings: Vec<Reserving>, recordings: Vec<Recording>) {
        let mut away = false;
        while !away && !self.kept.is_empty() {
            match self.transact(1, &[], &[]).await {
                Ok(_) => {}
                // It would be refused every time, and everything behind it would wait for it.
                Err(error) if is_fault_of_data(&error) => {
                    let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
                    let lost = self.kept.pop_front();
                    self.uncertain = None;
                    self.give_up(lost.iter(), &cause);
                }
                // Whatever else is wrong may pass: it is kept, and tried again.
                Err(error) => {
                    let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
                    tracing::warn!(cause, "what calls have used cannot be booked yet");
                    away = true;
                }
            }
        }
        // Once the database is away, the others need not find out one after the other.
        let mut gone = None;
        for reserving in reservings {
            let written = if gone.is_some() {
                Err(again(&mut gone))
            } else {
                self.transact(0, std::slice::from_ref(&reserving), &[]).await
            };
            match written {
                Ok(written) => answer_reservings(vec![reserving], written.reserved),
                Err(error) => {
                    let error = noted(error, &mut gone);
                    self.refuse(reserving, error);
                }
            }
        }
        for recording in recordings {
            let written = if gone.is_some() {
                Err(again(&mut gone))
            } else {
                self.transact(0, &[], std::slice::from_ref(&recording)).await
            };
            let outcome = written
                .map(|mut written| written.recorded.pop().unwrap_or_default())
                .map_err(|error| noted(error, &mut gone));
            drop(recording.reply.send(outcome));
        }
    }

    /// One transaction, tried again when others stood in the way.
    async fn transact(&mut self, most: usize, reservings: &[Reserving], recordings: &[Recording]) -> Result<Written> {
        let mut attempt = 1;
        loop {
            match self.try_transact(most, reservings, recordings).await {
                Err(error) if attempt < ATTEMPTS && is_contention(&error) => {
                    tokio::time::sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_transact(
        &mut self,
        most: usize,
        reservings: &[Reserving],
        recordings: &[Recording],
    ) -> Result<Written> {
        let count = most.min(self.kept.len());
        // What a call is about to use need not outlive the machine that makes it; what it has used must.
        let mut tx = if count == 0 && recordings.is_empty() {
            self.db.write_soon().await?
        } else {
            self.db.write().await?
        };
        let now = self.clock.now();
        self.look_back(&mut tx, now).await?;
        let count = count.min(self.kept.len());
        let settlements = &self.kept.make_contiguous()[..count];
        let reservations: Vec<&Reservation> = reservings.iter().map(|one| &one.reservation).collect();
        // Answers refer to people, keys and collections, which whoever deletes them locks before the budgets that go with them: in
        // the same order here, neither waits for the other for ever.
        let Stored {
            outcomes: recorded,
            told,
        } = records::store(&mut tx, recordings, now).await?;
        let reserved = if count > 0 || !reservations.is_empty() {
            books::keep(&mut tx, now, settlements, &reservations).await?
        } else {
            Vec::new()
        };
        self.batch += 1;
        // What has a hold is booked once because the hold goes; what has none, because the transaction is noted.
        if settlements.iter().any(|settlement| settlement.hold.is_none()) {
            usage::sign(&mut tx, self.id, self.batch, now).await?;
        }
        self.uncertain = Some((self.batch, count));
        tx.commit().await?;
        self.work.ring_if(told);
        self.uncertain = None;
        self.kept.drain(..count);
        Ok(Written { reserved, recorded })
    }

    /// Books what was set aside and forgotten, in a transaction of its own: nobody's settlement is to blame when it fails. What comes
    /// at the same moment waits for it, once a minute.
    async fn sweep(&mut self) {
        let now = self.clock.now();
        self.swept_at = Some(now);
        let sweeping = async {
            let mut tx = self.db.write().await?;
            books::sweep(&mut tx, now).await?;
            tx.commit().await
        };
        if let Err(error) = sweeping.await {
            let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(cause, "what was set aside and forgotten cannot be booked yet");
        }
    }

    /// Whether it is time to book what was set aside and forgotten.
    fn is_to_sweep(&self, now: Timestamp) -> bool {
        self.swept_at.is_none_or(|at| {
            let since = now.as_offset_date_time() - at.as_offset_date_time();
            since.is_negative() || since >= SWEEP_EVERY
        })
    }

    /// Whether a transaction whose commit was not answered is written; then what was in it is kept no longer.
    async fn look_back(&mut self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        if let Some((batch, count)) = self.uncertain {
            if usage::last_signed(tx, self.id, now).await? == batch {
                self.kept.drain(..count.min(self.kept.len()));
            }
            self.uncertain = None;
        }
        Ok(())
    }

    fn refuse(&mut self, reserving: Reserving, error: Error) {
        // It may be set aside all the same, if only the answer to the commit was lost.
        if self.uncertain.is_some() {
            self.kept.push_back(Settlement::release(reserving.reservation.hold));
        }
        drop(reserving.reply.send(Err(error)));
    }

    fn keep_within_bounds(&mut self) {
        let over = self.kept.len().saturating_sub(MOST_KEPT);
        if over > 0 {
            let lost: Vec<Settlement> = self.kept.drain(..over).collect();
            self.uncertain = self.uncertain.map(|(batch, count)| (batch, count.saturating_sub(over)));
            self.give_up(lost.iter(), "the database has been away for too long");
        }
    }

    fn give_up<'a>(&self, lost: impl ExactSizeIterator<Item = &'a Settlement>, why: &str) {
        let count = lost.len();
        let cost: MicroDollars = lost.map(|settlement| settlement.cost).sum();
        self.metrics.settlements_lost(u64::try_from(count).unwrap_or(u64::MAX));
        tracing::error!(count, %cost, why, "what calls have used is not in the ledger");
    }
}

fn answer_reservings(reservings: Vec<Reserving>, outcomes: Vec<books::Reserved>) {
    for (reserving, outcome) in reservings.into_iter().zip(outcomes) {
        let Reserving { claim, reply, .. } = reserving;
        let answer = outcome.map(|held| if held { claim.held() } else { claim });
        // Whoever does not wait for it drops it, and with it what was set aside.
        drop(reply.send(answer));
    }
}

fn answer_recordings(recordings: Vec<Recording>, outcomes: Vec<Vec<Option<Error>>>) {
    for (recording, outcome) in recordings.into_iter().zip(outcomes) {
        // A client that went away does not hear of it; its answer is stored all the same.
        drop(recording.reply.send(Ok(outcome)));
    }
}

/// The error, of which the others hear too if it says that the database is away.
fn noted(error: Error, gone: &mut Option<Error>) -> Error {
    if gone.is_none() && matches!(error, Error::Unavailable { .. } | Error::StorageFull { .. }) {
        *gone = Some(error);
        return again(gone);
    }
    error
}

/// The same error for each; the first has the cause, so that it is logged once.
fn again(error: &mut Option<Error>) -> Error {
    let (next, given) = match error.take() {
        Some(Error::Unavailable { message, source }) => {
            let next = Error::Unavailable {
                message: message.clone(),
                source: None,
            };
            (next, Error::Unavailable { message, source })
        }
        Some(Error::StorageFull { message, source }) => {
            let next = Error::StorageFull {
                message: message.clone(),
                source: None,
            };
            (next, Error::StorageFull { message, source })
        }
        other => {
            let given = other.unwrap_or_else(|| Error::internal("the writer has no cause to give"));
            (Error::internal("the cause is with another request"), given)
        }
    };
    *error = Some(next);
    given
}
