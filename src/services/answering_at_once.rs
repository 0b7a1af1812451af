//! Answers of the embedded engine, which nobody waits for: those of a batch are recorded together.

use super::{
    answering::{Answering, Given},
    wanted::Wanted,
    writer_queue::Answer,
};
use crate::{
    domain::{
        Result,
        analyses::{Analysis, SharedAnalysis},
        caching::CacheOutcome,
        work::Claim,
    },
    engines::router::Asking,
};
use tokio::time::Instant;

impl Answering {
    /// Answers of the embedded engine, recorded together. They are not kept to be given again.
    pub async fn embedded(&self, wanted: Vec<Result<Wanted>>) -> Result<Vec<Result<Given>>> {
        let asking = Asking::free();
        let mut answers = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            answers.push(match wanted {
                Ok(wanted) => {
                    let began = Instant::now();
                    let question = wanted.task.question(&wanted.source.text);
                    let answered = Box::pin(self.router.answer(&wanted.plan, &question, &asking)).await;
                    answered.map(|answered| (self.analysis(&wanted, answered, began.elapsed()), wanted.ends))
                }
                Err(error) => Err(error),
            });
        }
        self.record(&mut answers).await?;
        let given = |(analysis, _): (Analysis, Option<Claim>)| Given {
            analysis: SharedAnalysis::new(analysis),
            cache: CacheOutcome::NotKept,
            collection: None,
        };
        Ok(answers.into_iter().map(|answer| answer.map(given)).collect())
    }

    /// Stores the answers and puts in their places why one could not be.
    async fn record(&self, answers: &mut [Result<(Analysis, Option<Claim>)>]) -> Result<()> {
        let made: Vec<Answer> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().ok().cloned())
            .map(|(analysis, ends)| Answer { analysis, ends })
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        let mut outcomes = self.writer.record(made).await?.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
            if let Some(error) = outcomes.next().flatten() {
                *answer = Err(error);
            }
        }
        Ok(())
    }
}
