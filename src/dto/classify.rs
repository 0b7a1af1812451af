//! Bodies of `POST /api/classify`.

use super::{
    analyses::{AnalysisInput, EXAMPLE_TEXT, example_inputs, input, inputs},
    asking::{Cache, choices},
    body::{objects, some_objects},
    taxonomies::{NewLabel, label},
};
use crate::{
    domain::{
        Error, Result,
        caching::CachePolicy,
        engines::EngineChoice,
        taxonomies::{LabelDraft, resolve_labels},
        text_fields::{NameOrId, Slug, check_text},
    },
    services::analysis_tasks::{ClassificationWish, Input, LabelSource},
};
use poem_openapi::{Object, types::Example};
use serde::Deserialize;
use uuid::Uuid;

/// A text to be placed in one of some labels: those of a stored taxonomy, or labels sent along. Exactly one of the two.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ClassifyRequest {
    /// The text itself; or name a stored document with `document_id`.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 10_000_000))]
    pub text: Option<String>,
    /// A stored document; its title is read too.
    #[serde(default)]
    pub document_id: Option<Uuid>,
    /// Slug or id of a stored taxonomy.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub taxonomy: Option<String>,
    /// A version of it; the newest when left out.
    #[serde(default)]
    pub taxonomy_version: Option<i64>,
    /// Labels for this request alone.
    #[serde(default, deserialize_with = "some_objects")]
    #[oai(validator(min_items = 2, max_items = 200))]
    pub labels: Option<Vec<NewLabel>>,
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
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Whether an answer of a model that was given before will do, and whether this one is kept; `on` when left out.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How old an answer may be that was given before, in seconds.
    #[serde(default)]
    pub max_age: Option<u64>,
}

/// What is to be classified, and how.
pub struct Classify<Inputs> {
    pub inputs: Inputs,
    pub labels: LabelSource,
    pub wish: ClassificationWish,
    pub engine: EngineChoice,
    pub cache: CachePolicy,
}

fn label_source(taxonomy: Option<String>, version: Option<i64>, labels: Option<Vec<NewLabel>>) -> Result<LabelSource> {
    if let Some(name) = &taxonomy {
        check_text("/taxonomy", name, Slug::LONGEST)?;
    }
    match (taxonomy, labels) {
        (Some(name), None) => Ok(LabelSource::Taxonomy {
            name: NameOrId::parse(&name),
            version,
        }),
        (None, Some(_)) if version.is_some() => Err(Error::invalid(
            "/taxonomy_version",
            "goes with `taxonomy`, not with `labels`",
        )),
        (None, Some(labels)) => {
            let drafts = labels.into_iter().map(LabelDraft::from).collect();
            Ok(LabelSource::Inline(resolve_labels(drafts, &[])?))
        }
        (None, None) => Err(Error::invalid("", "must have `taxonomy` or `labels`")),
        (Some(_), Some(_)) => Err(Error::invalid(
            "/labels",
            "cannot go with `taxonomy`: send one of the two",
        )),
    }
}

impl ClassifyRequest {
    /// # Errors
    /// `Error::Invalid` with the fields that cannot be accepted.
    pub fn into_domain(self) -> Result<Classify<Input>> {
        let source = label_source(self.taxonomy, self.taxonomy_version, self.labels)?;
        let (engine, cache) = choices(self.engine.as_deref(), self.cache, self.max_age)?;
        Ok(Classify {
            inputs: input(self.text, self.document_id)?,
            labels: source,
            wish: ClassificationWish {
                threshold: self.threshold,
                multi_label: self.multi_label.unwrap_or_default(),
                rationale: self.rationale.unwrap_or_default(),
            },
            engine,
            cache,
        })
    }
}

impl Example for ClassifyRequest {
    fn example() -> Self {
        Self {
            text: Some(EXAMPLE_TEXT.to_owned()),
            document_id: None,
            taxonomy: Some("ticket-topic".to_owned()),
            taxonomy_version: None,
            labels: None,
            threshold: None,
            multi_label: None,
            rationale: None,
            engine: None,
            cache: None,
            max_age: None,
        }
    }
}

/// Up to 96 texts to be placed in the same labels.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ClassifyBatchRequest {
    #[serde(deserialize_with = "objects")]
    #[oai(validator(min_items = 1, max_items = 96))]
    pub inputs: Vec<AnalysisInput>,
    /// Slug or id of a stored taxonomy.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub taxonomy: Option<String>,
    /// A version of it; the newest when left out.
    #[serde(default)]
    pub taxonomy_version: Option<i64>,
    /// Labels for this request alone.
    #[serde(default, deserialize_with = "some_objects")]
    #[oai(validator(min_items = 2, max_items = 200))]
    pub labels: Option<Vec<NewLabel>>,
    #[serde(default)]
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub threshold: Option<f64>,
    /// Whether every label that fits is wanted, not just the best; no when left out.
    #[serde(default)]
    pub multi_label: Option<bool>,
    /// Whether a sentence is wanted that says why; only models write one. No when left out.
    #[serde(default)]
    pub rationale: Option<bool>,
    /// `auto` for the configured route, `embedded`, a provider, or `provider/model`; `auto` when left out.
    #[serde(default)]
    #[oai(validator(max_length = 260))]
    pub engine: Option<String>,
    /// Whether an answer of a model that was given before will do, and whether this one is kept; `on` when left out.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How old an answer may be that was given before, in seconds.
    #[serde(default)]
    pub max_age: Option<u64>,
}

impl ClassifyBatchRequest {
    /// # Errors
    /// `Error::Invalid` with the fields that cannot be accepted.
    pub fn into_domain(self) -> Result<Classify<Vec<Result<Input>>>> {
        let source = label_source(self.taxonomy, self.taxonomy_version, self.labels)?;
        let (engine, cache) = choices(self.engine.as_deref(), self.cache, self.max_age)?;
        Ok(Classify {
            inputs: inputs(self.inputs),
            labels: source,
            wish: ClassificationWish {
                threshold: self.threshold,
                multi_label: self.multi_label.unwrap_or_default(),
                rationale: self.rationale.unwrap_or_default(),
            },
            engine,
            cache,
        })
    }
}

impl Example for ClassifyBatchRequest {
    fn example() -> Self {
        Self {
            inputs: example_inputs(),
            taxonomy: None,
            taxonomy_version: None,
            labels: Some(vec![
                label("Billing", "Invoices, payments, charges and refunds.", &[]),
                label("Delivery", "Where a parcel is, late or lost deliveries, tracking.", &[]),
            ]),
            threshold: None,
            multi_label: None,
            rationale: None,
            engine: None,
            cache: None,
            max_age: None,
        }
    }
}
