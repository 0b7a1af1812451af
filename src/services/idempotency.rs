//! The same POST twice has the effect of one. A key is claimed before the work begins and completed with the answer; whoever
//! sends it again gets that answer. A request that was cut off (the process was killed) leaves its claim behind: nobody can
//! tell whether it took effect, so that it is never repeated blindly.

use super::erasing;
use crate::{
    db::Db,
    domain::{Clock, Result, Timestamp},
    repositories::{
        documents,
        idempotency::{self, Claim},
    },
};
use time::Duration;
use uuid::Uuid;

/// How long an answer is kept for replay.
pub const KEPT_FOR: Duration = Duration::hours(24);

/// What to do with a request that carries an idempotency key.
#[derive(Debug, Clone)]
pub enum Standing {
    /// First of its kind: do it, then call [`Idempotency::complete`] or [`Idempotency::release`].
    New,
    /// Already done: give this answer again.
    Done(StoredAnswer),
    /// The same request has begun and no answer is stored.
    Unresolved,
    /// The key was used for another request.
    Mismatch,
}

/// An answer as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone)]
pub struct Idempotency {
    db: Db,
    clock: Clock,
}

impl Idempotency {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Claims the key for a request, which `fingerprint` tells from others.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self, owner: Uuid, key: &str, fingerprint: &[u8; 32]) -> Result<Standing> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        idempotency::delete_before(&mut tx, Timestamp::new(now.as_offset_date_time() - KEPT_FOR)).await?;
        let claimed = idempotency::claim(&mut tx, owner, key, fingerprint, now).await?;
        let earlier = if claimed {
            None
        } else {
            idempotency::find(&mut tx, owner, key).await?
        };
        tx.commit().await?;
        Ok(earlier.map_or(Standing::New, |claim| standing(claim, fingerprint)))
    }

    /// Stores the answer for those who send the request again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete(&self, owner: Uuid, key: &str, answer: &StoredAnswer) -> Result<()> {
        let headers = serde_json::to_string(&answer.headers).map_err(crate::domain::Error::internal)?;
        let mut tx = self.db.write().await?;
        let named = erasing::named_in(&answer.body);
        let there = documents::existing(&mut tx, &named).await?;
        // What was deleted meanwhile is not named.
        let body = if named.iter().all(|id| there.contains(id)) {
            answer.body.clone()
        } else {
            erasing::without_names(Some(&answer.body), |id| !there.contains(&id))
        };
        idempotency::complete(&mut tx, owner, key, answer.status.into(), &headers, &body).await?;
        if !there.is_empty() {
            idempotency::note_documents(&mut tx, owner, key, &named).await?;
        }
        tx.commit().await
    }

    /// Frees the key after a failure of ours, so that the client can try again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&self, owner: Uuid, key: &str) -> Result<()> {
        let mut tx = self.db.write().await?;
        idempotency::release(&mut tx, owner, key).await?;
        tx.commit().await
    }
}

fn standing(claim: Claim, fingerprint: &[u8; 32]) -> Standing {
    if claim.fingerprint != fingerprint {
        return Standing::Mismatch;
    }
    let Some(status) = claim.status.and_then(|status| u16::try_from(status).ok()) else {
        return Standing::Unresolved;
    };
    let headers = claim
        .headers
        .and_then(|headers| serde_json::from_str(&headers).ok())
        .unwrap_or_default();
    Standing::Done(StoredAnswer {
        status,
        headers,
        body: claim.body.unwrap_or_default(),
    })
}
