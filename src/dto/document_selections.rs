//! Which documents of a collection a job is about: the filters of the list of documents, as a body.

use super::document_lists::{MOST_ATTRIBUTE_FILTERS, attribute_filter};
use crate::domain::{
    Error, Result, Timestamp,
    documents::{DocumentFilter, SearchQuery},
    identifiers::TaxonomyId,
};
use poem_openapi::Object;
use serde::Deserialize;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Documents that all of these filters find; all documents when there are none.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct DocumentSelection {
    /// Full-text search, as in the list of documents.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 1000))]
    pub q: Option<String>,
    /// The label id of the newest classification.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 64))]
    pub label: Option<String>,
    /// The id of a taxonomy: only its classifications count for `label`.
    #[serde(default)]
    pub taxonomy_id: Option<Uuid>,
    /// ISO 639 code such as `en`.
    #[serde(default)]
    #[oai(validator(min_length = 2, max_length = 3))]
    pub language: Option<String>,
    /// Later than this (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_after: Option<OffsetDateTime>,
    /// Earlier than this (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_before: Option<OffsetDateTime>,
    /// Later than this (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub updated_after: Option<OffsetDateTime>,
    /// Earlier than this (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub updated_before: Option<OffsetDateTime>,
    /// Attributes by their path, and the value there as text: `{"plan": "pro", "customer.country": "DE"}`.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, String>>,
}

impl DocumentSelection {
    /// # Errors
    /// `Error::Invalid` for a search without words, and for a path with an empty step.
    pub fn into_domain(self) -> Result<DocumentFilter> {
        let attributes = self.attributes.unwrap_or_default();
        if attributes.len() > MOST_ATTRIBUTE_FILTERS {
            let message = format!(
                "has {} filters; at most {MOST_ATTRIBUTE_FILTERS} are allowed",
                attributes.len()
            );
            return Err(Error::invalid("/documents/attributes", message));
        }
        let attributes = attributes.into_iter().map(|(path, value)| {
            attribute_filter(&path, value).map_err(|why| Error::invalid("/documents/attributes", why))
        });
        let search = self.q.as_deref().map(SearchQuery::parse).transpose();
        let taken = [&self.label, &self.language].into_iter().flatten();
        if taken.into_iter().any(|text| text.contains('\0')) {
            return Err(Error::invalid("/documents", "must not contain the character U+0000"));
        }
        Ok(DocumentFilter {
            created_after: self.created_after.map(Timestamp::new),
            created_before: self.created_before.map(Timestamp::new),
            updated_after: self.updated_after.map(Timestamp::new),
            updated_before: self.updated_before.map(Timestamp::new),
            language: self.language,
            label: self.label,
            taxonomy_id: self.taxonomy_id.map(TaxonomyId),
            attributes: attributes.collect::<Result<_>>()?,
            search: search.map_err(|error| match error {
                Error::Invalid(violations) => {
                    let why = violations.into_iter().next().map(|one| one.message);
                    Error::invalid("/documents/q", why.unwrap_or_default())
                }
                other => other,
            })?,
        })
    }

    /// Those of one plan.
    pub(super) fn sample() -> Self {
        Self {
            attributes: Some([("plan".to_owned(), "pro".to_owned())].into()),
            ..Self::default()
        }
    }
}

impl From<DocumentFilter> for DocumentSelection {
    fn from(filter: DocumentFilter) -> Self {
        let time = |time: Option<Timestamp>| time.map(Timestamp::as_offset_date_time);
        let attributes: BTreeMap<String, String> = filter
            .attributes
            .into_iter()
            .map(|(path, value)| (path.join("."), value))
            .collect();
        Self {
            q: filter.search.as_ref().map(ToString::to_string),
            label: filter.label,
            taxonomy_id: filter.taxonomy_id.map(|id| id.0),
            language: filter.language,
            created_after: time(filter.created_after),
            created_before: time(filter.created_before),
            updated_after: time(filter.updated_after),
            updated_before: time(filter.updated_before),
            attributes: (!attributes.is_empty()).then_some(attributes),
        }
    }
}
