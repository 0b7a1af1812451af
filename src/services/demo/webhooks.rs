//! The webhooks of the sample data: one that examples read and send to, and one that they delete. Their addresses exist nowhere
//! (RFC 2606), so that nothing of the sample is sent to anybody.

use super::COLLECTION;
use crate::{
    domain::{
        Error, Result,
        identifiers::{DeliveryId, WebhookId},
        principal::Actor,
        text_fields::NameOrId,
        webhooks::{WebhookEvent, WebhookFields},
    },
    services::Services,
};
use uuid::Uuid;

/// The webhook that examples read and change.
pub const WEBHOOK: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0061);
/// The webhook that examples delete.
pub const SPARE_WEBHOOK: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0062);
/// The delivery that examples read and send again.
pub const DELIVERY: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0063);

/// Brings back what is not there.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let tickets = NameOrId::Name(COLLECTION.to_owned());
    for (id, path, name) in [
        (WEBHOOK, "tickets", "Help desk"),
        (SPARE_WEBHOOK, "spare", "To try deleting with"),
    ] {
        let fields = WebhookFields {
            name: name.to_owned(),
            url: format!("https://hooks.example/{path}"),
            events: vec![WebhookEvent::JobFinished],
            confidence_below: None,
            enabled: true,
        };
        let created = services
            .webhooks
            .create_as(&Actor::operator(), &tickets, WebhookId(id), fields)
            .await;
        match created {
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    match services
        .webhooks
        .get(&Actor::operator(), &tickets, WebhookId(WEBHOOK))
        .await
    {
        Ok(webhook) => services.webhooks.store_sample(&webhook, DeliveryId(DELIVERY)).await,
        Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
