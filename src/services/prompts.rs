//! Prompts: create, list, get, update, delete; every change is a new version.

use super::{audit, changed_meanwhile, evictions::Evictions};
use crate::{
    cache::Subject,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        etags::Expected,
        identifiers::PromptId,
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        prompts::{Prompt, PromptEntry, PromptFields, Schema},
        text_fields::{NameOrId, Slug},
    },
    repositories::prompts,
    templates::{self, Rendering},
};
use sqlx::types::Json;

pub use crate::templates::{PromptDocument, PromptInput, Rendered};

#[derive(Clone)]
pub struct Prompts {
    db: Db,
    clock: Clock,
    evictions: Evictions,
}

/// What a change says; `None` leaves a field as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default)]
pub struct PromptPatch {
    pub slug: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub system: Option<String>,
    pub user: Option<String>,
    pub variables: Option<Schema>,
    pub output_schema: Option<Option<Schema>>,
    pub max_output_tokens: Option<Option<i64>>,
    pub temperature: Option<Option<f64>>,
}

impl Prompts {
    #[must_use]
    pub fn new(db: Db, clock: Clock, evictions: Evictions) -> Self {
        Self { db, clock, evictions }
    }

    /// # Errors
    /// `Error::Forbidden` for those who do not reach every collection, `Error::Invalid`, or `Error::Conflict` when the slug
    /// is taken.
    pub async fn create(&self, actor: &Actor, slug: Option<&str>, fields: PromptFields) -> Result<Prompt> {
        check_may_change(actor)?;
        let slug = slug.map(|slug| Slug::parse("/slug", slug)).transpose()?;
        let fields = check(fields)?;
        let slug = slug.unwrap_or_else(|| Slug::from_name(&fields.name, "prompt"));
        let now = self.clock.now();
        let prompt = Prompt {
            id: PromptId::generate(),
            slug,
            version: 1,
            name: fields.name,
            description: fields.description,
            system_template: fields.system,
            user_template: fields.user,
            variables: Json(fields.variables),
            output_schema: fields.output_schema.map(Json),
            max_output_tokens: fields.max_output_tokens,
            temperature: fields.temperature,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.db.write().await?;
        if !prompts::insert(&mut tx, &prompt).await? {
            return Err(slug_taken(&prompt));
        }
        self.note(&mut tx, actor, Action::PromptCreated, &prompt).await?;
        tx.commit().await?;
        Ok(prompt)
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, _actor: &Actor, page: PageRequest<PromptId>) -> Result<Page<PromptEntry, PromptId>> {
        let mut tx = self.db.read().await?;
        let rows = prompts::list(&mut tx, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, _actor: &Actor, name: &NameOrId<PromptId>) -> Result<Prompt> {
        find(&mut self.db.read().await?, name).await
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn list_versions(
        &self,
        _actor: &Actor,
        name: &NameOrId<PromptId>,
        page: PageRequest<i64>,
    ) -> Result<Page<PromptEntry, i64>> {
        let mut tx = self.db.read().await?;
        let prompt = find(&mut tx, name).await?;
        let before = page.after.unwrap_or(i64::MAX);
        let rows = prompts::list_versions(&mut tx, prompt.id, before, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.version))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get_version(&self, _actor: &Actor, name: &NameOrId<PromptId>, version: i64) -> Result<Prompt> {
        let mut tx = self.db.read().await?;
        find_version(&mut tx, name, version).await
    }

    /// Fills a prompt at one of its versions, the newest when none is named, and asks no model.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Invalid` when the variables do not fit it.
    pub async fn preview(
        &self,
        actor: &Actor,
        name: &NameOrId<PromptId>,
        version: Option<i64>,
        input: PromptInput,
    ) -> Result<(Prompt, Rendered)> {
        let prompt = match version {
            Some(version) => self.get_version(actor, name, version).await?,
            None => self.get(actor, name).await?,
        };
        fill(prompt, input).await
    }

    /// Makes the next version. A change that changes nothing makes none.
    ///
    /// # Errors
    /// As for [`Prompts::create`], `Error::NotFound` or `Error::PreconditionFailed`.
    pub async fn update(
        &self,
        actor: &Actor,
        name: &NameOrId<PromptId>,
        expected: &Expected,
        patch: PromptPatch,
    ) -> Result<Prompt> {
        check_may_change(actor)?;
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, name).await?;
        expected.check("prompt", stored.id.0, stored.version)?;
        let changed = self.next_version(&stored, patch)?;
        if changed.version == stored.version {
            return Ok(stored);
        }
        if prompts::slug_taken_by_another(&mut tx, &changed).await? {
            return Err(slug_taken(&changed));
        }
        if !prompts::update(&mut tx, &changed).await? {
            return Err(changed_meanwhile("prompt"));
        }
        self.note(&mut tx, actor, Action::PromptChanged, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    fn next_version(&self, stored: &Prompt, patch: PromptPatch) -> Result<Prompt> {
        let slug = match &patch.slug {
            Some(slug) => Slug::parse("/slug", slug)?,
            None => stored.slug.clone(),
        };
        let before = stored.fields();
        let fields = check(PromptFields {
            name: patch.name.unwrap_or(before.name),
            description: patch.description.unwrap_or(before.description),
            system: patch.system.unwrap_or(before.system),
            user: patch.user.unwrap_or(before.user),
            variables: patch.variables.unwrap_or(before.variables),
            output_schema: patch.output_schema.unwrap_or(before.output_schema),
            max_output_tokens: patch.max_output_tokens.unwrap_or(before.max_output_tokens),
            temperature: patch.temperature.unwrap_or(before.temperature),
        })?;
        let same = Prompt {
            slug,
            name: fields.name,
            description: fields.description,
            system_template: fields.system,
            user_template: fields.user,
            variables: Json(fields.variables),
            output_schema: fields.output_schema.map(Json),
            max_output_tokens: fields.max_output_tokens,
            temperature: fields.temperature,
            ..stored.clone()
        };
        if same == *stored {
            return Ok(same);
        }
        Ok(Prompt {
            version: stored.version + 1,
            updated_at: self.clock.now(),
            ..same
        })
    }

    /// Deletes a prompt; one that was used only when the caller says that the analyses may go too.
    ///
    /// # Errors
    /// `Error::Forbidden` for those who do not reach every collection, `Error::NotFound`, `Error::PreconditionFailed`, or
    /// `Error::Conflict` when there are analyses.
    pub async fn delete(
        &self,
        actor: &Actor,
        name: &NameOrId<PromptId>,
        expected: &Expected,
        with_analyses: bool,
    ) -> Result<()> {
        check_may_change(actor)?;
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, name).await?;
        expected.check("prompt", stored.id.0, stored.version)?;
        let analyses = prompts::count_analyses(&mut tx, stored.id).await?;
        if analyses > 0 && !with_analyses {
            return Err(Error::Conflict(format!(
                "{analyses} analyses were made with the prompt; add `with_analyses=true` to delete them too"
            )));
        }
        prompts::delete(&mut tx, stored.id).await?;
        self.note(&mut tx, actor, Action::PromptDeleted, &stored).await?;
        self.evictions.commit(tx, Subject::Prompt(stored.id)).await
    }

    async fn note(&self, tx: &mut Tx, actor: &Actor, action: Action, prompt: &Prompt) -> Result<()> {
        let event = Event::done(action, "prompt", prompt.id, prompt.slug.to_string());
        let event = event.with_detail(format!("version: {}", prompt.version));
        audit::record(tx, &self.clock, actor, event).await
    }
}

/// All collections share the prompts, and the analyses that depend on one may be of any of them.
fn check_may_change(actor: &Actor) -> Result<()> {
    if actor.principal.reach == Reach::Everything {
        return Ok(());
    }
    let why = "only those who reach every collection can create, change and delete prompts, which all of them share";
    Err(Error::Forbidden(why.to_owned()))
}

/// Bounds, templates and schemas.
fn check(fields: PromptFields) -> Result<PromptFields> {
    let fields = fields.check()?;
    templates::check(&fields)?;
    Ok(fields)
}

/// How often a marker is drawn before the input is blamed; one of 128 random bits is never there by chance.
const TRIES: usize = 3;

/// Fills a prompt with a fresh marker, on a thread that may take a while.
///
/// # Errors
/// `Error::Invalid` when the variables do not fit it.
pub async fn fill(prompt: Prompt, input: PromptInput) -> Result<(Prompt, Rendered)> {
    let work = move || {
        for _ in 0..TRIES {
            let marker = format!("{:032x}", rand::random::<u128>());
            if let Rendering::Done(rendered) = templates::render(&prompt, &input, &marker)? {
                return Ok((prompt, rendered));
            }
        }
        Err(Error::internal("every marker was taken"))
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// The prompt of this name at its newest version, inside a transaction.
async fn find(tx: &mut Tx, name: &NameOrId<PromptId>) -> Result<Prompt> {
    prompts::find(tx, name)
        .await?
        .ok_or_else(|| Error::not_found("prompt", name))
}

/// The prompt of this name at one of its versions, inside a transaction.
async fn find_version(tx: &mut Tx, name: &NameOrId<PromptId>, version: i64) -> Result<Prompt> {
    let prompt = find(tx, name).await?;
    prompts::find_version(tx, prompt.id, version)
        .await?
        .ok_or_else(|| Error::not_found("prompt version", format!("{}/{version}", prompt.slug)))
}

fn slug_taken(prompt: &Prompt) -> Error {
    Error::Conflict(format!("a prompt with the slug `{}` exists already", prompt.slug))
}
