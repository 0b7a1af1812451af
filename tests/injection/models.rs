//! Any model as a reader of tickets.

use super::corpus::{Reader, label_options, labels, reply_question, summary_options};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use synoptic::{
    domain::answers::Classification,
    engines::{
        embedded::EmbeddedEngine,
        tasks::{Model, classify, generate, summarize},
    },
};

/// A model, and the engine that its sentences are compared with.
pub struct ModelReader<'a> {
    pub model: &'a dyn Model,
    pub embedded: &'a EmbeddedEngine,
}

impl Reader for ModelReader<'_> {
    fn label(&self, text: Arc<str>) -> BoxFuture<'_, Option<Classification>> {
        Box::pin(async move { classify(self.model, &text, &labels(), &label_options()).await.ok() })
    }

    fn reply(&self, text: Arc<str>, json: bool) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            let question = reply_question(&text, json).ok()?;
            let generation = generate(self.model, &question).await;
            generation.ok().map(|generation| generation.text)
        })
    }

    fn summary(&self, text: Arc<str>) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            let summary = summarize(self.model, self.embedded, &text, &summary_options()).await;
            summary
                .ok()
                .filter(|found| found.stood_in.is_none())
                .map(|found| found.summary.text)
        })
    }
}
