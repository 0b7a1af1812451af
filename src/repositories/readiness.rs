//! One row that is written for the sake of writing.

use crate::{
    db::Tx,
    domain::{Result, Timestamp},
    on,
};

/// Writes when it was written.
pub async fn put(tx: &mut Tx, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(
        "INSERT INTO readiness (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
    )
    .bind(at)
    .execute(c)
    .await
    .map(drop))
}
