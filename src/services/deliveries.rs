//! What was sent to webhooks: list, get, send again, send a test.

use super::{
    webhook_events::{delivery, send, work_of},
    webhooks::{Webhooks, find},
    work::{after, enqueue},
};
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        deliveries::{DELIVERIES_LAST, Delivery, DeliveryStatus},
        identifiers::{CollectionId, DeliveryId, WebhookId},
        paging::{Page, PageRequest},
        principal::Actor,
        text_fields::NameOrId,
        webhooks::{Webhook, WebhookEvent},
        work::Queue,
    },
    repositories::{deliveries, webhooks},
};
use serde_json::json;

/// How many are sent again at once.
pub const MOST_REPLAYED: i64 = 1_000;
/// How many are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 500;
/// After how long nobody is taken to be at a delivery that should have been tried.
const ABANDONED_AFTER: time::Duration = time::Duration::days(2);

impl Webhooks {
    /// Those of a webhook, newest first.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn deliveries(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<Delivery, DeliveryId>> {
        let mut tx = self.db.read().await?;
        let webhook = find(&mut tx, actor, collection, webhook).await?;
        let rows = deliveries::list(&mut tx, webhook.id, status, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn delivery(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Delivery> {
        let mut tx = self.db.read().await?;
        let webhook = find(&mut tx, actor, collection, webhook).await?;
        let found = deliveries::find(&mut tx, id).await?;
        of(&webhook, found, id)
    }

    /// Sends a delivery anew, at once and under the same id, whatever became of it before.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when the webhook is disabled.
    pub async fn replay(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Delivery> {
        let mut tx = self.db.write().await?;
        let webhook = enabled(find(&mut tx, actor, collection, webhook).await?)?;
        let found = deliveries::lock(&mut tx, id).await?;
        let found = of(&webhook, found, id)?;
        let again = anew(&mut tx, &webhook, found, self.clock.now()).await?;
        tx.commit().await?;
        self.work.ring(Queue::Deliveries);
        Ok(again)
    }

    /// Sends everything anew that failed and was made since; says how much that is, at most a thousand at once.
    ///
    /// # Errors
    /// `Error::NotFound`, or `Error::Conflict` when the webhook is disabled.
    pub async fn replay_failed(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        webhook: WebhookId,
        since: Timestamp,
    ) -> Result<usize> {
        let mut tx = self.db.write().await?;
        let webhook = enabled(find(&mut tx, actor, collection, webhook).await?)?;
        let failed = deliveries::failed_since(&mut tx, webhook.id, since, MOST_REPLAYED).await?;
        let count = failed.len();
        let now = self.clock.now();
        for one in failed {
            anew(&mut tx, &webhook, one, now).await?;
        }
        tx.commit().await?;
        self.work.ring(Queue::Deliveries);
        Ok(count)
    }

    /// Sends a test, also to a webhook that is disabled.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn test(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        webhook: WebhookId,
    ) -> Result<Delivery> {
        let mut tx = self.db.write().await?;
        let webhook = find(&mut tx, actor, collection, webhook).await?;
        let now = self.clock.now();
        let data = json!({"collection_id": webhook.collection_id, "webhook_id": webhook.id});
        let test = delivery(&webhook, WebhookEvent::Test, None, &data, now);
        send(&mut tx, vec![(webhook.collection_id, test.clone())], now).await?;
        tx.commit().await?;
        self.work.ring(Queue::Deliveries);
        Ok(test)
    }

    /// Stores a delivery that was not sent, for the sample data; one that is there stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn store_sample(&self, webhook: &Webhook, id: DeliveryId) -> Result<()> {
        let now = self.clock.now();
        let data = json!({"collection_id": webhook.collection_id, "webhook_id": webhook.id});
        let sample = Delivery {
            id,
            status: DeliveryStatus::Failed,
            next_at: None,
            ended_at: Some(now),
            ..delivery(webhook, WebhookEvent::Test, None, &data, now)
        };
        let mut tx = self.db.write().await?;
        deliveries::insert(&mut tx, &[sample]).await?;
        tx.commit().await
    }

    /// Forgets what was sent long ago, and gives up what nobody is at any more.
    pub(super) async fn forget_old(&self) -> Result<String> {
        let now = self.clock.now();
        let mut forgotten = 0;
        loop {
            let mut tx = self.db.write_soon().await?;
            let some = deliveries::forget(&mut tx, after(now, -DELIVERIES_LAST), FORGOTTEN_AT_ONCE).await?;
            deliveries::abandon(&mut tx, after(now, -ABANDONED_AFTER), now).await?;
            tx.commit().await?;
            forgotten += some;
            if some == 0 {
                return Ok(format!("{forgotten} deliveries forgotten"));
            }
        }
    }
}

/// Whether the webhook is enabled at the moment of an attempt, inside a transaction.
pub(super) async fn current(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>> {
    webhooks::find(tx, id).await
}

fn of(webhook: &Webhook, found: Option<Delivery>, id: DeliveryId) -> Result<Delivery> {
    found
        .filter(|delivery| delivery.webhook_id == webhook.id)
        .ok_or_else(|| Error::not_found("delivery", id))
}

fn enabled(webhook: Webhook) -> Result<Webhook> {
    match &webhook.disabled_reason {
        Some(reason) if !webhook.enabled => Err(Error::Conflict(format!(
            "the webhook is disabled ({reason}): enable it first"
        ))),
        _ => Ok(webhook),
    }
}

/// The next turn of a delivery: what is left of the one before does nothing.
async fn anew(tx: &mut Tx, webhook: &Webhook, delivery: Delivery, now: Timestamp) -> Result<Delivery> {
    let turn = delivery.turn;
    let next = Delivery {
        status: DeliveryStatus::Pending,
        turn: turn + 1,
        attempts: 0,
        next_at: Some(now),
        ended_at: None,
        ..delivery
    };
    if deliveries::update(tx, &next, turn).await? {
        enqueue(tx, &[work_of(webhook.collection_id, &next, now)]).await?;
    }
    Ok(next)
}
