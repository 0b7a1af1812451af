//! Analyses: ask an engine, record what it answered, look it up again.

use super::{
    analysis_tasks::{ClassificationTask, ClassificationWish, Input, LabelSource, Order, Task, read_by},
    answering::Answering,
    audit, collections, documents,
    evictions::Evictions,
    following::Follow,
    label_sets::LabelSets,
    sources::{self, MOST_BYTES_AT_ONCE},
    taxonomies,
    wanted::Wanted,
};
use crate::{
    cache::Subject,
    config::EMBEDDED,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        analyses::{Analysis, AnalysisFilter, AnalysisKind, LARGEST_ANALYSIS_BATCH},
        audit::{Action, Event},
        budget_left::BudgetLeft,
        deadlines,
        documents::Document,
        identifiers::{AnalysisId, CollectionId, DocumentId, TaxonomyId},
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        text_fields::NameOrId,
        work::Claim,
    },
    engines::{embedded::DEFAULT_THRESHOLD, router::Plan},
    repositories::analyses,
    text::hash_text,
};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

pub use super::answering::Given;

/// Of a batch, how many inputs models are asked about at once.
const ASKED_AT_ONCE: usize = 8;
/// The same in the background.
const ASKED_AT_ONCE_IN_BACKGROUND: usize = 4;

#[derive(Clone)]
pub struct Analyses {
    pub(super) db: Db,
    clock: Clock,
    pub(super) answering: Answering,
    label_sets: LabelSets,
    evictions: Evictions,
}

/// What became of analyses that were missing.
#[derive(Debug, Default)]
pub struct Missing {
    pub made: usize,
    pub failed: Vec<(DocumentId, Error)>,
}

impl Analyses {
    #[must_use]
    pub(super) fn new(answering: Answering, evictions: Evictions) -> Self {
        let (db, clock) = (answering.db.clone(), answering.clock.clone());
        Self {
            label_sets: LabelSets::new(db.clone()),
            db,
            clock,
            answering,
            evictions,
        }
    }

    /// Looks up the labels of a classification.
    ///
    /// # Errors
    /// `Error::NotFound` for the taxonomy, `Error::Invalid` for a threshold that is no probability.
    pub async fn classification(
        &self,
        _actor: &Actor,
        source: LabelSource,
        wish: ClassificationWish,
    ) -> Result<ClassificationTask> {
        self.label_sets.look_up(source, wish, DEFAULT_THRESHOLD).await
    }

    /// Analyses one input and records the answer, unless it was given before.
    ///
    /// # Errors
    /// `Error::NotFound` for the document, `Error::Invalid` for the text or the engine, `Error::OverBudget`, `Error::Upstream`.
    pub async fn run(&self, actor: &Actor, input: Input, order: &Order) -> Result<Given> {
        let wanted = self.wanted(actor, input, order).await?;
        let deadline = deadlines::current();
        Box::pin(self.answering.answer(&Wanted { deadline, ..wanted })).await
    }

    /// Analyses up to 96 inputs; each has its own answer or error, in the order of the inputs. Answers of the embedded engine are
    /// recorded together.
    ///
    /// # Errors
    /// `Error::Invalid` for the number of inputs or the engine; what is wrong with one input is in its own place.
    pub async fn run_batch(
        &self,
        actor: &Actor,
        inputs: Vec<Result<Input>>,
        order: &Order,
    ) -> Result<Vec<Result<Given>>> {
        let inputs = inputs.into_iter().map(|input| (input, None)).collect();
        self.run_until(actor, inputs, order, deadlines::current(), ASKED_AT_ONCE)
            .await
    }

    /// Nobody waits for it with a watch in hand, and those who do are not to wait for it.
    pub(super) async fn run_in_background(
        &self,
        actor: &Actor,
        inputs: Vec<(Result<Input>, Option<Claim>)>,
        order: &Order,
    ) -> Result<Vec<Result<Given>>> {
        self.run_until(actor, inputs, order, None, ASKED_AT_ONCE_IN_BACKGROUND)
            .await
    }

