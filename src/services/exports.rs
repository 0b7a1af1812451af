//! Exports: files of documents, written part by part in the background and kept for a while.

use super::{
    collections::find,
    jobs::{Jobs, find_job},
    work::after,
};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result,
        exports::{EXPORTS_LAST, Export, ExportFormat, ExportSettings, ExportState},
        identifiers::{CollectionId, JobId},
        jobs::{Job, JobParameters},
        permissions::Scope,
        principal::Actor,
        text_fields::NameOrId,
        work::Queue,
    },
    repositories::exports,
};

/// How many files are forgotten in one go.
const FORGOTTEN_AT_ONCE: i64 = 50;

#[derive(Clone)]
pub struct Exports {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) jobs: Jobs,
}

impl Exports {
    #[must_use]
    pub(super) fn new(jobs: &Jobs) -> Self {
        Self {
            db: jobs.db.clone(),
            clock: jobs.clock.clone(),
            jobs: jobs.clone(),
        }
    }

    /// Begins an export.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection, `Error::Forbidden` without the scope for analyses that are to be in it, or
    /// `Error::Conflict` when the collection has as many open jobs as it may have.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        settings: ExportSettings,
    ) -> Result<Job> {
        check_analyses(actor, &settings)?;
        if settings.spreadsheet && settings.format != ExportFormat::Csv {
            return Err(Error::invalid("/spreadsheet", "goes with the format `csv` only"));
        }
        let mut tx = self.db.write().await?;
        let collection = find(&mut tx, actor, collection).await?;
        let job = self
            .jobs
            .begin(&mut tx, actor, &collection, JobParameters::Export(settings))
            .await?;
        let export = Export {
            job_id: job.id,
            state: ExportState::Writing,
            size: 0,
            parts: 0,
            documents: 0,
            changed_at: job.created_at,
        };
        exports::insert(&mut tx, &export).await?;
        tx.commit().await?;
        self.jobs.work.ring(Queue::Jobs);
        Ok(job)
    }

    /// An export with its file.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Forbidden` when analyses are in it that the actor may not read.
    pub async fn get(&self, actor: &Actor, id: JobId) -> Result<(Job, ExportSettings, Export)> {
        let mut tx = self.db.read().await?;
        let job = find_job(&mut tx, actor, id).await?;
        let settings = settings_of(&job)?;
        check_analyses(actor, &settings)?;
        let export = exports::find(&mut tx, id).await?;
        Ok((job, settings, export.ok_or_else(|| Error::not_found("export", id))?))
    }

    /// The bytes of a file from a place on, as far as they are in one part. There are none past the end, or when the file was
    /// withdrawn meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn content(&self, id: JobId, from: u64) -> Result<Vec<u8>> {
        let place = i64::try_from(from).unwrap_or(i64::MAX);
        let found = exports::content_at(&mut self.db.glance().await?, id, place).await?;
        let Some((begins_at, mut content)) = found else {
            return Ok(Vec::new());
        };
        let skipped = usize::try_from(place - begins_at).unwrap_or(usize::MAX);
        Ok(content.split_off(skipped.min(content.len())))
    }

    /// Forgets files that were kept for as long as they are, and those that will not be written to their end.
    pub(super) async fn clean(&self) -> Result<String> {
        let now = self.clock.now();
        let mut forgotten = 0;
        loop {
            let mut tx = self.db.write().await?;
            let mut old = exports::older_than(
                &mut tx,
                ExportState::Ready,
                after(now, -EXPORTS_LAST),
                FORGOTTEN_AT_ONCE,
            )
            .await?;
            // Of those that could not be written, what there is is kept no longer.
            let begun_before = after(now, -EXPORTS_LAST);
            old.extend(exports::older_than(&mut tx, ExportState::Writing, begun_before, FORGOTTEN_AT_ONCE).await?);
            old.extend(exports::never_ready(&mut tx, FORGOTTEN_AT_ONCE).await?);
            for id in &old {
                exports::delete_parts(&mut tx, *id).await?;
                exports::set_state(&mut tx, *id, ExportState::Expired, now).await?;
            }
            tx.commit().await?;
            forgotten += old.len();
            if old.is_empty() {
                return Ok(format!("{forgotten} files forgotten"));
            }
        }
    }
}

pub(super) fn settings_of(job: &Job) -> Result<ExportSettings> {
    match &job.parameters.0 {
        JobParameters::Export(settings) => Ok(settings.clone()),
        _ => Err(Error::not_found("export", job.id)),
    }
}

pub(super) fn check_analyses(actor: &Actor, settings: &ExportSettings) -> Result<()> {
    let scope = Scope::AnalysesRead;
    if settings.analyses && !actor.principal.scopes.contains(scope) {
        let why =
            format!("an export with analyses needs the scope `{scope}`, too: leave it out with `\"analyses\": false`");
        return Err(Error::Forbidden(why));
    }
    Ok(())
}
