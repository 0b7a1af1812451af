//! What is to happen with a document that has arrived or changed: a piece of work for each rule of its collection, in the transaction
//! that stores the document.

use super::work::enqueue;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        collections::Collection,
        documents::Document,
        work::{NewWork, Queue, WorkKind},
    },
};
use serde_json::json;

/// Has the rules of the collection followed; afterwards, ring the queue of arrivals.
pub(super) async fn expect(tx: &mut Tx, collection: &Collection, document: &Document, now: Timestamp) -> Result<()> {
    expect_all(tx, collection, std::slice::from_ref(document), now).await
}

/// The same for many.
pub(super) async fn expect_all(
    tx: &mut Tx,
    collection: &Collection,
    documents: &[Document],
    now: Timestamp,
) -> Result<()> {
    let works: Vec<NewWork> = documents
        .iter()
        .flat_map(|document| {
            collection.automation.iter().map(|rule| NewWork {
                queue: Queue::Arrivals,
                collection: collection.id,
                kind: WorkKind::Analyze,
                job: None,
                document: Some(document.id),
                rule: Some(rule.name.to_string()),
                payload: json!({}),
                due_at: now,
            })
        })
        .collect();
    enqueue(tx, &works).await
}
