//! What is done for imports in the background: chunks are stored, uploads that nobody goes on with are given up, and what is to be
//! forgotten is taken out of chunks that wait.

use super::{
    acting::actor_of,
    document_drafts::Prepared,
    documents::{OnConflict, Outcome},
    imports::{Imports, settings_of, unreadable},
    jobs::{check_scopes, collection_of},
    records::taken_over,
    work::{Done, Ends, after},
};
use crate::{
    db::Tx,
    domain::{
        Error, Result,
        identifiers::{CollectionId, JobId},
        imports::{ImportSettings, Refusal, UPLOADS_WAIT, UploadChunk},
        jobs::{JobStatus, Progress},
        work::{Claimed, Queue},
    },
    interchange::{Row, rows_of, without},
    repositories::{jobs, uploads},
};
use serde::Deserialize;

/// How many uploads are given up in one go.
const GIVEN_UP_AT_ONCE: i64 = 100;

/// Which chunk a piece of work is about.
#[derive(Deserialize)]
struct Payload {
    chunk: i64,
}

/// What a chunk holds.
struct Read {
    documents: Vec<(i64, Prepared)>,
    refused: Vec<Refusal>,
}

impl Imports {
    /// Stores the documents of a chunk. The chunk, its documents and the end of the piece are one transaction.
    ///
    /// # Errors
    /// When the database does not answer, or whoever asked for the job may not any more.
    pub async fn store_chunk(&self, claimed: &Claimed) -> Result<()> {
        let id = claimed
            .job_id
            .ok_or_else(|| Error::internal("a piece of work belongs to no job"))?;
        let Payload { chunk: number } = serde_json::from_value(claimed.payload.0.clone()).map_err(Error::internal)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let job = jobs::find(&mut tx, id).await?;
        let job = job.ok_or_else(|| Error::not_found("job", id))?;
        let actor = actor_of(&mut tx, &job, now).await?;
        check_scopes(&actor, job.kind)?;
        collection_of(&mut tx, &actor, &job).await?;
        let settings = settings_of(&job)?;
        let header = uploads::find(&mut tx, id).await?.and_then(|upload| upload.header);
        let chunk = uploads::find_chunk(&mut tx, id, number).await?;
        drop(tx);
        let chunk = chunk.ok_or_else(|| Error::not_found("chunk of an upload", number))?;
        let (replace, sent) = (settings.replace, chunk.content.len());
        let read = move || read_chunk(&settings, header.as_deref(), &chunk);
        let read = tokio::task::spawn_blocking(read).await.map_err(Error::internal)??;

        let mut tx = self.db.write().await?;
        // Something may have been taken out of it meanwhile, that must not be stored.
        if uploads::take_chunk(&mut tx, id, number).await? != Some(sent) {
            return Err(Error::Conflict(
                "the records were changed while they were read".to_owned(),
            ));
        }
        let collection = collection_of(&mut tx, &actor, &job).await?;
        let on_conflict = if replace {
            OnConflict::Update
        } else {
            OnConflict::Refuse
        };
        let Read { documents, mut refused } = read;
        let mut progress = Progress::default();
        let (lines, documents): (Vec<i64>, Vec<Prepared>) = documents.into_iter().unzip();
        let outcomes = self
            .documents
            .store_each(&mut tx, &collection, documents, on_conflict)
            .await?;
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            if let Some(outcome) = outcome {
                progress.done += 1;
                progress.unchanged += i64::from(outcome == Outcome::Unchanged);
            } else {
                let reason = "a document with this external id is there already".to_owned();
                refused.push(Refusal { line, reason });
            }
        }
        progress.refused = i64::try_from(refused.len()).unwrap_or(i64::MAX);
        refused.sort_by_key(|refusal| refusal.line);
        uploads::insert_refusals(&mut tx, id, &refused).await?;
        let mut ends = Ends::default();
        let done = Done {
            progress,
            ..Done::default()
        };
        if !ends.end(&mut tx, claimed.claim(), done, now).await? {
            return Err(taken_over());
        }
        ends.settle(&mut tx, now).await?;
        tx.commit().await?;
        self.work.ring(Queue::Arrivals);
        Ok(())
    }

    /// Takes the records of a document out of everything that waits to be stored, or has failed to be, in a collection. Says in how many
    /// chunks there were some. To be called before the document itself is deleted: what is stored meanwhile is there then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn erase(tx: &mut Tx, collection: CollectionId, external_id: &str) -> Result<u64> {
        let mut found = 0;
        let mut known: Option<(JobId, ImportSettings, Option<Vec<u8>>)> = None;
        for (id, number) in uploads::chunks_of_collection(tx, collection).await? {
            if known.as_ref().is_none_or(|(of, ..)| *of != id) {
                let Some(job) = jobs::find(tx, id).await? else { continue };
                let header = uploads::find(tx, id).await?.and_then(|upload| upload.header);
                known = Some((id, settings_of(&job)?, header));
            }
            let Some((_, settings, header)) = &known else { continue };
            let Some(mut chunk) = uploads::find_chunk(tx, id, number).await? else {
                continue;
            };
            let left = without(settings, header.as_deref(), &chunk.content, external_id).map_err(unreadable)?;
            if let Some(left) = left {
                chunk.content = left;
                uploads::set_content(tx, &chunk).await?;
                found += 1;
            }
        }
        Ok(found)
    }

    /// Gives up uploads that nobody has gone on with for a day, and deletes what nobody will store any more.
    pub(super) async fn clean(&self) -> Result<String> {
        let since = after(self.clock.now(), -UPLOADS_WAIT);
        let waiting = uploads::waiting_since(&mut self.db.glance().await?, since, GIVEN_UP_AT_ONCE).await?;
        for id in &waiting {
            let mut tx = self.db.write().await?;
            let open = jobs::lock(&mut tx, *id).await?.is_some_and(|job| job.status.is_open());
            if open {
                jobs::set_status(&mut tx, *id, JobStatus::Cancelling, None).await?;
                tx.commit().await?;
                self.jobs.carry_out_cancelling(*id).await?;
            }
        }
        let mut tx = self.db.write().await?;
        let left_over = uploads::delete_left_over(&mut tx).await?;
        tx.commit().await?;
        Ok(format!(
            "{} uploads given up, {left_over} chunks deleted",
            waiting.len()
        ))
    }
}

fn read_chunk(settings: &ImportSettings, header: Option<&[u8]>, chunk: &UploadChunk) -> Result<Read> {
    let mut read = Read {
        documents: Vec::new(),
        refused: Vec::new(),
    };
    let rows = rows_of(settings, header, chunk.lines_before.unsigned_abs(), &chunk.content).map_err(unreadable)?;
    for row in rows {
        let (line, prepared) = match row {
            Row::Record(record) => (
                record.line,
                Prepared::new(record.fields).map_err(|error| error.to_string()),
            ),
            Row::Rejected(rejected) => (rejected.line, Err(rejected.reason)),
        };
        let line = i64::try_from(line).unwrap_or(i64::MAX);
        match prepared {
            Ok(document) => read.documents.push((line, document)),
            Err(reason) => read.refused.push(Refusal { line, reason }),
        }
    }
    Ok(read)
}
