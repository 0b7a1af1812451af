//! Lets one server at a time do what is to be done once. SQLite's writers take turns anyway.

use crate::{db::Tx, domain::Result, on};

/// Waits for the others who lock this table, and for those who write to it, and keeps them waiting until the transaction ends.
/// What is read afterwards is what they have left. Readers are not held up.
pub(super) async fn lock(tx: &mut Tx, lock_table: &'static str) -> Result<()> {
    let sql = tx.pick("SELECT 1", lock_table);
    on!(tx, |c| sqlx::query(sql).execute(c).await.map(drop))
}
