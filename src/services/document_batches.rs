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
        if documents::insert_all(tx, &new).await? < new.len() as u64 {
            let why = "another request has stored some of these documents meanwhile; the records are tried again";
            return Err(Error::Conflict(why.to_owned()));
        }
        arrivals::expect_all(tx, collection, &new, self.clock.now()).await?;
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
