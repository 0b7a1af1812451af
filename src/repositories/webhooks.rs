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
            "SELECT id, collection_id, url, description, events, threshold, secret, old_secret, old_secret_until, enabled, \
             disabled_reason, failing_since, version, created_at, updated_at FROM webhooks WHERE ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO webhooks (id, collection_id, url, description, events, threshold, secret, old_secret,
    old_secret_until, enabled, disabled_reason, failing_since, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING";
const FIND: &str = select!("id = $1");
const LIST: &str = select!("collection_id = $1 AND id > $2 ORDER BY id LIMIT $3");
const ENABLED: &str = select!("collection_id = $1 AND enabled ORDER BY id");
const COUNT: &str = "SELECT COUNT(*) FROM webhooks WHERE collection_id = $1";
const UPDATE: &str = "UPDATE webhooks SET url = $2, description = $3, events = $4, threshold = $5, secret = $6,
    old_secret = $7, old_secret_until = $8, enabled = $9, disabled_reason = $10, failing_since = $11, version = $12,
    updated_at = $13 WHERE id = $1 AND version = $12 - 1";
const FAILED: &str =
    "UPDATE webhooks SET failing_since = COALESCE(failing_since, $2) WHERE id = $1 RETURNING failing_since";
const SUCCEEDED: &str = "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
const DISABLE: &str = "UPDATE webhooks SET enabled = $2, disabled_reason = $3, version = version + 1, updated_at = $4
    WHERE id = $1 AND enabled";
const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";

/// Says whether the id was free.
pub async fn insert(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(webhook.id)
        .bind(webhook.collection_id)
        .bind(&webhook.url)
        .bind(&webhook.description)
        .bind(&webhook.events)
        .bind(webhook.threshold)
        .bind(&webhook.secret)
        .bind(&webhook.old_secret)
        .bind(webhook.old_secret_until)
        .bind(webhook.enabled)
        .bind(&webhook.disabled_reason)
        .bind(webhook.failing_since)
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

/// Those of a collection that are told of things.
pub async fn enabled(tx: &mut Tx, collection: CollectionId) -> Result<Vec<Webhook>> {
    on!(tx, |c| sqlx::query_as(ENABLED).bind(collection).fetch_all(c).await)
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
        .bind(&webhook.url)
        .bind(&webhook.description)
        .bind(&webhook.events)
        .bind(webhook.threshold)
        .bind(&webhook.secret)
        .bind(&webhook.old_secret)
        .bind(webhook.old_secret_until)
        .bind(webhook.enabled)
        .bind(&webhook.disabled_reason)
        .bind(webhook.failing_since)
        .bind(webhook.version)
        .bind(webhook.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Notes that an attempt failed; since when none has succeeded, or `None` when the webhook is gone.
pub async fn failed(tx: &mut Tx, id: WebhookId, now: Timestamp) -> Result<Option<Timestamp>> {
    on!(tx, |c| sqlx::query_scalar(FAILED)
        .bind(id)
        .bind(now)
        .fetch_optional(c)
        .await)
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
