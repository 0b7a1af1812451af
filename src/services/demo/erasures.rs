//! The receipt of the sample data: of a ticket that was there once.

use super::COLLECTION;
use crate::{
    domain::{Result, identifiers::ErasureId, principal::Actor, text_fields::NameOrId},
    services::Services,
};
use uuid::Uuid;

/// The receipt that examples read and check.
pub const ERASURE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0091);
/// The ticket that it is about.
const GONE: &str = "T-0999";

/// Stores it as at first.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let name = NameOrId::Name(COLLECTION.to_owned());
    let collection = services.collections.get(&Actor::operator(), &name).await?;
    services
        .erasures
        .put_sample(ErasureId(ERASURE), collection.id, GONE)
        .await
}
