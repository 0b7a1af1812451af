//! The end of a deletion: the commit, and then that no answer is given again that came from what is gone, here or by another server
//! on the same database, which reads of it in the log of evictions.

use crate::{
    cache::{AnswerCache, Subject},
    db::{Db, Tx},
    domain::{Error, Result},
    repositories::evictions,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// For how long an id may be visible before those below it are taken to be visible, too. A transaction that takes longer from its entry
/// to the end of its commit may be missed.
const OVERLAP: Duration = Duration::from_mins(1);
/// How many entries a server looks back when it starts.
const LOOKED_BACK: i64 = 50_000;
/// How many entries are read at once, and from how many on everything is forgotten instead.
const READ_AT_ONCE: usize = 500;
const TOO_MANY: usize = 10_000;
/// For how long entries are kept, in seconds, and how many are deleted at once.
const KEPT_FOR: i64 = 60 * 60;
const DELETED_AT_ONCE: i64 = 500;

/// Cheap to clone.
#[derive(Clone)]
pub struct Evictions {
    cache: AnswerCache,
    tasks: TaskTracker,
    /// This server's name in the log.
    origin: Uuid,
    reader: Arc<Mutex<Option<Reader>>>,
}

/// What a server has read of the log.
#[derive(Debug, Default)]
struct Reader {
    /// Entries from here on are looked at again: those below were visible, or never will be.
    floor: i64,
    /// Those from the floor on that were dealt with.
    seen: BTreeSet<i64>,
    /// The highest ids that were seen, and when.
    highest: VecDeque<(Instant, i64)>,
}

impl Evictions {
    pub fn new(cache: AnswerCache, tasks: TaskTracker) -> Self {
        Self {
            cache,
            tasks,
            origin: Uuid::now_v7(),
            reader: Arc::default(),
        }
    }

    /// Commits, then drops every answer that came from the subject. Both are done to their end even when nobody waits for them
    /// any more: a client that goes away between the two must not leave an answer behind.
    ///
    /// # Errors
    /// When the database does not take the commit; nothing is dropped then.
    pub async fn commit(&self, tx: Tx, subject: Subject) -> Result<()> {
        self.commit_all(tx, vec![subject]).await
    }

    /// The same for several subjects.
    ///
    /// # Errors
    /// When the database does not take the commit; nothing is dropped then.
    pub async fn commit_all(&self, mut tx: Tx, subjects: Vec<Subject>) -> Result<()> {
        let this = self.clone();
        let work = self.tasks.spawn(async move {
            if !subjects.is_empty() {
                let names: Vec<String> = subjects.iter().map(ToString::to_string).collect();
                // Last of all: the id is to be visible soon after it was given out.
                evictions::insert(&mut tx, this.origin, &names).await?;
            }
            tx.commit().await?;
            this.forget(subjects).await;
            Ok(())
        });
        work.await.map_err(Error::internal)?
    }

    async fn forget(&self, subjects: Vec<Subject>) {
        for subject in &subjects {
            self.cache.forget(*subject).await;
        }
        if subjects.is_empty() {
            return;
        }
        // Nobody waits for Redis: what it has is not given before the database has said that it is still there.
        let cache = self.cache.clone();
        self.tasks.spawn(async move {
            for subject in subjects {
                cache.forget_shared(subject).await;
            }
        });
    }

    /// Reads what others have deleted since the last time, and forgets it here.
    ///
    /// # Errors
    /// When the database does not answer. What is at hand is believed for a few seconds more.
    pub async fn follow(&self, db: &Db) -> Result<()> {
        let began = Instant::now();
        let mut held = self.reader.lock().await;
        let Some(reader) = held.as_mut() else {
            let mut newest = evictions::newest(&mut db.glance().await?, LOOKED_BACK).await?;
            newest.sort_unstable();
            *held = Some(Reader::starting(&newest, began));
            // What was looked for before cannot have been kept, and what is on its way is not.
            self.cache.forget_all();
            self.cache.heard(began);
            return Ok(());
        };
        let ids = evictions::since(&mut db.glance().await?, reader.floor).await?;
        let fresh = reader.fresh(&ids);
        match fresh {
            Some(fresh) if fresh.len() <= TOO_MANY => {
                for ids in fresh.chunks(READ_AT_ONCE) {
                    let entries = evictions::of(&mut db.glance().await?, ids).await?;
                    for entry in entries.into_iter().filter(|entry| entry.origin != self.origin) {
                        self.forget(subjects_of(&entry)).await;
                    }
                }
            }
            // It was away for longer than the log goes back, the log is not what it was, or there is very much in it.
            _ => self.cache.forget_all(),
        }
        reader.note(&ids, began);
        self.cache.heard(began);
        Ok(())
    }

    /// Deletes the entries that every server has read or been away for too long, and drops once more from Redis what they name: a server
    /// that was stopped in the middle may have put it there after it was dropped.
    pub(super) async fn forget_old(&self, db: &Db) -> Result<String> {
        let mut deleted = 0;
        loop {
            let old = evictions::old(&mut db.glance().await?, KEPT_FOR, DELETED_AT_ONCE).await?;
            if old.is_empty() {
                return Ok(format!("{deleted} evictions forgotten"));
            }
            for subject in old.iter().flat_map(subjects_of) {
                self.cache.forget_shared(subject).await;
            }
            let ids: Vec<i64> = old.iter().map(|entry| entry.id).collect();
            let mut tx = db.write_soon().await?;
            evictions::delete(&mut tx, &ids).await?;
            tx.commit().await?;
            deleted += ids.len();
        }
    }
}

fn subjects_of(entry: &evictions::Eviction) -> Vec<Subject> {
    entry.subjects.iter().filter_map(|name| name.parse().ok()).collect()
}

impl Reader {
    /// Of a server that has kept nothing yet: whatever is there is dealt with.
    fn starting(ids: &[i64], now: Instant) -> Self {
        let mut reader = Self {
            floor: ids.first().copied().unwrap_or_default(),
            ..Self::default()
        };
        reader.note(ids, now);
        reader
    }

    /// Those that are not dealt with; `None` when the newest that was is gone, which every reader in time would have seen followed.
    fn fresh(&self, ids: &[i64]) -> Option<Vec<i64>> {
        if self.seen.last().is_some_and(|newest| !ids.contains(newest)) {
            return None;
        }
        Some(ids.iter().filter(|id| !self.seen.contains(id)).copied().collect())
    }

    /// These are dealt with.
    fn note(&mut self, ids: &[i64], now: Instant) {
        self.seen = ids.iter().copied().collect();
        let Some(highest) = self.seen.last().copied() else {
            self.highest.clear();
            return;
        };
        self.highest.push_back((now, highest));
        while let Some((at, id)) = self.highest.front().copied()
            && now.duration_since(at) >= OVERLAP
        {
            self.floor = id;
            self.highest.pop_front();
        }
        self.seen = self.seen.split_off(&self.floor);
    }
}

#[cfg(test)]
#[path = "evictions_tests.rs"]
mod tests;
