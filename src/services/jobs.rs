//! Jobs: begin, list, get, cancel, try again. What they do is in `job_work`.

use super::{
    collections::find,
    rules::resolve_recipe,
    work::{WorkQueue, after, enqueue, finish_if_done},
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        automation::{Recipe, RecipeDraft},
        collections::Collection,
        documents::DocumentFilter,
        identifiers::{CollectionId, JobId, WorkId},
        jobs::{ActsAs, FARTHEST_START, Job, JobFilter, JobKind, JobParameters, JobStatus, MOST_OPEN_JOBS},
        paging::{Page, PageRequest},
        permissions::Scope,
        principal::{Actor, PrincipalId},
        text_fields::NameOrId,
        work::{NewWork, Queue, WorkKind, WorkRow, WorkStatus},
        workers::{GONE_AFTER, WorkerRow},
    },
    repositories::{jobs, work, work_lists, workers},
    telemetry::trace_id,
};
use serde_json::json;
use sqlx::types::Json;

#[derive(Clone)]
pub struct Jobs {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) work: WorkQueue,
}

/// A job as a person asks for it.
#[derive(Debug, Clone)]
pub enum NewJob {
    Analyze {
        filter: DocumentFilter,
        recipe: RecipeDraft,
    },
    Backfill {
        recipe: RecipeDraft,
    },
    Delete {
        filter: DocumentFilter,
    },
}

/// Which jobs to list, with the collection by slug or id.
#[derive(Debug, Clone, Default)]
pub struct JobWish {
    pub collection: Option<NameOrId<CollectionId>>,
    pub kind: Option<JobKind>,
    pub status: Option<JobStatus>,
}

impl Jobs {
    #[must_use]
    pub fn new(db: Db, clock: Clock, work: WorkQueue) -> Self {
        Self { db, clock, work }
    }

