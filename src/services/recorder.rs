//! Stores answers, many requests' in one transaction. A commit waits for the disk, and a request waits for its commit; under
//! load they share one, so that durability costs each of them little.

use crate::{
    db::{Db, Tx},
    domain::{Error, Result, analyses::Analysis},
    repositories::{analyses, documents},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// How many requests may wait to be picked up before others wait to enter.
const QUEUE: usize = 1_024;
/// With how many answers a transaction takes no further request in.
const ENOUGH_PER_TRANSACTION: usize = 512;

/// Hands answers to the task that stores them. Cheap to clone; the task ends when the last one is dropped.
#[derive(Clone)]
pub struct Recorder(mpsc::Sender<Batch>);

/// The answers of one request, and where to say what became of each: `None` when it was stored.
struct Batch {
    analyses: Vec<Analysis>,
    reply: oneshot::Sender<Result<Vec<Option<Error>>>>,
}

impl Recorder {
    #[must_use]
    pub fn start(db: Db, tasks: &TaskTracker) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tasks.spawn(store_all(db, receiver));
        Self(sender)
    }

    /// Stores the answers of one request; returns, for each, why it was not stored. When it returns, they are on disk.
    ///
    /// # Errors
    /// When the database did not take them; none is stored then.
    pub async fn record(&self, analyses: Vec<Analysis>) -> Result<Vec<Option<Error>>> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Batch { analyses, reply })
            .await
            .map_err(|_| Error::internal("the recorder has ended"))?;
        answer.await.map_err(Error::internal)?
    }
}

async fn store_all(db: Db, mut queue: mpsc::Receiver<Batch>) {
    while let Some(first) = queue.recv().await {
        let mut waiting = first.analyses.len();
        let mut batches = vec![first];
        while waiting < ENOUGH_PER_TRANSACTION
            && let Ok(next) = queue.try_recv()
        {
            waiting += next.analyses.len();
            batches.push(next);
        }
        store_together(&db, batches).await;
    }
}

async fn store_together(db: &Db, batches: Vec<Batch>) {
    match store(db, &batches).await {
        Ok(outcomes) => {
            for (batch, outcome) in batches.into_iter().zip(outcomes) {
                // A client that went away does not hear of it; its answer is stored all the same.
                drop(batch.reply.send(Ok(outcome)));
            }
        }
        // The database does not answer: asking once more for each of them would only make all of them wait longer.
        Err(Error::Unavailable { message, source }) => refuse_all(batches, source, |source| Error::Unavailable {
            message: message.clone(),
            source,
        }),
        Err(Error::StorageFull { message, source }) => refuse_all(batches, source, |source| Error::StorageFull {
            message: message.clone(),
            source,
        }),
        // One request's trouble must not become the others': each is tried again by itself.
        Err(_) => {
            for batch in batches {
                let outcome = store(db, std::slice::from_ref(&batch)).await;
                let outcome = outcome.map(|mut outcomes| outcomes.pop().unwrap_or_default());
                drop(batch.reply.send(outcome));
            }
        }
    }
}

/// Tells every request the same; the first is given the cause, so that it is logged once.
fn refuse_all<Source>(batches: Vec<Batch>, source: Option<Source>, error: impl Fn(Option<Source>) -> Error) {
    let mut source = source;
    for batch in batches {
        drop(batch.reply.send(Err(error(source.take()))));
    }
}

async fn store(db: &Db, batches: &[Batch]) -> Result<Vec<Vec<Option<Error>>>> {
    let mut tx = db.write().await?;
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut outcome = Vec::with_capacity(batch.analyses.len());
        for analysis in &batch.analyses {
            outcome.push(store_one(&mut tx, analysis).await?);
        }
        outcomes.push(outcome);
    }
    tx.commit().await?;
    Ok(outcomes)
}

/// A document that was deleted while its engine was at work takes its answer with it.
async fn store_one(tx: &mut Tx, analysis: &Analysis) -> Result<Option<Error>> {
    if let Some(id) = analysis.document_id
        && !documents::exists(tx, id).await?
    {
        return Ok(Some(Error::not_found("document", id)));
    }
    analyses::insert(tx, analysis).await?;
    Ok(None)
}
