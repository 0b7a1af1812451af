//! The rules of a collection's automation: taxonomies by their names, and what is forgotten with a rule.

use super::taxonomies;
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        automation::{Recipe, RecipeDraft, Rule, RuleDraft},
        collections::Collection,
        work::Queue,
    },
    repositories::work,
};

/// The rules with their taxonomies by id.
pub(super) async fn resolve_rules(tx: &mut Tx, drafts: Vec<RuleDraft>) -> Result<Vec<Rule>> {
    let mut rules = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let recipe = resolve_recipe(tx, draft.recipe, &format!("/automation/{index}")).await?;
        rules.push(Rule {
            name: draft.name,
            recipe,
        });
    }
    Ok(rules)
}

/// The recipe with its taxonomy by id; `pointer` says where the recipe stands in the body.
pub(super) async fn resolve_recipe(tx: &mut Tx, draft: RecipeDraft, pointer: &str) -> Result<Recipe> {
    let version = draft.version();
    draft
        .rename(async |name| {
            let head = match taxonomies::find_head(tx, &name).await {
                Err(Error::NotFound { .. }) => {
                    let pointer = format!("{pointer}/classification/taxonomy");
                    return Err(Error::invalid(pointer, format!("there is no taxonomy `{name}`")));
                }
                found => found?,
            };
            if let Some(version) = version
                && !(1..=head.version).contains(&version)
            {
                return Err(Error::invalid(
                    format!("{pointer}/classification/taxonomy_version"),
                    format!("must be 1 to {}, the newest", head.version),
                ));
            }
            Ok(head.id)
        })
        .await
}

/// Forgets what rules were doing that the collection had before and has no more.
pub(super) async fn forget(tx: &mut Tx, collection: &Collection, before: &[Rule], now: Timestamp) -> Result<()> {
    let is_gone = |rule: &&Rule| !collection.automation.iter().any(|other| other.name == rule.name);
    for rule in before.iter().filter(is_gone) {
        let lane = work::lane(tx, Queue::Arrivals, collection.id, now).await?;
        work::forget_rule(tx, lane, rule.name.as_str()).await?;
    }
    Ok(())
}
