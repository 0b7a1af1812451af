//! Answers in memory: bounded by bytes, by age and by how long nobody has asked for them.

use super::{Key, Subject};
use crate::{config, domain::analyses::SharedAnalysis};
use moka::future::Cache;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What an entry takes beside the answer's own JSON: the key, the index, the structures around.
const OVERHEAD: usize = 512;

#[derive(Clone)]
pub(super) struct Memory {
    answers: Cache<Key, Entry>,
    /// Which answers came from what.
    index: Index,
}

/// How many entries there are, of each subject under each key: one that replaces another is there before the other is gone.
type Index = Arc<Mutex<HashMap<Subject, HashMap<Key, usize>>>>;

#[derive(Clone)]
struct Entry {
    analysis: Arc<SharedAnalysis>,
    subjects: Arc<[Subject]>,
    bytes: u32,
}

impl Memory {
    pub fn new(settings: &config::Cache) -> Self {
        let index = Index::default();
        let of_evicted = Arc::clone(&index);
        let answers = Cache::builder()
            .max_capacity(settings.memory_bytes)
            .weigher(|_, entry: &Entry| entry.bytes)
            .time_to_live(settings.ttl())
            .time_to_idle(Duration::from_secs(settings.idle_seconds))
            .eviction_listener(move |key: Arc<Key>, entry: Entry, _| remove_from(&of_evicted, &key, &entry.subjects))
            .build();
        Self { answers, index }
    }

    pub async fn get(&self, key: &Key) -> Option<Arc<SharedAnalysis>> {
        self.answers.get(key).await.map(|entry| entry.analysis)
    }

    pub async fn put(&self, key: Key, analysis: Arc<SharedAnalysis>, subjects: Vec<Subject>) {
        if self.answers.policy().max_capacity() == Some(0) {
            return;
        }
        // Once as it is, once as it is written for clients.
        let json = serde_json::to_vec(&**analysis).map_or(usize::MAX, |json| json.len().saturating_mul(2));
        let entry = Entry {
            analysis,
            subjects: subjects.into(),
            bytes: u32::try_from(json.saturating_add(OVERHEAD)).unwrap_or(u32::MAX),
        };
        {
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            for subject in entry.subjects.iter() {
                *index.entry(*subject).or_default().entry(key).or_default() += 1;
            }
        }
        self.answers.insert(key, entry).await;
    }

    pub async fn forget(&self, subject: Subject) {
        let keys: Vec<Key> = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index
                .get(&subject)
                .into_iter()
                .flat_map(HashMap::keys)
                .copied()
                .collect()
        };
        for key in keys {
            self.remove(&key).await;
        }
    }

    pub async fn remove(&self, key: &Key) {
        self.answers.invalidate(key).await;
    }

    /// Drops everything; what is put from now on stays.
    pub fn clear(&self) {
        self.answers.invalidate_all();
    }

    pub async fn size(&self) -> (u64, u64) {
        self.answers.run_pending_tasks().await;
        (self.answers.entry_count(), self.answers.weighted_size())
    }
}

fn remove_from(index: &Index, key: &Key, subjects: &[Subject]) {
    let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
    for subject in subjects {
        let Some(keys) = index.get_mut(subject) else {
            continue;
        };
        if let Some(entries) = keys.get_mut(key) {
            *entries -= 1;
            if *entries == 0 {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            index.remove(subject);
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
