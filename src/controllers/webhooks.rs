//! `/api/collections/{collection}/webhooks`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Timestamp,
        etags::Expected,
        identifiers::{DeliveryId, WebhookId},
        text_fields::NameOrId,
    },
    dto::{
        body::Body,
        deliveries::{Delivery, DeliveryPage, DeliveryStatus, Replay, Replayed},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
        webhooks::{NewWebhook, Webhook, WebhookChange, WebhookPage},
    },
    services::webhooks::Webhooks,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

pub struct WebhooksApi(pub Webhooks);

#[OpenApi(prefix_path = "/api/collections", tag = "Tag::Webhooks")]
impl WebhooksApi {
    /// Create a webhook
    ///
    /// The answer has the secret that signs what is sent to it, which is not shown again.
    #[oai(path = "/:collection/webhooks", method = "post", operation_id = "createWebhook")]
    async fn create(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        body: Body<NewWebhook>,
    ) -> Result<Created<Webhook>, ApiError> {
        let collection = NameOrId::parse(&collection.0);
        let webhook = self.0.create(caller.actor(), &collection, body.0.into()).await?;
        let webhook = Webhook::with_secret(webhook);
        let (location, etag) = (webhook.location(), webhook.etag());
        Ok(Created::Created(Json(webhook), location, etag))
    }

    /// List the webhooks of a collection
    ///
    /// In the order of creation.
    #[oai(path = "/:collection/webhooks", method = "get", operation_id = "listWebhooks")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<WebhookPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let collection = NameOrId::parse(&collection.0);
        let page = self.0.list(caller.actor(), &collection, page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Webhook::from).collect();
        Ok(Listed::Ok(Json(WebhookPage { items, next_cursor }), link))
    }

    /// Get a webhook
    #[oai(path = "/:collection/webhooks/:webhook", method = "get", operation_id = "getWebhook")]
    async fn get(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
    ) -> Result<Versioned<Webhook>, ApiError> {
        let collection = NameOrId::parse(&collection.0);
        let webhook = self.0.get(caller.actor(), &collection, WebhookId(webhook.0)).await?;
        Ok(versioned(webhook.into()))
    }

    /// Change a webhook
    ///
    /// What the body leaves out stays as it is. Deliveries that are waiting go to the new address.
    #[oai(
        path = "/:collection/webhooks/:webhook",
        method = "patch",
        operation_id = "updateWebhook"
    )]
    async fn update(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<WebhookChange>,
    ) -> Result<Versioned<Webhook>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let changed = self
            .0
            .update(caller.actor(), &collection, id, &expected, body.0.into())
            .await?;
        Ok(versioned(changed.into()))
    }

    /// Delete a webhook
    ///
    /// With everything that was sent to it.
    #[oai(
        path = "/:collection/webhooks/:webhook",
        method = "delete",
        operation_id = "deleteWebhook"
    )]
    async fn delete(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::spare_webhook")] webhook: Path<Uuid>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        self.0.delete(caller.actor(), &collection, id, &expected).await?;
        Ok(Deleted::Done)
    }

    /// Make a new secret for a webhook
    ///
    /// The answer has it; it is not shown again. For 24 hours, what is sent is signed with the one before, too.
    #[oai(
        path = "/:collection/webhooks/:webhook/rotate-secret",
        method = "post",
        operation_id = "rotateWebhookSecret"
    )]
    async fn rotate(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        /// Only of this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Versioned<Webhook>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let rotated = self.0.rotate(caller.actor(), &collection, id, &expected).await?;
        Ok(versioned(Webhook::with_secret(rotated)))
    }

    /// Send a test to a webhook
    ///
    /// An event `webhook.test`, also to one that is disabled. What comes of it is in the delivery.
    #[oai(
        path = "/:collection/webhooks/:webhook/test",
        method = "post",
        operation_id = "testWebhook"
    )]
    async fn test(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
    ) -> Result<Json<Delivery>, ApiError> {
        let collection = NameOrId::parse(&collection.0);
        let sent = self.0.test(caller.actor(), &collection, WebhookId(webhook.0)).await?;
        Ok(Json(Delivery::with_payload(sent)))
    }

    /// List what was sent to a webhook
    ///
    /// Newest first, each with its attempts; kept for 30 days.
    #[oai(
        path = "/:collection/webhooks/:webhook/deliveries",
        method = "get",
        operation_id = "listDeliveries"
    )]
    async fn deliveries(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        status: Query<Option<DeliveryStatus>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<DeliveryPage>, ApiError> {
        check_parameters(request, &["status", "limit", "cursor"], None)?;
        let status = status.0.map(Into::into);
        let question = Question::new(request, &status)?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let page = self.0.deliveries(caller.actor(), &collection, id, status, page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Delivery::from).collect();
        Ok(Listed::Ok(Json(DeliveryPage { items, next_cursor }), link))
    }

    /// Get something that was sent to a webhook
    ///
    /// With its payload.
    #[oai(
        path = "/:collection/webhooks/:webhook/deliveries/:delivery",
        method = "get",
        operation_id = "getDelivery"
    )]
    async fn delivery(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        #[oai(example = "examples::delivery")] delivery: Path<Uuid>,
    ) -> Result<Json<Delivery>, ApiError> {
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let found = self
            .0
            .delivery(caller.actor(), &collection, id, DeliveryId(delivery.0))
            .await?;
        Ok(Json(Delivery::with_payload(found)))
    }

    /// Send something to a webhook again
    ///
    /// At once and under the same id, whatever came of it before.
    #[oai(
        path = "/:collection/webhooks/:webhook/deliveries/:delivery/replay",
        method = "post",
        operation_id = "replayDelivery"
    )]
    async fn replay(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        #[oai(example = "examples::delivery")] delivery: Path<Uuid>,
    ) -> Result<Json<Delivery>, ApiError> {
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let again = self
            .0
            .replay(caller.actor(), &collection, id, DeliveryId(delivery.0))
            .await?;
        Ok(Json(Delivery::with_payload(again)))
    }

    /// Send everything again that failed
    ///
    /// What was made since a time, oldest first, at most 1000 at once.
    #[oai(
        path = "/:collection/webhooks/:webhook/replays",
        method = "post",
        operation_id = "replayFailedDeliveries"
    )]
    async fn replay_failed(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::webhook")] webhook: Path<Uuid>,
        body: Body<Replay>,
    ) -> Result<Json<Replayed>, ApiError> {
        let (collection, id) = (NameOrId::parse(&collection.0), WebhookId(webhook.0));
        let since = Timestamp::new(body.0.since);
        let count = self.0.replay_failed(caller.actor(), &collection, id, since).await?;
        let replayed = u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Json(Replayed { replayed }))
    }
}

fn versioned(webhook: Webhook) -> Versioned<Webhook> {
    let etag = webhook.etag();
    Versioned::Ok(Json(webhook), etag)
}
