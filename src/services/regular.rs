//! Regular work: what is due is taken up by whoever is first, done, and due again after its interval. What fails is due again sooner.

use super::{
    clocks::{self, agreed_time},
    erasures::Erasures,
    exports::Exports,
    imports::Imports,
    jobs::Jobs,
    webhooks::Webhooks,
    work::after,
};
use crate::{
    db::Db,
    domain::{Clock, Error, Result, Timestamp},
    repositories::workers,
};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Instant};

/// For how long regular work may be under way before another server takes it up.
const MAY_TAKE: time::Duration = time::Duration::minutes(15);
/// After how long what failed is tried again.
const AFTER_TROUBLE: time::Duration = time::Duration::minutes(1);
/// Empties SQLite's log.
const FOLDING: &str = "folding";

/// One kind of regular work.
#[derive(Clone)]
pub(super) struct Chore {
    pub name: &'static str,
    pub every: time::Duration,
    /// Whether it deletes what is old, and nothing when the clock cannot be believed.
    forgets: bool,
    /// Does it; says in a few words what it did.
    pub work: Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>,
}

impl Chore {
    pub fn new<F>(name: &'static str, every: time::Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String>> + Send + 'static,
    {
        Self {
            name,
            every,
            forgets: false,
            work: Arc::new(move || Box::pin(work())),
        }
    }

    fn that_forgets(self) -> Self {
        Self { forgets: true, ..self }
    }

    /// The latest that it can be due. What is due later was put off by a clock that was ahead.
    fn latest(&self, now: Timestamp) -> Timestamp {
        after(now, self.every.max(MAY_TAKE) + AFTER_TROUBLE)
    }
}

#[derive(Clone)]
pub struct Regular {
    db: Db,
    clock: Clock,
    chores: Arc<[Chore]>,
}

impl Regular {
    #[must_use]
    pub(super) fn new(db: Db, clock: Clock, chores: Vec<Chore>) -> Self {
        Self {
            db,
            clock,
            chores: chores.into(),
        }
    }

    /// Does what is due, one after the other.
    ///
    /// # Errors
    /// When the database does not answer. What goes wrong with one is logged, and noted in its row.
    pub async fn run_due(&self) -> Result<()> {
        let now = self.clock.now();
        let known = workers::schedules(&mut self.db.glance().await?).await?;
        for chore in self.chores.iter() {
            match known.iter().find(|(name, _)| name == chore.name) {
                None => {
                    let mut tx = self.db.write_soon().await?;
                    workers::schedule(&mut tx, chore.name, now).await?;
                    tx.commit().await?;
                }
                Some((_, due)) if *due <= now || *due > chore.latest(now) => self.run(chore).await?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn run(&self, chore: &Chore) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write_soon().await?;
        let mine = workers::take(&mut tx, chore.name, now, after(now, MAY_TAKE), chore.latest(now)).await?;
        tx.commit().await?;
        if !mine {
            return Ok(());
        }
        let began = Instant::now();
        let outcome = self.work(chore).await;
        let took = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let (next, outcome) = match outcome {
            Ok(done) => (chore.every, done),
            Err(error) => {
                let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
                tracing::warn!(
                    chore = chore.name,
                    cause,
                    "regular work failed; it is tried again in a minute"
                );
                (AFTER_TROUBLE.min(chore.every), "failed".to_owned())
            }
        };
        let now: Timestamp = self.clock.now();
        let mut tx = self.db.write_soon().await?;
        workers::ran(&mut tx, chore.name, after(now, next), now, took, &outcome).await?;
        tx.commit().await
    }

    async fn work(&self, chore: &Chore) -> Result<String> {
        if chore.forgets {
            agreed_time(&self.db, &self.clock).await?;
        }
        (chore.work)().await
    }
}

impl Erasures {
    /// Empties SQLite's log of what was deleted. While somebody reads an older state, that is left to regular work.
    pub(super) async fn fold(&self) -> Result<()> {
        if self.db.fold().await? {
            return Ok(());
        }
        tracing::info!(
            "somebody reads an older state of the database: what was deleted stays in its log until they have ended"
        );
        let mut tx = self.db.write_soon().await?;
        workers::hasten(&mut tx, FOLDING, self.clock.now()).await?;
        tx.commit().await
    }
}

/// What single deletions have left in SQLite's log. As long as that is not emptied, it is tried again.
async fn fold(db: &Db) -> Result<String> {
    if db.fold().await? {
        return Ok("folded".to_owned());
    }
    let why = "somebody reads an older state of the database: what was deleted is still in its log";
    Err(Error::internal(why))
}

/// Everything that is done regularly.
pub(super) fn chores_of(
    jobs: &Jobs,
    webhooks: &Webhooks,
    erasures: &Erasures,
    imports: &Imports,
    exports: &Exports,
) -> Vec<Chore> {
    let mut chores = chores_of_rows(jobs, webhooks, erasures);
    chores.extend(chores_of_files(imports, exports));
    chores
}

/// What is to be done for jobs regularly: end those of which nothing is left because their documents were deleted, carry on with
/// cancelling that was cut short, and forget those that ended long ago. Of what was sent to webhooks, what is old is forgotten.
/// And what servers have read of each other's deletions goes.
fn chores_of_rows(jobs: &Jobs, webhooks: &Webhooks, erasures: &Erasures) -> Vec<Chore> {
    let webhooks = webhooks.clone();
    let (sweeping, forgetting) = (jobs.clone(), jobs.clone());
    let (erasing, retaining, following) = (erasures.clone(), erasures.clone(), erasures.clone());
    let (folding, mending) = (erasures.clone(), erasures.clone());
    vec![
        Chore::new("jobs-ending", time::Duration::seconds(30), move || {
            let jobs = sweeping.clone();
            async move { jobs.sweep().await }
        }),
        Chore::new("jobs-forgetting", time::Duration::hours(1), move || {
            let jobs = forgetting.clone();
            async move { jobs.forget_old().await }
        })
        .that_forgets(),
        Chore::new("deliveries-forgetting", time::Duration::hours(1), move || {
            let webhooks = webhooks.clone();
            async move { webhooks.forget_old().await }
        })
        .that_forgets(),
        Chore::new("evictions-forgetting", time::Duration::minutes(10), move || {
            let erasures = following.clone();
            async move { erasures.evictions.forget_old(&erasures.db).await }
        }),
        Chore::new("erasures", time::Duration::seconds(5), move || {
            let erasures = erasing.clone();
            async move { erasures.carry_on_all().await }
        }),
        Chore::new("retention", time::Duration::minutes(10), move || {
            let erasures = retaining.clone();
            async move { erasures.retain().await }
        }),
        Chore::new(FOLDING, time::Duration::hours(1), move || {
            let erasures = folding.clone();
            async move { fold(&erasures.db).await }
        }),
        Chore::new("clock", time::Duration::minutes(1), move || {
            let erasures = mending.clone();
            async move { clocks::mend(&erasures.db, &erasures.clock).await }
        }),
    ]
}

/// What is to be done for files regularly: give up uploads that nobody goes on with, and forget exports after their time.
fn chores_of_files(imports: &Imports, exports: &Exports) -> Vec<Chore> {
    let (imports, exports) = (imports.clone(), exports.clone());
    vec![
        Chore::new("uploads-cleaning", time::Duration::minutes(10), move || {
            let imports = imports.clone();
            async move { imports.clean().await }
        })
        .that_forgets(),
        Chore::new("exports-forgetting", time::Duration::minutes(10), move || {
            let exports = exports.clone();
            async move { exports.clean().await }
        })
        .that_forgets(),
    ]
}
