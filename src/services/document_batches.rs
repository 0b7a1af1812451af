//! Many documents at once, each for itself: those that are new are stored by a few statements together, those that are there one by one.

use super::{
    arrivals,
    document_drafts::Prepared,
    documents::{Documents, OnConflict, Outcome},
};
use crate::{
    db::Tx,
    domain::{Error, Result, collections::Collection, documents::Document},
    repositories::documents,
};
use std::collections::{HashMap, HashSet};

impl Documents {
    /// Stores all of the documents inside of a transaction, or none of them; afterwards, ring the queue of arrivals. Those of which none
    /// is there yet go in by a few statements together.
    pub(super) async fn store_all(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        batch: Vec<Prepared>,
        on_conflict: OnConflict,
    ) -> Result<Vec<(Document, Outcome)>> {
        let ids: Vec<String> = batch.iter().filter_map(|one| one.fields.external_id.clone()).collect();
        if !documents::any_of_external_ids(tx, collection.id, &ids).await? {
            let new = batch
                .into_iter()
                .map(|one| one.into_document(collection.id, self.clock.now()));
            let new: Vec<Document> = new.collect();
            self.insert_new(tx, collection, &new, "nothing was stored").await?;
            return Ok(new.into_iter().map(|one| (one, Outcome::Created)).collect());
        }
        let mut stored = Vec::with_capacity(batch.len());
        for (index, one) in batch.into_iter().enumerate() {
            let outcome = self.store(tx, collection, one, on_conflict).await;
            stored.push(outcome.map_err(|error| match error {
                Error::Conflict(why) => Error::Conflict(format!("`/documents/{index}`: {why}; nothing was stored")),
                other => other.within(&format!("/documents/{index}")),
            })?);
        }
        Ok(stored)
    }

    async fn insert_new(&self, tx: &mut Tx, collection: &Collection, new: &[Document], then: &str) -> Result<()> {
        if documents::insert_all(tx, new).await? < new.len() as u64 {
            let why = format!("another request has stored some of these documents meanwhile; {then}");
            return Err(Error::Conflict(why));
        }
        arrivals::expect_all(tx, collection, new, self.clock.now()).await
    }

    /// Stores documents inside of a transaction, in their order; afterwards, ring the queue of arrivals. Says what became of each; `None` for one
    /// that was to be new and is not.
    pub(super) async fn store_each(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        batch: Vec<Prepared>,
        on_conflict: OnConflict,
    ) -> Result<Vec<Option<Outcome>>> {
        let ids: Vec<String> = batch.iter().filter_map(|one| one.fields.external_id.clone()).collect();
        let there = documents::find_by_external_ids(tx, collection.id, &ids).await?;
        let mut there: HashMap<String, Document> = there
            .into_iter()
            .filter_map(|document| Some((document.external_id.clone()?, document)))
            .collect();
        let (mut outcomes, mut seen) = (vec![None; batch.len()], HashSet::new());
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for (index, one) in batch.into_iter().enumerate() {
            let external_id = one.fields.external_id.clone();
            let stored = external_id.as_ref().and_then(|id| there.remove(id));
            let is_first = external_id.is_none_or(|id| seen.insert(id));
            match stored {
                None if is_first => {
                    outcomes[index] = Some(Outcome::Created);
                    new.push(one.into_document(collection.id, self.clock.now()));
                }
                Some(stored) if on_conflict == OnConflict::Update => {
                    let (_, outcome) = self.overwrite(tx, collection, stored, one).await?;
                    outcomes[index] = Some(outcome);
                }
                Some(_) => {}
                // The same document once more, after what came first is stored.
                None => again.push((index, one)),
            }
        }
        self.insert_new(tx, collection, &new, "the records are tried again")
            .await?;
        for (index, one) in again {
            outcomes[index] = match self.store(tx, collection, one, on_conflict).await {
                Ok((_, outcome)) => Some(outcome),
                Err(Error::Conflict(_)) if on_conflict == OnConflict::Refuse => None,
                Err(error) => return Err(error),
            };
        }
        Ok(outcomes)
    }
}
