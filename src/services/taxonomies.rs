//! Taxonomies: create, list, get, update, delete; every change is a new version.

use super::{audit, changed_meanwhile, evictions::Evictions};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        collections::Collection,
        etags::Expected,
        identifiers::TaxonomyId,
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        taxonomies::{LabelDraft, Taxonomy, TaxonomyDraft, TaxonomyFields},
        text_fields::{NameOrId, Slug},
    },
    repositories::{
        collections,
        taxonomies::{self, TaxonomyHead},
    },
};
use sqlx::types::Json;

#[derive(Clone)]
pub struct Taxonomies {
    db: Db,
    clock: Clock,
    evictions: Evictions,
}

/// What a change says; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct TaxonomyPatch {
    pub slug: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    /// `Some(None)` takes the threshold away.
    pub threshold: Option<Option<f64>>,
    /// All the labels, as they are to be.
    pub labels: Option<Vec<LabelDraft>>,
}

impl Taxonomies {
    #[must_use]
    pub fn new(db: Db, clock: Clock, evictions: Evictions) -> Self {
        Self { db, clock, evictions }
    }

    /// # Errors
    /// `Error::Forbidden` for those who do not reach every collection, `Error::Invalid`, or `Error::Conflict` when the slug
    /// is taken.
    pub async fn create(&self, actor: &Actor, slug: Option<&str>, draft: TaxonomyDraft) -> Result<Taxonomy> {
        check_may_change(actor)?;
        let slug = slug.map(|slug| Slug::parse("/slug", slug)).transpose()?;
        let fields = draft.resolve(&[])?;
        let slug = slug.unwrap_or_else(|| Slug::from_name(&fields.name, "taxonomy"));
        let now = self.clock.now();
        let taxonomy = Taxonomy {
            id: TaxonomyId::generate(),
            slug,
            version: 1,
            name: fields.name,
            description: fields.description,
            threshold: fields.threshold,
            labels: Json(fields.labels),
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.db.write().await?;
        if !taxonomies::insert(&mut tx, &taxonomy).await? {
            return Err(slug_taken(&taxonomy));
        }
        self.note(&mut tx, actor, Action::TaxonomyCreated, &taxonomy).await?;
        tx.commit().await?;
        Ok(taxonomy)
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, _actor: &Actor, page: PageRequest<TaxonomyId>) -> Result<Page<Taxonomy, TaxonomyId>> {
        let mut tx = self.db.read().await?;
        let rows = taxonomies::list(&mut tx, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, _actor: &Actor, name: &NameOrId<TaxonomyId>) -> Result<Taxonomy> {
        find(&mut self.db.read().await?, name).await
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn list_versions(
        &self,
        _actor: &Actor,
        name: &NameOrId<TaxonomyId>,
        page: PageRequest<i64>,
    ) -> Result<Page<Taxonomy, i64>> {
        let mut tx = self.db.read().await?;
        let taxonomy = find(&mut tx, name).await?;
        let before = page.after.unwrap_or(i64::MAX);
        let rows = taxonomies::list_versions(&mut tx, taxonomy.id, before, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.version))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get_version(&self, _actor: &Actor, name: &NameOrId<TaxonomyId>, version: i64) -> Result<Taxonomy> {
        let mut tx = self.db.read().await?;
        find_version(&mut tx, name, version).await
    }

    /// Makes the next version. A change that changes nothing makes none.
    ///
    /// # Errors
    /// As for [`Taxonomies::create`], `Error::NotFound` or `Error::PreconditionFailed`.
    pub async fn update(
        &self,
        actor: &Actor,
        name: &NameOrId<TaxonomyId>,
        expected: &Expected,
        patch: TaxonomyPatch,
    ) -> Result<Taxonomy> {
        check_may_change(actor)?;
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, name).await?;
        expected.check("taxonomy", stored.id.0, stored.version)?;
        let changed = self.next_version(&stored, patch)?;
        if changed.version == stored.version {
            return Ok(stored);
        }
        if taxonomies::slug_taken_by_another(&mut tx, &changed).await? {
            return Err(slug_taken(&changed));
        }
        if !taxonomies::update(&mut tx, &changed).await? {
            return Err(changed_meanwhile("taxonomy"));
        }
        self.note(&mut tx, actor, Action::TaxonomyChanged, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    fn next_version(&self, stored: &Taxonomy, patch: TaxonomyPatch) -> Result<Taxonomy> {
        let slug = match &patch.slug {
            Some(slug) => Slug::parse("/slug", slug)?,
            None => stored.slug.clone(),
        };
        let TaxonomyFields {
            name,
            description,
            threshold,
            labels,
        } = TaxonomyDraft {
            name: patch.name.unwrap_or_else(|| stored.name.clone()),
            description: patch.description.unwrap_or_else(|| stored.description.clone()),
            threshold: patch.threshold.unwrap_or(stored.threshold),
            labels: patch
                .labels
                .unwrap_or_else(|| stored.labels.iter().map(LabelDraft::from).collect()),
        }
        .resolve(&stored.labels)?;
        let same = Taxonomy {
            slug,
            name,
            description,
            threshold,
            labels: Json(labels),
            ..stored.clone()
        };
        if same == *stored {
            return Ok(same);
        }
        Ok(Taxonomy {
            version: stored.version + 1,
            updated_at: self.clock.now(),
            ..same
        })
    }

    /// Deletes a taxonomy; one that was used only when the caller says that the analyses may go too.
    ///
    /// # Errors
    /// `Error::Forbidden` for those who do not reach every collection, `Error::NotFound`, `Error::PreconditionFailed`, or
    /// `Error::Conflict` when there are analyses.
    pub async fn delete(
        &self,
        actor: &Actor,
        name: &NameOrId<TaxonomyId>,
        expected: &Expected,
        with_analyses: bool,
    ) -> Result<()> {
        check_may_change(actor)?;
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, name).await?;
        expected.check("taxonomy", stored.id.0, stored.version)?;
        check_unused(&mut tx, stored.id).await?;
        let analyses = taxonomies::count_analyses(&mut tx, stored.id).await?;
        if analyses > 0 && !with_analyses {
            return Err(Error::Conflict(format!(
                "{analyses} analyses were made with the taxonomy; add `with_analyses=true` to delete them too"
            )));
        }
        taxonomies::delete(&mut tx, stored.id).await?;
        self.note(&mut tx, actor, Action::TaxonomyDeleted, &stored).await?;
        self.evictions.commit(tx, Subject::Taxonomy(stored.id)).await
    }

    async fn note(&self, tx: &mut Tx, actor: &Actor, action: Action, taxonomy: &Taxonomy) -> Result<()> {
        let event = Event::done(action, "taxonomy", taxonomy.id, taxonomy.slug.to_string());
        let event = event.with_detail(format!("version: {}", taxonomy.version));
        audit::record(tx, &self.clock, actor, event).await
    }
}

/// All collections share the taxonomies, and the analyses that depend on one may be of any of them.
fn check_may_change(actor: &Actor) -> Result<()> {
    if actor.principal.reach == Reach::Everything {
        return Ok(());
    }
    let why = "only those who reach every collection can create, change and delete taxonomies, which all of them share";
    Err(Error::Forbidden(why.to_owned()))
}

/// The taxonomy of this name at its newest version, inside a transaction.
pub(super) async fn find(tx: &mut Tx, name: &NameOrId<TaxonomyId>) -> Result<Taxonomy> {
    taxonomies::find(tx, name)
        .await?
        .ok_or_else(|| Error::not_found("taxonomy", name))
}

/// Which taxonomy has this name, and its newest version.
pub(super) async fn find_head(tx: &mut Tx, name: &NameOrId<TaxonomyId>) -> Result<TaxonomyHead> {
    taxonomies::find_head(tx, name)
        .await?
        .ok_or_else(|| Error::not_found("taxonomy", name))
}

/// The taxonomy of this name at one of its versions, inside a transaction.
pub(super) async fn find_version(tx: &mut Tx, name: &NameOrId<TaxonomyId>, version: i64) -> Result<Taxonomy> {
    let taxonomy = find(tx, name).await?;
    taxonomies::find_version(tx, taxonomy.id, version)
        .await?
        .ok_or_else(|| Error::not_found("taxonomy version", format!("{}/{version}", taxonomy.slug)))
}

/// Refuses while a collection classifies what arrives by this taxonomy.
async fn check_unused(tx: &mut Tx, taxonomy: TaxonomyId) -> Result<()> {
    let automated = collections::automated(tx).await?;
    let classifies = |collection: &&Collection| {
        let mut rules = collection.automation.iter();
        rules.any(|rule| rule.recipe.taxonomy() == Some(taxonomy))
    };
    let users: Vec<&str> = automated
        .iter()
        .filter(classifies)
        .map(|one| one.slug.as_str())
        .collect();
    if users.is_empty() {
        return Ok(());
    }
    let shown = users.iter().take(5).copied().collect::<Vec<_>>().join("`, `");
    Err(Error::Conflict(format!(
        "documents that arrive are classified by this taxonomy: take the rules out of the automation of `{shown}` first"
    )))
}

fn slug_taken(taxonomy: &Taxonomy) -> Error {
    Error::Conflict(format!("a taxonomy with the slug `{}` exists already", taxonomy.slug))
}
