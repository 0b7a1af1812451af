//! Parameters and bodies of the list of documents: its filters, its order, and what it shows of each document.

use super::marks::mark;
use crate::domain::{
    Error, Result,
    documents::{Attributes, DocumentHead, DocumentRow, DocumentSort},
};
use poem_openapi::{Enum, Object, types::Any};
use time::OffsetDateTime;
use uuid::Uuid;

/// A document as a list shows it: without its whole text, which `GET` of the document has.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DocumentItem {
    pub id: Uuid,
    pub collection_id: Uuid,
    pub external_id: Option<String>,
    pub title: Option<String>,
    /// The first 280 characters of the text.
    pub excerpt: String,
    /// Characters in the whole text.
    pub characters: i64,
    pub attributes: Any<Attributes>,
    pub language: Option<String>,
    pub content_hash: String,
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    /// What a search found here.
    pub search: Option<SearchHit>,
}

/// Where a search matched. Both texts are escaped for HTML, with `<mark>` around what matched.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SearchHit {
    /// Higher is better; comparable only within one search.
    pub rank: f64,
    pub title: Option<String>,
    /// The best part of the text.
    pub text: String,
}

impl From<DocumentRow> for DocumentItem {
    fn from(row: DocumentRow) -> Self {
        let DocumentHead {
            id,
            collection_id,
            external_id,
            title,
            attributes,
            language,
            content_hash,
            version,
            ..
        } = row.head;
        let title_hit = row.title_match.filter(|_| title.is_some());
        let search = row.rank.map(|rank| SearchHit {
            rank,
            title: title_hit.as_deref().map(mark),
            text: mark(&row.text_match.unwrap_or_default()),
        });
        Self {
            id: id.0,
            collection_id: collection_id.0,
            external_id,
            title,
            excerpt: row.excerpt,
            characters: row.characters,
            attributes: Any(attributes.0),
            language,
            content_hash,
            version,
            created_at: row.head.created_at.as_offset_date_time(),
            updated_at: row.head.updated_at.as_offset_date_time(),
            search,
        }
    }
}

/// A page of documents.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DocumentPage {
    pub items: Vec<DocumentItem>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}

/// The order of a list of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Sort {
    #[oai(rename = "created_at")]
    CreatedAscending,
    #[oai(rename = "-created_at")]
    CreatedDescending,
    #[oai(rename = "updated_at")]
    UpdatedAscending,
    #[oai(rename = "-updated_at")]
    UpdatedDescending,
    #[oai(rename = "relevance")]
    Relevance,
}

impl Sort {
    /// The order that was asked for; without one, the best match first in a search, else the newest first.
    ///
    /// # Errors
    /// `Error::Invalid` for relevance without a search.
    pub fn choose(asked: Option<Self>, searching: bool) -> Result<DocumentSort> {
        Ok(match asked {
            Some(Self::Relevance) if !searching => {
                return Err(Error::invalid_parameter("sort", "`relevance` needs a search in `q`"));
            }
            None if searching => DocumentSort::Relevance,
            Some(Self::Relevance) => DocumentSort::Relevance,
            None | Some(Self::CreatedDescending) => DocumentSort::CreatedDescending,
            Some(Self::CreatedAscending) => DocumentSort::CreatedAscending,
            Some(Self::UpdatedAscending) => DocumentSort::UpdatedAscending,
            Some(Self::UpdatedDescending) => DocumentSort::UpdatedDescending,
        })
    }
}

/// What stands before the path of an attribute in a list's parameters.
pub const ATTRIBUTE_PREFIX: &str = "attributes.";
/// How many attributes can be filtered by at once.
pub(super) const MOST_ATTRIBUTE_FILTERS: usize = 10;

/// Reads `attributes.customer.plan=pro` from a list's parameters.
///
/// # Errors
/// `Error::Invalid` for an empty step in the path, or too many filters.
pub fn attribute_filters(pairs: Vec<(String, String)>) -> Result<Vec<(Vec<String>, String)>> {
    let mut filters = Vec::new();
    for (name, value) in pairs {
        let Some(path) = name.strip_prefix(ATTRIBUTE_PREFIX) else {
            continue;
        };
        let filter = attribute_filter(path, value);
        filters
            .push(filter.map_err(|why| {
                Error::invalid_parameter(&name, format!("{why}, such as `attributes.customer.plan`"))
            })?);
    }
    if filters.len() > MOST_ATTRIBUTE_FILTERS {
        return Err(Error::invalid_parameter(
            "attributes",
            format!("can be filtered by at most {MOST_ATTRIBUTE_FILTERS} values at once"),
        ));
    }
    Ok(filters)
}

/// The path and the value of one filter; else what is wrong with it.
pub(super) fn attribute_filter(path: &str, value: String) -> Result<(Vec<String>, String), &'static str> {
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if path.iter().any(|key| key.is_empty() || key.contains(['"', '\0'])) || value.contains('\0') {
        return Err("must name a path of keys");
    }
    Ok((path, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_filters_are_paths() {
        let pairs = vec![
            ("attributes.customer.plan".to_owned(), "pro".to_owned()),
            ("limit".into(), "5".into()),
        ];
        let filters = attribute_filters(pairs).unwrap();
        assert_eq!(
            filters,
            [(vec!["customer".to_owned(), "plan".to_owned()], "pro".to_owned())]
        );
        assert!(attribute_filters(vec![("attributes.".into(), "x".into())]).is_err());
    }
}
