//! Rules of a collection's automation, and recipes of jobs: how an analysis is made of a document.

use super::{
    body::some_object,
    outputs::Method,
    summarize::{Order, Preset, Style, Wish, summary_options},
};
use crate::domain::{
    Error, Result,
    answers::{SentenceOrder, SummaryLength, SummaryMethod, SummaryOptions, SummaryPreset, SummaryStyle},
    automation::{Recipe, RecipeDraft, Rule, RuleDraft, RuleState, Wanted},
    engines::EngineChoice,
    errors::Checks,
    text_fields::{NameOrId, Slug, check_text},
    work::WorkStatus,
};
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;

/// One analysis that every document of a collection gets when it arrives or changes: a summary or a classification.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AutomationRule {
    /// Names the rule within the collection: lower-case letters, digits and single hyphens.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub name: String,
    /// A summary as described here; or a `classification`.
    #[serde(default, deserialize_with = "some_object")]
    pub summary: Option<SummaryRecipe>,
    /// A label of a stored taxonomy; or a `summary`.
    #[serde(default, deserialize_with = "some_object")]
    pub classification: Option<ClassificationRecipe>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
}

/// How a summary is made.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct SummaryRecipe {
    /// At most this many sentences; 3 when neither this nor `max_chars` is given.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
    pub sentences: Option<u8>,
    /// At most this many characters, instead of `sentences`.
    #[serde(default)]
    #[oai(validator(minimum(value = "1"), maximum(value = "10000000")))]
    pub max_chars: Option<usize>,
    #[serde(default)]
    pub order: Option<Order>,
    #[serde(default)]
    pub preset: Option<Preset>,
    /// What the summary should be about; the text's own centre when left out.
    #[serde(default)]
    #[oai(validator(max_length = 1000))]
    pub focus: Option<String>,
    #[serde(default)]
    pub method: Option<Method>,
    #[serde(default)]
    pub style: Option<Style>,
    /// ISO 639 code of the language to write in; the source's own when left out.
    #[serde(default)]
    #[oai(validator(max_length = 8))]
    pub language: Option<String>,
}

/// How a label is chosen.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ClassificationRecipe {
    /// Slug or id of a stored taxonomy.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub taxonomy: String,
    /// A version of it; the newest at that moment when left out.
    #[serde(default)]
    pub taxonomy_version: Option<i64>,
    /// Abstain below this probability; the taxonomy's own threshold when left out, else the engine's.
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub threshold: Option<f64>,
    /// Whether every label that fits is wanted, not just the best; no when left out.
    #[serde(default)]
    pub multi_label: Option<bool>,
    /// Whether a sentence is wanted that says why; only models write one. No when left out.
    #[serde(default)]
    pub rationale: Option<bool>,
}

/// Exactly one of the two, at `pointer` of the body.
pub(super) fn recipe(
    summary: Option<SummaryRecipe>,
    classification: Option<ClassificationRecipe>,
    engine: Option<&str>,
    pointer: &str,
) -> Result<RecipeDraft> {
    let what = match (summary, classification) {
        (Some(summary), None) => Wanted::Summary(
            summary
                .into_domain()
                .map_err(|error| error.within(&format!("{pointer}/summary")))?,
        ),
        (None, Some(classification)) => {
            check_text(
                &format!("{pointer}/classification/taxonomy"),
                &classification.taxonomy,
                Slug::LONGEST,
            )?;
            Wanted::Classification {
                taxonomy: NameOrId::parse(&classification.taxonomy),
                version: classification.taxonomy_version,
                threshold: classification.threshold,
                multi_label: classification.multi_label.unwrap_or(false),
                rationale: classification.rationale.unwrap_or(false),
            }
        }
        (None, None) => return Err(Error::invalid(pointer, "must have `summary` or `classification`")),
        (Some(_), Some(_)) => {
            let pointer = format!("{pointer}/classification");
            return Err(Error::invalid(
                pointer,
                "cannot go with `summary`: make it a rule or a job of its own",
            ));
        }
    };
    let engine = engine.map_or(Ok(EngineChoice::Auto), EngineChoice::parse);
    Ok(Recipe {
        what,
        engine: engine.map_err(|error| error.within(pointer))?,
    })
}

/// Rules as a person writes them.
///
/// # Errors
/// `Error::Invalid` with every rule that cannot be accepted.
pub(super) fn rules(rules: Vec<AutomationRule>) -> Result<Vec<RuleDraft>> {
    let mut checks = Checks::default();
    let mut drafts = Vec::with_capacity(rules.len());
    for (index, rule) in rules.into_iter().enumerate() {
        let pointer = format!("/automation/{index}");
        let name = checks.take("", Slug::parse(&format!("{pointer}/name"), &rule.name))?;
        let recipe = recipe(rule.summary, rule.classification, rule.engine.as_deref(), &pointer);
        if let (Some(name), Some(recipe)) = (name, checks.take("", recipe)?) {
            drafts.push(Rule { name, recipe });
        }
    }
    checks.finish()?;
    Ok(drafts)
}

