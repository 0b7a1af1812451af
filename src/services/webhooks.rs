//! Webhooks: create, list, get, update, delete, rotate the secret.

use super::{
    audit, changed_meanwhile, collections,
    work::{WorkQueue, after},
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        etags::Expected,
        identifiers::{CollectionId, WebhookId},
        paging::{Page, PageRequest},
        principal::Actor,
        text_fields::NameOrId,
        webhooks::{MOST_WEBHOOKS, OLD_SECRET_LASTS, Webhook, WebhookEvent, WebhookFields, WebhookSecret},
        work::Queue,
    },
    outbound::Policy,
    repositories::{webhooks, work},
};
use sqlx::types::Json;

/// Why a webhook is disabled that a person has disabled.
const BY_HAND: &str = "it was disabled by hand";

#[derive(Clone)]
pub struct Webhooks {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) work: WorkQueue,
    policy: Policy,
}

/// What a change says; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    pub name: Option<String>,
    pub url: Option<String>,
    pub events: Option<Vec<WebhookEvent>>,
    /// `Some(None)` takes it away.
    pub confidence_below: Option<Option<f64>>,
    pub enabled: Option<bool>,
}

impl Webhooks {
    #[must_use]
    pub fn new(db: Db, clock: Clock, work: WorkQueue, policy: Policy) -> Self {
        Self {
            db,
            clock,
            work,
            policy,
        }
    }

