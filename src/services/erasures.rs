//! Erasures: everything that belongs to somebody goes, some at a time, with a receipt that does not say whose it was. What is not done
//! when the request has to end is carried on by regular work.

use super::{audit, collections, erasing, evictions::Evictions, imports::Imports};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        documents::DocumentFilter,
        erasures::{ErasedBy, Erasure, ErasureCounts, ErasureSelection, ErasureStatus, PendingErasure},
        identifiers::{CollectionId, DocumentId, ErasureId, JobId},
        paging::{Page, PageRequest},
        principal::Actor,
        text_fields::NameOrId,
    },
    repositories::{
        document_selection::{self, Selection},
        documents, erasures, jobs,
    },
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use sqlx::types::Json;

/// How many documents are erased in one transaction.
const ERASED_AT_ONCE: i64 = 200;
/// How many transactions a request waits for, and regular work does in one go.
const AT_REQUEST: usize = 10;
const AT_REGULAR_WORK: usize = 500;
/// How many erasures are carried on in one go.
const CARRIED_ON: i64 = 20;

#[derive(Clone)]
pub struct Erasures {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) evictions: Evictions,
}

impl Erasures {
    #[must_use]
    pub(super) fn new(db: Db, clock: Clock, evictions: Evictions) -> Self {
        Self { db, clock, evictions }
    }

