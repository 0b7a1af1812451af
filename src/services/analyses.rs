//! Analyses: ask an engine, record what it answered, look it up again.

use super::{
    analysis_tasks::{ClassificationTask, Input, LabelSource, Task},
    audit, collections, documents,
    label_sets::LabelSets,
    sources::{self, MOST_BYTES_AT_ONCE, Source},
    taxonomies,
    writer::Writer,
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        analyses::{Analysis, AnalysisFilter, AnalysisKind, AnalysisOutput, LARGEST_ANALYSIS_BATCH},
        audit::{Action, Event},
        documents::Document,
        identifiers::{AnalysisId, CollectionId, DocumentId, TaxonomyId},
        paging::{Page, PageRequest},
        principal::{Actor, Reach},
        text_fields::NameOrId,
    },
    engines::Engine,
    repositories::analyses,
    telemetry::trace_id,
    text::hash_text,
};
use sqlx::types::Json;
use std::{sync::Arc, time::Instant};

#[derive(Clone)]
pub struct Analyses {
    db: Db,
    clock: Clock,
    engine: Arc<dyn Engine>,
    recorder: Writer,
    label_sets: LabelSets,
}

/// What became of analyses that were missing.
#[derive(Debug, Default)]
pub struct Missing {
    pub made: usize,
    pub failed: Vec<(DocumentId, Error)>,
}

impl Analyses {
    #[must_use]
    pub fn new(db: Db, clock: Clock, engine: Arc<dyn Engine>, recorder: Writer) -> Self {
        Self {
            label_sets: LabelSets::new(db.clone()),
            db,
            clock,
            engine,
            recorder,
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
        threshold: Option<f64>,
    ) -> Result<ClassificationTask> {
        let default = self.engine.default_threshold();
        self.label_sets.look_up(source, threshold, default).await
    }

    /// Analyses one input and records the answer.
    ///
    /// # Errors
    /// `Error::NotFound` for the document, `Error::Invalid` for the text.
    pub async fn run(&self, actor: &Actor, input: Input, task: &Task) -> Result<Analysis> {
        let mut answers = self.run_batch(actor, vec![Ok(input)], task).await?;
        answers
            .pop()
            .unwrap_or_else(|| Err(Error::internal("an input has no answer")))
    }

    /// Analyses up to 96 inputs; each has its own answer or error, in the order of the inputs. The answers are recorded
    /// together.
    ///
    /// # Errors
    /// `Error::Invalid` for the number of inputs; what is wrong with one input is in its own place.
    pub async fn run_batch(
        &self,
        actor: &Actor,
        inputs: Vec<Result<Input>>,
        task: &Task,
    ) -> Result<Vec<Result<Analysis>>> {
        if inputs.is_empty() || inputs.len() > LARGEST_ANALYSIS_BATCH {
            return Err(Error::invalid(
                "/inputs",
                format!(
                    "must have 1 to {LARGEST_ANALYSIS_BATCH} inputs; there are {}",
                    inputs.len()
                ),
            ));
        }
        let sources = sources::look_up(&self.db, actor, inputs, task).await?;
        let mut answers = Vec::with_capacity(sources.len());
        for source in sources {
            answers.push(match source {
                Ok(source) => self.ask(actor, source, task).await,
                Err(error) => Err(error),
            });
        }
        self.record(&mut answers).await?;
        Ok(answers)
    }

    /// Gives each of these documents its analysis, unless the newest one already answers exactly this.
    ///
    /// # Errors
    /// When the database does not answer. What went wrong with one document is in the result.
    pub async fn run_missing(&self, actor: &Actor, documents: &[Document], task: &Task) -> Result<Missing> {
        let mut missing = Missing::default();
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
                let newest = analyses::find_newest(&mut tx, document.id, task.kind(), taxonomy).await?;
                if !newest.is_some_and(|newest| self.answers(&newest, document, task)) {
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
                let inputs = ids.iter().map(|id| Ok(Input::Document(*id))).collect();
                let answers = self.run_batch(actor, inputs, task).await?;
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

    fn answers(&self, analysis: &Analysis, document: &Document, task: &Task) -> bool {
        analysis.input_hash == hash_text(&task.reads(document))
            && analysis.taxonomy_version == task.taxonomy().map(|(_, version)| version)
            && analysis.options.0 == task.options()
            && analysis.engine == self.engine.name()
            && analysis.model == self.engine.model()
    }

    async fn ask(&self, actor: &Actor, source: Source, task: &Task) -> Result<Analysis> {
        let began = Instant::now();
        let text = Arc::clone(&source.text);
        let output = match task {
            Task::Summary(options) => AnalysisOutput::Summary(self.engine.summarize(text, options.clone()).await?),
            Task::Classification(task) => {
                AnalysisOutput::Classification(self.engine.classify(text, task.set.clone(), task.threshold).await?)
            }
        };
        let duration_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let classification = match &output {
            AnalysisOutput::Classification(classification) => Some(classification),
            AnalysisOutput::Summary(_) => None,
        };
        Ok(Analysis {
            id: AnalysisId::generate(),
            kind: task.kind(),
            document_id: source.document.map(|(id, _)| id),
            document_version: source.document.map(|(_, version)| version),
            input_hash: hash_text(&source.text),
            engine: self.engine.name().to_owned(),
            model: self.engine.model().to_owned(),
            taxonomy_id: task.taxonomy().map(|(id, _)| id),
            taxonomy_version: task.taxonomy().map(|(_, version)| version),
            label: classification.and_then(|answer| answer.label.clone()),
            confidence: classification.map(|answer| answer.confidence),
            options: Json(task.options()),
            output: Json(output),
            duration_us,
            degraded: false,
            trace_id: trace_id::current(),
            created_by: actor.principal.key_id(),
            created_by_user: actor.principal.user_id,
            created_at: self.clock.now(),
        })
    }

    /// Stores the answers and puts in their place why one could not be.
    async fn record(&self, answers: &mut [Result<Analysis>]) -> Result<()> {
        let made: Vec<Analysis> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().ok().cloned())
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        let mut outcomes = self.recorder.record(made).await?.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
            if let Some(error) = outcomes.next().flatten() {
                *answer = Err(error);
            }
        }
        Ok(())
    }

    /// Stores an analysis under an id of the caller's choice, for sample data whose ids are documented.
    ///
    /// # Errors
    /// `Error::NotFound` when the analysis that is copied is not within reach.
    pub async fn store_copy(&self, actor: &Actor, analysis: &Analysis, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        find(&mut tx, actor, analysis.id).await?;
        analyses::insert(&mut tx, &Analysis { id, ..analysis.clone() }).await?;
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

    /// The newest analysis of a document of one kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest(&self, actor: &Actor, document: DocumentId, kind: AnalysisKind) -> Result<Option<Analysis>> {
        let mut tx = self.db.read().await?;
        if !documents::is_within_reach(&mut tx, actor, document).await? {
            return Ok(None);
        }
        analyses::find_newest(&mut tx, document, kind, None).await
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn delete(&self, actor: &Actor, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, id).await?;
        if !analyses::delete(&mut tx, id).await? {
            return Err(Error::not_found("analysis", id));
        }
        let kind = match stored.kind {
            AnalysisKind::Summary => "summary",
            AnalysisKind::Classification => "classification",
        };
        let of = stored
            .document_id
            .map_or_else(|| "a text".to_owned(), |id| format!("the document {id}"));
        let event = Event::done(Action::AnalysisDeleted, "analysis", id, None).with_detail(format!("{kind} of {of}"));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await
    }
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
