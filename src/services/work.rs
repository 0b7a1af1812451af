//! Work in the background: pieces are put into their lanes in the transaction of what calls for them, taken up under a lease, and
//! end in the transaction of their effect. Whoever has lost the lease ends nothing.

use super::webhook_events;
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        identifiers::{AnalysisId, JobId},
        jobs::{JobStatus, Progress},
        work::{Claim, Claimed, Failure, LEASE, MOST_ATTEMPTS, NewWork, Queue},
    },
    repositories::{
        jobs,
        work::{self, Ended},
    },
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// The most characters of a reason that are kept.
const LONGEST_REASON: usize = 500;

#[derive(Clone)]
pub struct WorkQueue {
    db: Db,
    clock: Clock,
    wakes: Arc<Wakes>,
}

/// What rings when this process has put something into a queue; others find it when they look.
#[derive(Default)]
struct Wakes {
    arrivals: Notify,
    jobs: Notify,
    deliveries: Notify,
}

/// What was taken up together.
#[derive(Debug)]
pub struct Batch {
    pub lease: Uuid,
    pub works: Vec<Claimed>,
}

/// How a piece of work ended, where it was done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    pub analysis: Option<AnalysisId>,
    pub progress: Progress,
}

impl WorkQueue {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            wakes: Arc::default(),
        }
    }

    /// Tells those of this process who wait for work that there is some.
    pub fn ring(&self, queue: Queue) {
        self.bell(queue).notify_one();
    }

    /// Waits until something was put into the queue here, or for this long: others may have put something there.
    pub async fn wait(&self, queue: Queue, longest: Duration) {
        drop(tokio::time::timeout(longest, self.bell(queue).notified()).await);
    }

    /// After the commit of something that webhooks are told.
    pub(super) fn ring_if(&self, told: bool) {
        if told {
            self.ring(Queue::Deliveries);
        }
    }

    fn bell(&self, queue: Queue) -> &Notify {
        match queue {
            Queue::Arrivals => &self.wakes.arrivals,
            Queue::Jobs => &self.wakes.jobs,
            Queue::Deliveries => &self.wakes.deliveries,
        }
    }

    /// Takes up to `limit` pieces of one collection up, of the collection that was served longest ago. What was taken up and never
    /// ended as often as may be is put on the list of what failed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(&self, queue: Queue, limit: i64) -> Result<Option<Batch>> {
        let now = self.clock.now();
        // Looking costs no writing.
        if !work::any_due(&mut self.db.glance().await?, queue, now).await? {
            return Ok(None);
        }
        let lease = Uuid::now_v7();
        // Losing it to a power cut would only have the pieces taken up again.
        let mut tx = self.db.write_soon().await?;
        let works = work::claim(&mut tx, queue, now, after(now, LEASE), lease, limit).await?;
        let (works, given_up): (Vec<_>, Vec<_>) = works.into_iter().partition(|one| one.attempts <= MOST_ATTEMPTS);
        for job in works.iter().filter_map(|one| one.job_id) {
            jobs::begin(&mut tx, job, now).await?;
        }
        let mut ends = Ends::default();
        for one in &given_up {
            let failure = Failure {
                code: "abandoned",
                reason: format!(
                    "it was begun {MOST_ATTEMPTS} times and never ended: whoever began it was stopped or crashed"
                ),
                again_after: None,
            };
            ends.fail(&mut tx, one, &failure, now).await?;
        }
        let told = ends.settle(&mut tx, now).await?;
        tx.commit().await?;
        self.ring_if(told);
        Ok((!works.is_empty()).then_some(Batch { lease, works }))
    }

    /// Keeps everything that is held under the lease for longer; says how much that is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn renew(&self, lease: Uuid) -> Result<u64> {
        let now = self.clock.now();
        let mut tx = self.db.write_soon().await?;
        let held = work::renew(&mut tx, lease, after(now, LEASE)).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Ends pieces that have no effect besides, such as those of which the answer was there before. Says for each whether it was
    /// still held.
    ///
    /// # Errors
    /// When the database does not answer; none has ended then.
    pub async fn end(&self, ended: &[(Claim, Done)]) -> Result<Vec<bool>> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let mut ends = Ends::default();
        let mut held = Vec::with_capacity(ended.len());
        for (claim, done) in ended {
            held.push(ends.end(&mut tx, *claim, *done, now).await?);
        }
        let told = ends.settle(&mut tx, now).await?;
        tx.commit().await?;
        self.ring_if(told);
        Ok(held)
    }

    /// Notes that an attempt failed: the piece waits to be tried again, or goes on the list of what failed. Where the server itself is
    /// at fault, the attempt does not count.
    ///
    /// # Errors
    /// When the database does not answer; then the lease runs out by itself.
    pub async fn fail(&self, failed: &[(&Claimed, &Error)]) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let mut ends = Ends::default();
        for (claimed, error) in failed {
            let failure = Failure::of(error, claimed.attempts);
            let counts = !Failure::is_of_the_server(error);
            ends.fail_or_again(&mut tx, claimed, &failure, counts, now).await?;
        }
        let told = ends.settle(&mut tx, now).await?;
        tx.commit().await?;
        self.ring_if(told);
        Ok(())
    }

    /// For each queue, how many pieces are open, and for how many seconds the oldest of them has been due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn depth(&self) -> Result<Vec<(Queue, i64, i64)>> {
        let now = self.clock.now().as_offset_date_time();
        let rows = work::depth(&mut self.db.glance().await?).await?;
        let found = |queue: Queue| {
            let row = rows.iter().find(|(name, ..)| *name == queue);
            let oldest = row.and_then(|(.., oldest)| *oldest);
            let seconds = oldest.map_or(0, |at| (now - at.as_offset_date_time()).whole_seconds().max(0));
            (queue, row.map_or(0, |(_, open, _)| *open), seconds)
        };
        Ok(Queue::ALL.map(found).to_vec())
    }

    /// Gives back what was taken up and not begun.
    ///
    /// # Errors
    /// When the database does not answer; then the lease runs out by itself.
    pub async fn give_back(&self, claimed: &[Claimed]) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write_soon().await?;
        for one in claimed {
            work::put_back(&mut tx, one.claim(), one.enqueued_at.min(now), None, false, None).await?;
        }
        tx.commit().await
    }
}