impl SummaryRecipe {
    pub(super) fn into_domain(self) -> Result<SummaryOptions> {
        summary_options(Wish {
            sentences: self.sentences,
            max_chars: self.max_chars,
            order: self.order,
            preset: self.preset,
            focus: self.focus,
            method: self.method,
            style: self.style,
            language: self.language,
        })
    }
}

impl From<SummaryOptions> for SummaryRecipe {
    fn from(options: SummaryOptions) -> Self {
        let (sentences, max_chars) = match options.length {
            SummaryLength::Sentences(count) => (Some(count), None),
            SummaryLength::MaxChars(count) => (None, Some(count)),
        };
        Self {
            sentences,
            max_chars,
            order: Some(match options.order {
                SentenceOrder::Offset => Order::Offset,
                SentenceOrder::Rank => Order::Rank,
            }),
            preset: Some(match options.preset {
                SummaryPreset::General => Preset::General,
                SummaryPreset::News => Preset::News,
            }),
            focus: options.focus,
            method: options.method.map(|method| match method {
                SummaryMethod::Extractive => Method::Extractive,
                SummaryMethod::Abstractive => Method::Abstractive,
            }),
            style: Some(match options.style {
                SummaryStyle::Paragraph => Style::Paragraph,
                SummaryStyle::Bullets => Style::Bullets,
                SummaryStyle::Headline => Style::Headline,
                SummaryStyle::Tldr => Style::Tldr,
            }),
            language: options.language,
        }
    }
}

/// A recipe as it is shown: its taxonomy by id.
pub(super) fn shown(recipe: Recipe) -> (Option<SummaryRecipe>, Option<ClassificationRecipe>, String) {
    let engine = recipe.engine.to_string();
    match recipe.what {
        Wanted::Summary(options) => (Some(options.into()), None, engine),
        Wanted::Classification {
            taxonomy,
            version,
            threshold,
            multi_label,
            rationale,
        } => {
            let classification = ClassificationRecipe {
                taxonomy: taxonomy.to_string(),
                taxonomy_version: version,
                threshold,
                multi_label: Some(multi_label),
                rationale: Some(rationale),
            };
            (None, Some(classification), engine)
        }
    }
}

impl From<Rule> for AutomationRule {
    fn from(rule: Rule) -> Self {
        let (summary, classification, engine) = shown(rule.recipe);
        Self {
            name: rule.name.to_string(),
            summary,
            classification,
            engine: Some(engine),
        }
    }
}

impl AutomationRule {
    /// A summary and a topic.
    pub(super) fn examples() -> Vec<Self> {
        vec![
            Self {
                name: "short-summary".to_owned(),
                summary: Some(SummaryRecipe {
                    sentences: Some(2),
                    ..SummaryRecipe::default()
                }),
                classification: None,
                engine: Some("embedded".to_owned()),
            },
            Self {
                name: "topic".to_owned(),
                summary: None,
                classification: Some(ClassificationRecipe::sample()),
                engine: None,
            },
        ]
    }
}

impl ClassificationRecipe {
    /// By the taxonomy of the sample data.
    pub(super) fn sample() -> Self {
        Self {
            taxonomy: "ticket-topic".to_owned(),
            taxonomy_version: None,
            threshold: None,
            multi_label: None,
            rationale: None,
        }
    }
}

/// How far a rule has come with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AnalysisProgress {
    /// It is waiting, under way, or about to be tried again.
    Pending,
    Done,
    /// It was tried as often as it may be, or cannot be done.
    Failed,
}

/// How far a rule of the collection's automation has come with this document.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AutomaticAnalysis {
    /// The rule's name.
    pub rule: String,
    pub status: AnalysisProgress,
    /// The analysis that was made.
    pub analysis_id: Option<Uuid>,
    /// How often it was begun.
    pub attempts: i64,
    /// Why the last attempt failed, in a word.
    pub code: Option<String>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

impl From<RuleState> for AutomaticAnalysis {
    fn from(state: RuleState) -> Self {
        Self {
            rule: state.rule,
            status: match state.status {
                WorkStatus::Waiting | WorkStatus::Running => AnalysisProgress::Pending,
                WorkStatus::Done => AnalysisProgress::Done,
                WorkStatus::Failed | WorkStatus::Cancelled => AnalysisProgress::Failed,
            },
            analysis_id: state.analysis_id.map(|id| id.0),
            attempts: state.attempts,
            code: state.code,
            reason: state.reason,
        }
    }
}
