//! What a document is to be: the fields that were sent, checked, with what is computed from them before a transaction opens.

use crate::{
    domain::{
        Error, Result, Timestamp,
        documents::{Attributes, Document, DocumentFields, DocumentHead},
        errors::Checks,
        identifiers::{CollectionId, DocumentId},
    },
    text::{detect_language, hash_document},
};
use serde_json::Value;
use sqlx::types::Json;
use std::collections::HashMap;

/// What a partial change says; `None` leaves a field as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default)]
pub struct DocumentPatch {
    pub external_id: Option<Option<String>>,
    pub title: Option<Option<String>>,
    pub text: Option<String>,
    /// A JSON merge patch (RFC 7396) over the stored attributes.
    pub attributes: Option<Value>,
    pub language: Option<Option<String>>,
}

impl DocumentPatch {
    /// The fields after the change. A new text has its language detected again, unless the change names it.
    pub(super) fn over(self, stored: &Document) -> Result<DocumentFields> {
        let head = &stored.head;
        let text_changes = self.text.is_some();
        let language = self
            .language
            .unwrap_or_else(|| if text_changes { None } else { head.language.clone() });
        Ok(DocumentFields {
            external_id: self.external_id.unwrap_or_else(|| head.external_id.clone()),
            title: self.title.unwrap_or_else(|| head.title.clone()),
            text: self.text.unwrap_or_else(|| stored.text.clone()),
            attributes: merge_attributes(&head.attributes, self.attributes)?,
            language,
        })
    }
}

fn merge_attributes(stored: &Attributes, patch: Option<Value>) -> Result<Attributes> {
    let Some(patch) = patch else { return Ok(stored.clone()) };
    let mut merged = Value::Object(stored.clone());
    json_patch::merge(&mut merged, &patch);
    match merged {
        Value::Object(attributes) => Ok(attributes),
        Value::Null => Ok(Attributes::new()),
        _ => Err(Error::invalid(
            "/attributes",
            "must be a JSON object, or null to clear them",
        )),
    }
}

/// Fields that were checked, with what is computed from them outside the transaction.
pub(super) struct Prepared {
    pub(super) fields: DocumentFields,
    content_hash: String,
}

impl Prepared {
    pub(super) fn new(fields: DocumentFields) -> Result<Self> {
        let mut fields = fields.check()?;
        if fields.language.is_none() {
            fields.language = detect_language(&fields.text)
                .filter(|language| language.reliable)
                .map(|language| language.code.to_owned());
        }
        let content_hash = hash_document(fields.title.as_deref(), &fields.text);
        Ok(Self { fields, content_hash })
    }

    pub(super) fn into_document(self, collection_id: CollectionId, now: Timestamp) -> Document {
        let head = DocumentHead {
            id: DocumentId::generate(),
            collection_id,
            external_id: self.fields.external_id,
            title: self.fields.title,
            attributes: Json(self.fields.attributes),
            language: self.fields.language,
            content_hash: self.content_hash,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Document {
            head,
            text: self.fields.text,
        }
    }

    /// The stored document with these fields, at its next version; exactly the stored one when nothing differs.
    pub(super) fn over(self, stored: &Document, now: Timestamp) -> Document {
        let same = DocumentHead {
            external_id: self.fields.external_id,
            title: self.fields.title,
            attributes: Json(self.fields.attributes),
            language: self.fields.language,
            content_hash: self.content_hash,
            ..stored.head.clone()
        };
        if same == stored.head {
            return stored.clone();
        }
        let head = DocumentHead {
            version: stored.version + 1,
            updated_at: now,
            ..same
        };
        Document {
            head,
            text: self.fields.text,
        }
    }
}

pub(super) fn prepare_batch(batch: Vec<DocumentFields>) -> Result<Vec<Prepared>> {
    let mut checks = Checks::default();
    let mut first_places: HashMap<String, usize> = HashMap::new();
    let mut prepared = Vec::with_capacity(batch.len());
    for (index, fields) in batch.into_iter().enumerate() {
        let place = format!("/documents/{index}");
        if let Some(external_id) = &fields.external_id {
            if let Some(first) = first_places.get(external_id) {
                let repeated = format!("is also the one of `/documents/{first}`");
                checks.take::<()>(&place, Err(Error::invalid("/external_id", repeated)))?;
            } else {
                first_places.insert(external_id.clone(), index);
            }
        }
        prepared.extend(checks.take(&place, Prepared::new(fields))?);
    }
    checks.finish()?;
    Ok(prepared)
}
