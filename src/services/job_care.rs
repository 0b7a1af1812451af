//! What jobs and servers need from time to time: an end where nothing is left to do, forgetting, a sign of life.

use super::{
    jobs::Jobs,
    work::{after, finish_if_done},
};
use crate::{
    domain::{
        Result,
        identifiers::WorkerId,
        jobs::{JOBS_LAST, JobStatus},
        workers::{FORGOTTEN_AFTER, WorkerRow},
    },
    repositories::{jobs, workers},
};

/// How many jobs are looked at in one go.
const AT_ONCE: i64 = 1_000;
/// How many old jobs are forgotten in one go, each with its pieces.
const FORGOTTEN_AT_ONCE: i64 = 20;

impl Jobs {
    /// Ends jobs of which nothing is left.
    pub(super) async fn sweep(&self) -> Result<String> {
        let open = jobs::open(&mut self.db.glance().await?, AT_ONCE).await?;
        let mut ended = 0;
        for job in open {
            if job.status == JobStatus::Cancelling {
                self.carry_out_cancelling(job.id).await?;
            } else if job.planned {
                let mut tx = self.db.write().await?;
                ended += i32::from(finish_if_done(&mut tx, job.id, self.clock.now()).await?);
                tx.commit().await?;
            }
        }
        Ok(format!("{ended} jobs ended"))
    }

    /// Forgets jobs that ended long ago, and servers that are gone.
    pub(super) async fn forget_old(&self) -> Result<String> {
        let now = self.clock.now();
        let mut forgotten = 0;
        loop {
            let mut tx = self.db.write().await?;
            let old = jobs::finished_before(&mut tx, after(now, -JOBS_LAST), FORGOTTEN_AT_ONCE).await?;
            for id in &old {
                jobs::delete(&mut tx, *id).await?;
            }
            workers::forget(&mut tx, after(now, -FORGOTTEN_AFTER)).await?;
            tx.commit().await?;
            forgotten += old.len();
            if old.is_empty() {
                return Ok(format!("{forgotten} jobs forgotten"));
            }
        }
    }

    /// Stores what a server says of itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn present(&self, worker: &WorkerRow) -> Result<()> {
        let mut tx = self.db.write_soon().await?;
        workers::put(&mut tx, worker).await?;
        tx.commit().await
    }

    /// A server goes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn absent(&self, id: WorkerId) -> Result<()> {
        let mut tx = self.db.write_soon().await?;
        workers::delete(&mut tx, id).await?;
        tx.commit().await
    }
}
