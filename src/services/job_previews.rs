//! What a job would do, before it is begun: how many documents it is about, what that would cost, which labels would move.

use super::{
    analysis_tasks::Task,
    collections::find,
    documents,
    job_work::JobWork,
    jobs::{NewJob, parameters},
};
use crate::{
    domain::{
        Result,
        analyses::{AnalysisKind, AnalysisOutput},
        automation::Recipe,
        documents::{Document, DocumentFilter},
        engines::EngineChoice,
        identifiers::CollectionId,
        jobs::JobParameters,
        money::MicroDollars,
        principal::Actor,
        text_fields::NameOrId,
    },
    engines::router::Asking,
    repositories::{
        analyses,
        document_selection::{self, Selection},
    },
    text::hash_text,
};
use std::{collections::BTreeMap, sync::Arc};

/// How many documents are looked at.
const SAMPLE: i64 = 100;

/// What a job would do.
#[derive(Debug, Clone)]
pub struct Preview {
    pub documents: i64,
    pub sample: i64,
    /// For jobs that analyse.
    pub estimate: Option<Estimate>,
    /// For classifications.
    pub moves: Option<Moves>,
}

/// About what the answers take, all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Who is asked first.
    pub engine: String,
    pub tokens: i64,
    pub cost: MicroDollars,
}

/// From which label to which.
pub type Move = (Option<String>, Option<String>);

/// What would become of the labels of the sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moves {
    /// Each with how many documents; those with the most documents first.
    pub moved: Vec<(Move, i64)>,
    pub stays: i64,
}

impl JobWork {
    /// Looks at a sample of the documents; nothing is stored, and no model is asked.
    ///
    /// # Errors
    /// As for beginning the job.
    pub async fn preview(&self, actor: &Actor, collection: &NameOrId<CollectionId>, new: NewJob) -> Result<Preview> {
        let mut tx = self.db.read().await?;
        let collection = find(&mut tx, actor, collection).await?;
        let parameters = parameters(&mut tx, new).await?;
        super::jobs::check_scopes(actor, parameters.kind())?;
        let everything = DocumentFilter::default();
        let (filter, recipe, classified_otherwise) = match &parameters {
            JobParameters::Analyze { filter, recipe } => (filter, Some(recipe), None),
            JobParameters::Backfill { recipe } => (&everything, Some(recipe), recipe.taxonomy().zip(recipe.version())),
            JobParameters::Delete { filter } => (filter, None, None),
            JobParameters::Import(_) | JobParameters::Export(_) => (&everything, None, None),
        };
        let selection = Selection {
            collection: collection.id,
            filter,
            classified_otherwise,
            until: self.clock.now(),
        };
        let documents = document_selection::count(&mut tx, &selection).await?;
        let Some(recipe) = recipe else {
            return Ok(Preview {
                documents,
                sample: 0,
                estimate: None,
                moves: None,
            });
        };
        let ids = document_selection::sample(&mut tx, &selection, SAMPLE).await?;
        let mut sample = Vec::with_capacity(ids.len());
        for id in ids {
            sample.push(documents::find_anywhere(&mut tx, actor, id).await?);
        }
        drop(tx);
        self.judge(actor, documents, &sample, recipe).await
    }

    async fn judge(&self, actor: &Actor, documents: i64, sample: &[Document], recipe: &Recipe) -> Result<Preview> {
        let order = self.analyses.order_of(actor, recipe).await?;
        let plan = self.analyses.answering.router.plan(order.task.kind(), &order.engine)?;
        let (mut tokens, mut cost) = (0_i64, 0_i64);
        for document in sample {
            let text: Arc<str> = order.task.reads(document).into();
            let one = plan.estimate(&order.task.question(&text));
            tokens = tokens.saturating_add(one.tokens);
            cost = cost.saturating_add(one.cost.0);
        }
        let looked_at = i64::try_from(sample.len()).unwrap_or(i64::MAX);
        let all = |of_sample: i64| of_sample.saturating_mul(documents) / looked_at.max(1);
        let moves = match &order.task {
            Task::Classification(_) => Some(self.moves(sample, &order.task).await?),
            Task::Summary(_) | Task::Generation(_) => None,
        };
        Ok(Preview {
            documents,
            sample: looked_at,
            estimate: Some(Estimate {
                engine: plan.first(),
                tokens: all(tokens),
                cost: MicroDollars(all(cost)),
            }),
            moves,
        })
    }

    /// The labels that the documents have, next to those that the embedded engine would choose.
    async fn moves(&self, sample: &[Document], task: &Task) -> Result<Moves> {
        let router = &self.analyses.answering.router;
        let plan = router.plan(AnalysisKind::Classification, &EngineChoice::Embedded)?;
        let mut counts: BTreeMap<Move, i64> = BTreeMap::new();
        let mut stays = 0;
        for document in sample {
            let text: Arc<str> = task.reads(document).into();
            let mut tx = self.db.glance().await?;
            let taxonomy = task.taxonomy().map(|(id, _)| id);
            let kind = AnalysisKind::Classification;
            let newest = analyses::find_newest(&mut tx, document.id, kind, taxonomy, &hash_text(&text)).await?;
            drop(tx);
            let answered = Box::pin(router.answer(&plan, &task.question(&text), &Asking::free())).await?;
            let from = newest.and_then(|analysis| label_in(&analysis.output.0));
            let to = label_in(&answered.output);
            if from == to {
                stays += 1;
            } else {
                *counts.entry((from, to)).or_default() += 1;
            }
        }
        let mut moved: Vec<_> = counts.into_iter().collect();
        moved.sort_by_key(|(_, documents)| std::cmp::Reverse(*documents));
        Ok(Moves { moved, stays })
    }
}

/// The label that was chosen; none where the engine abstained.
fn label_in(output: &AnalysisOutput) -> Option<String> {
    match output {
        AnalysisOutput::Classification(classification) => classification.label.as_ref().map(ToString::to_string),
        AnalysisOutput::Summary(_) | AnalysisOutput::Generation(_) => None,
    }
}
