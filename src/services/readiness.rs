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
/// How long to wait for a turn to write. Where others write for longer than this, writing works.
const TURN: Duration = Duration::from_secs(1);

/// What was found out last.
type Outcome = (Instant, Option<Error>);

pub struct Readiness {
    db: Db,
    clock: Clock,
    last: Mutex<Option<Outcome>>,
}

impl Readiness {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        let last = Mutex::new(None);
        Self { db, clock, last }
    }

    /// Asks the database for a row and writes one, unless that was done a second ago. It is not the same to be read and to be
    /// written: a full disk, a file system that became read-only and a standby are only read.
    ///
    /// # Errors
    /// What the database said.
    pub async fn check(&self) -> Result<()> {
        let mut last = self.last.lock().await;
        let stands = last.as_ref().filter(|(at, _)| at.elapsed() < STANDS);
        let fault = if let Some((_, fault)) = stands {
            fault.as_ref().map(Error::for_another)
        } else {
            let fault = self.ask().await.err();
            *last = Some((Instant::now(), fault.as_ref().map(Error::for_another)));
            fault
        };
        fault.map_or(Ok(()), Err)
    }

    async fn ask(&self) -> Result<()> {
        let mut tx = self.db.read().await?;
        repositories::api_keys::count_live(&mut tx).await?;
        drop(tx);
        let write = async {
            let mut tx = self.db.write_soon().await?;
            repositories::readiness::write(&mut tx, self.clock.now()).await?;
            tx.commit().await
        };
        match timeout(TURN, write).await {
            // Another server may have what this one has not.
            Ok(Err(Error::StorageFull { message, source })) => Err(Error::Unavailable { message, source }),
            Ok(outcome) => outcome,
            Err(_) => Ok(()),
        }
    }
}