    /// Erases what the selection finds: in the collection, or in all that are within reach. A few thousand documents are gone when it
    /// returns; more of them soon after.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection, `Error::Invalid` for what no document can have.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: Option<&NameOrId<CollectionId>>,
        by: ErasedBy,
    ) -> Result<Erasure> {
        by.check()?;
        let mut tx = self.db.write().await?;
        let (selection, collections) = select(&mut tx, actor, collection, by).await?;
        let salt: [u8; 16] = rand::random();
        let digest = digest(&mut tx, &salt, &selection)
            .await?
            .finalize()
            .into_bytes()
            .to_vec();
        let erasure = Erasure {
            id: ErasureId::generate(),
            kind: selection.by.kind(),
            collection_id: selection.collection,
            salt: salt.to_vec(),
            digest,
            status: ErasureStatus::Running,
            pending: Some(Json(PendingErasure {
                selection,
                collections: collections.into_iter().rev().collect(),
                after: None,
            })),
            removed: Json(ErasureCounts::default()),
            checked_at: None,
            found: None,
            created_by: actor.principal.key_id(),
            created_by_user: actor.principal.user_id,
            created_at: self.clock.now(),
            finished_at: None,
        };
        erasures::insert(&mut tx, &erasure).await?;
        let event = Event::done(Action::ErasureRequested, "erasure", erasure.id, None);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.carry_on(erasure.id, AT_REQUEST).await?;
        self.get(actor, erasure.id).await
    }

    /// # Errors
    /// `Error::NotFound`, also when it was of collections out of reach.
    pub async fn get(&self, actor: &Actor, id: ErasureId) -> Result<Erasure> {
        find(&mut self.db.read().await?, actor, id).await
    }

    /// Newest first.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn list(
        &self,
        actor: &Actor,
        collection: Option<&NameOrId<CollectionId>>,
        page: PageRequest<ErasureId>,
    ) -> Result<Page<Erasure, ErasureId>> {
        let mut tx = self.db.read().await?;
        let collection = match collection {
            Some(name) => Some(collections::find(&mut tx, actor, name).await?.id),
            None => None,
        };
        let limit = i64::from(page.limit) + 1;
        let rows = erasures::list(&mut tx, &actor.principal.reach, collection, page.after, limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// Looks once more for everything that the receipt is about, and notes in it what is there.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when the receipt is about something else.
    pub async fn check(
        &self,
        actor: &Actor,
        id: ErasureId,
        collection: Option<&NameOrId<CollectionId>>,
        by: ErasedBy,
    ) -> Result<Erasure> {
        by.check()?;
        let mut tx = self.db.write().await?;
        let erasure = find(&mut tx, actor, id).await?;
        let (selection, collections) = select(&mut tx, actor, collection, by).await?;
        let expected = digest(&mut tx, &erasure.salt, &selection).await?;
        if expected.verify_slice(&erasure.digest).is_err() {
            return Err(Error::Conflict(
                "the receipt is about something else: send the same collection and the same external id or attribute"
                    .into(),
            ));
        }
        tx.commit().await?;
        // Nobody waits for the search to be able to write.
        let found = {
            let mut tx = self.db.read().await?;
            self.look(&mut tx, &selection, &collections).await?
        };
        let mut tx = self.db.write().await?;
        erasures::checked(&mut tx, id, found, self.clock.now()).await?;
        let event = Event::done(Action::ErasureChecked, "erasure", id, None);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        let checked = find(&mut tx, actor, id).await?;
        tx.commit().await?;
        Ok(checked)
    }

    /// How much there is.
    async fn look(
        &self,
        tx: &mut Tx,
        selection: &ErasureSelection,
        collections: &[CollectionId],
    ) -> Result<ErasureCounts> {
        let mut found = ErasureCounts::default();
        for collection in collections {
            let mut after = None;
            loop {
                let ids = next(tx, &selection.by, *collection, after).await?;
                let Some(last) = ids.last() else { break };
                after = Some(*last);
                let ids: Vec<DocumentId> = ids.iter().map(|(_, id)| *id).collect();
                let (analyses, work_items) = erasures::count_of(tx, &ids).await?;
                found += ErasureCounts {
                    documents: erasing::count(ids.len()),
                    analyses,
                    work_items,
                    ..ErasureCounts::default()
                };
            }
        }
        if let ErasedBy::ExternalId(id) = &selection.by {
            // As it stands in JSON, between its quotes.
            let written = Value::from(id.as_str()).to_string();
            found.kept_answers = erasures::count_answers_naming(tx, &written).await?;
        }
        found.jobs = erasing::count(jobs_naming(tx, selection, collections).await?.len());
        Ok(found)
    }

    /// Carries on erasures that are not done.
    pub(super) async fn carry_on_all(&self) -> Result<String> {
        let running = erasures::running(&mut self.db.glance().await?, CARRIED_ON).await?;
        for id in &running {
            self.carry_on(*id, AT_REGULAR_WORK).await?;
        }
        Ok(format!("{} erasures carried on", running.len()))
    }

    async fn carry_on(&self, id: ErasureId, most: usize) -> Result<()> {
        for _ in 0..most {
            if self.erase_some(id).await? {
                return self.fold().await;
            }
        }
        Ok(())
    }

    /// Erases the next documents; says whether that was all.
    async fn erase_some(&self, id: ErasureId) -> Result<bool> {
        let mut tx = self.db.write().await?;
        let Some(erasure) = erasures::lock(&mut tx, id).await? else {
            return Ok(true);
        };
        let (Some(Json(mut pending)), mut removed) = (erasure.pending, erasure.removed.0) else {
            return Ok(true);
        };
        let by = pending.selection.by.clone();
        let Some(collection) = pending.collections.last().copied() else {
            erasures::ends(&mut tx, id, removed, self.clock.now()).await?;
            tx.commit().await?;
            return Ok(true);
        };
        let found = next(&mut tx, &by, collection, pending.after).await?;
        let mut deleted = Vec::new();
        if let Some(last) = found.last() {
            let ids: Vec<DocumentId> = found.iter().map(|(_, id)| *id).collect();
            let (gone, counts) = erasing::documents(&mut tx, &ids, self.clock.now()).await?;
            deleted = gone;
            removed += counts;
            pending.after = Some(*last);
        } else {
            let naming = jobs_naming(&mut tx, &pending.selection, &[collection]).await?;
            if naming.iter().any(|(_, has_ended)| !has_ended) {
                // It is carried on once the job has ended, which still needs its filter.
                return Ok(true);
            }
            for (job, _) in naming {
                jobs::delete(&mut tx, job).await?;
                removed.jobs += 1;
            }
            if let ErasedBy::ExternalId(id) = &by {
                let chunks = Imports::erase(&mut tx, collection, id).await?;
                removed.upload_chunks += i64::try_from(chunks).unwrap_or(i64::MAX);
            }
            pending.collections.pop();
            pending.after = None;
        }
        erasures::goes_on(&mut tx, id, pending, removed).await?;
        let subjects = deleted.into_iter().map(Subject::Document).collect();
        self.evictions.commit_all(tx, subjects).await?;
        Ok(false)
    }

    /// Stores the receipt of the sample data: of this erasure, with nothing found.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn put_sample(&self, id: ErasureId, collection: CollectionId, external_id: &str) -> Result<()> {
        let mut tx = self.db.write().await?;
        erasures::delete(&mut tx, id).await?;
        let selection = ErasureSelection {
            collection: Some(collection),
            by: ErasedBy::ExternalId(external_id.to_owned()),
        };
        let salt: [u8; 16] = rand::random();
        let now = self.clock.now();
        let erasure = Erasure {
            id,
            kind: selection.by.kind(),
            collection_id: selection.collection,
            salt: salt.to_vec(),
            digest: digest(&mut tx, &salt, &selection)
                .await?
                .finalize()
                .into_bytes()
                .to_vec(),
            status: ErasureStatus::Done,
            pending: None,
            removed: Json(ErasureCounts {
                documents: 1,
                analyses: 2,
                cache_subjects: 1,
                ..ErasureCounts::default()
            }),
            checked_at: None,
            found: None,
            created_by: None,
            created_by_user: None,
            created_at: now,
            finished_at: Some(now),
        };
        erasures::insert(&mut tx, &erasure).await?;
        tx.commit().await
    }
}

