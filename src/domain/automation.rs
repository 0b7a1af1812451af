//! What a collection does with its documents by itself: rules, each of which gives every document that arrives or changes one
//! analysis. A rule's recipe is also what a job over many documents follows.

use super::{
    answers::SummaryOptions,
    engines::EngineChoice,
    errors::{Checks, Error, Result},
    identifiers::{AnalysisId, TaxonomyId},
    taxonomies::check_threshold,
    text_fields::{NameOrId, Slug},
    work::WorkStatus,
};
use serde::{Deserialize, Serialize};

/// How many rules a collection may have.
pub const MOST_RULES: usize = 8;

/// How an analysis is made of a document, wherever it is asked for: on arrival, or by a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe<Taxonomy = TaxonomyId> {
    pub what: Wanted<Taxonomy>,
    #[serde(default)]
    pub engine: EngineChoice,
}

/// What is wanted of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted<Taxonomy = TaxonomyId> {
    Summary(SummaryOptions),
    Classification {
        taxonomy: Taxonomy,
        /// The newest when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
        /// Abstain below this probability, 0 to 1; the taxonomy's own when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        threshold: Option<f64>,
        #[serde(default)]
        multi_label: bool,
        #[serde(default)]
        rationale: bool,
    },
}

impl Recipe {
    #[must_use]
    pub fn taxonomy(&self) -> Option<TaxonomyId> {
        match &self.what {
            Wanted::Classification { taxonomy, .. } => Some(*taxonomy),
            Wanted::Summary(_) => None,
        }
    }
}

/// One analysis that every document of a collection gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule<Taxonomy = TaxonomyId> {
    /// Names the rule within its collection.
    pub name: Slug,
    pub recipe: Recipe<Taxonomy>,
}

/// A rule as a person writes it: its taxonomy by slug or id.
pub type RuleDraft = Rule<NameOrId<TaxonomyId>>;
/// A recipe as a person writes it.
pub type RecipeDraft = Recipe<NameOrId<TaxonomyId>>;

impl<Taxonomy> Recipe<Taxonomy> {
    /// The version of the taxonomy, if one is named.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        match &self.what {
            Wanted::Classification { version, .. } => *version,
            Wanted::Summary(_) => None,
        }
    }

    /// The same with a version named, unless it names one.
    #[must_use]
    pub fn at_version(mut self, newest: i64) -> Self {
        if let Wanted::Classification { version, .. } = &mut self.what {
            version.get_or_insert(newest);
        }
        self
    }

    /// The same with the taxonomy under another name.
    ///
    /// # Errors
    /// What `rename` says.
    pub async fn rename<Other>(self, rename: impl AsyncFnOnce(Taxonomy) -> Result<Other>) -> Result<Recipe<Other>> {
        let what = match self.what {
            Wanted::Summary(options) => Wanted::Summary(options),
            Wanted::Classification {
                taxonomy,
                version,
                threshold,
                multi_label,
                rationale,
            } => Wanted::Classification {
                taxonomy: rename(taxonomy).await?,
                version,
                threshold,
                multi_label,
                rationale,
            },
        };
        Ok(Recipe {
            what,
            engine: self.engine,
        })
    }
}

/// Checks the rules of a collection.
///
/// # Errors
/// `Error::Invalid` with every rule that cannot be accepted.
pub fn check_rules<Taxonomy>(rules: &[Rule<Taxonomy>]) -> Result<()> {
    if rules.len() > MOST_RULES {
        let message = format!("has {} rules; at most {MOST_RULES} are allowed", rules.len());
        return Err(Error::invalid("/automation", message));
    }
    let mut checks = Checks::default();
    for (index, rule) in rules.iter().enumerate() {
        let pointer = format!("/automation/{index}");
        if rules[..index].iter().any(|earlier| earlier.name == rule.name) {
            let taken: Result<()> = Err(Error::invalid(
                format!("{pointer}/name"),
                format!("`{}` is the name of an earlier rule", rule.name),
            ));
            checks.take("", taken)?;
        }
        if let Wanted::Classification { threshold, .. } = &rule.recipe.what {
            checks.take(
                "",
                check_threshold(&format!("{pointer}/classification/threshold"), *threshold),
            )?;
        }
    }
    checks.finish()
}

/// How far one rule has come with one document.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RuleState {
    pub document_id: super::identifiers::DocumentId,
    pub rule: String,
    pub status: WorkStatus,
    pub attempts: i64,
    pub analysis_id: Option<AnalysisId>,
    pub code: Option<String>,
    pub reason: Option<String>,
}
