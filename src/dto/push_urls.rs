//! Bodies of the operations with push URLs.

use super::{documents::StoredDocument, imports::Refusal};
use crate::{
    domain::{
        Result,
        push_urls::{self as domain, FieldPointers, PushUrlFields},
    },
    services::push_urls::PushOutcome,
};
use poem_openapi::{ApiResponse, Object, payload::Json, types::Example};
use serde::Deserialize;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Where in the JSON that another system sends the parts of a document stand, as JSON pointers (RFC 6901).
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct PushFields {
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub external_id: Option<String>,
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub title: Option<String>,
    /// Such as `/ticket/description`; needed when anything is said here.
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub text: Option<String>,
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub language: Option<String>,
    /// Attributes by name, and where the value of each stands.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, String>>,
}

impl From<FieldPointers> for PushFields {
    fn from(fields: FieldPointers) -> Self {
        Self {
            external_id: fields.external_id,
            title: fields.title,
            text: fields.text,
            language: fields.language,
            attributes: (!fields.attributes.is_empty()).then_some(fields.attributes),
        }
    }
}

impl From<PushFields> for FieldPointers {
    fn from(fields: PushFields) -> Self {
        Self {
            external_id: fields.external_id,
            title: fields.title,
            text: fields.text,
            language: fields.language,
            attributes: fields.attributes.unwrap_or_default(),
        }
    }
}

/// A push URL to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewPushUrl {
    /// What it is for.
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    /// How documents are found in the JSON that is sent there. When left out, documents are sent as the lines of an NDJSON import are.
    #[serde(default, deserialize_with = "super::body::some_object")]
    pub fields: Option<PushFields>,
}

impl NewPushUrl {
    /// # Errors
    /// `Error::Invalid` for the name, and for what is no JSON pointer.
    pub fn into_domain(self) -> Result<PushUrlFields> {
        PushUrlFields::new(&self.name, self.fields.unwrap_or_default().into())
    }
}

impl Example for NewPushUrl {
    fn example() -> Self {
        Self {
            name: "Help desk".to_owned(),
            fields: Some(PushFields {
                external_id: Some("/ticket/id".to_owned()),
                title: Some("/ticket/subject".to_owned()),
                text: Some("/ticket/description".to_owned()),
                language: None,
                attributes: Some([("plan".to_owned(), "/ticket/customer/plan".to_owned())].into()),
            }),
        }
    }
}

/// An address at which another system leaves documents.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PushUrl {
    pub id: Uuid,
    pub collection_id: Uuid,
    pub name: String,
    /// How documents are found in the JSON that is sent there.
    pub fields: Option<PushFields>,
    /// The id of the API key that made it.
    pub created_by: Option<Uuid>,
    /// The id of the user who made it.
    pub created_by_user: Option<Uuid>,
    pub created_at: OffsetDateTime,
}

impl From<domain::PushUrl> for PushUrl {
    fn from(url: domain::PushUrl) -> Self {
        let given = url.fields.is_given();
        Self {
            id: url.id.0,
            collection_id: url.collection_id.0,
            name: url.name,
            fields: given.then(|| url.fields.0.into()),
            created_by: url.created_by.map(|id| id.0),
            created_by_user: url.created_by_user.map(|id| id.0),
            created_at: url.created_at.as_offset_date_time(),
        }
    }
}

/// A push URL with its address, which is shown this once.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PushUrlWithAddress {
    /// Below the server's own address. Whoever knows it can leave documents there.
    pub address: String,
    pub push_url: PushUrl,
}

/// A push URL that was made.
#[derive(ApiResponse)]
pub enum PushUrlMade {
    /// It was made; its address is not shown again.
    #[oai(status = 201)]
    Created(Json<PushUrlWithAddress>),
}

/// A page of push URLs.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PushUrlPage {
    pub items: Vec<PushUrl>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// What became of what was left at a push URL.
#[derive(Debug, Clone, Object)]
pub struct PushResult {
    pub stored: Vec<StoredDocument>,
    /// Lines that could not be accepted.
    pub refused: Vec<Refusal>,
}

impl From<PushOutcome> for PushResult {
    fn from(outcome: PushOutcome) -> Self {
        Self {
            stored: outcome.stored.into_iter().map(StoredDocument::from).collect(),
            refused: outcome.refused.into_iter().map(Refusal::from).collect(),
        }
    }
}