/// Puts pieces into their lanes, inside of a transaction; afterwards, [`WorkQueue::ring`].
pub(super) async fn enqueue(tx: &mut Tx, works: &[NewWork]) -> Result<()> {
    if works.is_empty() {
        return Ok(());
    }
    work::insert(tx, works).await
}

/// The ends of pieces in one transaction, and what they mean for their jobs.
#[derive(Default)]
pub(super) struct Ends {
    jobs: BTreeMap<JobId, Progress>,
    /// Whether webhooks are told of something.
    told: bool,
}

impl Ends {
    /// Ends a piece; says whether it was still held. If not, its effect must not be.
    pub async fn end(&mut self, tx: &mut Tx, claim: Claim, done: Done, now: Timestamp) -> Result<bool> {
        let ended = Ended {
            failure: None,
            analysis: done.analysis,
        };
        let Some(job) = work::end(tx, claim, &ended, now).await? else {
            return Ok(false);
        };
        if let Some(job) = job {
            *self.jobs.entry(job).or_default() += done.progress;
        }
        Ok(true)
    }

    /// Puts a piece on the list of what failed; says whether it was still held.
    pub async fn fail(&mut self, tx: &mut Tx, claimed: &Claimed, failure: &Failure, now: Timestamp) -> Result<bool> {
        let listeners = webhook_events::listeners_to_failure(tx, claimed).await?;
        let reason: String = failure.reason.chars().take(LONGEST_REASON).collect();
        let ended = Ended {
            failure: Some((failure.code, &reason)),
            analysis: None,
        };
        let Some(job) = work::end(tx, claimed.claim(), &ended, now).await? else {
            return Ok(false);
        };
        self.told |= webhook_events::tell_of_failure(tx, &listeners, claimed, failure.code, now).await?;
        if let Some(job) = job {
            self.jobs.entry(job).or_default().failed += 1;
        }
        Ok(true)
    }

    /// Has a piece tried again, or puts it on the list of what failed. Says whether it failed for good.
    pub async fn fail_or_again(
        &mut self,
        tx: &mut Tx,
        claimed: &Claimed,
        failure: &Failure,
        counts: bool,
        now: Timestamp,
    ) -> Result<bool> {
        match failure.again_after {
            Some(pause) if !counts || claimed.attempts < MOST_ATTEMPTS => {
                let due = after(now, time::Duration::try_from(pause).unwrap_or(LEASE));
                let reason: String = failure.reason.chars().take(LONGEST_REASON).collect();
                let why = Some((failure.code, reason.as_str()));
                work::put_back(tx, claimed.claim(), due, why, counts, None).await?;
                Ok(false)
            }
            _ => self.fail(tx, claimed, failure, now).await,
        }
    }

    /// Adds to the counts of the jobs, and ends those of which nothing is left. To be called last: from here on, the rows of the
    /// jobs are locked. Says whether webhooks may have been told of something.
    pub async fn settle(self, tx: &mut Tx, now: Timestamp) -> Result<bool> {
        let mut told = self.told;
        for (job, progress) in self.jobs {
            if !progress.is_none() {
                jobs::add(tx, job, progress).await?;
            }
            told |= finish_if_done(tx, job, now).await?;
        }
        Ok(told)
    }
}

/// Ends a job of which nothing is left to do; says whether it did. The row is locked first: of two who end the last pieces at the same
/// time, the second sees what the first has ended.
pub(super) async fn finish_if_done(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let Some(job) = jobs::lock(tx, id).await? else {
        return Ok(false);
    };
    let is_over = job.status.is_open() && (job.planned || job.status == JobStatus::Cancelling);
    if !is_over || work::count_open(tx, id, 1).await? > 0 {
        return Ok(false);
    }
    let status = match job.status {
        JobStatus::Cancelling => JobStatus::Cancelled,
        _ if job.failed > 0 => JobStatus::Failed,
        _ => JobStatus::Succeeded,
    };
    jobs::set_status(tx, id, status, Some(now)).await?;
    webhook_events::tell_of_job(tx, &job, status, now).await?;
    tracing::info!(job = %id, kind = job.kind.name(), status = status.name(), done = job.done, failed = job.failed, "a job has ended");
    Ok(true)
}

/// So much later, cut to the calendar.
pub(super) fn after(time: Timestamp, span: time::Duration) -> Timestamp {
    let time = time.as_offset_date_time();
    Timestamp::new(time.checked_add(span).unwrap_or(time))
}
