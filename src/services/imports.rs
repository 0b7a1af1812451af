//! Imports: what is uploaded is kept in chunks of whole records while it arrives, each with a piece of work that stores it. An upload that
//! broke off goes on where the last chunk ended.

use super::{
    collections::find,
    documents::Documents,
    jobs::{Jobs, find_job},
    work::{WorkQueue, enqueue, finish_if_done},
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        identifiers::{CollectionId, JobId},
        imports::{ImportSettings, Refusal, Upload, UploadChunk},
        jobs::{Job, JobParameters, JobStatus},
        paging::{Page, PageRequest},
        principal::Actor,
        text_fields::NameOrId,
        work::{NewWork, Queue, WorkKind},
    },
    interchange::{Piece, Splitter},
    repositories::{jobs, uploads},
};
use serde_json::json;
use std::{io, sync::Arc};

#[derive(Clone)]
pub struct Imports {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) work: WorkQueue,
    pub(super) jobs: Jobs,
    pub(super) documents: Arc<Documents>,
}

/// An upload under way.
pub struct Receiving {
    imports: Imports,
    actor: Actor,
    collection: CollectionId,
    settings: ImportSettings,
    splitter: Splitter,
    /// Once something of it is kept.
    kept: Option<Upload>,
}

impl Imports {
    #[must_use]
    pub(super) fn new(jobs: &Jobs, documents: Arc<Documents>) -> Self {
        Self {
            db: jobs.db.clone(),
            clock: jobs.clock.clone(),
            work: jobs.work.clone(),
            jobs: jobs.clone(),
            documents,
        }
    }

    /// Begins an upload. Nothing is kept before its first records have arrived, or its end.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection, or `Error::Invalid` for the settings.
    pub async fn begin(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        settings: ImportSettings,
    ) -> Result<Receiving> {
        settings.names.check()?;
        let collection = find(&mut self.db.glance().await?, actor, collection).await?;
        Ok(Receiving {
            imports: self.clone(),
            actor: actor.clone(),
            collection: collection.id,
            splitter: Splitter::new(&settings),
            settings,
            kept: None,
        })
    }

    /// Goes on with an upload, `offset` bytes after its beginning.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when it is complete, its job has ended, or it goes on elsewhere.
    pub async fn resume(&self, actor: &Actor, job: JobId, offset: i64) -> Result<Receiving> {
        let (job, upload) = self.get(actor, job).await?;
        check_receiving(&job)?;
        if upload.complete {
            return Err(Error::Conflict("the upload is complete already".to_owned()));
        }
        if upload.received != offset {
            return Err(gone_on(&upload));
        }
        let settings = settings_of(&job)?;
        let (bytes, lines) = (upload.received.unsigned_abs(), upload.lines.unsigned_abs());
        Ok(Receiving {
            imports: self.clone(),
            actor: actor.clone(),
            collection: job.collection_id,
            splitter: Splitter::after(&settings, upload.header.clone(), bytes, lines),
            settings,
            kept: Some(upload),
        })
    }

    /// An import and how far its upload is.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, id: JobId) -> Result<(Job, Upload)> {
        let mut tx = self.db.read().await?;
        let job = find_job(&mut tx, actor, id).await?;
        let upload = uploads::find(&mut tx, id).await?;
        Ok((job, upload.ok_or_else(|| Error::not_found("import", id))?))
    }

    /// Why records of an import were not stored, in the order of their lines.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn refusals(&self, actor: &Actor, id: JobId, page: PageRequest<i64>) -> Result<Page<Refusal, i64>> {
        let mut tx = self.db.read().await?;
        find_job(&mut tx, actor, id).await?;
        let limit = i64::from(page.limit) + 1;
        let rows = uploads::refusals(&mut tx, id, page.after.unwrap_or(0), limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.line))
    }
}

