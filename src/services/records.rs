//! Answers on record: stores those of many requests, and has the newest answer to a question be the one that is given again.

use super::writer_queue::Recording;
use crate::{
    db::Tx,
    domain::{Error, Result, analyses::Analysis},
    repositories::{analyses, documents},
};
use std::collections::BTreeMap;

/// Stores the answers of many; says of each why it was not stored.
pub(super) async fn store(tx: &mut Tx, recordings: &[Recording]) -> Result<Vec<Vec<Option<Error>>>> {
    let mut outcomes = Vec::with_capacity(recordings.len());
    // Of several answers to one question, the last is the one that is given again.
    let mut given_again = BTreeMap::new();
    for recording in recordings {
        let mut outcome = Vec::with_capacity(recording.analyses.len());
        for analysis in &recording.analyses {
            let refused = store_one(tx, analysis).await?;
            if refused.is_none()
                && let Some(key) = &analysis.cache_key
            {
                given_again.insert(key.as_slice(), analysis.id);
            }
            outcome.push(refused);
        }
        outcomes.push(outcome);
    }
    analyses::replace_kept(tx, &given_again).await?;
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
