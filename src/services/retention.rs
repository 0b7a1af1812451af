//! Retention: documents that a collection has kept for long enough are deleted, some at a time, the way that erasures delete.

use super::{acting::automation_of, audit, clocks::agreed_time, erasing, erasures::Erasures, work::after};
use crate::{
    cache::Subject,
    domain::{
        Result,
        audit::{Action, Event},
        collections::Collection,
        documents::DocumentFilter,
        identifiers::DocumentId,
    },
    repositories::{
        collections,
        document_selection::{self, Selection},
    },
};

/// How many documents are deleted in one transaction, and how many transactions a run has for one collection.
const DELETED_AT_ONCE: i64 = 200;
const TRANSACTIONS: usize = 50;

impl Erasures {
    /// Deletes what was kept for long enough.
    ///
    /// # Errors
    /// When the database does not answer, or its clock and ours do not agree; nothing is deleted then.
    pub async fn retain(&self) -> Result<String> {
        let retaining = collections::retaining(&mut self.db.glance().await?).await?;
        let mut deleted = 0;
        for collection in &retaining {
            deleted += self.retain_in(collection).await?;
        }
        if deleted > 0 {
            self.fold().await?;
        }
        Ok(format!("{deleted} documents deleted"))
    }

    async fn retain_in(&self, collection: &Collection) -> Result<i64> {
        let Some(days) = collection.retention_days else {
            return Ok(0);
        };
        let mut deleted = 0;
        for turn in 1..=TRANSACTIONS {
            let now = agreed_time(&self.db, &self.clock).await?;
            let filter = DocumentFilter {
                created_before: Some(after(now, -time::Duration::days(days))),
                ..DocumentFilter::default()
            };
            let selection = Selection {
                collection: collection.id,
                filter: &filter,
                classified_otherwise: None,
                until: now,
            };
            let mut tx = self.db.write().await?;
            let found = document_selection::next(&mut tx, &selection, None, DELETED_AT_ONCE).await?;
            let ids: Vec<DocumentId> = found.iter().map(|(_, id)| *id).collect();
            let (gone, counts) = erasing::documents(&mut tx, &ids, now).await?;
            deleted += counts.documents;
            let is_last = erasing::count(ids.len()) < DELETED_AT_ONCE || turn == TRANSACTIONS;
            if is_last && deleted > 0 {
                let slug = collection.slug.to_string();
                let event = Event::done(Action::DocumentsExpired, "collection", collection.id, slug);
                let event = event.with_detail(format!("documents: {deleted}"));
                audit::record(&mut tx, &self.clock, &automation_of(collection.id), event).await?;
            }
            let subjects = gone.into_iter().map(Subject::Document).collect();
            self.evictions.commit_all(tx, subjects).await?;
            if is_last {
                break;
            }
        }
        Ok(deleted)
    }
}
