//! Answers on record: stores those of many requests, has the newest answer to a question be the one that is given again, and ends
//! the pieces of work that they came of.

use super::{
    webhook_events::tell_of_analyses,
    work::{Done, Ends},
    writer_queue::{Answer, Recording},
};
use crate::{
    db::Tx,
    domain::{Error, Result, Timestamp},
    repositories::{analyses, documents},
};
use std::collections::BTreeMap;

/// What became of answers.
pub(super) struct Stored {
    /// Of each, why it was not stored.
    pub(super) outcomes: Vec<Vec<Option<Error>>>,
    /// Whether webhooks may have been told of something.
    pub(super) told: bool,
}

/// Stores the answers of many, and tells the webhooks that want to know.
pub(super) async fn store(tx: &mut Tx, recordings: &[Recording], now: Timestamp) -> Result<Stored> {
    let mut outcomes = Vec::with_capacity(recordings.len());
    // Of several answers to one question, the last is the one that is given again.
    let mut given_again = BTreeMap::new();
    let mut stored = Vec::new();
    let mut ends = Ends::default();
    for recording in recordings {
        let mut outcome = Vec::with_capacity(recording.analyses.len());
        for answer in &recording.analyses {
            let refused = store_one(tx, answer, &mut ends, now).await?;
            if refused.is_none() {
                stored.push(&answer.analysis);
            }
            if refused.is_none()
                && let Some(key) = &answer.analysis.cache_key
            {
                given_again.insert(key.as_slice(), answer.analysis.id);
            }
            outcome.push(refused);
        }
        outcomes.push(outcome);
    }
    analyses::replace_kept(tx, &given_again).await?;
    let mut told = tell_of_analyses(tx, &stored, now).await?;
    told |= ends.settle(tx, now).await?;
    Ok(Stored { outcomes, told })
}

/// A document that was deleted while its engine was at work takes its answer with it; so does a piece of work that somebody else
/// has taken over, or whose document has changed.
async fn store_one(tx: &mut Tx, answer: &Answer, ends: &mut Ends, now: Timestamp) -> Result<Option<Error>> {
    let analysis = &answer.analysis;
    if let Some(id) = analysis.document_id
        && !documents::exists(tx, id).await?
    {
        return Ok(Some(Error::not_found("document", id)));
    }
    analyses::insert(tx, analysis).await?;
    if let Some(claim) = answer.ends {
        let done = Done {
            analysis: Some(analysis.id),
            progress: Answer::PROGRESS,
        };
        // The document before the piece of work, as whoever deletes a document does: neither waits for the other for ever.
        if !ends.end(tx, claim, done, now).await? {
            analyses::delete(tx, analysis.id).await?;
            return Ok(Some(taken_over()));
        }
    }
    Ok(None)
}

/// What has happened to a piece of work that was held no longer.
pub(super) fn taken_over() -> Error {
    Error::Conflict("the document was changed, or the work taken over by another server, meanwhile".to_owned())
}
