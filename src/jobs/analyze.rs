//! Analyses of documents: on arrival, and by jobs.

use crate::{
    domain::{Error, work::Claimed},
    services::Services,
};

/// Analyses the documents of pieces of one job or one rule; returns those that could not be ended, each with its error.
pub(super) async fn run<'a>(services: &Services, works: &'a [Claimed]) -> Vec<(&'a Claimed, Error)> {
    match services.job_work.analyze(works).await {
        Ok(failed) => failed,
        // What stands in the way of all stands in the way of each.
        Err(error) => {
            let others = error.for_another();
            let mut errors = std::iter::once(error).chain(std::iter::repeat_with(move || others.for_another()));
            works
                .iter()
                .map(|work| (work, errors.next().unwrap_or_else(|| Error::internal(""))))
                .collect()
        }
    }
}
