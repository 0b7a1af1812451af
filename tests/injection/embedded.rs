//! The embedded engine as a reader of tickets.

use super::corpus::{Reader, label_options, labels, summary_options};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use synoptic::{
    domain::answers::Classification,
    engines::{Engine, LabelSet, LabelSetKey, LocalEngine},
};

impl Reader for LocalEngine {
    fn label(&self, text: Arc<str>) -> BoxFuture<'_, Option<Classification>> {
        let set = LabelSet {
            key: LabelSetKey::Inline([0; 32]),
            labels: labels().into(),
        };
        Box::pin(async { self.classify(text, set, label_options().threshold).await.ok() })
    }

    fn summary(&self, text: Arc<str>) -> BoxFuture<'_, Option<String>> {
        Box::pin(async {
            let summary = self.summarize(text, summary_options()).await;
            summary.ok().map(|summary| summary.text)
        })
    }
}
