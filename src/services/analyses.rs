//! Analyses: ask an engine, record what it answered, look it up again.

use super::{
    analysis_tasks::{ClassificationTask, Input, LabelSource, Task},
    collections,
    recorder::Recorder,
    taxonomies,
};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result, Timestamp,
        analyses::{Analysis, AnalysisFilter, AnalysisKind, AnalysisOutput, LARGEST_ANALYSIS_BATCH},
        documents::{Document, LONGEST_TEXT},
        identifiers::{AnalysisId, CollectionId, DocumentId, TaxonomyId},
        labels::Label,
        paging::{Page, PageRequest},
        principal::Principal,
        taxonomies::check_threshold,
        text_fields::{NameOrId, check_required_text},
    },
    engines::{Engine, LabelSet, LabelSetKey},
    repositories::{analyses, documents},
    telemetry::trace_id,
    text::{hash_bytes, hash_text},
};
use moka::future::Cache;
use sqlx::types::Json;
use std::{sync::Arc, time::Instant};

#[derive(Clone)]
pub struct Analyses {
    db: Db,
    clock: Clock,
    engine: Arc<dyn Engine>,
    recorder: Recorder,
    /// The labels of taxonomy versions, which never change.
    labels: Cache<(TaxonomyId, i64), StoredLabels>,
}

/// How many bytes of stored texts are in memory for one batch, unless a single text has more.
const MOST_BYTES_AT_ONCE: usize = 64 * 1024 * 1024;
const TOO_MUCH_AT_ONCE: &str = "makes the documents of this batch more than 64 MiB together; send it in another batch";

/// How many taxonomy versions are kept at hand.
const VERSIONS_AT_HAND: u64 = 256;

/// What a classification takes from a version of a taxonomy.
#[derive(Clone)]
struct StoredLabels {
    labels: Arc<[Label]>,
    threshold: Option<f64>,
}

/// What became of analyses that were missing.
#[derive(Debug, Default)]
pub struct Missing {
    pub made: usize,
    pub failed: Vec<(DocumentId, Error)>,
}

/// An input that was looked up.
struct Source {
    text: Arc<str>,
    document: Option<(DocumentId, i64)>,
}

impl Analyses {
    #[must_use]
    pub fn new(db: Db, clock: Clock, engine: Arc<dyn Engine>, recorder: Recorder) -> Self {
        Self {
            db,
            clock,
            engine,
            recorder,
            labels: Cache::new(VERSIONS_AT_HAND),
        }
    }

    /// Looks up the labels of a classification.
    ///
    /// # Errors
    /// `Error::NotFound` for the taxonomy, `Error::Invalid` for a threshold that is no probability.
    pub async fn classification(&self, source: LabelSource, threshold: Option<f64>) -> Result<ClassificationTask> {
        check_threshold("/threshold", threshold)?;
        let default = self.engine.default_threshold();
        match source {
            LabelSource::Inline(labels) => {
                let key = LabelSetKey::Inline(hash_bytes(&serde_json::to_vec(&labels).map_err(Error::internal)?));
                let set = LabelSet {
                    key,
                    labels: labels.into(),
                };
                Ok(ClassificationTask {
                    set,
                    threshold: threshold.unwrap_or(default),
                    taxonomy: None,
                })
            }
            LabelSource::Taxonomy { name, version } => {
                let (id, version) = self.resolve(&name, version).await?;
                let stored = self.stored_labels(id, version).await?;
                let set = LabelSet {
                    key: LabelSetKey::Taxonomy(id, version),
                    labels: stored.labels,
                };
                let threshold = threshold.or(stored.threshold).unwrap_or(default);
                Ok(ClassificationTask {
                    set,
                    threshold,
                    taxonomy: Some((id, version)),
                })
            }
        }
    }

    /// Which version of which taxonomy is meant.
    async fn resolve(&self, name: &NameOrId<TaxonomyId>, version: Option<i64>) -> Result<(TaxonomyId, i64)> {
        let mut tx = self.db.read().await?;
        let head = taxonomies::find_head(&mut tx, name).await?;
        match version {
            Some(version) if version < 1 || version > head.version => {
                Err(Error::not_found("taxonomy version", format!("{name}/{version}")))
            }
            version => Ok((head.id, version.unwrap_or(head.version))),
        }
    }

