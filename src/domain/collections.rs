//! A collection: a named stream of documents.

use super::{
    Timestamp,
    automation::{Rule, RuleDraft, check_rules},
    errors::{Checks, Result},
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
}

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
}
