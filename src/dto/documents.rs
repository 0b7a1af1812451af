//! Bodies and parameters of the document operations.

use super::{
    automation::AutomaticAnalysis,
    body::{given, objects},
};
use crate::{
    domain::{
        Result,
        automation::RuleState,
        documents::{self as domain, Attributes},
        etags::{etag, etag_with_state},
    },
    services::{
        document_drafts::DocumentPatch,
        documents::{OnConflict as ServiceOnConflict, Outcome as ServiceOutcome},
    },
    text::hash_text,
};
use poem_openapi::{
    Enum, Object,
    types::{Any, Example, MaybeUndefined, ToJSON},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A text with what its owners know about it.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Document {
    pub id: Uuid,
    pub collection_id: Uuid,
    /// The owner's own id, unique in the collection.
    pub external_id: Option<String>,
    pub title: Option<String>,
    pub text: String,
    /// Free JSON.
    pub attributes: Any<Attributes>,
    /// ISO 639 code, given or detected; not there when the text is too short to tell.
    pub language: Option<String>,
    /// SHA-256 over title and text.
    pub content_hash: String,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    /// How far each rule of the collection's automation has come with this document; only where one document is read, and only if
    /// there are rules.
    pub automation: Option<Vec<AutomaticAnalysis>>,
}

impl From<domain::Document> for Document {
    fn from(document: domain::Document) -> Self {
        let domain::Document { head, text } = document;
        Self {
            id: head.id.0,
            collection_id: head.collection_id.0,
            external_id: head.external_id,
            title: head.title,
            text,
            attributes: Any(head.attributes.0),
            language: head.language,
            content_hash: head.content_hash,
            version: head.version,
            created_at: head.created_at.as_offset_date_time(),
            updated_at: head.updated_at.as_offset_date_time(),
            automation: None,
        }
    }
}

impl Document {
    #[must_use]
    pub fn with_automation(self, states: Vec<RuleState>) -> Self {
        let automation = states.into_iter().map(AutomaticAnalysis::from).collect();
        Self {
            automation: Some(automation).filter(|rules: &Vec<_>| !rules.is_empty()),
            ..self
        }
    }

    /// Of the version, and of how far the rules have come, so that whoever waits for them learns of it.
    #[must_use]
    pub fn etag(&self) -> String {
        match &self.automation {
            Some(rules) => {
                let state = hash_text(&rules.to_json_string());
                etag_with_state(self.id, self.version, &state[..16])
            }
            None => etag(self.id, self.version),
        }
    }

    /// The address below the collection as the caller named it.
    #[must_use]
    pub fn location(&self, collection: &str) -> String {
        format!("/api/collections/{collection}/documents/{}", self.id)
    }
}

/// A document to be stored.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewDocument {
    /// The owner's own id, unique in the collection. With one, the document can be sent again without being stored twice.
    #[serde(default)]
    #[oai(validator(max_length = 200))]
    pub external_id: Option<String>,
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    pub title: Option<String>,
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: String,
    /// Free JSON, at most 64 KiB.
    #[serde(default = "no_attributes", deserialize_with = "attributes")]
    #[oai(default = "no_attributes")]
    pub attributes: Any<Attributes>,
    /// ISO 639 code such as `en`; detected when left out.
    #[serde(default)]
    #[oai(validator(min_length = 2, max_length = 3))]
    pub language: Option<String>,
}

fn no_attributes() -> Any<Attributes> {
    Any(Attributes::new())
}

fn attributes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Any<Attributes>, D::Error> {
    Attributes::deserialize(deserializer).map(Any)
}

impl NewDocument {
    #[must_use]
    pub fn into_domain(self) -> domain::DocumentFields {
        domain::DocumentFields {
            external_id: self.external_id,
            title: self.title,
            text: self.text,
            attributes: self.attributes.0,
            language: self.language,
        }
    }
}