    async fn stored_labels(&self, id: TaxonomyId, version: i64) -> Result<StoredLabels> {
        if let Some(stored) = self.labels.get(&(id, version)).await {
            return Ok(stored);
        }
        let mut tx = self.db.read().await?;
        let taxonomy = taxonomies::find_version(&mut tx, &NameOrId::Id(id), version).await?;
        let stored = StoredLabels {
            labels: taxonomy.labels.0.into(),
            threshold: taxonomy.threshold,
        };
        self.labels.insert((id, version), stored.clone()).await;
        Ok(stored)
    }

    /// Analyses one input and records the answer.
    ///
    /// # Errors
    /// `Error::NotFound` for the document, `Error::Invalid` for the text.
    pub async fn run(&self, principal: &Principal, input: Input, task: &Task) -> Result<Analysis> {
        let mut answers = self.run_batch(principal, vec![Ok(input)], task).await?;
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
        principal: &Principal,
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
        let sources = self.look_up(inputs, task).await?;
        let mut answers = Vec::with_capacity(sources.len());
        for source in sources {
            answers.push(match source {
                Ok(source) => self.ask(principal, source, task).await,
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
    pub async fn run_missing(&self, principal: &Principal, documents: &[Document], task: &Task) -> Result<Missing> {
        let mut missing = Missing::default();
        for chunk in documents.chunks(LARGEST_ANALYSIS_BATCH) {
            let mut wanting = Vec::new();
            let mut tx = self.db.read().await?;
            for document in chunk {
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
                let answers = self.run_batch(principal, inputs, task).await?;
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

    async fn look_up(&self, inputs: Vec<Result<Input>>, task: &Task) -> Result<Vec<Result<Source>>> {
        let mut sources = Vec::with_capacity(inputs.len());
        let mut tx = None;
        let mut bytes = 0;
        for input in inputs {
            sources.push(match input {
                Err(error) => Err(error),
                Ok(Input::Text(text)) => check_required_text("/text", &text, LONGEST_TEXT).map(|()| Source {
                    text: text.into(),
                    document: None,
                }),
                Ok(Input::Document(id)) => {
                    let tx = match &mut tx {
                        Some(tx) => tx,
                        none => none.insert(self.db.read().await?),
                    };
                    match documents::find_anywhere(tx, id).await? {
                        None => Err(Error::not_found("document", id)),
                        Some(document) => {
                            let text: Arc<str> = task.reads(&document).into();
                            bytes += text.len();
                            if bytes > MOST_BYTES_AT_ONCE && bytes > text.len() {
                                bytes -= text.len();
                                Err(Error::invalid("/document_id", TOO_MUCH_AT_ONCE))
                            } else {
                                Ok(Source {
                                    text,
                                    document: Some((document.id, document.version)),
                                })
                            }
                        }
                    }
                }
            });
        }
        Ok(sources)
    }

    async fn ask(&self, principal: &Principal, source: Source, task: &Task) -> Result<Analysis> {
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
            created_by: principal.key_id,
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
    /// `Error::Conflict` when the id is taken.
    pub async fn store_copy(&self, analysis: &Analysis, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        analyses::insert(&mut tx, &Analysis { id, ..analysis.clone() }).await?;
        tx.commit().await
    }

    /// Newest first. The collection is named by slug or id.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection or the taxonomy of the filter.
    pub async fn list(
        &self,
        mut filter: AnalysisFilter,
        collection: Option<&NameOrId<CollectionId>>,
        taxonomy: Option<&NameOrId<TaxonomyId>>,
        page: PageRequest<(Timestamp, AnalysisId)>,
    ) -> Result<Page<Analysis, (Timestamp, AnalysisId)>> {
        let mut tx = self.db.read().await?;
        if let Some(name) = collection {
            filter.collection_id = Some(collections::find(&mut tx, name).await?.id);
        }
        if let Some(name) = taxonomy {
            filter.taxonomy_id = Some(taxonomies::find(&mut tx, name).await?.id);
        }
        let rows = analyses::list(&mut tx, &filter, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| (row.created_at, row.id)))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, id: AnalysisId) -> Result<Analysis> {
        let mut tx = self.db.read().await?;
        analyses::find(&mut tx, id)
            .await?
            .ok_or_else(|| Error::not_found("analysis", id))
    }

    /// The newest analysis of a document of one kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest(&self, document: DocumentId, kind: AnalysisKind) -> Result<Option<Analysis>> {
        analyses::find_newest(&mut self.db.read().await?, document, kind, None).await
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn delete(&self, id: AnalysisId) -> Result<()> {
        let mut tx = self.db.write().await?;
        if !analyses::delete(&mut tx, id).await? {
            return Err(Error::not_found("analysis", id));
        }
        tx.commit().await
    }
}
