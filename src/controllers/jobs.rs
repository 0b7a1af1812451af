//! `/api/jobs`, `/api/job-previews` and `/api/work`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        identifiers::{JobId, WorkId},
        text_fields::NameOrId,
    },
    dto::{
        body::Body,
        job_items::{ItemStatus, JobPreview, JobResult, Results, Watched, WorkItem, WorkItemPage},
        jobs::{Begun, Job, JobKind, JobPage, JobStatus, NewJob},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Listed, Versioned},
        workers::{Worker, Workers},
    },
    services::{
        job_work::JobWork,
        jobs::{JobWish, Jobs},
    },
};
use futures_util::StreamExt;
use poem::{Body as RawBody, Request};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
    types::ToJSON,
};
use std::io;
use uuid::Uuid;

pub struct JobsApi(pub Jobs);

#[OpenApi(prefix_path = "/api/jobs", tag = "Tag::Jobs")]
impl JobsApi {
    /// Begin a job
    ///
    /// It goes on in the background, on any server that works there, in the name of whoever began it: what they may not do any more,
    /// it may not. A document that has the wanted analysis already is not analysed again.
    #[oai(path = "/", method = "post", operation_id = "createJob")]
    async fn create(&self, caller: Caller, body: Body<NewJob>) -> Result<Begun, ApiError> {
        let wished = body.0.into_domain()?;
        let collection = NameOrId::parse(&wished.collection);
        let job = self
            .0
            .create(caller.actor(), &collection, wished.job, wished.start_at)
            .await?;
        let job = self.show(job);
        let location = job.location();
        Ok(Begun::Accepted(Json(job), location))
    }

    /// List jobs
    ///
    /// Newest first; filters add up. Jobs that have ended are kept for 30 days.
    #[oai(path = "/", method = "get", operation_id = "listJobs")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        collection: Query<Option<String>>,
        kind: Query<Option<JobKind>>,
        status: Query<Option<JobStatus>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<JobPage>, ApiError> {
        check_parameters(request, &["collection", "kind", "status", "limit", "cursor"], None)?;
        let wish = JobWish {
            collection: collection.0.as_deref().map(NameOrId::parse),
            kind: kind.0.map(Into::into),
            status: status.0.map(Into::into),
        };
        let question = Question::new(request, &(&collection.0, wish.kind, wish.status))?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self.0.list(caller.actor(), wish, page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(|job| self.show(job)).collect();
        Ok(Listed::Ok(Json(JobPage { items, next_cursor }), link))
    }

    /// Get a job
    #[oai(path = "/:job", method = "get", operation_id = "getJob")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::job")] job: Path<Uuid>,
    ) -> Result<Versioned<Job>, ApiError> {
        let job = self.show(self.0.get(caller.actor(), JobId(job.0)).await?);
        let etag = job.etag();
        Ok(Versioned::Ok(Json(job), etag))
    }

    /// Watch a job
    ///
    /// As server-sent events, until it has ended, or for an hour.
    #[oai(path = "/:job/events", method = "get", operation_id = "watchJob")]
    async fn watch(
        &self,
        caller: Caller,
        #[oai(example = "examples::job")] job: Path<Uuid>,
    ) -> Result<Watched, ApiError> {
        let clock = self.0.clock();
        let jobs = self.0.watch(caller.actor(), JobId(job.0)).await?;
        Ok(Watched::new(jobs.map(move |job| Job::new(job, clock.now())).boxed()))
    }

    /// Cancel a job
    ///
    /// Nothing more of it is begun; what is under way is brought to its end, and what was done stays.
    #[oai(path = "/:job/cancel", method = "post", operation_id = "cancelJob")]
    async fn cancel(
        &self,
        caller: Caller,
        #[oai(example = "examples::spare_job")] job: Path<Uuid>,
    ) -> Result<Json<Job>, ApiError> {
        let job = self.0.cancel(caller.actor(), JobId(job.0)).await?;
        Ok(Json(self.show(job)))
    }

    /// Try again what failed of a job
    #[oai(path = "/:job/retry", method = "post", operation_id = "retryJob")]
    async fn retry(
        &self,
        caller: Caller,
        #[oai(example = "examples::failed_job")] job: Path<Uuid>,
    ) -> Result<Json<Job>, ApiError> {
        let job = self.0.retry(caller.actor(), JobId(job.0)).await?;
        Ok(Json(self.show(job)))
    }

