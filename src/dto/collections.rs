//! Bodies of the collection operations.

use super::body::given;
use crate::{
    domain::{Result, collections as domain, etags::etag},
    services::collections::CollectionPatch,
};
use poem_openapi::{Object, types::Example};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// A named stream of documents.
#[derive(Debug, Clone, Object)]
pub struct Collection {
    pub id: Uuid,
    /// The short name for addresses.
    pub slug: String,
    pub name: String,
    pub description: String,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl From<domain::Collection> for Collection {
    fn from(collection: domain::Collection) -> Self {
        Self {
            id: collection.id.0,
            slug: collection.slug.to_string(),
            name: collection.name,
            description: collection.description,
            version: collection.version,
            created_at: collection.created_at.as_offset_date_time(),
            updated_at: collection.updated_at.as_offset_date_time(),
        }
    }
}

impl Collection {
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/collections/{}", self.slug)
    }
}

/// A collection to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewCollection {
    /// Lower-case letters, digits and single hyphens; made from the name when left out.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    #[serde(default)]
    #[oai(default, validator(max_length = 2000))]
    pub description: String,
}

impl NewCollection {
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn into_domain(self) -> Result<domain::CollectionFields> {
        domain::CollectionFields::new(self.slug.as_deref(), &self.name, &self.description)
    }
}

impl Example for NewCollection {
    fn example() -> Self {
        Self {
            slug: Some("app-reviews".to_owned()),
            name: "App reviews".to_owned(),
            description: "What people write about the app in the stores.".to_owned(),
        }
    }
}

/// A change to a collection; what is left out stays.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CollectionChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 2000))]
    pub description: Option<String>,
}

impl From<CollectionChange> for CollectionPatch {
    fn from(change: CollectionChange) -> Self {
        Self {
            slug: change.slug,
            name: change.name,
            description: change.description,
        }
    }
}

impl Example for CollectionChange {
    fn example() -> Self {
        Self {
            slug: None,
            name: None,
            description: Some("Tickets from e-mail, chat and the web form.".to_owned()),
        }
    }
}

/// A page of collections, in the order of creation.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct CollectionPage {
    pub items: Vec<Collection>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
