//! The end of a deletion: the commit, and then that no answer is given again that came from what is gone.

use crate::{
    cache::{AnswerCache, Subject},
    db::Tx,
    domain::{Error, Result},
};
use tokio_util::task::TaskTracker;

/// Cheap to clone.
#[derive(Clone)]
pub struct Evictions {
    cache: AnswerCache,
    tasks: TaskTracker,
}

impl Evictions {
    pub fn new(cache: AnswerCache, tasks: TaskTracker) -> Self {
        Self { cache, tasks }
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
    pub async fn commit_all(&self, tx: Tx, subjects: Vec<Subject>) -> Result<()> {
        let (cache, tasks) = (self.cache.clone(), self.tasks.clone());
        let work = self.tasks.spawn(async move {
            tx.commit().await?;
            for subject in &subjects {
                cache.forget(*subject).await;
            }
            // Nobody waits for Redis: what it has is not given before the database has said that it is still there.
            tasks.spawn(async move {
                for subject in subjects {
                    cache.forget_shared(subject).await;
                }
            });
            Ok(())
        });
        work.await.map_err(Error::internal)?
    }
}
