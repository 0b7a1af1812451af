//! The embedded engine behind the common trait: long texts are worked on off the request threads, and what was learnt from
//! a set of labels is kept for the next text.

use super::{
    Engine, LabelSet, LabelSetKey,
    embedded::{Classifier, DEFAULT_THRESHOLD, EmbeddedEngine},
};
use crate::domain::{
    Error, Result,
    answers::{Classification, Summary, SummaryOptions},
};
use futures_util::future::BoxFuture;
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Texts up to this many bytes take well under a millisecond and are worked on where they are.
const SHORT_TEXT: usize = 8 * 1024;
/// How many bytes the sets of labels that are kept ready may take together.
const CLASSIFIER_BYTES: u64 = 128 * 1024 * 1024;
/// How long an unused set of labels is kept.
const CLASSIFIER_IDLE: Duration = Duration::from_hours(1);

/// The embedded engine with its classifiers. Cheap to clone.
#[derive(Clone)]
pub struct LocalEngine {
    engine: Arc<EmbeddedEngine>,
    classifiers: Cache<LabelSetKey, Arc<Classifier>>,
    /// Learning from examples takes seconds of a core and hundreds of megabytes: one set at a time.
    learning: Arc<Semaphore>,
}

impl Default for LocalEngine {
    fn default() -> Self {
        Self {
            engine: Arc::new(EmbeddedEngine::new()),
            classifiers: Cache::builder()
                .weigher(|_, classifier: &Arc<Classifier>| u32::try_from(classifier.memory()).unwrap_or(u32::MAX))
                .max_capacity(CLASSIFIER_BYTES)
                .time_to_idle(CLASSIFIER_IDLE)
                .build(),
            learning: Arc::new(Semaphore::new(1)),
        }
    }
}

impl LocalEngine {
    async fn classifier(&self, set: LabelSet) -> Result<Arc<Classifier>> {
        let fitted = async {
            // Without examples it takes less than a millisecond, which need not wait for a set that takes seconds.
            let turn = if set.labels.iter().any(|label| !label.examples.is_empty()) {
                let turn = Arc::clone(&self.learning).acquire_owned().await;
                Some(turn.map_err(Error::internal)?)
            } else {
                None
            };
            let engine = Arc::clone(&self.engine);
            // The work goes on when the request is given up, and keeps its turn until it is done.
            run_apart(move || {
                let classifier = Arc::new(engine.classifier(&set.labels));
                drop(turn);
                classifier
            })
            .await
        };
        self.classifiers
            .try_get_with(set.key.clone(), fitted)
            .await
            .map_err(|error| Error::internal(error.to_string()))
    }
}

impl Engine for LocalEngine {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn model(&self) -> &'static str {
        "static-minilm-256"
    }

    fn summarize(&self, text: Arc<str>, options: SummaryOptions) -> BoxFuture<'_, Result<Summary>> {
        Box::pin(async move {
            if text.len() <= SHORT_TEXT {
                return Ok(self.engine.summarize(&text, &options));
            }
            let engine = Arc::clone(&self.engine);
            run_apart(move || engine.summarize(&text, &options)).await
        })
    }

    fn classify(&self, text: Arc<str>, labels: LabelSet, threshold: f64) -> BoxFuture<'_, Result<Classification>> {
        Box::pin(async move {
            let classifier = self.classifier(labels).await?;
            if text.len() <= SHORT_TEXT {
                return Ok(classifier.classify(&text, threshold));
            }
            run_apart(move || classifier.classify(&text, threshold)).await
        })
    }

    fn default_threshold(&self) -> f64 {
        DEFAULT_THRESHOLD
    }
}

async fn run_apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