    /// What time it is for jobs.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Begins a job.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection, `Error::Invalid` for the taxonomy, `Error::Forbidden` without the scope for what the job does,
    /// or `Error::Conflict` when the collection has as many open jobs as it may have.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        new: NewJob,
        starts_at: Option<Timestamp>,
    ) -> Result<Job> {
        let now = self.clock.now();
        if starts_at.is_some_and(|at| at > after(now, FARTHEST_START)) {
            let message = format!("must be at most {} days ahead", FARTHEST_START.whole_days());
            return Err(Error::invalid("/start_at", message));
        }
        let mut tx = self.db.write().await?;
        let collection = find(&mut tx, actor, collection).await?;
        let parameters = parameters(&mut tx, new).await?;
        let starts_at = starts_at.filter(|at| *at > now);
        let job = self
            .begin_at(&mut tx, actor, &collection, parameters, starts_at)
            .await?;
        tx.commit().await?;
        self.work.ring(Queue::Jobs);
        Ok(job)
    }

    /// Stores a job and its first piece of work, if it is known, inside of a transaction.
    pub(super) async fn begin(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        collection: &Collection,
        parameters: JobParameters,
    ) -> Result<Job> {
        self.begin_at(tx, actor, collection, parameters, None).await
    }

    async fn begin_at(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        collection: &Collection,
        parameters: JobParameters,
        starts_at: Option<Timestamp>,
    ) -> Result<Job> {
        let kind = parameters.kind();
        check_scopes(actor, kind)?;
        if jobs::count_open(tx, collection.id).await? >= MOST_OPEN_JOBS {
            return Err(Error::Conflict(format!(
                "the collection has {MOST_OPEN_JOBS} jobs that have not ended: wait for some, or cancel them"
            )));
        }
        let now = self.clock.now();
        let principal = &actor.principal;
        let job = Job {
            id: JobId::generate(),
            kind,
            collection_id: collection.id,
            status: JobStatus::Queued,
            parameters: Json(parameters),
            planned: false,
            total: None,
            done: 0,
            unchanged: 0,
            refused: 0,
            failed: 0,
            acts_as: match principal.id {
                PrincipalId::Operator => ActsAs::Operator,
                PrincipalId::Key(_) => ActsAs::Key,
                PrincipalId::User(_) => ActsAs::User,
            },
            created_by: principal.key_id(),
            created_by_user: principal.user_id,
            trace_id: trace_id::current(),
            created_at: now,
            starts_at,
            started_at: None,
            finished_at: None,
        };
        jobs::insert(tx, &job).await?;
        let first = match kind {
            JobKind::Analyze | JobKind::Backfill => WorkKind::Plan,
            JobKind::Delete => WorkKind::Delete,
            JobKind::Export => WorkKind::Export,
            // There is something to do once something has arrived.
            JobKind::Import => return Ok(job),
        };
        let first = NewWork {
            queue: Queue::Jobs,
            collection: collection.id,
            kind: first,
            job: Some(job.id),
            document: None,
            rule: None,
            payload: json!({}),
            due_at: starts_at.unwrap_or(now),
        };
        enqueue(tx, &[first]).await?;
        Ok(job)
    }

    /// Newest first.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn list(&self, actor: &Actor, wish: JobWish, page: PageRequest<JobId>) -> Result<Page<Job, JobId>> {
        let mut tx = self.db.read().await?;
        let collection = match &wish.collection {
            Some(name) => Some(find(&mut tx, actor, name).await?.id),
            None => None,
        };
        let filter = JobFilter {
            collection,
            kind: wish.kind,
            status: wish.status,
        };
        let limit = i64::from(page.limit) + 1;
        let rows = jobs::list(&mut tx, &actor.principal.reach, &filter, page.after, limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, id: JobId) -> Result<Job> {
        find_job(&mut self.db.glance().await?, actor, id).await
    }

    /// Begins nothing more of it; what is under way is brought to its end, and what was done stays.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when it has ended.
    pub async fn cancel(&self, actor: &Actor, id: JobId) -> Result<Job> {
        let mut tx = self.db.write().await?;
        find_job(&mut tx, actor, id).await?;
        let job = jobs::lock(&mut tx, id)
            .await?
            .ok_or_else(|| Error::not_found("job", id))?;
        check_scopes(actor, job.kind)?;
        job.check_open()?;
        jobs::set_status(&mut tx, id, JobStatus::Cancelling, None).await?;
        tx.commit().await?;
        self.carry_out_cancelling(id).await?;
        self.get(actor, id).await
    }

    /// Ends what waits. In a transaction of its own: pieces are locked before their job, as everywhere.
    pub(super) async fn carry_out_cancelling(&self, id: JobId) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        work::cancel_waiting(&mut tx, id, now).await?;
        finish_if_done(&mut tx, id, now).await?;
        tx.commit().await
    }

    /// Has everything that failed tried again; says how many pieces that are.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when nothing of it has failed, or it is being cancelled.
    pub async fn retry(&self, actor: &Actor, id: JobId) -> Result<Job> {
        let mut tx = self.db.write().await?;
        let job = find_job(&mut tx, actor, id).await?;
        check_scopes(actor, job.kind)?;
        if matches!(job.status, JobStatus::Cancelling | JobStatus::Cancelled) {
            return Err(Error::Conflict("the job was cancelled; begin another".to_owned()));
        }
        let again = work::retry_of_job(&mut tx, id, self.clock.now()).await?;
        if again == 0 {
            return Err(Error::Conflict("nothing of the job has failed".to_owned()));
        }
        jobs::retried(&mut tx, id, i64::try_from(again).unwrap_or(i64::MAX)).await?;
        tx.commit().await?;
        self.work.ring(Queue::Jobs);
        self.get(actor, id).await
    }

    /// The pieces of a job, in their order.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn items(
        &self,
        actor: &Actor,
        id: JobId,
        status: Option<WorkStatus>,
        page: PageRequest<WorkId>,
    ) -> Result<Page<WorkRow, WorkId>> {
        let mut tx = self.db.read().await?;
        find_job(&mut tx, actor, id).await?;
        let rows = work_lists::of_job(&mut tx, id, status, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// What failed in the background within reach, of jobs and of what collections do by themselves, newest first.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn failed(
        &self,
        actor: &Actor,
        collection: Option<&NameOrId<CollectionId>>,
        page: PageRequest<WorkId>,
    ) -> Result<Page<WorkRow, WorkId>> {
        let mut tx = self.db.read().await?;
        let collection = match collection {
            Some(name) => Some(find(&mut tx, actor, name).await?.id),
            None => None,
        };
        let limit = i64::from(page.limit) + 1;
        let rows = work_lists::failed(&mut tx, &actor.principal.reach, collection, page.after, limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// Has one piece that failed tried again.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when it has not failed, or belongs to a job, which is tried again as a whole.
    pub async fn retry_failed(&self, actor: &Actor, id: WorkId) -> Result<WorkRow> {
        let mut tx = self.db.write().await?;
        let row = find_work(&mut tx, actor, id).await?;
        if let Some(job) = row.job_id {
            let why = format!("it belongs to the job {job}: have the failed items of that job tried again");
            return Err(Error::Conflict(why));
        }
        if !work::retry(&mut tx, id, self.clock.now()).await? {
            return Err(Error::Conflict("it has not failed, or is being tried again".to_owned()));
        }
        let row = find_work(&mut tx, actor, id).await?;
        tx.commit().await?;
        self.work.ring(row.queue);
        Ok(row)
    }

    /// The servers that were seen a moment ago.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>> {
        let since = after(self.clock.now(), -GONE_AFTER);
        workers::list(&mut self.db.glance().await?, since).await
    }
}

/// The parameters with taxonomies by id.
pub(super) async fn parameters(tx: &mut Tx, new: NewJob) -> Result<JobParameters> {
    Ok(match new {
        NewJob::Analyze { filter, recipe } => JobParameters::Analyze {
            filter,
            recipe: resolve_recipe(tx, recipe, "/analyze").await?,
        },
        NewJob::Backfill { recipe } => JobParameters::Backfill {
            recipe: resolve_backfill(tx, recipe).await?,
        },
        NewJob::Delete { filter } => JobParameters::Delete { filter },
    })
}

/// A backfill names its version, so that it means the same throughout.
async fn resolve_backfill(tx: &mut Tx, draft: RecipeDraft) -> Result<Recipe> {
    let recipe = resolve_recipe(tx, draft, "/backfill").await?;
    let Some(taxonomy) = recipe.taxonomy() else {
        return Err(Error::invalid("/backfill", "must have `classification`"));
    };
    let newest = super::taxonomies::find_head(tx, &NameOrId::Id(taxonomy)).await?.version;
    Ok(recipe.at_version(newest))
}

/// What a job does needs the scope for that.
pub(super) fn check_scopes(actor: &Actor, kind: JobKind) -> Result<()> {
    let needed: &[Scope] = match kind {
        JobKind::Analyze | JobKind::Backfill => &[Scope::AnalysesRun, Scope::DocumentsRead],
        JobKind::Import | JobKind::Delete => &[Scope::DocumentsWrite],
        JobKind::Export => &[Scope::DocumentsRead],
    };
    match needed.iter().find(|scope| !actor.principal.scopes.contains(**scope)) {
        None => Ok(()),
        Some(scope) => Err(Error::Forbidden(format!(
            "a job of kind `{kind}` needs the scope `{scope}`, too"
        ))),
    }
}

/// The job of this id; one of a collection that is out of reach is not there.
pub(super) async fn find_job(tx: &mut Tx, actor: &Actor, id: JobId) -> Result<Job> {
    let job = jobs::find(tx, id).await?;
    job.filter(|job| actor.reaches(job.collection_id))
        .ok_or_else(|| Error::not_found("job", id))
}

async fn find_work(tx: &mut Tx, actor: &Actor, id: WorkId) -> Result<WorkRow> {
    let row = work_lists::find(tx, id).await?;
    row.filter(|row| actor.reaches(row.collection_id))
        .ok_or_else(|| Error::not_found("piece of work", id))
}

/// The collection that a job is about.
pub(super) async fn collection_of(tx: &mut Tx, actor: &Actor, job: &Job) -> Result<Collection> {
    find(tx, actor, &NameOrId::Id(job.collection_id)).await
}
