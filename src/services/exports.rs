//! Exports: files of documents, written part by part in the background and kept for a while.

use super::{
    acting::actor_of,
    analysis_tasks::read_by,
    audit,
    collections::find,
    jobs::{Jobs, collection_of, find_job},
    records::taken_over,
    work::{Done, Ends, after},
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        analyses::{Analysis, AnalysisKind},
        audit::{Action, Event},
        documents::Document,
        exports::{
            EXPORTS_LAST, Export, ExportFormat, ExportPart, ExportSettings, ExportState, MOST_DOCUMENTS_OF_A_PART,
            PART_BYTES,
        },
        identifiers::{CollectionId, DocumentId, JobId},
        jobs::{Job, JobParameters, Progress},
        permissions::Scope,
        principal::Actor,
        text_fields::NameOrId,
        work::{Claimed, Failure, Queue},
    },
    interchange::{
        export::{DocumentWriter, Exported, Layout},
        parquet_file::{self, Ending, RowGroup},
    },
    repositories::{
        analyses,
        document_selection::{self, Selection},
        documents, exports, jobs, work,
    },
    text::hash_text,
};
use serde::{Deserialize, Serialize};

/// How many documents are read at once: each may be large.
const READ_AT_ONCE: usize = 20;
/// How many files are forgotten in one go.
const FORGOTTEN_AT_ONCE: i64 = 50;

#[derive(Clone)]
pub struct Exports {
    db: Db,
    clock: Clock,
    jobs: Jobs,
}

/// Where writing is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Place {
    after: Option<(Timestamp, DocumentId)>,
    #[serde(default)]
    counted: bool,
}

/// A document with what is written of it.
struct Found {
    document: Document,
    summary: Option<Analysis>,
    classification: Option<Analysis>,
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

    /// Writes the next part of a file, or its end.
    ///
    /// # Errors
    /// When the database does not answer, or whoever asked for the export may not any more.
    pub async fn write_part(&self, claimed: &Claimed) -> Result<()> {
        let id = claimed
            .job_id
            .ok_or_else(|| Error::internal("a piece of work belongs to no job"))?;
        let place: Place = serde_json::from_value(claimed.payload.0.clone()).map_err(Error::internal)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let job = jobs::find(&mut tx, id).await?;
        let job = job.ok_or_else(|| Error::not_found("job", id))?;
        let actor = actor_of(&mut tx, &job, now).await?;
        collection_of(&mut tx, &actor, &job).await?;
        let settings = settings_of(&job)?;
        check_analyses(&actor, &settings)?;
        let export = exports::find(&mut tx, id).await?;
        let export = export.ok_or_else(|| Error::not_found("export", id))?;
        if export.state != ExportState::Writing {
            drop(tx);
            return self.give_up(claimed).await;
        }
        let selection = Selection {
            collection: job.collection_id,
            filter: &settings.filter,
            classified_otherwise: None,
            until: job.created_at,
        };
        let total = if place.counted {
            job.total
        } else {
            Some(document_selection::count(&mut tx, &selection).await?)
        };
        let found = next(&mut tx, &settings, &selection, place.after).await?;
        drop(tx);
        let documents: Vec<(Timestamp, DocumentId)> = found
            .iter()
            .map(|one| (one.document.created_at, one.document.id))
            .collect();
        let is_last = documents.is_empty();
        let (content, footer) = if is_last {
            (self.ending(&settings, &export).await?, None)
        } else {
            let is_first = export.parts == 0;
            let format = settings.clone();
            let encode = move || encode(&format, is_first, &found);
            tokio::task::spawn_blocking(encode).await.map_err(Error::internal)??
        };
        let written = Export {
            size: export.size + i64::try_from(content.len()).unwrap_or(i64::MAX),
            parts: export.parts + 1,
            documents: export.documents + i64::try_from(documents.len()).unwrap_or(i64::MAX),
            ..export
        };
        let part = ExportPart {
            number: written.parts,
            begins_at: export.size,
            content,
            footer,
            documents,
        };
        let mut tx = self.db.write().await?;
        // What was deleted while it was read must not be written.
        let ids: Vec<DocumentId> = part.documents.iter().map(|(_, id)| *id).collect();
        if !ids.is_empty() && documents::existing(&mut tx, &ids).await?.len() < ids.len() {
            return Err(Error::Conflict(
                "documents were deleted while they were read".to_owned(),
            ));
        }
        if !exports::append(&mut tx, &written, &part).await? {
            drop(tx);
            return self.give_up(claimed).await;
        }
        if let Some(last) = part.documents.last() {
            let place = Place {
                after: Some(*last),
                counted: true,
            };
            let payload = serde_json::to_value(place).map_err(Error::internal)?;
            if !work::put_back(&mut tx, claimed.claim(), now, None, false, Some(&payload)).await? {
                return Err(taken_over());
            }
            let done = i64::try_from(part.documents.len()).unwrap_or(i64::MAX);
            jobs::planned(&mut tx, id, false, total).await?;
            jobs::add(
                &mut tx,
                id,
                Progress {
                    done,
                    ..Progress::default()
                },
            )
            .await?;
        } else {
            exports::set_state(&mut tx, id, ExportState::Ready, now).await?;
            let event = Event::done(Action::DocumentsExported, "job", id, None);
            let event = event.with_detail(format!("documents: {}", written.documents));
            audit::record(&mut tx, &self.clock, &actor, event).await?;
            let mut ends = Ends::default();
            if !ends.end(&mut tx, claimed.claim(), Done::default(), now).await? {
                return Err(taken_over());
            }
            jobs::planned(&mut tx, id, true, Some(written.documents)).await?;
            ends.settle(&mut tx, now).await?;
        }
        tx.commit().await?;
        self.jobs.work.ring(Queue::Jobs);
        Ok(())
    }

