//! A webhook: an address that is told what happens in a collection, in the form of Standard Webhooks.

use super::{
    Timestamp,
    errors::{Checks, Error, Result},
    identifiers::{CollectionId, WebhookId},
    taxonomies::check_threshold,
    text_fields::check_required_text,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::fmt;
use url::Url;

/// The longest address, in characters.
pub const LONGEST_URL: usize = 2_000;
/// The longest name, in characters.
pub const LONGEST_WEBHOOK_NAME: usize = 120;
/// The most webhooks of one collection.
pub const MOST_WEBHOOKS: i64 = 20;
/// For how long the secret before the present one still signs.
pub const OLD_SECRET_LASTS: time::Duration = time::Duration::hours(24);
/// After how many deliveries in a row that were given up a webhook is disabled.
pub const MOST_GIVEN_UP: i64 = 5;
/// The bytes of a secret: 24 to 64 are allowed.
const SECRET_BYTES: usize = 32;
const SECRET_PREFIX: &str = "whsec_";

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub enum WebhookEvent {
    #[serde(rename = "analysis.done")]
    #[sqlx(rename = "analysis.done")]
    AnalysisDone,
    #[serde(rename = "analysis.failed")]
    #[sqlx(rename = "analysis.failed")]
    AnalysisFailed,
    #[serde(rename = "analysis.low_confidence")]
    #[sqlx(rename = "analysis.low_confidence")]
    LowConfidence,
    #[serde(rename = "job.finished")]
    #[sqlx(rename = "job.finished")]
    JobFinished,
    /// Sent when somebody asks for it; nobody subscribes to it.
    #[serde(rename = "webhook.test")]
    #[sqlx(rename = "webhook.test")]
    Test,
}

impl WebhookEvent {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AnalysisDone => "analysis.done",
            Self::AnalysisFailed => "analysis.failed",
            Self::LowConfidence => "analysis.low_confidence",
            Self::JobFinished => "job.finished",
            Self::Test => "webhook.test",
        }
    }
}

/// The secret that signs, as receivers are given it: `whsec_` and base64. It shows itself as `***`.
#[derive(Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; SECRET_BYTES] = rand::random();
        Self(format!("{SECRET_PREFIX}{}", STANDARD.encode(random)))
    }

    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Webhook {
    pub id: WebhookId,
    pub collection_id: CollectionId,
    pub name: String,
    pub url: String,
    pub events: Json<Vec<WebhookEvent>>,
    /// Below this, a classification is of low confidence; without it, when it abstained.
    pub confidence_below: Option<f64>,
    pub secret: WebhookSecret,
    pub old_secret: Option<WebhookSecret>,
    pub old_secret_until: Option<Timestamp>,
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    /// How many deliveries in a row were given up.
    pub given_up: i64,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Webhook {
    #[must_use]
    pub fn wants(&self, event: WebhookEvent) -> bool {
        self.enabled && self.events.contains(&event)
    }

    /// The secrets that sign now, the present one first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let old = self.old_secret_until.is_some_and(|until| now < until);
        std::iter::once(&self.secret).chain(self.old_secret.as_ref().filter(move |_| old))
    }
}

/// What a person may choose about a webhook, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookFields {
    pub name: String,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    pub confidence_below: Option<f64>,
    pub enabled: bool,
}

impl WebhookFields {
    /// Checks the fields, and writes the address as it is sent to; whether it may be reached is not known here.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn check(mut self) -> Result<(Self, Url)> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/url", &self.url, LONGEST_URL))?;
        checks.take("", check_required_text("/name", &self.name, LONGEST_WEBHOOK_NAME))?;
        checks.take("", check_threshold("/confidence_below", self.confidence_below))?;
        if self.events.is_empty() {
            let none: Result<()> = Err(Error::invalid("/events", "must name at least one event"));
            checks.take("", none)?;
        }
        let url = Url::parse(self.url.trim())
            .map_err(|error| Error::invalid("/url", format!("must be an absolute address (`https://…`): {error}")));
        let url = checks.take("", url)?;
        checks.finish()?;
        let mut url = url.ok_or_else(|| Error::internal("a webhook has no address"))?;
        url.set_fragment(None);
        self.events.sort_unstable();
        self.events.dedup();
        url.as_str().clone_into(&mut self.url);
        self.name = self.name.trim().to_owned();
        Ok((self, url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_as_the_standard_wants_it_and_does_not_show_itself() {
        let secret = WebhookSecret::generate();
        let bytes = STANDARD
            .decode(secret.reveal().strip_prefix("whsec_").unwrap())
            .unwrap();
        assert!((24..=64).contains(&bytes.len()));
        assert_eq!(format!("{secret:?}"), "***");
        assert_ne!(secret, WebhookSecret::generate());
    }
}
