//! Bodies of the webhook operations.

use super::body::given;
use crate::{
    domain::{Timestamp, etags::etag_with_state, webhooks as domain},
    services::webhooks::WebhookPatch,
};
use poem_openapi::{Enum, Object, types::Example};
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use uuid::Uuid;

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
pub enum WebhookEvent {
    /// An answer about a document is on record.
    #[oai(rename = "analysis.done")]
    #[serde(rename = "analysis.done")]
    AnalysisDone,
    /// An analysis in the background has failed and is not tried again by itself.
    #[oai(rename = "analysis.failed")]
    #[serde(rename = "analysis.failed")]
    AnalysisFailed,
    /// A classification is less sure than `confidence_below`; without one, it named no label.
    #[oai(rename = "analysis.low_confidence")]
    #[serde(rename = "analysis.low_confidence")]
    LowConfidence,
    /// A job has ended.
    #[oai(rename = "job.finished")]
    #[serde(rename = "job.finished")]
    JobFinished,
}

impl From<WebhookEvent> for domain::WebhookEvent {
    fn from(event: WebhookEvent) -> Self {
        match event {
            WebhookEvent::AnalysisDone => Self::AnalysisDone,
            WebhookEvent::AnalysisFailed => Self::AnalysisFailed,
            WebhookEvent::LowConfidence => Self::LowConfidence,
            WebhookEvent::JobFinished => Self::JobFinished,
        }
    }
}

/// `None` for what nobody subscribes to.
fn shown(event: domain::WebhookEvent) -> Option<WebhookEvent> {
    match event {
        domain::WebhookEvent::AnalysisDone => Some(WebhookEvent::AnalysisDone),
        domain::WebhookEvent::AnalysisFailed => Some(WebhookEvent::AnalysisFailed),
        domain::WebhookEvent::LowConfidence => Some(WebhookEvent::LowConfidence),
        domain::WebhookEvent::JobFinished => Some(WebhookEvent::JobFinished),
        domain::WebhookEvent::Test => None,
    }
}

/// An address that is told what happens in a collection.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Webhook {
    pub id: Uuid,
    pub collection_id: Uuid,
    pub name: String,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    /// Below this probability, a classification is one of low confidence.
    pub confidence_below: Option<f64>,
    pub enabled: bool,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// How many deliveries in a row were given up; with the fifth, the webhook is disabled.
    pub given_up: i64,
    /// Until when the secret before the present one signs, too.
    pub old_secret_until: Option<OffsetDateTime>,
    /// The secret that signs, `whsec_` and base64; only in the answer that makes it.
    pub secret: Option<String>,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl From<domain::Webhook> for Webhook {
    fn from(webhook: domain::Webhook) -> Self {
        Self {
            id: webhook.id.0,
            collection_id: webhook.collection_id.0,
            name: webhook.name,
            url: webhook.url,
            events: webhook.events.0.into_iter().filter_map(shown).collect(),
            confidence_below: webhook.confidence_below,
            enabled: webhook.enabled,
            disabled_reason: webhook.disabled_reason,
            given_up: webhook.given_up,
            old_secret_until: webhook.old_secret_until.map(Timestamp::as_offset_date_time),
            secret: None,
            version: webhook.version,
            created_at: webhook.created_at.as_offset_date_time(),
            updated_at: webhook.updated_at.as_offset_date_time(),
        }
    }
}

impl Webhook {
    /// With the secret, for whoever has just had it made.
    #[must_use]
    pub fn with_secret(webhook: domain::Webhook) -> Self {
        let secret = webhook.secret.reveal().to_owned();
        Self {
            secret: Some(secret),
            ..Self::from(webhook)
        }
    }

    /// Of the version, and of how it fares.
    #[must_use]
    pub fn etag(&self) -> String {
        etag_with_state(self.id, self.version, &format!("{:x}", self.given_up))
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/collections/{}/webhooks/{}", self.collection_id, self.id)
    }
}

/// A webhook to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewWebhook {
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    /// Where to send to: `https://`, without a user name and a password. It must be publicly reachable, unless whoever runs
    /// the server has allowed a private network.
    #[oai(validator(min_length = 1, max_length = 2000))]
    pub url: String,
    #[oai(validator(min_items = 1, max_items = 16))]
    pub events: Vec<WebhookEvent>,
    /// For `analysis.low_confidence`: below this probability. Left out: when no label was given for that reason.
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub confidence_below: Option<f64>,
    #[serde(default = "yes")]
    #[oai(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl From<NewWebhook> for domain::WebhookFields {
    fn from(new: NewWebhook) -> Self {
        Self {
            name: new.name,
            url: new.url,
            events: new.events.into_iter().map(Into::into).collect(),
            confidence_below: new.confidence_below,
            enabled: new.enabled,
        }
    }
}

impl Example for NewWebhook {
    fn example() -> Self {
        Self {
            name: "Cases for doubtful tickets".to_owned(),
            url: "https://hooks.example/synoptic".to_owned(),
            events: vec![WebhookEvent::LowConfidence, WebhookEvent::AnalysisFailed],
            confidence_below: Some(0.6),
            enabled: true,
        }
    }
}

/// A change to a webhook; what is left out stays.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct WebhookChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 2000))]
    pub url: Option<String>,
    /// All of the events, as they are to be.
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_items = 1, max_items = 16))]
    pub events: Option<Vec<WebhookEvent>>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given_or_null")]
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub confidence_below: Option<Option<f64>>,
    /// `true` also forgets that it has failed.
    #[serde(default, deserialize_with = "given")]
    pub enabled: Option<bool>,
}

fn given_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<WebhookChange> for WebhookPatch {
    fn from(change: WebhookChange) -> Self {
        Self {
            name: change.name,
            url: change.url,
            events: change.events.map(|events| events.into_iter().map(Into::into).collect()),
            confidence_below: change.confidence_below,
            enabled: change.enabled,
        }
    }
}

impl Example for WebhookChange {
    fn example() -> Self {
        Self {
            name: Some("Help desk".to_owned()),
            url: None,
            events: None,
            confidence_below: None,
            enabled: None,
        }
    }
}

/// A page of webhooks, in the order of creation.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WebhookPage {
    pub items: Vec<Webhook>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
