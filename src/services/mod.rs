//! The rules: what may be done, in what order, in which transaction. Services begin and commit; no engine is asked while a
//! transaction is open.

pub mod analyses;
pub mod analysis_tasks;
pub mod api_keys;
pub mod collections;
pub mod demo;
pub mod document_drafts;
pub mod documents;
pub mod idempotency;
mod recorder;
pub mod taxonomies;

use self::{
    analyses::Analyses, api_keys::ApiKeys, collections::Collections, documents::Documents, idempotency::Idempotency,
    recorder::Recorder, taxonomies::Taxonomies,
};
use crate::{
    db::Db,
    domain::{Clock, Error, Result},
    engines::Engine,
};
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Every service, built once. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub analyses: Analyses,
    pub api_keys: ApiKeys,
    pub collections: Collections,
    pub documents: Documents,
    pub idempotency: Idempotency,
    pub taxonomies: Taxonomies,
    db: Db,
}

impl Services {
    #[must_use]
    pub fn new(db: &Db, clock: &Clock, engine: Arc<dyn Engine>, tasks: &TaskTracker) -> Self {
        let recorder = Recorder::start(db.clone(), tasks);
        Self {
            analyses: Analyses::new(db.clone(), clock.clone(), engine, recorder),
            api_keys: ApiKeys::new(db.clone(), clock.clone()),
            collections: Collections::new(db.clone(), clock.clone()),
            documents: Documents::new(db.clone(), clock.clone()),
            idempotency: Idempotency::new(db.clone(), clock.clone()),
            taxonomies: Taxonomies::new(db.clone(), clock.clone()),
            db: db.clone(),
        }
    }

    /// Whether requests can be answered now: the database takes a question.
    ///
    /// # Errors
    /// What the database said.
    pub async fn check_ready(&self) -> Result<()> {
        let mut tx = self.db.read().await?;
        crate::repositories::api_keys::count_live(&mut tx).await.map(drop)
    }
}

/// What was deleted or changed by somebody else between our look and our write.
fn changed_meanwhile(what: &str) -> Error {
    Error::Conflict(format!(
        "the {what} was changed by another request meanwhile; read it again, then repeat the change"
    ))
}
