//! A collection: a named stream of documents.

use super::{
    Timestamp,
    automation::{Rule, RuleDraft, check_rules},
    errors::{Checks, Error, Result},
    identifiers::CollectionId,
    text_fields::{LONGEST_DESCRIPTION, LONGEST_NAME, Slug, check_required_text, check_text},
};
use sqlx::types::Json;

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Collection {
    pub id: CollectionId,
    pub slug: Slug,
    pub name: String,
    pub description: String,
    /// What it does with its documents by itself, in this order.
    pub automation: Json<Vec<Rule>>,
    /// After how many days its documents are deleted; `None` when they stay.
    pub retention_days: Option<i64>,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a person may choose about a collection, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionFields {
    pub slug: Slug,
    pub name: String,
    pub description: String,
    pub automation: Vec<RuleDraft>,
    pub retention_days: Option<i64>,
}

/// The longest that documents can be kept before they are deleted, in days.
pub const LONGEST_RETENTION: i64 = 36_500;

impl CollectionFields {
    /// Checks the fields; without a slug, the name suggests one.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn new(slug: Option<&str>, name: &str, description: &str) -> Result<Self> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/name", name, LONGEST_NAME))?;
        checks.take("", check_text("/description", description, LONGEST_DESCRIPTION))?;
        let slug = match slug {
            Some(slug) => checks.take("", Slug::parse("/slug", slug))?,
            None => Some(Slug::from_name(name, "collection")),
        };
        checks.finish()?;
        let slug = slug.unwrap_or_else(|| Slug::from_name(name, "collection"));
        Ok(Self {
            slug,
            name: name.trim().to_owned(),
            description: description.trim().to_owned(),
            automation: Vec::new(),
            retention_days: None,
        })
    }

    /// The same with rules.
    ///
    /// # Errors
    /// `Error::Invalid` with every rule that cannot be accepted.
    pub fn with_automation(self, automation: Vec<RuleDraft>) -> Result<Self> {
        check_rules(&automation)?;
        Ok(Self { automation, ..self })
    }

    /// The same with an end for its documents.
    ///
    /// # Errors
    /// `Error::Invalid` for a number of days out of bounds.
    pub fn with_retention(self, retention_days: Option<i64>) -> Result<Self> {
        if retention_days.is_some_and(|days| !(1..=LONGEST_RETENTION).contains(&days)) {
            return Err(Error::invalid(
                "/retention_days",
                format!("must be 1 to {LONGEST_RETENTION}, or null to keep documents"),
            ));
        }
        Ok(Self { retention_days, ..self })
    }
}
