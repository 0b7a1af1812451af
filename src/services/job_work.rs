//! What jobs do, piece by piece. A piece that finds the next documents remembers where it is in the same transaction that stores what it
//! found, so that whoever takes it over goes on from there.

use super::{
    acting::{actor_of, automation_of},
    analyses::Analyses,
    audit, erasing,
    evictions::Evictions,
    jobs::{Jobs, check_scopes, collection_of},
    records::taken_over,
    work::{Done, Ends, WorkQueue, after, enqueue},
};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        automation::Recipe,
        documents::DocumentFilter,
        identifiers::{DocumentId, JobId},
        jobs::{Job, JobParameters, Progress},
        principal::Actor,
        text_fields::NameOrId,
        work::{Claimed, NewWork, Queue, WorkKind},
    },
    repositories::{
        collections,
        document_selection::{self, Selection},
        documents, jobs, work,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many documents a piece finds at once.
const FOUND_AT_ONCE: i64 = 500;
/// How many pieces of one job wait at most; what comes after them is found later.
const MOST_WAITING: i64 = 4_000;
/// For how long finding waits when as many are waiting.
const PAUSE: time::Duration = time::Duration::milliseconds(500);
/// How many documents are deleted in one transaction.
const DELETED_AT_ONCE: i64 = 200;

/// Where a piece that goes through documents is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Place {
    after: Option<(Timestamp, DocumentId)>,
    #[serde(default)]
    counted: bool,
}

#[derive(Clone)]
pub struct JobWork {
    pub(super) db: Db,
    pub(super) clock: Clock,
    work: WorkQueue,
    pub(super) analyses: Analyses,
    evictions: Evictions,
}

impl JobWork {
    #[must_use]
    pub(super) fn new(jobs: &Jobs, analyses: Analyses, evictions: Evictions) -> Self {
        Self {
            db: jobs.db.clone(),
            clock: jobs.clock.clone(),
            work: jobs.work.clone(),
            analyses,
            evictions,
        }
    }

