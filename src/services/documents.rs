//! Documents: create (one, or a batch all or nothing), list and search, get, put, patch, delete.

use super::{
    arrivals, audit, changed_meanwhile, collections,
    document_drafts::{DocumentPatch, Prepared, prepare_batch},
    erasing,
    evictions::Evictions,
    work::WorkQueue,
};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        automation::RuleState,
        collections::Collection,
        documents::{
            Document, DocumentFields, DocumentFilter, DocumentPosition, DocumentRow, DocumentSort, LARGEST_BATCH,
            check_external_id,
        },
        etags::Expected,
        identifiers::{CollectionId, DocumentId},
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        text_fields::NameOrId,
        work::Queue,
    },
    repositories::{document_lists, documents, work_lists},
};

#[derive(Clone)]
pub struct Documents {
    db: Db,
    pub(super) clock: Clock,
    evictions: Evictions,
    work: WorkQueue,
}

/// What to do with a document whose `external_id` is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// Refuse it.
    #[default]
    Refuse,
    /// Replace what is stored.
    Update,
}

/// What became of a document that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    /// It was stored exactly so already; nothing was written.
    Unchanged,
}

impl Documents {
    #[must_use]
    pub fn new(db: Db, clock: Clock, evictions: Evictions, work: WorkQueue) -> Self {
        Self {
            db,
            clock,
            evictions,
            work,
        }
    }

