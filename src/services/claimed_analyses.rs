//! Analyses in the background: what was taken up is asked for like anything else, and ends with its answer. A document that has
//! this very answer is not asked about again.

use super::{
    analyses::Analyses,
    analysis_tasks::{ClassificationWish, Input, LabelSource, Order, Task},
    documents,
    records::taken_over,
    sources::MOST_BYTES_AT_ONCE,
    work::{Done, WorkQueue},
};
use crate::{
    domain::{
        Error, Result,
        automation::{Recipe, Wanted},
        caching::{CacheOutcome, CachePolicy},
        identifiers::DocumentId,
        jobs::Progress,
        principal::Actor,
        text_fields::NameOrId,
        work::{Claim, Claimed},
    },
    repositories::analyses,
    text::hash_text,
};

/// Done now, and done before.
const MADE: Progress = Progress {
    done: 1,
    unchanged: 0,
    refused: 0,
    failed: 0,
};
const FOUND: Progress = Progress {
    done: 1,
    unchanged: 1,
    refused: 0,
    failed: 0,
};

impl Analyses {
    /// What a recipe asks for, with the labels looked up.
    ///
    /// # Errors
    /// `Error::NotFound` for the taxonomy.
    pub async fn order_of(&self, actor: &Actor, recipe: &Recipe) -> Result<Order> {
        let task = match &recipe.what {
            Wanted::Summary(options) => Task::Summary(options.clone()),
            Wanted::Classification {
                taxonomy,
                version,
                threshold,
                multi_label,
                rationale,
            } => {
                let source = LabelSource::Taxonomy {
                    name: NameOrId::Id(*taxonomy),
                    version: *version,
                };
                let wish = ClassificationWish {
                    threshold: *threshold,
                    multi_label: *multi_label,
                    rationale: *rationale,
                };
                Task::Classification(self.classification(actor, source, wish).await?)
            }
        };
        Ok(Order {
            task,
            engine: recipe.engine.clone(),
            cache: CachePolicy::default(),
        })
    }

    /// Analyses the documents of pieces of work, and ends those that could be analysed. Returns the others, each with its error.
    ///
    /// # Errors
    /// When the database does not answer, or nobody can be asked as ordered; then each piece is still to be ended.
    pub async fn run_claimed<'a>(
        &self,
        actor: &Actor,
        queue: &WorkQueue,
        works: &'a [Claimed],
        order: &Order,
    ) -> Result<Vec<(&'a Claimed, Error)>> {
        let mut failed = Vec::new();
        let mut ended: Vec<(Claim, Done)> = Vec::new();
        let mut wanting: Vec<(&Claimed, DocumentId, usize)> = Vec::new();
        let plan = self.answering.router.plan(order.task.kind(), &order.engine)?;
        let mut tx = self.db.read().await?;
        for work in works {
            let Some(id) = work.document_id else {
                failed.push((work, Error::internal("a piece of work names no document")));
                continue;
            };
            let document = match documents::find_anywhere(&mut tx, actor, id).await {
                Err(error @ Error::NotFound { .. }) => {
                    failed.push((work, error));
                    continue;
                }
                found => found?,
            };
            let text = order.task.reads(&document);
            let taxonomy = order.task.taxonomy().map(|(id, _)| id);
            let newest = analyses::find_newest(&mut tx, id, order.task.kind(), taxonomy, &hash_text(&text)).await?;
            match newest.filter(|newest| super::analyses::answers(newest, &order.task, &plan)) {
                Some(newest) => ended.push((work.claim(), done(FOUND, newest.id))),
                None => wanting.push((work, id, text.len())),
            }
        }
        drop(tx);
        while !wanting.is_empty() {
            let mut bytes = 0;
            let fitting = wanting.iter().take_while(|(.., length)| {
                bytes += length;
                bytes <= MOST_BYTES_AT_ONCE
            });
            let count = fitting.count().max(1);
            let some: Vec<(&Claimed, DocumentId, usize)> = wanting.drain(..count).collect();
            let inputs = some
                .iter()
                .map(|(work, id, _)| (Ok(Input::Document(*id)), Some(work.claim())))
                .collect();
            let answers = self.run_in_background(actor, inputs, order).await?;
            for ((work, ..), answer) in some.into_iter().zip(answers) {
                match answer {
                    // What this piece led to has ended it already.
                    Ok(given) if matches!(given.cache, CacheOutcome::Hit(_) | CacheOutcome::Collapsed) => {
                        ended.push((work.claim(), done(MADE, given.analysis.id)));
                    }
                    Ok(_) => {}
                    Err(Error::Conflict(why)) if taken_over().to_string() == why => {
                        tracing::debug!(work = %work.id, "a piece of work was taken over, or its document has changed");
                    }
                    Err(error) => failed.push((work, error)),
                }
            }
        }
        if !ended.is_empty() {
            queue.end(&ended).await?;
        }
        Ok(failed)
    }
}

fn done(progress: Progress, analysis: crate::domain::identifiers::AnalysisId) -> Done {
    Done {
        analysis: Some(analysis),
        progress,
    }
}