    async fn run_until(
        &self,
        actor: &Actor,
        inputs: Vec<(Result<Input>, Option<Claim>)>,
        order: &Order,
        deadline: Option<Instant>,
        at_once: usize,
    ) -> Result<Vec<Result<Given>>> {
        if inputs.is_empty() || inputs.len() > LARGEST_ANALYSIS_BATCH {
            return Err(Error::invalid(
                "/inputs",
                format!(
                    "must have 1 to {LARGEST_ANALYSIS_BATCH} inputs; there are {}",
                    inputs.len()
                ),
            ));
        }
        let plan = self.answering.router.plan(order.task.kind(), &order.engine)?;
        let (inputs, ends): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
        let sources = sources::look_up(&self.db, actor, inputs, &order.task).await?;
        let wanted = sources.into_iter().zip(ends).map(|(source, ends)| {
            source.map(|source| Wanted {
                deadline,
                ends,
                ..Wanted::new(actor, source, order, &plan)
            })
        });
        if plan.is_embedded() {
            return self.answering.embedded(wanted.collect()).await;
        }
        let answers = wanted.map(|wanted| async { Box::pin(self.answering.answer(&wanted?)).await });
        Ok(stream::iter(answers).buffered(at_once).collect().await)
    }

    /// Sets out for the answer to one input, to be followed while it comes about.
    ///
    /// # Errors
    /// As for [`Analyses::run`], as far as it is known before anything is asked.
    pub async fn follow(&self, actor: &Actor, input: Input, order: &Order) -> Result<Follow> {
        let wanted = self.wanted(actor, input, order).await?;
        Follow::begin(&self.answering, wanted).await
    }

    /// One question about one input.
    async fn wanted(&self, actor: &Actor, input: Input, order: &Order) -> Result<Wanted> {
        let plan = self.answering.router.plan(order.task.kind(), &order.engine)?;
        let mut sources = sources::look_up(&self.db, actor, vec![Ok(input)], &order.task).await?;
        let source = sources
            .pop()
            .unwrap_or_else(|| Err(Error::internal("an input was not looked up")))?;
        Ok(Wanted::new(actor, source, order, &plan))
    }

