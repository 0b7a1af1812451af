//! Bodies of erasures: what is to go, and the receipt.

use super::{body::some_object, document_lists::attribute_filter};
use crate::domain::{Error, Result, erasures as domain, text_fields::NameOrId};
use poem_openapi::{ApiResponse, Enum, Object, payload::Json, types::Example};
use serde::Deserialize;
use std::fmt::Write;
use time::OffsetDateTime;
use uuid::Uuid;

/// Which documents are to go: by their external id, or by an attribute.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ErasureRequest {
    /// Slug or id of the only collection to look in; all within reach when left out.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 64))]
    pub collection: Option<String>,
    /// The external id of the document; this or `attribute`.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 200))]
    pub external_id: Option<String>,
    /// What the documents have in common; this or `external_id`.
    #[serde(default, deserialize_with = "some_object")]
    pub attribute: Option<AttributeValue>,
}

/// An attribute and its value.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct AttributeValue {
    /// Keys with dots between, such as `customer.email`.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub path: String,
    /// The value as text.
    #[oai(validator(max_length = 1000))]
    pub value: String,
}

impl ErasureRequest {
    /// # Errors
    /// `Error::Invalid` unless there is exactly one of the two, and for a path that is none.
    pub fn into_domain(
        self,
    ) -> Result<(
        Option<NameOrId<crate::domain::identifiers::CollectionId>>,
        domain::ErasedBy,
    )> {
        let by = match (self.external_id, self.attribute) {
            (Some(id), None) => domain::ErasedBy::ExternalId(id),
            (None, Some(AttributeValue { path, value })) => {
                let (path, value) =
                    attribute_filter(&path, value).map_err(|why| Error::invalid("/attribute/path", why))?;
                domain::ErasedBy::Attribute { path, value }
            }
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "/attribute",
                    "cannot stand beside `external_id`; send one of them",
                ));
            }
            (None, None) => {
                return Err(Error::invalid("/external_id", "is needed, unless there is `attribute`"));
            }
        };
        if self.collection.as_deref().is_some_and(|name| name.contains('\0')) {
            return Err(Error::invalid("/collection", "must not contain the character U+0000"));
        }
        Ok((self.collection.as_deref().map(NameOrId::parse), by))
    }
}

impl Example for ErasureRequest {
    fn example() -> Self {
        Self {
            collection: Some("tickets".to_owned()),
            external_id: Some("T-0999".to_owned()),
            attribute: None,
        }
    }
}

/// What an erasure went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ErasureKind {
    ExternalId,
    Attribute,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ErasureStatus {
    /// There is more than one request does; it goes on in the background.
    Running,
    Done,
}

/// How much there was, by place.
#[derive(Debug, Clone, Object)]
pub struct ErasureCounts {
    /// Documents, with their places in the search index.
    pub documents: i64,
    /// Summaries, classifications and generated texts about them.
    pub analyses: i64,
    /// Answers kept for an `Idempotency-Key` that named one of them.
    pub kept_answers: i64,
    /// Pieces of work in the background, with why they failed.
    pub work_items: i64,
    /// Jobs whose filter named the value. One that has not ended keeps the erasure `running` until it has.
    pub jobs: i64,
    /// Kept files of exports that had one of them; they are withdrawn.
    pub exports: i64,
    /// Parts of uploads that wait to be stored, or have failed to be, from which records were taken; only for an external id.
    pub upload_chunks: i64,
    /// Documents that the caches of every server were told to forget.
    pub cache_subjects: i64,
}

/// What a check has found.
#[derive(Debug, Clone, Object)]
pub struct ErasureCheck {
    pub at: OffsetDateTime,
    pub found: ErasureCounts,
    /// Whether nothing at all was found.
    pub nothing_found: bool,
}

/// The receipt of an erasure. It does not say whose it was: that is kept as a keyed hash, which a check compares.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Erasure {
    pub id: Uuid,
    pub kind: ErasureKind,
    /// The only collection that was looked in; not there when it was all within reach.
    pub collection_id: Option<Uuid>,
    /// HMAC-SHA256 of what was asked for, in hexadecimal.
    pub selection_hmac: String,
    pub status: ErasureStatus,
    pub removed: ErasureCounts,
    /// The last check; not there before the first.
    pub last_check: Option<ErasureCheck>,
    /// The id of the API key that asked for it.
    pub created_by: Option<Uuid>,
    /// The id of the user who asked for it.
    pub created_by_user: Option<Uuid>,
    pub created_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

impl From<domain::ErasureCounts> for ErasureCounts {
    fn from(counts: domain::ErasureCounts) -> Self {
        Self {
            documents: counts.documents,
            analyses: counts.analyses,
            kept_answers: counts.kept_answers,
            work_items: counts.work_items,
            jobs: counts.jobs,
            exports: counts.exports,
            upload_chunks: counts.upload_chunks,
            cache_subjects: counts.cache_subjects,
        }
    }
}

impl From<domain::Erasure> for Erasure {
    fn from(erasure: domain::Erasure) -> Self {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        };
        let last_check = erasure.checked_at.zip(erasure.found).map(|(at, found)| ErasureCheck {
            at: at.as_offset_date_time(),
            found: found.0.into(),
            nothing_found: found.0 == domain::ErasureCounts::default(),
        });
        Self {
            id: erasure.id.0,
            kind: match erasure.kind {
                domain::ErasureKind::ExternalId => ErasureKind::ExternalId,
                domain::ErasureKind::Attribute => ErasureKind::Attribute,
            },
            collection_id: erasure.collection_id.map(|id| id.0),
            selection_hmac: hex(&erasure.digest),
            status: match erasure.status {
                domain::ErasureStatus::Running => ErasureStatus::Running,
                domain::ErasureStatus::Done => ErasureStatus::Done,
            },
            removed: erasure.removed.0.into(),
            last_check,
            created_by: erasure.created_by.map(|id| id.0),
            created_by_user: erasure.created_by_user.map(|id| id.0),
            created_at: erasure.created_at.as_offset_date_time(),
            finished_at: erasure.finished_at.map(crate::domain::Timestamp::as_offset_date_time),
        }
    }
}

/// A page of receipts, newest first.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ErasurePage {
    pub items: Vec<Erasure>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// An erasure that was asked for.
#[derive(ApiResponse)]
pub enum Erased {
    /// Everything is gone.
    #[oai(status = 200)]
    Done(
        Json<Erasure>,
        /// Where the receipt is.
        #[oai(header = "Location")]
        String,
    ),
    /// Some of it is gone; the rest goes in the background.
    #[oai(status = 202)]
    Running(
        Json<Erasure>,
        /// Where to see how far it has come.
        #[oai(header = "Location")]
        String,
    ),
}

impl From<Erasure> for Erased {
    fn from(erasure: Erasure) -> Self {
        let location = format!("/api/erasures/{}", erasure.id);
        match erasure.status {
            ErasureStatus::Done => Self::Done(Json(erasure), location),
            ErasureStatus::Running => Self::Running(Json(erasure), location),
        }
    }
}