/// What is asked for, and in which collections.
async fn select(
    tx: &mut Tx,
    actor: &Actor,
    collection: Option<&NameOrId<CollectionId>>,
    by: ErasedBy,
) -> Result<(ErasureSelection, Vec<CollectionId>)> {
    let (collection, collections) = if let Some(name) = collection {
        let id = collections::find(tx, actor, name).await?.id;
        (Some(id), vec![id])
    } else {
        let all = erasures::collections(tx).await?;
        (None, all.into_iter().filter(|id| actor.reaches(*id)).collect())
    };
    Ok((ErasureSelection { collection, by }, collections))
}

/// A receipt of one collection, for those who reach it; of all, for those who reach all, and for whoever asked for it.
async fn find(tx: &mut Tx, actor: &Actor, id: ErasureId) -> Result<Erasure> {
    let erasure = erasures::find(tx, id).await?;
    erasure
        .filter(|erasure| {
            let principal = &actor.principal;
            if let Some(collection) = erasure.collection_id {
                return actor.reaches(collection);
            }
            let own = principal.user_id.is_some() && principal.user_id == erasure.created_by_user
                || principal.key_id().is_some() && principal.key_id() == erasure.created_by;
            principal.reach.restriction().is_none() || own
        })
        .ok_or_else(|| Error::not_found("erasure", id))
}

/// The hash of a selection, under the server's key and the receipt's salt.
async fn digest(tx: &mut Tx, salt: &[u8], selection: &ErasureSelection) -> Result<Hmac<Sha256>> {
    let new: [u8; 32] = rand::random();
    let secret = erasures::secret(tx, &new).await?;
    let mut hash = Hmac::<Sha256>::new_from_slice(&secret).map_err(Error::internal)?;
    hash.update(salt);
    hash.update(&serde_json::to_vec(selection).map_err(Error::internal)?);
    Ok(hash)
}

/// The next documents of a collection that are to go.
async fn next(
    tx: &mut Tx,
    by: &ErasedBy,
    collection: CollectionId,
    after: Option<(Timestamp, DocumentId)>,
) -> Result<Vec<(Timestamp, DocumentId)>> {
    match by {
        ErasedBy::ExternalId(id) => {
            let found = documents::find_by_external_id(tx, collection, id).await?;
            let found = found.map(|document| (document.head.created_at, document.head.id));
            Ok(found.filter(|found| Some(*found) > after).into_iter().collect())
        }
        ErasedBy::Attribute { path, value } => {
            let filter = DocumentFilter {
                attributes: vec![(path.clone(), value.clone())],
                ..DocumentFilter::default()
            };
            let selection = Selection {
                collection,
                filter: &filter,
                classified_otherwise: None,
                until: Timestamp::from_unix_seconds(i64::MAX),
            };
            document_selection::next(tx, &selection, after, ERASED_AT_ONCE).await
        }
    }
}

/// The jobs that have ended and whose filter names the value.
async fn jobs_naming(
    tx: &mut Tx,
    selection: &ErasureSelection,
    collections: &[CollectionId],
) -> Result<Vec<(JobId, bool)>> {
    let value = selection.by.value().to_lowercase();
    let jobs = erasures::jobs_of(tx, collections).await?;
    let naming = jobs
        .into_iter()
        .filter(|(_, Json(parameters), _)| parameters.get("filter").is_some_and(|filter| says(filter, &value)));
    Ok(naming.map(|(id, _, ended)| (id, ended.is_some())).collect())
}

/// Whether one of the texts in it is the value.
fn says(json: &Value, value: &str) -> bool {
    match json {
        Value::String(text) => text.to_lowercase() == value,
        Value::Array(items) => items.iter().any(|item| says(item, value)),
        Value::Object(fields) => fields.values().any(|field| says(field, value)),
        _ => false,
    }
}