    /// # Errors
    /// `Error::NotFound` for the collection, `Error::Invalid`, or `Error::Conflict` when the `external_id` is taken.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        fields: DocumentFields,
        on_conflict: OnConflict,
    ) -> Result<(Document, Outcome)> {
        let prepared = Prepared::new(fields)?;
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let stored = self.store(&mut tx, &collection, prepared, on_conflict).await?;
        tx.commit().await?;
        self.work.ring(Queue::Arrivals);
        Ok(stored)
    }

    /// Stores all of the documents, or none of them.
    ///
    /// # Errors
    /// As for [`Documents::create`], with the place of each bad document (`/documents/3/text`).
    pub async fn create_batch(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        batch: Vec<DocumentFields>,
        on_conflict: OnConflict,
    ) -> Result<Vec<(Document, Outcome)>> {
        if batch.is_empty() || batch.len() > LARGEST_BATCH {
            return Err(Error::invalid(
                "/documents",
                format!("must have 1 to {LARGEST_BATCH} documents; there are {}", batch.len()),
            ));
        }
        let prepared = prepare_batch(batch)?;
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let stored = self.store_all(&mut tx, &collection, prepared, on_conflict).await?;
        tx.commit().await?;
        self.work.ring(Queue::Arrivals);
        Ok(stored)
    }

    /// Stores a document inside of a transaction; afterwards, ring the queue of arrivals.
    pub(super) async fn store(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        prepared: Prepared,
        on_conflict: OnConflict,
    ) -> Result<(Document, Outcome)> {
        let existing = match &prepared.fields.external_id {
            Some(external_id) => documents::find_by_external_id(tx, collection.id, external_id).await?,
            None => None,
        };
        match existing {
            Some(stored) if on_conflict == OnConflict::Update => self.overwrite(tx, collection, stored, prepared).await,
            Some(stored) => Err(external_id_taken(&stored)),
            None => {
                let document = prepared.into_document(collection.id, self.clock.now());
                if documents::insert(tx, &document).await? {
                    arrivals::expect(tx, collection, &document, self.clock.now()).await?;
                    Ok((document, Outcome::Created))
                } else {
                    Err(external_id_taken(&document))
                }
            }
        }
    }

    pub(super) async fn overwrite(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        stored: Document,
        prepared: Prepared,
    ) -> Result<(Document, Outcome)> {
        let changed = prepared.over(&stored, self.clock.now());
        if changed == stored {
            return Ok((stored, Outcome::Unchanged));
        }
        if changed.external_id != stored.external_id && documents::external_id_taken_by_another(tx, &changed).await? {
            return Err(external_id_taken(&changed));
        }
        if !documents::update(tx, &changed).await? {
            return Err(changed_meanwhile("document"));
        }
        if changed.head.content_hash != stored.head.content_hash {
            arrivals::expect(tx, collection, &changed, self.clock.now()).await?;
        }
        Ok((changed, Outcome::Updated))
    }

    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn list(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        filter: &DocumentFilter,
        sort: DocumentSort,
        page: PageRequest<DocumentPosition>,
    ) -> Result<Page<DocumentRow, DocumentPosition>> {
        let mut tx = self.db.read().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let limit = i64::from(page.limit) + 1;
        let rows = document_lists::list(&mut tx, collection.id, filter, sort, page.after.as_ref(), limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| position(row, sort)))
    }

    /// Whole documents in the order of creation, after `after`: for going through a collection to its end.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn walk(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        after: Option<&Document>,
        limit: u32,
    ) -> Result<Vec<Document>> {
        let mut tx = self.db.read().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        documents::walk(&mut tx, collection.id, after, limit.into()).await
    }

    /// Finds a document by its id, or else by its `external_id`.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, collection: &NameOrId<CollectionId>, document: &str) -> Result<Document> {
        let mut tx = self.db.read().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        find(&mut tx, collection.id, document).await
    }

    /// The document, and how far the rules of its collection's automation have come with it.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn get_with_progress(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        document: &str,
    ) -> Result<(Document, Vec<RuleState>)> {
        let mut tx = self.db.read().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let document = find(&mut tx, collection.id, document).await?;
        let states = work_lists::rule_states(&mut tx, &[document.id]).await?;
        Ok((document, states))
    }

    /// Whether what was stored together is within reach, as the first document says that is still there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reaches_batch(&self, actor: &Actor, batch: &[DocumentId]) -> Result<bool> {
        if actor.principal.reach == Reach::Everything {
            return Ok(true);
        }
        let mut tx = self.db.read().await?;
        for id in batch {
            if let Some(collection) = documents::collection_of(&mut tx, *id).await? {
                return Ok(actor.reaches(collection));
            }
        }
        Ok(false)
    }

    /// Replaces a document, or stores it under the `external_id` that the address names when there is none. An address
    /// that is a UUID must name a document that is there: ids are ours to give.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Invalid`, or `Error::Conflict` when the `external_id` is
    /// another document's.
    pub async fn put(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        document: &str,
        expected: &Expected,
        fields: DocumentFields,
    ) -> Result<(Document, Outcome)> {
        let mut prepared = Prepared::new(fields)?;
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let existing = match find(&mut tx, collection.id, document).await {
            Ok(stored) => Some(stored),
            Err(Error::NotFound { .. }) if document.parse::<DocumentId>().is_err() => None,
            Err(error) => return Err(error),
        };
        let external_id = &mut prepared.fields.external_id;
        let put = if let Some(stored) = existing {
            expected.check("document", stored.id.0, stored.version)?;
            // An address by external id keeps that id, unless the body names another.
            if external_id.is_none() && stored.external_id.as_deref() == Some(document) {
                external_id.clone_from(&stored.external_id);
            }
            self.overwrite(&mut tx, &collection, stored, prepared).await?
        } else {
            if *expected != Expected::Any {
                let what = "document";
                return Err(Error::PreconditionFailed {
                    what,
                    current: "none, as it does not exist".to_owned(),
                });
            }
            check_external_id("/external_id", document)?;
            if external_id.as_deref().is_some_and(|named| named != document) {
                return Err(Error::invalid(
                    "/external_id",
                    "differs from the one in the address; leave it out",
                ));
            }
            *external_id = Some(document.to_owned());
            self.store(&mut tx, &collection, prepared, OnConflict::Refuse).await?
        };
        tx.commit().await?;
        self.work.ring(Queue::Arrivals);
        Ok(put)
    }

    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Invalid`, or `Error::Conflict` when the `external_id` is
    /// another document's.
    pub async fn update(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        document: &str,
        expected: &Expected,
        patch: DocumentPatch,
    ) -> Result<Document> {
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let stored = find(&mut tx, collection.id, document).await?;
        expected.check("document", stored.id.0, stored.version)?;
        let prepared = Prepared::new(patch.over(&stored)?)?;
        let (changed, _) = self.overwrite(&mut tx, &collection, stored, prepared).await?;
        tx.commit().await?;
        self.work.ring(Queue::Arrivals);
        Ok(changed)
    }

    /// Deletes a document and everything that is kept of it.
    ///
    /// # Errors
    /// `Error::NotFound` or `Error::PreconditionFailed`.
    pub async fn delete(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        document: &str,
        expected: &Expected,
    ) -> Result<()> {
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let stored = find(&mut tx, collection.id, document).await?;
        expected.check("document", stored.id.0, stored.version)?;
        let id = stored.id;
        erasing::documents(&mut tx, &[id], self.clock.now()).await?;
        // Without its external id: the trail is for ever.
        let event = Event::done(Action::DocumentDeleted, "document", id, None);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        self.evictions.commit(tx, Subject::Document(id)).await
    }
}

async fn find(tx: &mut Tx, collection: CollectionId, document: &str) -> Result<Document> {
    if let Ok(id) = document.parse::<DocumentId>()
        && let Some(found) = documents::find(tx, collection, id).await?
    {
        return Ok(found);
    }
    documents::find_by_external_id(tx, collection, document)
        .await?
        .ok_or_else(|| Error::not_found("document", document))
}

/// A document of whatever collection. One that is out of the actor's reach is not there.
pub(super) async fn find_anywhere(tx: &mut Tx, actor: &Actor, id: DocumentId) -> Result<Document> {
    documents::find_anywhere(tx, id)
        .await?
        .filter(|document| actor.reaches(document.collection_id))
        .ok_or_else(|| Error::not_found("document", id))
}

/// Whether a document of whatever collection is within the actor's reach.
pub(super) async fn is_within_reach(tx: &mut Tx, actor: &Actor, id: DocumentId) -> Result<bool> {
    if actor.principal.reach == Reach::Everything {
        return Ok(true);
    }
    let collection = documents::collection_of(tx, id).await?;
    Ok(collection.is_some_and(|collection| actor.reaches(collection)))
}

fn position(row: &DocumentRow, sort: DocumentSort) -> DocumentPosition {
    let at = match sort {
        DocumentSort::CreatedAscending | DocumentSort::CreatedDescending => Some(row.head.created_at),
        DocumentSort::UpdatedAscending | DocumentSort::UpdatedDescending => Some(row.head.updated_at),
        DocumentSort::Relevance => None,
    };
    DocumentPosition {
        at,
        rank: row.rank,
        id: row.head.id,
    }
}

fn external_id_taken(document: &Document) -> Error {
    let external_id = document.external_id.as_deref().unwrap_or_default();
    Error::Conflict(format!(
        "a document with the external_id `{external_id}` exists already; use PUT or `on_conflict=update` to replace it"
    ))
}
