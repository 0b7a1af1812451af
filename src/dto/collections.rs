//! Bodies of the collection operations.

use super::{
    automation::{AutomationRule, rules},
    body::{given, given_objects, objects},
};
use crate::{
    domain::{Result, collections as domain, etags::etag},
    services::collections::CollectionPatch,
};
use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// A named stream of documents.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Collection {
    pub id: Uuid,
    /// The short name for addresses.
    pub slug: String,
    pub name: String,
    pub description: String,
    /// What is done by itself with every document that arrives or changes; in this order.
    pub automation: Vec<AutomationRule>,
    /// After how many days a document is deleted, with everything that came of it; not there when documents stay.
    pub retention_days: Option<i64>,
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
            automation: collection.automation.0.into_iter().map(AutomationRule::from).collect(),
            retention_days: collection.retention_days,
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
    /// What is to be done by itself with every document that arrives or changes: at most 8 rules.
    #[serde(default, deserialize_with = "objects")]
    #[oai(default, validator(max_items = 8))]
    pub automation: Vec<AutomationRule>,
    /// After how many days a document is to be deleted, 1 to 36500; documents stay when left out.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    pub retention_days: Option<i64>,
}

impl NewCollection {
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn into_domain(self) -> Result<domain::CollectionFields> {
        domain::CollectionFields::new(self.slug.as_deref(), &self.name, &self.description)?
            .with_automation(rules(self.automation)?)?
            .with_retention(self.retention_days)
    }
}

impl Example for NewCollection {
    fn example() -> Self {
        Self {
            slug: Some("app-reviews".to_owned()),
            name: "App reviews".to_owned(),
            description: "What people write about the app in the stores.".to_owned(),
            automation: AutomationRule::examples(),
            retention_days: Some(730),
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
    /// All of the rules as they are to be; an empty list for none. A new rule counts for documents that arrive or change from
    /// now on; a job of kind `analyze` does the rest.
    #[serde(default, deserialize_with = "given_objects")]
    #[oai(validator(max_items = 8))]
    pub automation: Option<Vec<AutomationRule>>,
    /// After how many days a document is to be deleted, 1 to 36500; `null` keeps documents.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    pub retention_days: MaybeUndefined<i64>,
}

impl CollectionChange {
    /// # Errors
    /// `Error::Invalid` with the rules that cannot be accepted.
    pub fn into_domain(self) -> Result<CollectionPatch> {
        Ok(CollectionPatch {
            slug: self.slug,
            name: self.name,
            description: self.description,
            automation: self.automation.map(rules).transpose()?,
            retention_days: match self.retention_days {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(days) => Some(Some(days)),
            },
        })
    }
}

impl Example for CollectionChange {
    fn example() -> Self {
        Self {
            slug: None,
            name: None,
            description: Some("Tickets from e-mail, chat and the web form.".to_owned()),
            automation: None,
            retention_days: MaybeUndefined::Undefined,
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