    /// What is left of the budgets after these answers; nothing is looked up when no model was asked. Answers that were paid for
    /// are not lost for want of it: a failure is logged.
    pub async fn budgets_after<'a>(
        &self,
        actor: &Actor,
        answers: impl IntoIterator<Item = &'a Given>,
    ) -> Vec<BudgetLeft> {
        let asked = answers.into_iter().filter(|given| given.asked_a_model());
        let collections = asked.map(|given| given.collection).collect();
        self.answering.spending.left_or_none(actor, collections).await
    }

    /// The same for an answer that is on its way.
    pub async fn budgets_during(&self, actor: &Actor, follow: &Follow) -> Vec<BudgetLeft> {
        let collections = follow.asks_a_model().then(|| follow.collection());
        self.answering
            .spending
            .left_or_none(actor, collections.into_iter().collect())
            .await
    }

    /// Gives each of these documents its analysis, unless the newest one already answers exactly this.
    ///
    /// # Errors
    /// When the database does not answer. What went wrong with one document is in the result.
    pub async fn run_missing(&self, actor: &Actor, documents: &[Document], order: &Order) -> Result<Missing> {
        let mut missing = Missing::default();
        let task = &order.task;
        let plan = self.answering.router.plan(task.kind(), &order.engine)?;
        for chunk in documents.chunks(LARGEST_ANALYSIS_BATCH) {
            let mut wanting = Vec::new();
            let mut tx = self.db.read().await?;
            for document in chunk {
                if !documents::is_within_reach(&mut tx, actor, document.id).await? {
                    missing
                        .failed
                        .push((document.id, Error::not_found("document", document.id)));
                    continue;
                }
                let taxonomy = task.taxonomy().map(|(id, _)| id);
                let read = hash_text(&task.reads(document));
                let newest = analyses::find_newest(&mut tx, document.id, task.kind(), taxonomy, &read).await?;
                if !newest.is_some_and(|newest| answers(&newest, task, &plan)) {
                    wanting.push((document.id, task.reads(document).len()));
                }
            }
            drop(tx);
            while !wanting.is_empty() {
                let mut bytes = 0;
                let fitting = wanting.iter().take_while(|(_, length)| {
                    bytes += length;
                    bytes <= MOST_BYTES_AT_ONCE
                });
                let count = fitting.count().max(1);
                let ids: Vec<DocumentId> = wanting.drain(..count).map(|(id, _)| id).collect();
                let inputs = ids.iter().map(|id| (Ok(Input::Document(*id)), None)).collect();
                let answers = self.run_in_background(actor, inputs, order).await?;
                for (id, answer) in ids.into_iter().zip(answers) {
                    match answer {
                        Ok(_) => missing.made += 1,
                        Err(error) => missing.failed.push((id, error)),
                    }
                }
            }
        }
        Ok(missing)
    }

    /// Stores an analysis under an id of the caller's choice, for sample data whose ids are documented.
    ///
    /// # Errors
    /// `Error::NotFound` when the analysis that is copied is not within reach.
    pub async fn store_copy(&self, actor: &Actor, analysis: &Analysis, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        find(&mut tx, actor, analysis.id).await?;
        let copy = Analysis {
            id,
            // Only the original is given again.
            cache_key: None,
            ..analysis.clone()
        };
        analyses::insert(&mut tx, &copy).await?;
        tx.commit().await
    }

    /// Newest first: the analyses of documents within reach and, of texts that are stored nowhere, the actor's own; all for
    /// those who reach every collection. The collection is named by slug or id.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection or the taxonomy of the filter.
    pub async fn list(
        &self,
        actor: &Actor,
        mut filter: AnalysisFilter,
        collection: Option<&NameOrId<CollectionId>>,
        taxonomy: Option<&NameOrId<TaxonomyId>>,
        page: PageRequest<(Timestamp, AnalysisId)>,
    ) -> Result<Page<Analysis, (Timestamp, AnalysisId)>> {
        let mut tx = self.db.read().await?;
        if let Some(name) = collection {
            filter.collection_id = Some(collections::find(&mut tx, actor, name).await?.id);
        }
        if let Some(name) = taxonomy {
            filter.taxonomy_id = Some(taxonomies::find(&mut tx, name).await?.id);
        }
        let limit = i64::from(page.limit) + 1;
        let rows = analyses::list(&mut tx, &actor.principal, &filter, page.after, limit).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| (row.created_at, row.id)))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, id: AnalysisId) -> Result<Analysis> {
        find(&mut self.db.read().await?, actor, id).await
    }

    /// The newest analysis of one kind of a document as it is now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest(&self, actor: &Actor, document: &Document, kind: AnalysisKind) -> Result<Option<Analysis>> {
        let mut tx = self.db.read().await?;
        if !documents::is_within_reach(&mut tx, actor, document.id).await? {
            return Ok(None);
        }
        let read = hash_text(&read_by(kind, document));
        analyses::find_newest(&mut tx, document.id, kind, None, &read).await
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn delete(&self, actor: &Actor, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, id).await?;
        if !analyses::delete(&mut tx, id).await? {
            return Err(Error::not_found("analysis", id));
        }
        let kind = stored.kind.name();
        let of = stored
            .document_id
            .map_or_else(|| "a text".to_owned(), |id| format!("the document {id}"));
        let event = Event::done(Action::AnalysisDeleted, "analysis", id, None).with_detail(format!("{kind} of {of}"));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        self.evictions.commit(tx, Subject::Analysis(id)).await
    }
}

/// Whether an analysis of the text answers exactly this. One in place of a model does not, as the model may answer another time.
pub(super) fn answers(analysis: &Analysis, task: &Task, plan: &Plan) -> bool {
    let is_makeshift = analysis.degraded && analysis.engine == EMBEDDED && !plan.is_embedded();
    !is_makeshift
        && analysis.taxonomy_version == task.taxonomy().map(|(_, version)| version)
        && analysis.options.0 == task.options()
        && plan.has(&analysis.engine, &analysis.model)
}

/// The analysis of this id, inside a transaction. One that the actor may not know of is not there.
async fn find(tx: &mut Tx, actor: &Actor, id: AnalysisId) -> Result<Analysis> {
    let not_found = || Error::not_found("analysis", id);
    let analysis = analyses::find(tx, id).await?.ok_or_else(not_found)?;
    let known = match analysis.document_id {
        _ if actor.principal.reach == Reach::Everything => true,
        Some(document) => documents::is_within_reach(tx, actor, document).await?,
        None => analysis.made_by(&actor.principal),
    };
    if known { Ok(analysis) } else { Err(not_found()) }
}