    /// Analyses documents, as a job or a rule says; returns the pieces that could not be ended, each with its error.
    ///
    /// # Errors
    /// When nothing of it could be done; then each piece is still to be ended.
    pub async fn analyze<'a>(&self, works: &'a [Claimed]) -> Result<Vec<(&'a Claimed, Error)>> {
        let Some(first) = works.first() else {
            return Ok(Vec::new());
        };
        let (actor, recipe) = self.recipe_of(first).await?;
        let order = self.analyses.order_of(&actor, &recipe).await?;
        self.analyses.run_claimed(&actor, &self.work, works, &order).await
    }

    /// In whose name an analysis is made, and how.
    async fn recipe_of(&self, claimed: &Claimed) -> Result<(Actor, Recipe)> {
        let mut tx = self.db.read().await?;
        if let Some(job) = claimed.job_id {
            let (actor, job) = self.job(&mut tx, job).await?;
            return match job.parameters.0 {
                JobParameters::Analyze { recipe, .. } | JobParameters::Backfill { recipe } => Ok((actor, recipe)),
                _ => Err(Error::internal("a job of another kind has documents to analyse")),
            };
        }
        let collection = claimed
            .collection
            .ok_or_else(|| Error::internal("a piece of work is in no collection"))?;
        let rules = collections::find(&mut tx, &NameOrId::Id(collection)).await?;
        let name = claimed.rule.clone().unwrap_or_default();
        let mut rules = rules.into_iter().flat_map(|collection| collection.automation.0);
        let rule = rules.find(|rule| rule.name.as_str() == name);
        let rule = rule.ok_or_else(|| Error::not_found("automation rule", &name))?;
        Ok((automation_of(collection), rule.recipe))
    }

    async fn job(&self, tx: &mut Tx, id: JobId) -> Result<(Actor, Job)> {
        let job = jobs::find(tx, id).await?.ok_or_else(|| Error::not_found("job", id))?;
        let actor = actor_of(tx, &job, self.clock.now()).await?;
        check_scopes(&actor, job.kind)?;
        collection_of(tx, &actor, &job).await?;
        Ok((actor, job))
    }

    /// Finds the next documents that a job is about, and a piece of work for each.
    ///
    /// # Errors
    /// When the database does not answer, or whoever asked for the job may not any more.
    pub async fn plan(&self, claimed: &Claimed) -> Result<()> {
        let id = job_of(claimed)?;
        let place = place_of(claimed)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let (_, job) = self.job(&mut tx, id).await?;
        let everything = DocumentFilter::default();
        let (filter, classified_otherwise) = match &job.parameters.0 {
            JobParameters::Analyze { filter, .. } => (filter, None),
            JobParameters::Backfill { recipe } => (&everything, recipe.taxonomy().zip(recipe.version())),
            _ => return Err(Error::internal("a job of another kind has documents to find")),
        };
        let selection = Selection {
            collection: job.collection_id,
            filter,
            classified_otherwise,
            until: job.until(),
        };
        let total = if place.counted {
            job.total
        } else {
            Some(document_selection::count(&mut tx, &selection).await?)
        };
        let waiting = work::count_open(&mut tx, id, MOST_WAITING + 1).await?;
        if waiting > MOST_WAITING {
            drop(tx);
            let mut tx = self.db.write_soon().await?;
            held(work::put_back(&mut tx, claimed.claim(), after(now, PAUSE), None, false, None).await?)?;
            return tx.commit().await;
        }
        let found = document_selection::next(&mut tx, &selection, place.after, FOUND_AT_ONCE).await?;
        drop(tx);
        let works: Vec<NewWork> = found
            .iter()
            .map(|(_, document)| NewWork {
                queue: Queue::Jobs,
                collection: job.collection_id,
                kind: WorkKind::Analyze,
                job: Some(id),
                document: Some(*document),
                rule: None,
                payload: json!({}),
                due_at: now,
            })
            .collect();
        let mut tx = self.db.write().await?;
        // Some of what was found may be gone by now.
        let there = documents::existing(&mut tx, &found.iter().map(|(_, id)| *id).collect::<Vec<_>>()).await?;
        let works: Vec<NewWork> = works
            .into_iter()
            .filter(|work| work.document.is_some_and(|id| there.contains(&id)))
            .collect();
        enqueue(&mut tx, &works).await?;
        if let Some(last) = found.last() {
            let place = Place {
                after: Some(*last),
                counted: true,
            };
            let payload = serde_json::to_value(place).map_err(Error::internal)?;
            held(work::put_back(&mut tx, claimed.claim(), now, None, false, Some(&payload)).await?)?;
            jobs::planned(&mut tx, id, false, total).await?;
        } else {
            let mut ends = Ends::default();
            held(ends.end(&mut tx, claimed.claim(), Done::default(), now).await?)?;
            jobs::planned(&mut tx, id, true, total).await?;
            ends.settle(&mut tx, now).await?;
        }
        tx.commit().await?;
        self.work.ring(Queue::Jobs);
        Ok(())
    }

    /// Deletes the next documents that a job is about.
    ///
    /// # Errors
    /// When the database does not answer, or whoever asked for the job may not any more.
    pub async fn delete(&self, claimed: &Claimed) -> Result<()> {
        let id = job_of(claimed)?;
        let place = place_of(claimed)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let (actor, job) = self.job(&mut tx, id).await?;
        let JobParameters::Delete { filter } = &job.parameters.0 else {
            return Err(Error::internal("a job of another kind has documents to delete"));
        };
        let selection = Selection {
            collection: job.collection_id,
            filter,
            classified_otherwise: None,
            until: job.until(),
        };
        let total = if place.counted {
            job.total
        } else {
            Some(document_selection::count(&mut tx, &selection).await?)
        };
        let found = document_selection::next(&mut tx, &selection, place.after, DELETED_AT_ONCE).await?;
        drop(tx);
        let mut tx = self.db.write().await?;
        let ids: Vec<DocumentId> = found.iter().map(|(_, id)| *id).collect();
        let (deleted, counts) = erasing::documents(&mut tx, &ids, now).await?;
        let progress = Progress {
            done: counts.documents,
            ..Progress::default()
        };
        if let Some(last) = found.last() {
            let place = Place {
                after: Some(*last),
                counted: true,
            };
            let payload = serde_json::to_value(place).map_err(Error::internal)?;
            held(work::put_back(&mut tx, claimed.claim(), now, None, false, Some(&payload)).await?)?;
            jobs::planned(&mut tx, id, false, total).await?;
            jobs::add(&mut tx, id, progress).await?;
        } else {
            let mut ends = Ends::default();
            held(ends.end(&mut tx, claimed.claim(), Done::default(), now).await?)?;
            jobs::planned(&mut tx, id, true, total).await?;
            let event = Event::done(Action::DocumentsDeleted, "job", id, None);
            let event = event.with_detail(format!("documents: {}", job.done));
            audit::record(&mut tx, &self.clock, &actor, event).await?;
            ends.settle(&mut tx, now).await?;
        }
        let subjects = deleted.into_iter().map(Subject::Document).collect();
        self.evictions.commit_all(tx, subjects).await?;
        self.work.ring(Queue::Jobs);
        Ok(())
    }
}

fn job_of(claimed: &Claimed) -> Result<JobId> {
    claimed
        .job_id
        .ok_or_else(|| Error::internal("a piece of work belongs to no job"))
}

fn place_of(claimed: &Claimed) -> Result<Place> {
    serde_json::from_value(claimed.payload.0.clone()).map_err(Error::internal)
}

/// What was done counts only while the piece is held.
fn held(held: bool) -> Result<()> {
    if held { Ok(()) } else { Err(taken_over()) }
}
