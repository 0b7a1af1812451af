//! Collections: create, list, get, update, delete.

use super::{
    audit, changed_meanwhile, erasing,
    evictions::Evictions,
    rules::{self, resolve_rules},
};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        automation::{RuleDraft, check_rules},
        collections::{Collection, CollectionFields},
        etags::Expected,
        identifiers::CollectionId,
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        text_fields::NameOrId,
    },
    repositories::collections,
};
use sqlx::types::Json;

#[derive(Clone)]
pub struct Collections {
    db: Db,
    clock: Clock,
    evictions: Evictions,
}

/// What a partial change says; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct CollectionPatch {
    pub slug: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub automation: Option<Vec<RuleDraft>>,
    /// `Some(None)` keeps documents.
    pub retention_days: Option<Option<i64>>,
}

impl Collections {
    #[must_use]
    pub fn new(db: Db, clock: Clock, evictions: Evictions) -> Self {
        Self { db, clock, evictions }
    }

    /// # Errors
    /// `Error::Forbidden` for those who do not reach every collection, `Error::Conflict` when the slug is taken.
    pub async fn create(&self, actor: &Actor, fields: CollectionFields) -> Result<Collection> {
        if actor.principal.reach != Reach::Everything {
            let why = "only those who reach every collection can create one";
            return Err(Error::Forbidden(why.to_owned()));
        }
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let rules = resolve_rules(&mut tx, fields.automation).await?;
        let collection = Collection {
            id: CollectionId::generate(),
            slug: fields.slug,
            name: fields.name,
            description: fields.description,
            automation: Json(rules),
            retention_days: fields.retention_days,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if !collections::insert(&mut tx, &collection).await? {
            return Err(slug_taken(&collection));
        }
        tx.commit().await?;
        Ok(collection)
    }

    /// The collections within reach, in the order of creation.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, actor: &Actor, page: PageRequest<CollectionId>) -> Result<Page<Collection, CollectionId>> {
        let mut tx = self.db.read().await?;
        let rows = collections::list(&mut tx, &actor.principal.reach, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, name: &NameOrId<CollectionId>) -> Result<Collection> {
        find(&mut self.db.read().await?, actor, name).await
    }

    /// Changes a collection. A taken slug would tell of another collection, so that only those who reach all of them may
    /// choose one.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Invalid`, `Error::Forbidden` for the slug, or
    /// `Error::Conflict` when it is taken.
    pub async fn update(
        &self,
        actor: &Actor,
        name: &NameOrId<CollectionId>,
        expected: &Expected,
        patch: CollectionPatch,
    ) -> Result<Collection> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, name).await?;
        expected.check("collection", stored.id.0, stored.version)?;
        let fields = CollectionFields::new(
            Some(patch.slug.as_deref().unwrap_or(stored.slug.as_str())),
            patch.name.as_deref().unwrap_or(&stored.name),
            patch.description.as_deref().unwrap_or(&stored.description),
        )?
        .with_retention(patch.retention_days.unwrap_or(stored.retention_days))?;
        let unchanged = CollectionFields {
            slug: stored.slug.clone(),
            name: stored.name.clone(),
            description: stored.description.clone(),
            automation: Vec::new(),
            retention_days: stored.retention_days,
        };
        let rules = match patch.automation {
            Some(rules) => {
                check_rules(&rules)?;
                resolve_rules(&mut tx, rules).await?
            }
            None => stored.automation.0.clone(),
        };
        if fields == unchanged && rules == stored.automation.0 {
            return Ok(stored);
        }
        if fields.slug != stored.slug && actor.principal.reach != Reach::Everything {
            let why = "only those who reach every collection can change the slug of one; leave `slug` out";
            return Err(Error::Forbidden(why.to_owned()));
        }
        let before = stored.automation.0.clone();
        let changed = Collection {
            slug: fields.slug,
            name: fields.name,
            description: fields.description,
            automation: Json(rules),
            retention_days: fields.retention_days,
            version: stored.version + 1,
            updated_at: self.clock.now(),
            ..stored
        };
        if collections::slug_taken_by_another(&mut tx, &changed).await? {
            return Err(slug_taken(&changed));
        }
        rules::forget(&mut tx, &changed, &before, self.clock.now()).await?;
        if !collections::update(&mut tx, &changed).await? {
            return Err(changed_meanwhile("collection"));
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Deletes a collection; one that holds documents only when the caller says that they may go too.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, or `Error::Conflict` when there are documents.
    pub async fn delete(
        &self,
        actor: &Actor,
        name: &NameOrId<CollectionId>,
        expected: &Expected,
        with_documents: bool,
    ) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, name).await?;
        expected.check("collection", stored.id.0, stored.version)?;
        let documents = collections::count_documents(&mut tx, stored.id).await?;
        if documents > 0 && !with_documents {
            return Err(Error::Conflict(format!(
                "the collection holds {documents} documents; add `with_documents=true` to delete them and their \
                 analyses too"
            )));
        }
        erasing::collection(&mut tx, stored.id).await?;
        collections::delete(&mut tx, stored.id).await?;
        let event = Event::done(
            Action::CollectionDeleted,
            "collection",
            stored.id,
            stored.slug.to_string(),
        );
        let event = event.with_detail(format!("documents: {documents}"));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        self.evictions.commit(tx, Subject::Collection(stored.id)).await
    }
}

/// The collection of this name, inside a transaction. One that is out of the actor's reach is not there.
pub(super) async fn find(tx: &mut Tx, actor: &Actor, name: &NameOrId<CollectionId>) -> Result<Collection> {
    let found = collections::find(tx, name).await?;
    found
        .filter(|collection| actor.reaches(collection.id))
        .ok_or_else(|| Error::not_found("collection", name))
}

fn slug_taken(collection: &Collection) -> Error {
    Error::Conflict(format!(
        "a collection with the slug `{}` exists already",
        collection.slug
    ))
}
