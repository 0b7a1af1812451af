//! Answers that were paid for, at hand to be given again: in memory, and in Redis between replicas where that is configured. Behind
//! both stands the database, which the services ask. A failure is never kept, and what is forgotten is forgotten in both: at once
//! in memory, soon in Redis.

mod memory;
mod redis;
mod trust;

pub use trust::TRUSTED_FOR;

use crate::{
    config,
    domain::{
        Timestamp,
        analyses::{Analysis, SharedAnalysis},
        caching::CacheTier,
        identifiers::{AnalysisId, CollectionId, DocumentId, PromptId, TaxonomyId},
    },
};
use memory::Memory;
use redis::Redis;
use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use trust::Trust;

/// SHA-256 over everything that an answer depends on.
pub type Key = [u8; 32];

/// What an answer came from; with it, the answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Analysis(AnalysisId),
    Collection(CollectionId),
    Document(DocumentId),
    Prompt(PromptId),
    Taxonomy(TaxonomyId),
}

impl Subject {
    /// Everything that this answer came from. Its collection, where it has one, is known to the caller.
    fn of(analysis: &Analysis, collection: Option<CollectionId>) -> Vec<Self> {
        [
            Some(Self::Analysis(analysis.id)),
            collection.map(Self::Collection),
            analysis.document_id.map(Self::Document),
            analysis.prompt_id.map(Self::Prompt),
            analysis.taxonomy_id.map(Self::Taxonomy),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Analysis(id) => write!(formatter, "analysis:{id}"),
            Self::Collection(id) => write!(formatter, "collection:{id}"),
            Self::Document(id) => write!(formatter, "document:{id}"),
            Self::Prompt(id) => write!(formatter, "prompt:{id}"),
            Self::Taxonomy(id) => write!(formatter, "taxonomy:{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();

    /// As it is displayed.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, id) = text.split_once(':').ok_or(())?;
        match kind {
            "analysis" => id.parse().map(Self::Analysis).map_err(drop),
            "collection" => id.parse().map(Self::Collection).map_err(drop),
            "document" => id.parse().map(Self::Document).map_err(drop),
            "prompt" => id.parse().map(Self::Prompt).map_err(drop),
            "taxonomy" => id.parse().map(Self::Taxonomy).map_err(drop),
            _ => Err(()),
        }
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct AnswerCache {
    memory: Memory,
    redis: Option<Redis>,
    /// How often something was forgotten: an answer that was asked for before is not kept after.
    forgotten: Arc<AtomicU64>,
    /// Without it, what is at hand is as if it were not there, and nothing more is kept.
    trust: Arc<Trust>,
}

/// Taken before an answer is stored or looked for, given back when it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl AnswerCache {
    /// # Errors
    /// When the address of Redis cannot be understood. Whether it answers does not matter: without it, answers are asked for again.
    pub fn new(settings: &config::Cache) -> anyhow::Result<Self> {
        Ok(Self {
            memory: Memory::new(settings),
            redis: settings
                .redis_url
                .as_ref()
                .map(|url| Redis::new(url, settings))
                .transpose()?,
            forgotten: Arc::default(),
            trust: Arc::default(),
        })
    }

    /// An answer from memory, made after `oldest`.
    #[must_use]
    pub async fn at_hand(&self, key: &Key, oldest: Timestamp) -> Option<Arc<SharedAnalysis>> {
        if !self.trust.is_given() {
            return None;
        }
        self.memory.get(key).await.filter(|found| found.created_at >= oldest)
    }

    /// An answer that another replica keeps, made after `oldest`. A Redis that does not answer in time has none. What it has may be of
    /// something that is gone: the database knows whether the analysis still is there and in force.
    pub async fn shared(&self, key: &Key, oldest: Timestamp) -> Option<(Arc<SharedAnalysis>, CacheTier)> {
        let found = self.redis.as_ref()?.get(key).await?;
        (found.created_at >= oldest).then(|| (SharedAnalysis::new(found), CacheTier::Redis))
    }

    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.forgotten.load(Ordering::Acquire))
    }

    /// Keeps an answer in the place of an older one. What was forgotten since `epoch` may be what it came from: then it is not kept, and
    /// the older one neither.
    pub async fn keep(&self, key: Key, analysis: Arc<SharedAnalysis>, collection: Option<CollectionId>, epoch: Epoch) {
        if self.epoch() != epoch || !self.trust.is_given() {
            self.memory.remove(&key).await;
            self.drop_shared(&key).await;
            return;
        }
        let subjects = Subject::of(&analysis, collection);
        if let Some(redis) = &self.redis {
            redis.put(&key, &analysis, &subjects).await;
        }
        self.memory.put(key, analysis, subjects).await;
        // What is forgotten from now on finds the answer; what was forgotten before may have missed it.
        if self.epoch() != epoch {
            self.memory.remove(&key).await;
            self.drop_shared(&key).await;
        }
    }

    /// Keeps an answer in memory too that was found elsewhere, after `epoch` was taken.
    pub async fn bring_near(
        &self,
        key: Key,
        analysis: Arc<SharedAnalysis>,
        collection: Option<CollectionId>,
        epoch: Epoch,
    ) {
        if !self.trust.is_given() {
            return;
        }
        let subjects = Subject::of(&analysis, collection);
        self.memory.put(key, analysis, subjects).await;
        if self.epoch() != epoch {
            self.memory.remove(&key).await;
        }
    }

    /// Drops every answer here that came from this.
    pub async fn forget(&self, subject: Subject) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.memory.forget(subject).await;
    }

    /// Drops every answer in memory.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.memory.clear();
    }

    /// From now on others are listened to, and nothing is believed or kept before [`AnswerCache::heard`].
    pub fn listen(&self) {
        self.trust.begin();
    }

    /// Everything was forgotten that others had deleted when a look that began then saw the log of evictions: what is at hand is
    /// believed for [`TRUSTED_FOR`] from then on.
    pub fn heard(&self, began: Instant) {
        self.trust.read(began);
    }

    /// Drops an answer from what replicas share.
    pub async fn drop_shared(&self, key: &Key) {
        if let Some(redis) = &self.redis {
            redis.remove(key).await;
        }
    }

    /// Drops every answer that came from this from what replicas share, which may take its time. What is not dropped goes at the end
    /// of its own time.
    pub async fn forget_shared(&self, subject: Subject) {
        if let Some(redis) = &self.redis {
            redis.forget(subject).await;
        }
    }

    /// How many answers are in memory and about how many bytes they take.
    pub async fn size(&self) -> (u64, u64) {
        self.memory.size().await
    }
}