impl Example for NewDocument {
    fn example() -> Self {
        let attributes = json!({"plan": "pro", "channel": "email"});
        Self {
            external_id: None,
            title: Some("Cannot sign in after the update".to_owned()),
            text: "Since the update this morning I cannot sign in any more. The page says that my password is wrong, \
                   but I have not changed it. Resetting it sends no e-mail. Please help, my whole team is waiting."
                .to_owned(),
            attributes: Any(attributes.as_object().cloned().unwrap_or_default()),
            language: None,
        }
    }
}

/// A change to a document (JSON merge patch, RFC 7396): what is left out stays, `null` takes away.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct DocumentChange {
    #[serde(default)]
    pub external_id: MaybeUndefined<String>,
    #[serde(default)]
    pub title: MaybeUndefined<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: Option<String>,
    /// Merged into what is stored: `{"plan": null}` removes the key, `null` clears them all.
    #[serde(default, deserialize_with = "any")]
    pub attributes: Option<Any<Value>>,
    /// `null` has it detected again.
    #[serde(default)]
    pub language: MaybeUndefined<String>,
}

fn any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Any<Value>>, D::Error> {
    Value::deserialize(deserializer).map(|value| Some(Any(value)))
}

fn change(value: MaybeUndefined<String>) -> Option<Option<String>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl From<DocumentChange> for DocumentPatch {
    fn from(document: DocumentChange) -> Self {
        Self {
            external_id: change(document.external_id),
            title: change(document.title),
            text: document.text,
            attributes: document.attributes.map(|Any(value)| value),
            language: change(document.language),
        }
    }
}

impl Example for DocumentChange {
    fn example() -> Self {
        Self {
            external_id: MaybeUndefined::Undefined,
            title: MaybeUndefined::Undefined,
            text: None,
            attributes: Some(Any(json!({"priority": "urgent"}))),
            language: MaybeUndefined::Undefined,
        }
    }
}

/// Up to 1 000 documents; all are stored, or none.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewDocumentBatch {
    #[serde(deserialize_with = "objects")]
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub documents: Vec<NewDocument>,
}

impl Example for NewDocumentBatch {
    fn example() -> Self {
        let document = |text: &str| NewDocument {
            external_id: None,
            title: None,
            text: text.to_owned(),
            attributes: no_attributes(),
            language: None,
        };
        Self {
            documents: vec![
                document("Where is my parcel? The tracking page has not changed for six days."),
                document("Please add a dark mode, my eyes hurt in the evening."),
            ],
        }
    }
}

/// What to do with a document whose `external_id` is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum OnConflict {
    /// Refuse the request with 409.
    Error,
    /// Replace what is stored.
    Update,
}

impl From<OnConflict> for ServiceOnConflict {
    fn from(choice: OnConflict) -> Self {
        match choice {
            OnConflict::Error => Self::Refuse,
            OnConflict::Update => Self::Update,
        }
    }
}

/// What became of a document that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Outcome {
    Created,
    Updated,
    /// It was stored exactly so already.
    Unchanged,
}

impl From<ServiceOutcome> for Outcome {
    fn from(outcome: ServiceOutcome) -> Self {
        match outcome {
            ServiceOutcome::Created => Self::Created,
            ServiceOutcome::Updated => Self::Updated,
            ServiceOutcome::Unchanged => Self::Unchanged,
        }
    }
}

/// What became of each document of a batch, in the order of the batch.
#[derive(Debug, Clone, Object)]
pub struct DocumentBatchResult {
    pub results: Vec<StoredDocument>,
}

/// What became of one document.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct StoredDocument {
    pub id: Uuid,
    pub external_id: Option<String>,
    pub version: i64,
    pub outcome: Outcome,
}

impl From<(domain::Document, ServiceOutcome)> for StoredDocument {
    fn from((document, outcome): (domain::Document, ServiceOutcome)) -> Self {
        Self {
            id: document.head.id.0,
            version: document.head.version,
            external_id: document.head.external_id,
            outcome: outcome.into(),
        }
    }
}
