//! Every engine as a reader of tickets: the embedded one, and the models of configured providers.

use super::corpus::{Reader, label_options, labels, reply_question, summary_options};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use synoptic::{
    domain::{analyses::AnalysisOutput, answers::Classification, engines::EngineChoice},
    engines::{
        LabelSet, LabelSetKey, Question,
        router::{Asking, Router},
    },
};

/// One engine of a router. An answer that another engine gives in its place is none.
pub struct EngineReader {
    pub router: Router,
    pub engine: EngineChoice,
}

impl EngineReader {
    async fn ask(&self, question: Question) -> Option<AnalysisOutput> {
        let plan = self.router.plan(question.kind(), &self.engine).ok()?;
        let answer = self.router.answer(&plan, &question, &Asking::free()).await.ok()?;
        answer.degraded.is_none().then_some(answer.output)
    }
}

impl Reader for EngineReader {
    fn label(&self, text: Arc<str>) -> BoxFuture<'_, Option<Classification>> {
        let question = Question::Classification {
            text,
            labels: LabelSet {
                key: LabelSetKey::Inline([0; 32]),
                labels: labels().into(),
            },
            options: label_options(),
        };
        Box::pin(async {
            match self.ask(question).await? {
                AnalysisOutput::Classification(answer) => Some(answer),
                _ => None,
            }
        })
    }

    fn reply(&self, text: Arc<str>, json: bool) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            match self
                .ask(Question::Generation(reply_question(&text, json).ok()?))
                .await?
            {
                AnalysisOutput::Generation(generation) => Some(generation.text),
                _ => None,
            }
        })
    }

    fn summary(&self, text: Arc<str>) -> BoxFuture<'_, Option<String>> {
        let question = Question::Summary {
            text,
            options: summary_options(),
        };
        Box::pin(async {
            match self.ask(question).await? {
                AnalysisOutput::Summary(summary) => Some(summary.text),
                _ => None,
            }
        })
    }
}