    /// List the items of a job
    ///
    /// In the order in which they were found; with `status=failed`, what failed and why.
    #[oai(path = "/:job/items", method = "get", operation_id = "listJobItems")]
    async fn items(
        &self,
        caller: Caller,
        request: &Request,
        #[oai(example = "examples::job")] job: Path<Uuid>,
        status: Query<Option<ItemStatus>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<WorkItemPage>, ApiError> {
        check_parameters(request, &["status", "limit", "cursor"], None)?;
        let status = status.0.map(Into::into);
        let question = Question::new(request, &status)?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self.0.items(caller.actor(), JobId(job.0), status, page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(WorkItem::from).collect();
        Ok(Listed::Ok(Json(WorkItemPage { items, next_cursor }), link))
    }

    /// Get the results of a job
    ///
    /// What became of each document so far, a line of JSON each, with the analysis that was made.
    #[oai(path = "/:job/results", method = "get", operation_id = "getJobResults")]
    async fn results(
        &self,
        caller: Caller,
        #[oai(example = "examples::job")] job: Path<Uuid>,
    ) -> Result<Results, ApiError> {
        let lines = self.0.results(caller.actor(), JobId(job.0)).await?;
        let lines = lines.map(|line| match line {
            Ok(line) => Ok(format!("{}\n", JobResult::from(line).to_json_string())),
            Err(error) => Err(io::Error::other(error.to_string())),
        });
        Ok(Results::Lines(Binary(RawBody::from_bytes_stream(lines))))
    }
}

impl JobsApi {
    fn show(&self, job: crate::domain::jobs::Job) -> Job {
        Job::new(job, self.0.clock().now())
    }
}

pub struct JobPreviewsApi(pub JobWork);

#[OpenApi(prefix_path = "/api/job-previews", tag = "Tag::Jobs")]
impl JobPreviewsApi {
    /// Preview a job
    ///
    /// How many documents it would be about, about what the answers would cost, and from a sample of 100 documents which labels would
    /// move. Nothing is stored, and no model is asked.
    #[oai(path = "/", method = "post", operation_id = "previewJob")]
    async fn preview(&self, caller: Caller, body: Body<NewJob>) -> Result<Json<JobPreview>, ApiError> {
        let wished = body.0.into_domain()?;
        let collection = NameOrId::parse(&wished.collection);
        let preview = Box::pin(self.0.preview(caller.actor(), &collection, wished.job)).await?;
        Ok(Json(preview.into()))
    }
}

pub struct WorkApi(pub Jobs);

#[OpenApi(prefix_path = "/api/work", tag = "Tag::Jobs")]
impl WorkApi {
    /// List what failed in the background
    ///
    /// Of jobs, and of what collections do by themselves; newest first, each with the reason.
    #[oai(path = "/failed", method = "get", operation_id = "listFailedWork")]
    async fn failed(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        collection: Query<Option<String>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<WorkItemPage>, ApiError> {
        check_parameters(request, &["collection", "limit", "cursor"], None)?;
        let question = Question::new(request, &collection.0)?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let collection = collection.0.as_deref().map(NameOrId::parse);
        let page = self.0.failed(caller.actor(), collection.as_ref(), page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(WorkItem::from).collect();
        Ok(Listed::Ok(Json(WorkItemPage { items, next_cursor }), link))
    }

    /// Try again what failed in the background
    ///
    /// One piece that belongs to no job.
    #[oai(path = "/failed/:work/retry", method = "post", operation_id = "retryFailedWork")]
    async fn retry(
        &self,
        caller: Caller,
        #[oai(example = "examples::failed_work")] work: Path<Uuid>,
    ) -> Result<Json<WorkItem>, ApiError> {
        let row = self.0.retry_failed(caller.actor(), WorkId(work.0)).await?;
        Ok(Json(row.into()))
    }

    /// List the servers
    ///
    /// Those that were seen in the last half minute, and what each is at.
    #[oai(path = "/servers", method = "get", operation_id = "listWorkers")]
    async fn workers(&self, caller: Caller) -> Result<Json<Workers>, ApiError> {
        let _ = caller;
        let items = self.0.workers().await?.into_iter().map(Worker::from).collect();
        Ok(Json(Workers { items }))
    }
}
