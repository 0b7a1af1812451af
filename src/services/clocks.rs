//! What becomes of work and of what is kept when the clock of a machine has jumped, ahead or back.

use super::work::after;
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result, Timestamp,
        work::{LEASE, LONGEST_DELAY},
    },
    repositories::work::{self, Jumped},
};

/// How far our clock and the database's may be apart: one that has jumped must not delete what is to be kept.
const CLOCKS_MAY_DIFFER: time::Duration = time::Duration::minutes(5);
/// How far ahead a lease, or what was not tried yet, can be due; more than two clocks may differ.
const SOON: time::Duration = time::Duration::minutes(15);
/// How many pieces are mended in one transaction.
const MENDED_AT_ONCE: i64 = 1_000;

/// Our time, if the database says about the same.
///
/// # Errors
/// When the two differ, or the database does not answer.
pub(super) async fn agreed_time(db: &Db, clock: &Clock) -> Result<Timestamp> {
    let ours = clock.now();
    let theirs = db.time().await?;
    let apart = (ours.as_offset_date_time() - theirs.as_offset_date_time()).abs();
    if apart > CLOCKS_MAY_DIFFER {
        return Err(Error::internal(format!(
            "the clocks of this machine and of the database are {} seconds apart; nothing is deleted for its age",
            apart.whole_seconds()
        )));
    }
    Ok(ours)
}

/// Has work taken up now that waits for longer than anything may: it was put there by a clock that was ahead.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn mend(db: &Db, clock: &Clock) -> Result<String> {
    let now = clock.now();
    let jumped = Jumped {
        now,
        lease_ends: after(now, LEASE),
        soon: after(now, SOON),
        latest: after(now, LONGEST_DELAY),
    };
    let mut mended = 0;
    loop {
        let mut tx = db.write_soon().await?;
        let some = work::take_from_the_future(&mut tx, &jumped, MENDED_AT_ONCE).await?;
        tx.commit().await?;
        mended += some;
        if some == 0 {
            break;
        }
    }
    if mended > 0 {
        tracing::warn!(
            pieces = mended,
            "the clock was ahead: work that would have waited for it is taken up now"
        );
    }
    Ok(format!("{mended} pieces of work mended"))
}
