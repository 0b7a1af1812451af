//! Bodies of what was sent to webhooks.

use crate::domain::{Timestamp, deliveries as domain};
use poem_openapi::{Enum, Object, types::Example};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is being tried, or will be again.
    Pending,
    /// The receiver answered 200 to 299.
    Delivered,
    /// It was tried as often as it may be, or was not to be tried any more.
    Failed,
}

impl From<DeliveryStatus> for domain::DeliveryStatus {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Pending => Self::Pending,
            DeliveryStatus::Delivered => Self::Delivered,
            DeliveryStatus::Failed => Self::Failed,
        }
    }
}

impl From<domain::DeliveryStatus> for DeliveryStatus {
    fn from(status: domain::DeliveryStatus) -> Self {
        match status {
            domain::DeliveryStatus::Pending => Self::Pending,
            domain::DeliveryStatus::Delivered => Self::Delivered,
            domain::DeliveryStatus::Failed => Self::Failed,
        }
    }
}

/// One attempt to deliver.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DeliveryAttempt", skip_serializing_if_is_none)]
pub struct Attempt {
    pub at: OffsetDateTime,
    /// The status of the receiver's answer, if there was one. What else it said is not kept.
    pub status: Option<u16>,
    pub duration_ms: u64,
    /// Why it failed: `http_status`, `redirect`, `gone`, `timeout`, `connect`, `tls`, `name_not_found`, `address_refused` (no public
    /// address), `broken_off`, `no_client`, or `disabled`.
    pub error: Option<String>,
}

/// Something that a webhook was told, or is to be.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Delivery {
    /// Sent as `webhook-id`, the same at each attempt.
    pub id: Uuid,
    pub webhook_id: Uuid,
    /// The document that it is about. It is deleted together with the document.
    pub document_id: Option<Uuid>,
    /// An event of the webhook, or `webhook.test`.
    pub event: String,
    pub status: DeliveryStatus,
    /// The newest 40, oldest first.
    pub attempts: Vec<Attempt>,
    /// When it is tried next.
    pub next_at: Option<OffsetDateTime>,
    /// What is sent; only where a single delivery is read.
    pub payload: Option<Value>,
    pub created_at: OffsetDateTime,
    pub ended_at: Option<OffsetDateTime>,
}

impl From<domain::Delivery> for Delivery {
    fn from(delivery: domain::Delivery) -> Self {
        let attempt = |attempt: domain::Attempt| Attempt {
            at: attempt.at.as_offset_date_time(),
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            error: attempt.fault,
        };
        Self {
            id: delivery.id.0,
            webhook_id: delivery.webhook_id.0,
            document_id: delivery.document_id.map(|id| id.0),
            event: delivery.event.name().to_owned(),
            status: delivery.status.into(),
            attempts: delivery.log.0.into_iter().map(attempt).collect(),
            next_at: delivery.next_at.map(Timestamp::as_offset_date_time),
            payload: None,
            created_at: delivery.created_at.as_offset_date_time(),
            ended_at: delivery.ended_at.map(Timestamp::as_offset_date_time),
        }
    }
}

impl Delivery {
    #[must_use]
    pub fn with_payload(delivery: domain::Delivery) -> Self {
        let payload = serde_json::from_str(&delivery.payload).ok();
        Self {
            payload,
            ..Self::from(delivery)
        }
    }
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeliveryPage {
    pub items: Vec<Delivery>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// What is to be sent again.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct Replay {
    /// What failed and was made then or later.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

impl Example for Replay {
    fn example() -> Self {
        Self {
            since: time::macros::datetime!(2026-01-01 0:00 UTC),
        }
    }
}

/// What is being sent again.
#[derive(Debug, Clone, Object)]
pub struct Replayed {
    /// How many deliveries; at most 1000 at once.
    pub replayed: u64,
}