    /// Ends the writing of a file that was withdrawn.
    async fn give_up(&self, claimed: &Claimed) -> Result<()> {
        let now = self.clock.now();
        let failure = Failure {
            code: "withdrawn",
            reason: "a document in the file was deleted while it was written; begin another export".to_owned(),
            again_after: None,
        };
        let mut tx = self.db.write().await?;
        let mut ends = Ends::default();
        if !ends.fail(&mut tx, claimed.claim(), &failure, now).await? {
            return Err(taken_over());
        }
        if let Some(id) = claimed.job_id {
            jobs::planned(&mut tx, id, true, None).await?;
        }
        ends.settle(&mut tx, now).await?;
        tx.commit().await
    }

    /// What stands after the last document: of Parquet the list of the row groups, of an empty file what every file begins with.
    async fn ending(&self, settings: &ExportSettings, export: &Export) -> Result<Vec<u8>> {
        if settings.format != ExportFormat::Parquet {
            return if export.parts == 0 {
                encode(settings, true, &[]).map(|(content, _)| content)
            } else {
                Ok(Vec::new())
            };
        }
        let beginning = parquet_file::beginning();
        let mut end = if export.parts == 0 {
            beginning.to_vec()
        } else {
            Vec::new()
        };
        let size = export.size.unsigned_abs() + end.len() as u64;
        let mut ending = Ending::new(size).map_err(Error::internal)?;
        for number in 1..=export.parts {
            let part = exports::part(&mut self.db.glance().await?, export.job_id, number).await?;
            let (mut content, footer) = part.ok_or_else(|| Error::internal("a part of a file is not there"))?;
            if number == 1 {
                content.drain(..beginning.len());
            }
            let footer = footer.unwrap_or_default();
            ending.add(RowGroup { content, footer }).map_err(Error::internal)?;
        }
        end.extend(ending.finish().map_err(Error::internal)?);
        Ok(end)
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

fn settings_of(job: &Job) -> Result<ExportSettings> {
    match &job.parameters.0 {
        JobParameters::Export(settings) => Ok(settings.clone()),
        _ => Err(Error::not_found("export", job.id)),
    }
}

fn check_analyses(actor: &Actor, settings: &ExportSettings) -> Result<()> {
    let scope = Scope::AnalysesRead;
    if settings.analyses && !actor.principal.scopes.contains(scope) {
        let why =
            format!("an export with analyses needs the scope `{scope}`, too: leave it out with `\"analyses\": false`");
        return Err(Error::Forbidden(why));
    }
    Ok(())
}

/// The next documents for a part.
async fn next(
    tx: &mut Tx,
    settings: &ExportSettings,
    selection: &Selection<'_>,
    place: Option<(Timestamp, DocumentId)>,
) -> Result<Vec<Found>> {
    let ids = document_selection::next(tx, selection, place, MOST_DOCUMENTS_OF_A_PART).await?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for some in ids.chunks(READ_AT_ONCE) {
        let some: Vec<DocumentId> = some.iter().map(|(_, id)| *id).collect();
        for document in documents::find_all(tx, &some).await? {
            bytes += document.text.len();
            let (mut summary, mut classification) = (None, None);
            if settings.analyses {
                summary = newest(tx, &document, AnalysisKind::Summary).await?;
                classification = newest(tx, &document, AnalysisKind::Classification).await?;
            }
            found.push(Found {
                document,
                summary,
                classification,
            });
            if bytes >= PART_BYTES {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

async fn newest(tx: &mut Tx, document: &Document, kind: AnalysisKind) -> Result<Option<Analysis>> {
    let read = hash_text(&read_by(kind, document));
    analyses::find_newest(tx, document.id, kind, None, &read).await
}

/// Documents as they stand in the file; of Parquet also what it would end with.
fn encode(settings: &ExportSettings, is_first: bool, found: &[Found]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    let exported = found.iter().map(|one| {
        let classification = one.classification.as_ref();
        Exported {
            document: &one.document,
            summary: one.summary.as_ref().and_then(Analysis::text),
            label: classification
                .and_then(|found| found.label.as_ref())
                .map(|label| label.0.as_str()),
            confidence: classification.and_then(|found| found.confidence),
        }
    });
    let layout = match settings.format {
        ExportFormat::Parquet => {
            let group = parquet_file::row_group(&exported.collect::<Vec<_>>()).map_err(Error::internal)?;
            let mut content = if is_first {
                parquet_file::beginning().to_vec()
            } else {
                Vec::new()
            };
            content.extend(group.content);
            return Ok((content, Some(group.footer)));
        }
        ExportFormat::Ndjson => Layout::Ndjson,
        ExportFormat::Csv if settings.spreadsheet => Layout::Spreadsheet,
        ExportFormat::Csv => Layout::Csv,
    };
    let mut content = Vec::new();
    let mut writer = if is_first {
        DocumentWriter::new(layout, &mut content).map_err(Error::internal)?
    } else {
        DocumentWriter::after(layout, &mut content)
    };
    for one in exported {
        writer.write(&one).map_err(Error::internal)?;
    }
    writer.finish().map_err(Error::internal)?;
    drop(writer);
    Ok((content, None))
}

/// A file with one document, for the sample data.
pub(super) fn encode_sample(settings: &ExportSettings, document: &Document) -> Result<Vec<u8>> {
    let found = Found {
        document: document.clone(),
        summary: None,
        classification: None,
    };
    Ok(encode(settings, true, &[found])?.0)
}
