//! Erasures: deleting everything that belongs to somebody, with a receipt that says how much was removed where, and not what.

use super::{
    Timestamp,
    documents::check_external_id,
    errors::{Error, Result},
    identifiers::{ApiKeyId, CollectionId, DocumentId, ErasureId, UserId},
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

/// The longest attribute value that can be looked for, in characters.
pub const LONGEST_VALUE: usize = 1_000;

/// Which documents are to be erased. Written as JSON, it is what a receipt has the keyed hash of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureSelection {
    /// Only there; `None` for everywhere within reach.
    pub collection: Option<CollectionId>,
    pub by: ErasedBy,
}

/// What the documents have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedBy {
    ExternalId(String),
    /// A path into the attributes, and the value there as text.
    Attribute {
        path: Vec<String>,
        value: String,
    },
}

impl ErasedBy {
    /// # Errors
    /// `Error::Invalid` for what no document can have.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::ExternalId(id) => check_external_id("/external_id", id),
            Self::Attribute { value, .. } if value.chars().count() > LONGEST_VALUE => Err(Error::invalid(
                "/attribute/value",
                format!("must have at most {LONGEST_VALUE} characters"),
            )),
            Self::Attribute { .. } => Ok(()),
        }
    }

    #[must_use]
    pub fn kind(&self) -> ErasureKind {
        match self {
            Self::ExternalId(_) => ErasureKind::ExternalId,
            Self::Attribute { .. } => ErasureKind::Attribute,
        }
    }

    /// What else may be kept of it, such as in the filter of a job.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::ExternalId(value) | Self::Attribute { value, .. } => value,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ErasureKind {
    ExternalId,
    Attribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ErasureStatus {
    Running,
    Done,
}

/// How much there was, by place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErasureCounts {
    /// With their places in the search index.
    pub documents: i64,
    pub analyses: i64,
    /// Answers kept for `Idempotency-Key`s that named one.
    pub kept_answers: i64,
    /// Pieces of work in the background, with why they failed.
    pub work_items: i64,
    /// Jobs whose filter named the value; those that have not ended are only counted by a check.
    pub jobs: i64,
    /// Kept files of exports that had one in them; they are withdrawn.
    pub exports: i64,
    /// Parts of uploads from which records were taken.
    pub upload_chunks: i64,
    /// What the caches of every server were told to forget.
    pub cache_subjects: i64,
}

impl std::ops::AddAssign for ErasureCounts {
    fn add_assign(&mut self, more: Self) {
        self.documents += more.documents;
        self.analyses += more.analyses;
        self.kept_answers += more.kept_answers;
        self.work_items += more.work_items;
        self.jobs += more.jobs;
        self.exports += more.exports;
        self.upload_chunks += more.upload_chunks;
        self.cache_subjects += more.cache_subjects;
    }
}

/// What is still to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingErasure {
    pub selection: ErasureSelection,
    /// Where it was not done yet, the next last.
    pub collections: Vec<CollectionId>,
    /// The document in the last of them up to which it was done.
    pub after: Option<(Timestamp, DocumentId)>,
}

/// The receipt.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Erasure {
    pub id: ErasureId,
    pub kind: ErasureKind,
    pub collection_id: Option<CollectionId>,
    pub salt: Vec<u8>,
    /// HMAC-SHA256 over the salt and the selection.
    pub digest: Vec<u8>,
    pub status: ErasureStatus,
    pub pending: Option<Json<PendingErasure>>,
    pub removed: Json<ErasureCounts>,
    pub checked_at: Option<Timestamp>,
    /// What the last check found.
    pub found: Option<Json<ErasureCounts>>,
    pub created_by: Option<ApiKeyId>,
    pub created_by_user: Option<UserId>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}
