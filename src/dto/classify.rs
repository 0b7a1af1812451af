//! Bodies of `POST /api/classify`.

use super::{
    analyses::{AnalysisInput, EXAMPLE_TEXT, example_inputs, input, inputs},
    body::{objects, some_objects},
    taxonomies::{NewLabel, label},
};
use crate::{
    domain::{
        Error, Result,
        taxonomies::{LabelDraft, resolve_labels},
        text_fields::{NameOrId, Slug, check_text},
    },
    services::analysis_tasks::{Input, LabelSource},
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
}

/// What is to be classified, the labels to choose from, and the threshold.
pub type Classify<Inputs> = (Inputs, LabelSource, Option<f64>);

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
        Ok((input(self.text, self.document_id)?, source, self.threshold))
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
}

impl ClassifyBatchRequest {
    /// # Errors
    /// `Error::Invalid` with the fields that cannot be accepted.
    pub fn into_domain(self) -> Result<Classify<Vec<Result<Input>>>> {
        let source = label_source(self.taxonomy, self.taxonomy_version, self.labels)?;
        Ok((inputs(self.inputs), source, self.threshold))
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
        }
    }
}
