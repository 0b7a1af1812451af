//! Rows of `webhook_deliveries`.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        deliveries::{Delivery, DeliveryStatus},
        identifiers::{DeliveryId, WebhookId},
    },
    on,
};
use sqlx::QueryBuilder;

/// Deliveries; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, webhook_id, document_id, event, payload, status, turn, attempts, log, next_at, created_at, ended_at \
             FROM webhook_deliveries WHERE ",
            $which
        )
    };
}

const INTO: &str =
    "INSERT INTO webhook_deliveries (id, webhook_id, document_id, event, payload, status, turn, attempts, log,
    next_at, created_at, ended_at) ";
const FIND: &str = select!("id = $1");
const LOCK: &str = select!("id = $1 FOR UPDATE");
const UPDATE: &str =
    "UPDATE webhook_deliveries SET status = $2, turn = $3, attempts = $4, log = $5, next_at = $6, ended_at = $7
    WHERE id = $1 AND turn = $8";
const FAILED_SINCE: &str = select!("webhook_id = $1 AND status = 'failed' AND created_at >= $2 ORDER BY id LIMIT $3");
const FORGET: &str = "DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
const ABANDON: &str = "UPDATE webhook_deliveries SET status = 'failed', next_at = NULL, ended_at = $2
    WHERE status = 'pending' AND next_at < $1";

/// How many rows a statement takes.
const ROWS_AT_ONCE: usize = 500;

pub async fn insert(tx: &mut Tx, deliveries: &[Delivery]) -> Result<()> {
    for some in deliveries.chunks(ROWS_AT_ONCE) {
        on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(INTO);
            query.push_values(some, |mut row, delivery| {
                row.push_bind(delivery.id)
                    .push_bind(delivery.webhook_id)
                    .push_bind(delivery.document_id)
                    .push_bind(delivery.event)
                    .push_bind(delivery.payload.clone())
                    .push_bind(delivery.status)
                    .push_bind(delivery.turn)
                    .push_bind(delivery.attempts)
                    .push_bind(delivery.log.clone())
                    .push_bind(delivery.next_at)
                    .push_bind(delivery.created_at)
                    .push_bind(delivery.ended_at);
            });
            query.push(" ON CONFLICT (id) DO NOTHING");
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

pub async fn find(tx: &mut Tx, id: DeliveryId) -> Result<Option<Delivery>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// The same, and nobody else changes it until the end of the transaction.
pub async fn lock(tx: &mut Tx, id: DeliveryId) -> Result<Option<Delivery>> {
    let statement = tx.pick(FIND, LOCK);
    on!(tx, |c| sqlx::query_as(statement).bind(id).fetch_optional(c).await)
}

/// Changes what became of it, if it is still at the turn `turn`.
pub async fn update(tx: &mut Tx, delivery: &Delivery, turn: i64) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(delivery.id)
        .bind(delivery.status)
        .bind(delivery.turn)
        .bind(delivery.attempts)
        .bind(&delivery.log)
        .bind(delivery.next_at)
        .bind(delivery.ended_at)
        .bind(turn)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Those of a webhook, newest first, before `before`.
pub async fn list(
    tx: &mut Tx,
    webhook: WebhookId,
    status: Option<DeliveryStatus>,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("webhook_id = "));
        query.push_bind(webhook);
        if let Some(status) = status {
            query.push(" AND status = ").push_bind(status);
        }
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Those that failed and were made at `since` or later, oldest first.
pub async fn failed_since(tx: &mut Tx, webhook: WebhookId, since: Timestamp, limit: i64) -> Result<Vec<Delivery>> {
    on!(tx, |c| sqlx::query_as(FAILED_SINCE)
        .bind(webhook)
        .bind(since)
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Deletes up to `limit` that were made before; says how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    on!(tx, |c| sqlx::query(FORGET)
        .bind(before)
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// Gives up those that should have been tried by then, and that nobody works on any more; says how many.
pub async fn abandon(tx: &mut Tx, due_before: Timestamp, now: Timestamp) -> Result<u64> {
    on!(tx, |c| sqlx::query(ABANDON)
        .bind(due_before)
        .bind(now)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}
