//! What a job has led to, and how it goes on, for those who follow along.

use super::jobs::{Jobs, find_job};
use crate::{
    domain::{
        Result,
        analyses::Analysis,
        identifiers::{AnalysisId, JobId, WorkId},
        jobs::Job,
        principal::Actor,
        work::{WorkKind, WorkRow, WorkStatus},
    },
    repositories::{analyses, work_lists},
};
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// How many pieces are read at once.
const ROWS_AT_ONCE: i64 = 200;
/// How often a job is looked at for those who watch it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest that one watches; a client that wants to go on asks again.
const LONGEST_WATCH: Duration = Duration::from_hours(1);

/// A piece of a job that has ended, and the analysis that it has led to.
#[derive(Debug, Clone)]
pub struct ResultLine {
    pub item: WorkRow,
    pub analysis: Option<Analysis>,
}

impl Jobs {
    /// What became of each document, in the order of the job's pieces, read as it is asked for.
    ///
    /// # Errors
    /// `Error::NotFound`. The stream ends with the error of the database, if there is one.
    pub async fn results(&self, actor: &Actor, id: JobId) -> Result<BoxStream<'static, Result<ResultLine>>> {
        find_job(&mut self.db.glance().await?, actor, id).await?;
        let pages = stream::try_unfold((self.clone(), Some(None)), move |(jobs, place)| async move {
            let Some(after) = place else {
                return Ok(None);
            };
            let (lines, next) = jobs.result_lines(id, after).await?;
            Ok(Some((stream::iter(lines).map(Ok), (jobs, next.map(Some)))))
        });
        Ok(pages.try_flatten().boxed())
    }

    /// The lines after a piece, and the last piece that was looked at unless there are no more.
    async fn result_lines(&self, id: JobId, after: Option<WorkId>) -> Result<(Vec<ResultLine>, Option<WorkId>)> {
        let mut tx = self.db.read().await?;
        let rows = work_lists::of_job(&mut tx, id, None, after, ROWS_AT_ONCE).await?;
        let next = rows.last().map(|row| row.id);
        let made: Vec<AnalysisId> = rows.iter().filter_map(|row| row.analysis_id).collect();
        let found = analyses::find_all(&mut tx, &made).await?;
        let mut found: HashMap<AnalysisId, Analysis> = found.into_iter().map(|one| (one.id, one)).collect();
        let has_ended = |row: &WorkRow| {
            matches!(row.status, WorkStatus::Done | WorkStatus::Failed) && row.kind == WorkKind::Analyze
        };
        let lines = rows.into_iter().filter(has_ended).map(|item| ResultLine {
            analysis: item.analysis_id.and_then(|id| found.remove(&id)),
            item,
        });
        Ok((lines.collect(), next))
    }

    /// The job as it stands, at once and whenever it has come further, until it has ended.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn watch(&self, actor: &Actor, id: JobId) -> Result<BoxStream<'static, Job>> {
        let first = self.get(actor, id).await?;
        let until = Instant::now() + LONGEST_WATCH;
        let rest = stream::unfold(
            (self.clone(), actor.clone(), first.clone()),
            move |(jobs, actor, seen)| async move {
                while seen.status.is_open() && Instant::now() < until {
                    tokio::time::sleep(LOOK_EVERY).await;
                    // A database that does not answer for a moment is no end.
                    match jobs.get(&actor, id).await {
                        Ok(job) if job != seen => return Some((job.clone(), (jobs, actor, job))),
                        Err(crate::domain::Error::NotFound { .. }) => return None,
                        Ok(_) | Err(_) => {}
                    }
                }
                None
            },
        );
        Ok(stream::iter([first]).chain(rest).boxed())
    }
}