impl Receiving {
    /// How many bytes of the upload were taken, with those that came before.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.splitter.taken()
    }

    /// Takes more of the upload; what is whole of it is kept.
    ///
    /// # Errors
    /// `Error::Invalid` when it cannot be read, `Error::Conflict` when its job has ended or it goes on elsewhere.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.splitter.push(bytes);
        while let Some(piece) = self.splitter.next_piece().map_err(unreadable)? {
            self.keep(Some(piece), false).await?;
        }
        Ok(())
    }

    /// Ends the request. An upload that is complete has its last record kept; of another the rest must be sent again, from where the
    /// answer says.
    ///
    /// # Errors
    /// As for [`Receiving::push`].
    pub async fn end(mut self, complete: bool) -> Result<(Job, Upload)> {
        let mut last = None;
        if complete {
            self.splitter.end();
            while let Some(piece) = self.splitter.next_piece().map_err(unreadable)? {
                if let Some(before) = last.replace(piece) {
                    self.keep(Some(before), false).await?;
                }
            }
        }
        if complete || self.kept.is_none() {
            self.keep(last, complete).await?;
        }
        let id = self.kept.map(|upload| upload.job_id);
        let id = id.ok_or_else(|| Error::internal("an upload has no job"))?;
        self.imports.get(&self.actor, id).await
    }

    async fn keep(&mut self, piece: Option<Piece>, complete: bool) -> Result<()> {
        let now = self.imports.clock.now();
        let mut tx = self.imports.db.write().await?;
        let before = if let Some(upload) = &self.kept {
            // First of all: nobody else ends the job, or goes on with the upload, meanwhile.
            let job = jobs::lock(&mut tx, upload.job_id).await?;
            check_receiving(&job.ok_or_else(|| Error::not_found("import", upload.job_id))?)?;
            upload.clone()
        } else {
            let collection = find(&mut tx, &self.actor, &NameOrId::Id(self.collection)).await?;
            let parameters = JobParameters::Import(self.settings.clone());
            let job = self
                .imports
                .jobs
                .begin(&mut tx, &self.actor, &collection, parameters)
                .await?;
            let upload = Upload {
                job_id: job.id,
                received: 0,
                lines: 0,
                records: 0,
                chunks: 0,
                header: None,
                complete: false,
                changed_at: now,
            };
            uploads::insert(&mut tx, &upload).await?;
            upload
        };
        let mut upload = Upload {
            header: self.splitter.header().map(<[u8]>::to_vec).or(before.header),
            complete,
            changed_at: now,
            ..before
        };
        if let Some(piece) = piece {
            upload.received = number(piece.end);
            upload.lines = number(piece.lines_before + piece.lines);
            upload.records += number(piece.records);
            if piece.records > 0 {
                upload.chunks += 1;
                self.enqueue_chunk(&mut tx, &upload, piece).await?;
            }
        }
        if !uploads::advance(&mut tx, before.received, &upload).await? {
            return Err(gone_on(&upload));
        }
        jobs::planned(&mut tx, upload.job_id, complete, Some(upload.records)).await?;
        if complete {
            finish_if_done(&mut tx, upload.job_id, now).await?;
        }
        tx.commit().await?;
        self.imports.work.ring(Queue::Jobs);
        self.kept = Some(upload);
        Ok(())
    }

    async fn enqueue_chunk(&self, tx: &mut Tx, upload: &Upload, piece: Piece) -> Result<()> {
        let chunk = UploadChunk {
            job_id: upload.job_id,
            number: upload.chunks,
            lines_before: number(piece.lines_before),
            content: piece.content,
        };
        uploads::insert_chunk(tx, &chunk).await?;
        let work = NewWork {
            queue: Queue::Jobs,
            collection: self.collection,
            kind: WorkKind::Import,
            job: Some(upload.job_id),
            document: None,
            rule: None,
            payload: json!({"chunk": chunk.number}),
            due_at: upload.changed_at,
        };
        enqueue(tx, &[work]).await
    }
}

/// More may come as long as the job goes on.
fn check_receiving(job: &Job) -> Result<()> {
    if job.status == JobStatus::Cancelling {
        return Err(Error::Conflict("the import is being cancelled".to_owned()));
    }
    job.check_open()
}

fn gone_on(upload: &Upload) -> Error {
    Error::Conflict(format!(
        "the upload is not at this offset: ask `GET /api/imports/{}` where it is, and go on from there",
        upload.job_id
    ))
}

/// How the uploads of a job are read.
pub(super) fn settings_of(job: &Job) -> Result<ImportSettings> {
    match &job.parameters.0 {
        JobParameters::Import(settings) => Ok(settings.clone()),
        _ => Err(Error::not_found("import", job.id)),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What is wrong with a file, for whoever sent it.
pub(super) fn unreadable(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::InvalidData {
        Error::invalid("", error.to_string())
    } else {
        Error::internal(error)
    }
}