    /// # Errors
    /// `Error::NotFound` for the collection, `Error::Invalid`, or `Error::Conflict` when the collection has as many as it may have.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        fields: WebhookFields,
    ) -> Result<Webhook> {
        self.create_as(actor, collection, WebhookId::generate(), fields).await
    }

    /// The same, under this id.
    ///
    /// # Errors
    /// As [`Webhooks::create`], and `Error::Conflict` when there is one.
    pub async fn create_as(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        id: WebhookId,
        fields: WebhookFields,
    ) -> Result<Webhook> {
        let mut tx = self.db.write().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let fields = self.check(fields)?;
        if webhooks::count(&mut tx, collection.id).await? >= MOST_WEBHOOKS {
            let why = format!("the collection has {MOST_WEBHOOKS} webhooks, which is as many as it may have");
            return Err(Error::Conflict(why));
        }
        let now = self.clock.now();
        let webhook = Webhook {
            id,
            collection_id: collection.id,
            name: fields.name,
            url: fields.url,
            events: Json(fields.events),
            confidence_below: fields.confidence_below,
            secret: WebhookSecret::generate(),
            old_secret: None,
            old_secret_until: None,
            enabled: fields.enabled,
            disabled_reason: (!fields.enabled).then(|| BY_HAND.to_owned()),
            given_up: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if !webhooks::insert(&mut tx, &webhook).await? {
            return Err(Error::Conflict("there is a webhook with this id".to_owned()));
        }
        // Now, so that nobody has to wait for somebody else's lane who tells of something.
        work::lane(&mut tx, Queue::Deliveries, collection.id, now).await?;
        self.note(&mut tx, actor, Action::WebhookCreated, &webhook).await?;
        tx.commit().await?;
        Ok(webhook)
    }

    fn check(&self, fields: WebhookFields) -> Result<WebhookFields> {
        let (fields, url) = fields.check()?;
        match self.policy.fault(&url) {
            None => Ok(fields),
            Some(fault) => Err(Error::invalid("/url", fault)),
        }
    }

    /// In the order of creation.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn list(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook, WebhookId>> {
        let mut tx = self.db.read().await?;
        let collection = collections::find(&mut tx, actor, collection).await?;
        let rows = webhooks::list(&mut tx, collection.id, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, collection: &NameOrId<CollectionId>, id: WebhookId) -> Result<Webhook> {
        find(&mut self.db.read().await?, actor, collection, id).await
    }

    /// A change that changes nothing writes nothing. One that is enabled again begins with a clean slate.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed` or `Error::Invalid`.
    pub async fn update(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        id: WebhookId,
        expected: &Expected,
        patch: WebhookPatch,
    ) -> Result<Webhook> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, collection, id).await?;
        expected.check("webhook", stored.id.0, stored.version)?;
        let fields = self.check(WebhookFields {
            name: patch.name.unwrap_or_else(|| stored.name.clone()),
            url: patch.url.unwrap_or_else(|| stored.url.clone()),
            events: patch.events.unwrap_or_else(|| stored.events.0.clone()),
            confidence_below: patch.confidence_below.unwrap_or(stored.confidence_below),
            enabled: patch.enabled.unwrap_or(stored.enabled),
        })?;
        let mut changed = Webhook {
            name: fields.name,
            url: fields.url,
            events: Json(fields.events),
            confidence_below: fields.confidence_below,
            enabled: fields.enabled,
            ..stored.clone()
        };
        match (stored.enabled, changed.enabled) {
            (false, true) => {
                changed.disabled_reason = None;
                changed.given_up = 0;
            }
            (true, false) => changed.disabled_reason = Some(BY_HAND.to_owned()),
            _ => {}
        }
        if changed == stored {
            return Ok(stored);
        }
        let action = if stored.enabled && !changed.enabled {
            Action::WebhookDisabled
        } else {
            Action::WebhookChanged
        };
        self.store_next(tx, actor, action, changed).await
    }

    /// Makes a new secret. The one before signs too, for a day.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::PreconditionFailed`.
    pub async fn rotate(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        id: WebhookId,
        expected: &Expected,
    ) -> Result<Webhook> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, collection, id).await?;
        expected.check("webhook", stored.id.0, stored.version)?;
        let changed = Webhook {
            secret: WebhookSecret::generate(),
            old_secret: Some(stored.secret.clone()),
            old_secret_until: Some(after(self.clock.now(), OLD_SECRET_LASTS)),
            ..stored
        };
        self.store_next(tx, actor, Action::WebhookSecretRotated, changed).await
    }

    async fn store_next(&self, mut tx: Tx, actor: &Actor, action: Action, webhook: Webhook) -> Result<Webhook> {
        let webhook = Webhook {
            version: webhook.version + 1,
            updated_at: self.clock.now(),
            ..webhook
        };
        if !webhooks::update(&mut tx, &webhook).await? {
            return Err(changed_meanwhile("webhook"));
        }
        self.note(&mut tx, actor, action, &webhook).await?;
        tx.commit().await?;
        Ok(webhook)
    }

    /// # Errors
    /// `Error::NotFound`, or `Error::PreconditionFailed`.
    pub async fn delete(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        id: WebhookId,
        expected: &Expected,
    ) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, collection, id).await?;
        expected.check("webhook", stored.id.0, stored.version)?;
        webhooks::delete(&mut tx, id).await?;
        self.note(&mut tx, actor, Action::WebhookDeleted, &stored).await?;
        tx.commit().await
    }

    async fn note(&self, tx: &mut Tx, actor: &Actor, action: Action, webhook: &Webhook) -> Result<()> {
        audit::record(tx, &self.clock, actor, event(action, webhook)).await
    }
}

/// For the trail: with the host only, because the rest of an address may be a secret.
pub(super) fn event(action: Action, webhook: &Webhook) -> Event {
    let host = url::Url::parse(&webhook.url).ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned));
    let event = Event::done(action, "webhook", webhook.id, host);
    match &webhook.disabled_reason {
        Some(reason) => event.with_detail(reason.clone()),
        None => event,
    }
}

/// The webhook of this collection, inside a transaction.
pub(super) async fn find(
    tx: &mut Tx,
    actor: &Actor,
    collection: &NameOrId<CollectionId>,
    id: WebhookId,
) -> Result<Webhook> {
    let collection = collections::find(tx, actor, collection).await?;
    let found = webhooks::find(tx, id).await?;
    found
        .filter(|webhook| webhook.collection_id == collection.id)
        .ok_or_else(|| Error::not_found("webhook", id))
}
