//! The labels that a classification chooses from: those of a stored taxonomy, kept at hand, or those that came along.

use super::{
    analysis_tasks::{ClassificationTask, ClassificationWish, LabelSource},
    taxonomies,
};
use crate::{
    db::Db,
    domain::{
        Error, Result, answers::ClassificationOptions, identifiers::TaxonomyId, labels::Label,
        taxonomies::check_threshold, text_fields::NameOrId,
    },
    engines::{LabelSet, LabelSetKey},
    text::hash_bytes,
};
use moka::future::Cache;
use std::sync::Arc;

/// How many taxonomy versions are kept at hand.
const VERSIONS_AT_HAND: u64 = 256;

#[derive(Clone)]
pub(super) struct LabelSets {
    db: Db,
    /// The labels of taxonomy versions, which never change.
    stored: Cache<(TaxonomyId, i64), StoredLabels>,
}

/// What a classification takes from a version of a taxonomy.
#[derive(Clone)]
struct StoredLabels {
    labels: Arc<[Label]>,
    threshold: Option<f64>,
}

impl LabelSets {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            stored: Cache::new(VERSIONS_AT_HAND),
        }
    }

    /// Looks up the labels of a classification; `default` is the threshold when nobody names one.
    pub async fn look_up(
        &self,
        source: LabelSource,
        wish: ClassificationWish,
        default: f64,
    ) -> Result<ClassificationTask> {
        check_threshold("/threshold", wish.threshold)?;
        let options = |threshold: f64| ClassificationOptions {
            threshold,
            multi_label: wish.multi_label,
            rationale: wish.rationale,
        };
        match source {
            LabelSource::Inline(labels) => {
                let key = LabelSetKey::Inline(hash_bytes(&serde_json::to_vec(&labels).map_err(Error::internal)?));
                let set = LabelSet {
                    key,
                    labels: labels.into(),
                };
                Ok(ClassificationTask {
                    set,
                    options: options(wish.threshold.unwrap_or(default)),
                    taxonomy: None,
                })
            }
            LabelSource::Taxonomy { name, version } => {
                let (id, version) = self.resolve(&name, version).await?;
                let stored = self.stored_labels(id, version).await?;
                let set = LabelSet {
                    key: LabelSetKey::Taxonomy(id, version),
                    labels: stored.labels,
                };
                let threshold = wish.threshold.or(stored.threshold).unwrap_or(default);
                Ok(ClassificationTask {
                    set,
                    options: options(threshold),
                    taxonomy: Some((id, version)),
                })
            }
        }
    }

    /// Which version of which taxonomy is meant.
    async fn resolve(&self, name: &NameOrId<TaxonomyId>, version: Option<i64>) -> Result<(TaxonomyId, i64)> {
        let mut tx = self.db.read().await?;
        let head = taxonomies::find_head(&mut tx, name).await?;
        match version {
            Some(version) if version < 1 || version > head.version => {
                Err(Error::not_found("taxonomy version", format!("{name}/{version}")))
            }
            version => Ok((head.id, version.unwrap_or(head.version))),
        }
    }

    async fn stored_labels(&self, id: TaxonomyId, version: i64) -> Result<StoredLabels> {
        if let Some(stored) = self.stored.get(&(id, version)).await {
            return Ok(stored);
        }
        let mut tx = self.db.read().await?;
        let taxonomy = taxonomies::find_version(&mut tx, &NameOrId::Id(id), version).await?;
        let stored = StoredLabels {
            labels: taxonomy.labels.0.into(),
            threshold: taxonomy.threshold,
        };
        self.stored.insert((id, version), stored.clone()).await;
        Ok(stored)
    }
}
