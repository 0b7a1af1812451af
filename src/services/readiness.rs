//! Whether requests can be answered now: the database takes a question and a change.

use crate::{
    db::Db,
    domain::{Clock, Error, Result},
    repositories,
};
use std::time::Duration;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// For how long an outcome stands: anybody may ask, as often as they like.
const STANDS: Duration = Duration::from_secs(1);
/// How long to wait for a turn to write.
const TURN: Duration = Duration::from_secs(1);
/// Where others write for longer than a turn, writing works; but nobody writes for this long.
const LONGEST_WRITE: Duration = Duration::from_secs(30);

pub struct Readiness {
    db: Db,
    clock: Clock,
    longest_write: Duration,
    last: Mutex<Last>,
}

/// What was found out last.
#[derive(Default)]
struct Last {
    outcome: Option<(Instant, Option<Error>)>,
    /// Since when no turn has come.
    waiting_since: Option<Instant>,
}

impl Readiness {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            longest_write: LONGEST_WRITE,
            last: Mutex::default(),
        }
    }

    /// Asks the database for a row and writes one, unless that was done a second ago. It is not the same to be read and to be
    /// written: a full disk, a file system that became read-only and a standby are only read.
    ///
    /// # Errors
    /// What the database said.
    pub async fn check(&self) -> Result<()> {
        let mut last = self.last.lock().await;
        let stands = last.outcome.as_ref().filter(|(at, _)| at.elapsed() < STANDS);
        let fault = if let Some((_, fault)) = stands {
            fault.as_ref().map(Error::for_another)
        } else {
            let fault = self.ask(&mut last.waiting_since).await.err();
            last.outcome = Some((Instant::now(), fault.as_ref().map(Error::for_another)));
            fault
        };
        fault.map_or(Ok(()), Err)
    }

    async fn ask(&self, waiting_since: &mut Option<Instant>) -> Result<()> {
        let mut tx = self.db.read().await?;
        repositories::api_keys::any_live(&mut tx).await?;
        drop(tx);
        let write = async {
            let mut tx = self.db.write_soon().await?;
            repositories::readiness::put(&mut tx, self.clock.now()).await?;
            tx.commit().await
        };
        let Ok(outcome) = timeout(TURN, write).await else {
            let since = *waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() < self.longest_write {
                return Ok(());
            }
            return Err(Error::Unavailable {
                message: "the database has taken no change for a while".into(),
                source: None,
            });
        };
        *waiting_since = None;
        match outcome {
            // Another server may have what this one has not.
            Err(Error::StorageFull { message, source }) => Err(Error::Unavailable { message, source }),
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Pool;

    #[tokio::test]
    async fn a_write_under_way_is_waited_for_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let pool = Pool {
            connections: 2,
            acquire_timeout: Duration::from_secs(10),
        };
        let db = Db::connect(&url, pool).await.unwrap();
        db.migrate().await.unwrap();
        let readiness = Readiness {
            longest_write: Duration::from_secs(2),
            ..Readiness::new(db.clone(), Clock::system())
        };
        let writing = db.write().await.unwrap();
        readiness.check().await.unwrap();
        let began = Instant::now();
        let refused = loop {
            match readiness.check().await {
                Ok(()) => assert!(began.elapsed() < Duration::from_mins(1), "it waits for ever"),
                Err(refused) => break refused,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
        drop(writing);
        tokio::time::sleep(STANDS).await;
        readiness.check().await.unwrap();
    }
}
