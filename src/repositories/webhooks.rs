//! Rows of `webhooks`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{CollectionId, DocumentId, WebhookId},
        webhooks::Webhook,
    },
    on,
};
use sqlx::QueryBuilder;

/// Webhooks; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, collection_id, name, url, events, confidence_below, secret, old_secret, old_secret_until, enabled, \
             disabled_reason, given_up, version, created_at, updated_at FROM webhooks WHERE ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO webhooks (id, collection_id, name, url, events, confidence_below, secret, old_secret,
    old_secret_until, enabled, disabled_reason, given_up, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING";
const FIND: &str = select!("id = $1");
const LIST: &str = select!("collection_id = $1 AND id > $2 ORDER BY id LIMIT $3");
const ENABLED: &str = select!("collection_id = $1 AND enabled ORDER BY id");
const ENABLED_HELD: &str = select!("collection_id = $1 AND enabled ORDER BY id FOR KEY SHARE");
const COUNT: &str = "SELECT COUNT(*) FROM webhooks WHERE collection_id = $1";
const UPDATE: &str = "UPDATE webhooks SET name = $2, url = $3, events = $4, confidence_below = $5, secret = $6,
    old_secret = $7, old_secret_until = $8, enabled = $9, disabled_reason = $10, given_up = $11, version = $12,
    updated_at = $13 WHERE id = $1 AND version = $12 - 1";
const GAVE_UP: &str = "UPDATE webhooks SET given_up = given_up + 1 WHERE id = $1 RETURNING given_up";
const SUCCEEDED: &str = "UPDATE webhooks SET given_up = 0 WHERE id = $1 AND given_up > 0";
const DISABLE: &str = "UPDATE webhooks SET enabled = $2, disabled_reason = $3, version = version + 1, updated_at = $4
    WHERE id = $1 AND enabled";
const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";

/// Says whether the id was free.
pub async fn insert(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(webhook.id)
        .bind(webhook.collection_id)
        .bind(&webhook.name)
        .bind(&webhook.url)
        .bind(&webhook.events)
        .bind(webhook.confidence_below)
        .bind(&webhook.secret)
        .bind(&webhook.old_secret)
        .bind(webhook.old_secret_until)
        .bind(webhook.enabled)
        .bind(&webhook.disabled_reason)
        .bind(webhook.given_up)
        .bind(webhook.version)
        .bind(webhook.created_at)
        .bind(webhook.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// In the order of creation, after `after`.
pub async fn list(tx: &mut Tx, collection: CollectionId, after: Option<WebhookId>, limit: i64) -> Result<Vec<Webhook>> {
    on!(tx, |c| sqlx::query_as(LIST)
        .bind(collection)
        .bind(after.map_or(uuid::Uuid::nil(), |id| id.0))
        .bind(limit)
        .fetch_all(c)
        .await)
}

/// Those of a collection that are told of things; nobody deletes them until the end of the transaction.
pub async fn enabled(tx: &mut Tx, collection: CollectionId) -> Result<Vec<Webhook>> {
    let statement = tx.pick(ENABLED, ENABLED_HELD);
    on!(tx, |c| sqlx::query_as(statement).bind(collection).fetch_all(c).await)
}

/// Of these documents, those whose collections have webhooks that are told of things, each with its collection.
pub async fn of_documents(tx: &mut Tx, documents: &[DocumentId]) -> Result<Vec<(DocumentId, CollectionId)>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT id, collection_id FROM documents WHERE ");
        push_one_of(&mut query, "id", documents);
        query.push(
            " AND EXISTS (SELECT 1 FROM webhooks w WHERE w.collection_id = documents.collection_id AND w.enabled)",
        );
        query.build_query_as().fetch_all(c).await
    })
}

pub async fn count(tx: &mut Tx, collection: CollectionId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT).bind(collection).fetch_one(c).await)
}

/// Says whether the stored version was still the one before this.
pub async fn update(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(webhook.id)
        .bind(&webhook.name)
        .bind(&webhook.url)
        .bind(&webhook.events)
        .bind(webhook.confidence_below)
        .bind(&webhook.secret)
        .bind(&webhook.old_secret)
        .bind(webhook.old_secret_until)
        .bind(webhook.enabled)
        .bind(&webhook.disabled_reason)
        .bind(webhook.given_up)
        .bind(webhook.version)
        .bind(webhook.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Notes that a delivery was given up; how many in a row were, or `None` when the webhook is gone.
pub async fn gave_up(tx: &mut Tx, id: WebhookId) -> Result<Option<i64>> {
    on!(tx, |c| sqlx::query_scalar(GAVE_UP).bind(id).fetch_optional(c).await)
}

/// Notes that an attempt succeeded.
pub async fn succeeded(tx: &mut Tx, id: WebhookId) -> Result<()> {
    on!(tx, |c| sqlx::query(SUCCEEDED).bind(id).execute(c).await.map(drop))
}

/// Says whether it was enabled.
pub async fn disable(tx: &mut Tx, id: WebhookId, reason: &str, now: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(DISABLE)
        .bind(id)
        .bind(false)
        .bind(reason)
        .bind(now)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes its deliveries along.
pub async fn delete(tx: &mut Tx, id: WebhookId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}
