//! Bodies of the taxonomy operations.

use super::body::{given, given_objects, objects};
use crate::{
    domain::{
        etags::etag,
        labels,
        taxonomies::{self as domain, LabelDraft, TaxonomyDraft},
    },
    services::taxonomies::TaxonomyPatch,
};
use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// A closed set of labels at one of its versions.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Taxonomy {
    pub id: Uuid,
    /// The short name for addresses.
    pub slug: String,
    /// 1 when created; every change makes the next one. A version never changes.
    pub version: i64,
    pub name: String,
    pub description: String,
    /// Below this probability a classification abstains; the engine's own default when not there.
    pub threshold: Option<f64>,
    pub labels: Vec<Label>,
    pub created_at: OffsetDateTime,
    /// When this version was made.
    pub updated_at: OffsetDateTime,
}

impl From<domain::Taxonomy> for Taxonomy {
    fn from(taxonomy: domain::Taxonomy) -> Self {
        Self {
            id: taxonomy.id.0,
            slug: taxonomy.slug.to_string(),
            version: taxonomy.version,
            name: taxonomy.name,
            description: taxonomy.description,
            threshold: taxonomy.threshold,
            labels: taxonomy.labels.0.into_iter().map(Label::from).collect(),
            created_at: taxonomy.created_at.as_offset_date_time(),
            updated_at: taxonomy.updated_at.as_offset_date_time(),
        }
    }
}

impl Taxonomy {
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/taxonomies/{}", self.slug)
    }
}

/// One category.
#[derive(Debug, Clone, Object)]
pub struct Label {
    /// Stable through renames; what classifications and filters use.
    pub id: String,
    pub name: String,
    pub description: String,
    pub examples: Vec<String>,
}

impl From<labels::Label> for Label {
    fn from(label: labels::Label) -> Self {
        Self {
            id: label.id.0,
            name: label.name,
            description: label.description,
            examples: label.examples,
        }
    }
}

/// A label as a person writes it.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewLabel {
    /// Leave it out to keep the id of the label with this name, or to have one made from the name. Send it to rename a label.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub id: Option<String>,
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    /// What belongs here, in the words that real texts use; makes answers much better.
    #[serde(default)]
    #[oai(default, validator(max_length = 2000))]
    pub description: String,
    /// Texts that belong here; the more, the better the answers.
    #[serde(default)]
    #[oai(default, validator(max_items = 500))]
    pub examples: Vec<String>,
}

impl From<NewLabel> for LabelDraft {
    fn from(label: NewLabel) -> Self {
        Self {
            id: label.id,
            name: label.name,
            description: label.description,
            examples: label.examples,
        }
    }
}

pub(super) fn label(name: &str, description: &str, examples: &[&str]) -> NewLabel {
    NewLabel {
        id: None,
        name: name.to_owned(),
        description: description.to_owned(),
        examples: examples.iter().map(|example| (*example).to_owned()).collect(),
    }
}

/// A taxonomy to be made, or to replace one.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewTaxonomy {
    /// Lower-case letters, digits and single hyphens; when left out, made from the name of a new taxonomy or kept.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    #[serde(default)]
    #[oai(default, validator(max_length = 2000))]
    pub description: String,
    /// Below this probability a classification abstains.
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub threshold: Option<f64>,
    #[serde(deserialize_with = "objects")]
    #[oai(validator(min_items = 2, max_items = 200))]
    pub labels: Vec<NewLabel>,
}

impl NewTaxonomy {
    /// The slug that was asked for, and the rest.
    #[must_use]
    pub fn into_domain(self) -> (Option<String>, TaxonomyDraft) {
        let draft = TaxonomyDraft {
            name: self.name,
            description: self.description,
            threshold: self.threshold,
            labels: self.labels.into_iter().map(LabelDraft::from).collect(),
        };
        (self.slug, draft)
    }

    /// As a change that leaves nothing of the version before but what is named again.
    #[must_use]
    pub fn into_patch(self) -> TaxonomyPatch {
        TaxonomyPatch {
            slug: self.slug,
            name: Some(self.name),
            description: Some(self.description),
            threshold: Some(self.threshold),
            labels: Some(self.labels.into_iter().map(LabelDraft::from).collect()),
        }
    }
}

impl Example for NewTaxonomy {
    fn example() -> Self {
        Self {
            slug: None,
            name: "Sentiment".to_owned(),
            description: "How people feel about it.".to_owned(),
            threshold: None,
            labels: vec![
                label(
                    "Positive",
                    "Praise, thanks, joy: it works well and people like it.",
                    &["I love this app!"],
                ),
                label(
                    "Negative",
                    "Complaints, anger, disappointment: it does not work.",
                    &["A waste of money."],
                ),
            ],
        }
    }
}

/// A change to a taxonomy; what is left out stays. Labels are given whole: one that is not named any more is dropped.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct TaxonomyChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 64))]
    pub slug: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_length = 2000))]
    pub description: Option<String>,
    /// `null` for the engine's own default.
    #[serde(default)]
    pub threshold: MaybeUndefined<f64>,
    #[serde(default, deserialize_with = "given_objects")]
    #[oai(validator(min_items = 2, max_items = 200))]
    pub labels: Option<Vec<NewLabel>>,
}

impl From<TaxonomyChange> for TaxonomyPatch {
    fn from(change: TaxonomyChange) -> Self {
        let threshold = match change.threshold {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(threshold) => Some(Some(threshold)),
        };
        Self {
            slug: change.slug,
            name: change.name,
            description: change.description,
            threshold,
            labels: change
                .labels
                .map(|labels| labels.into_iter().map(LabelDraft::from).collect()),
        }
    }
}

impl Example for TaxonomyChange {
    fn example() -> Self {
        Self {
            slug: None,
            name: None,
            description: Some("What a ticket is mainly about; decides which team gets it.".to_owned()),
            threshold: MaybeUndefined::Undefined,
            labels: None,
        }
    }
}

/// A page of taxonomies, or of the versions of one.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TaxonomyPage {
    pub items: Vec<Taxonomy>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
