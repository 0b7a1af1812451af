//! What is done for exports in the background: a file is written part by part, each in the transaction that says how far it is.

use super::{
    acting::actor_of,
    analysis_tasks::read_by,
    audit,
    exports::{Exports, check_analyses, settings_of},
    jobs::{check_scopes, collection_of},
    records::taken_over,
    work::{Done, Ends},
};
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        analyses::{Analysis, AnalysisKind},
        audit::{Action, Event},
        documents::Document,
        exports::{
            Export, ExportFormat, ExportPart, ExportSettings, ExportState, MOST_DOCUMENTS_OF_A_PART, PART_BYTES,
        },
        identifiers::DocumentId,
        jobs::{JobStatus, Progress},
        principal::Actor,
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
        check_scopes(&actor, job.kind)?;
        collection_of(&mut tx, &actor, &job).await?;
        let settings = settings_of(&job)?;
        check_analyses(&actor, &settings)?;
        let export = exports::find(&mut tx, id).await?;
        let export = export.ok_or_else(|| Error::not_found("export", id))?;
        drop(tx);
        if job.status == JobStatus::Cancelling {
            return self.end(claimed).await;
        }
        if export.state != ExportState::Writing {
            return self.give_up(claimed).await;
        }
        let mut tx = self.db.read().await?;
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
        self.keep(claimed, &actor, written, part, total).await
    }

    /// Stores a part, and moves the place, or ends the file.
    async fn keep(
        &self,
        claimed: &Claimed,
        actor: &Actor,
        written: Export,
        part: ExportPart,
        total: Option<i64>,
    ) -> Result<()> {
        let (id, now) = (written.job_id, self.clock.now());
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
            audit::record(&mut tx, &self.clock, actor, event).await?;
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

    /// Ends the writing of a file that nobody wants any more.
    async fn end(&self, claimed: &Claimed) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let mut ends = Ends::default();
        if !ends.end(&mut tx, claimed.claim(), Done::default(), now).await? {
            return Err(taken_over());
        }
        ends.settle(&mut tx, now).await?;
        tx.commit().await
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
        if !ends.fail(&mut tx, claimed, &failure, now).await? {
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
