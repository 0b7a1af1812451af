//! What the sample collection does by itself: a document that is stored there gets a summary and a topic.

use super::{COLLECTION, TAXONOMY_SLUG};
use crate::{
    domain::{
        Result,
        answers::{SummaryLength, SummaryOptions},
        automation::{Recipe, Rule, RuleDraft, Wanted},
        engines::EngineChoice,
        etags::Expected,
        principal::Actor,
        text_fields::{NameOrId, Slug},
    },
    services::{Services, collections::CollectionPatch},
};

/// The rule that gives each ticket its topic.
pub(super) const TOPIC: &str = "topic";

/// Sets the rules, unless somebody has changed the collection.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let tickets = NameOrId::Name(COLLECTION.to_owned());
    let stored = services.collections.get(&Actor::operator(), &tickets).await?;
    if stored.version > 1 {
        return Ok(());
    }
    let summary = Wanted::Summary(SummaryOptions {
        length: SummaryLength::Sentences(2),
        ..SummaryOptions::default()
    });
    let topic = Wanted::Classification {
        taxonomy: NameOrId::Name(TAXONOMY_SLUG.to_owned()),
        version: None,
        threshold: None,
        multi_label: false,
        rationale: false,
    };
    let rule = |name: &str, what| -> Result<RuleDraft> {
        Ok(Rule {
            name: Slug::parse("/name", name)?,
            recipe: Recipe {
                what,
                engine: EngineChoice::Embedded,
            },
        })
    };
    let patch = CollectionPatch {
        automation: Some(vec![rule("short-summary", summary)?, rule(TOPIC, topic)?]),
        ..CollectionPatch::default()
    };
    let operator = Actor::operator();
    let updated = services.collections.update(&operator, &tickets, &Expected::Any, patch);
    updated.await.map(drop)
}
