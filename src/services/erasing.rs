//! Deleting documents with everything that is kept of them, inside a transaction: of one, of those of a job, of an erasure, of those
//! whose time is over. What refers to a document goes with its row (analyses, pieces of work, places in the search index); what names
//! it elsewhere is listed here.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        erasures::ErasureCounts,
        identifiers::{CollectionId, DocumentId},
    },
    repositories::{documents, erasures, exports, idempotency},
};
use serde_json::Value;

/// How many kept answers are looked at in one go.
const ANSWERS_AT_ONCE: i64 = 200;

/// Deletes these documents, those that are there; says which, and how much there was of them. Documents first, as whoever ends work
/// does.
pub(super) async fn documents(
    tx: &mut Tx,
    ids: &[DocumentId],
    now: Timestamp,
) -> Result<(Vec<DocumentId>, ErasureCounts)> {
    let mut ids = ids.to_vec();
    // In one order, so that two who delete the same do not wait for each other for ever.
    ids.sort_unstable();
    let (analyses, work_items) = erasures::count_of(tx, &ids).await?;
    let answers = idempotency::naming(tx, &ids).await?;
    for (owner, key, body) in &answers {
        let body = without_names(body.as_deref(), |id| ids.contains(&id));
        idempotency::replace_body(tx, *owner, key, &body).await?;
    }
    let exports = exports::withdraw(tx, &ids, now).await?;
    let mut deleted = Vec::with_capacity(ids.len());
    for id in ids {
        if documents::delete(tx, id).await? {
            deleted.push(id);
        }
    }
    let counts = ErasureCounts {
        documents: count(deleted.len()),
        analyses,
        kept_answers: count(answers.len()),
        work_items,
        jobs: 0,
        exports: count(exports.len()),
        upload_chunks: 0,
        cache_subjects: count(deleted.len()),
    };
    Ok((deleted, counts))
}

/// What names the documents of a collection that is about to be deleted.
pub(super) async fn collection(tx: &mut Tx, id: CollectionId) -> Result<()> {
    let mut after = None;
    loop {
        let answers = idempotency::naming_of_collection(tx, id, after.as_ref(), ANSWERS_AT_ONCE).await?;
        for (owner, key, body) in &answers {
            let body = without_names(body.as_deref(), |_| true);
            idempotency::replace_body(tx, *owner, key, &body).await?;
        }
        after = answers.into_iter().next_back();
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The documents that a kept answer names by their external ids.
pub(super) fn named_in(body: &[u8]) -> Vec<DocumentId> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let results = value["results"].as_array().into_iter().flatten();
    results
        .filter(|result| result.get("external_id").is_some())
        .filter_map(|result| result["id"].as_str()?.parse().ok())
        .collect()
}

/// The same answer without the external ids of those that are gone.
pub(super) fn without_names(body: Option<&[u8]>, is_gone: impl Fn(DocumentId) -> bool) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body.unwrap_or_default()) else {
        return Vec::new();
    };
    let results = value.get_mut("results").and_then(Value::as_array_mut);
    for result in results.into_iter().flatten() {
        let id = result["id"].as_str().and_then(|id| id.parse().ok());
        if let (Some(fields), Some(id)) = (result.as_object_mut(), id)
            && is_gone(id)
        {
            fields.remove("external_id");
        }
    }
    value.to_string().into_bytes()
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_names_of_what_is_gone_are_taken_out() {
        let ids = [DocumentId::generate(), DocumentId::generate()];
        let body = json!({"results": [
            {"id": ids[0], "external_id": "A", "version": 1},
            {"id": ids[1], "external_id": "B", "version": 1},
            {"id": ids[1], "version": 1},
        ]});
        let body = body.to_string().into_bytes();
        assert_eq!(named_in(&body), ids);
        let left = without_names(Some(&body), |id| id == ids[0]);
        assert_eq!(named_in(&left), [ids[1]]);
        assert!(named_in(b"").is_empty() && without_names(None, |_| true).is_empty());
    }
}
