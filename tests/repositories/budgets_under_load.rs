//! Many at once over several servers on one database: a cap is never exceeded, by not a micro-dollar, at no moment.

use crate::{
    budgets::budget,
    databases::on_both,
    fixtures::{enrol, principal, services_at, user, write},
    postgres,
    spending_server::{Server, key_actor, planned, settled, time},
};
use sqlx::{Connection, PgConnection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use synoptic::{
    config::Auth,
    db::{Db, Pool},
    domain::{
        Clock, Error,
        budgets::{Budget, BudgetPeriod, BudgetUnit},
        identifiers::{ApiKeyId, UserId},
        principal::{Actor, PrincipalId, Reach},
    },
    engines::{Hold, SettledCall},
    repositories::budgets,
    services::Services,
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const POOL: Pool = Pool {
    connections: 8,
    acquire_timeout: Duration::from_secs(20),
};
const LOOPS: u64 = 64;
const CAP: i64 = 200_000;
/// The most that a call may take.
const WORST: i64 = 500;

/// Numbers that look like chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 40).unwrap() % most
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_holds_over_two_servers() {
    let folder = std::env::temp_dir().join(format!("synoptic-cap-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let sqlite = format!("sqlite:{}", folder.join("synoptic.db").display());
    for url in [sqlite, postgres::new_database().await] {
        exhaust(&url).await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

async fn exhaust(url: &str) {
    let dbs = [
        Db::connect(url, POOL).await.unwrap(),
        Db::connect(url, POOL).await.unwrap(),
    ];
    dbs[0].migrate().await.unwrap();
    let ada = user("Ada");
    enrol(&dbs[0], &[&ada]).await;
    // Money for all, and more tokens than money for one of two who ask: both are watched.
    let money = budget("money", CAP);
    let tokens = Budget {
        user_id: Some(ada.id),
        unit: BudgetUnit::Tokens,
        ..budget("tokens", CAP / 4)
    };
    let mut tx = write(&dbs[0]).await;
    for budget in [&money, &tokens] {
        assert!(budgets::insert(&mut tx, budget).await.unwrap());
    }
    tx.commit().await.unwrap();
    let clock = Clock::fixed(time("2026-03-31T12:30:00Z"));
    let tasks = [TaskTracker::new(), TaskTracker::new()];
    let servers: Vec<Services> = dbs
        .iter()
        .zip(&tasks)
        .map(|(db, tasks)| services_at(db, Auth::default(), tasks, clock.clone()))
        .collect();
    let (used, by_ada, over) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let watcher = TaskTracker::new();
    for budget in [money.clone(), tokens.clone()] {
        watcher.spawn(watch(servers[0].clone(), budget, Arc::clone(&over)));
    }
    let loops = TaskTracker::new();
    for seed in 0..LOOPS {
        let server = servers[usize::try_from(seed % 2).unwrap()].clone();
        let is_ada = seed % 4 < 2;
        let counters = (Arc::clone(&used), is_ada.then(|| Arc::clone(&by_ada)));
        loops.spawn(spend(server, is_ada.then_some(ada.id), Chance(seed), counters));
    }
    loops.close();
    loops.wait().await;
    over.store(true, Ordering::SeqCst);
    watcher.close();
    watcher.wait().await;
    for server in &servers {
        server.spending.written().await.unwrap();
    }
    let (used, by_ada) = (used.load(Ordering::SeqCst), by_ada.load(Ordering::SeqCst));
    for (budget, counted) in [(&money, used), (&tokens, by_ada)] {
        let state = servers[1]
            .budgets
            .get(&Actor::operator(), budget.id)
            .await
            .unwrap()
            .state;
        assert_eq!((state.spent.spent, state.spent.held), (counted, 0), "{}", budget.name);
        assert!(state.left() < WORST, "{} are left of {}", state.left(), budget.name);
        assert!(counted <= budget.amount);
    }
    let report = servers[0]
        .usage
        .report(&Actor::operator(), None, None, [].into())
        .await
        .unwrap();
    assert_eq!(report.total.cost_microdollars, used, "the ledger has what was used");
    drop(servers);
    for tasks in tasks {
        tasks.close();
        tasks.wait().await;
    }
    for db in dbs {
        db.close().await;
    }
}

/// Spends until not even the smallest call is held.
async fn spend(
    server: Services,
    user: Option<UserId>,
    mut chance: Chance,
    counters: (Arc<AtomicI64>, Option<Arc<AtomicI64>>),
) {
    let mut own = principal(PrincipalId::Key(ApiKeyId::generate()), Reach::Everything);
    own.user_id = user;
    let meter = server.spending.meter(&Actor::new(Arc::new(own), None), None);
    let mut refusals = 0;
    while refusals < 3 {
        let worst = 1 + chance.below(WORST);
        match meter.reserve(&planned(worst)).await {
            Ok(hold) => {
                refusals = 0;
                tokio::time::sleep(Duration::from_micros(u64::try_from(chance.below(2_000)).unwrap())).await;
                // A fifth is cancelled before it used anything.
                let call = match chance.below(5) {
                    0 => settled(0),
                    _ => settled(1 + chance.below(worst)),
                };
                counters.0.fetch_add(call.cost.0, Ordering::SeqCst);
                if let Some(counter) = &counters.1 {
                    counter.fetch_add(call.cost.0, Ordering::SeqCst);
                }
                meter.settle(hold, call).await;
            }
            Err(Error::OverBudget { .. }) => {
                refusals += 1;
                // What others give back may hold it yet.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    // What is left now is taken in full, down to less than the worst that was ever asked for.
    while let Ok(hold) = meter.reserve(&planned(WORST)).await {
        let call: SettledCall = settled(WORST);
        counters.0.fetch_add(WORST, Ordering::SeqCst);
        if let Some(counter) = &counters.1 {
            counter.fetch_add(WORST, Ordering::SeqCst);
        }
        meter.settle(hold, call).await;
    }
}

/// Looks at a budget again and again, from outside.
async fn watch(server: Services, budget: Budget, over: Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        let state = server.budgets.get(&Actor::operator(), budget.id).await.unwrap().state;
        let taken = state.spent.spent + state.spent.held;
        assert!(
            taken <= budget.amount,
            "{taken} of {} are taken of {}",
            budget.amount,
            budget.name
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn one_refusal_spoils_nothing_for_the_others() {
    on_both(async |db| {
        let server = Server::start(db);
        let budget = server.budget(100, BudgetUnit::Tokens, BudgetPeriod::Day).await;
        let meter = server.services.spending.meter(&key_actor(ApiKeyId::generate()), None);
        let calls = [40, 101, 40, 40, 20].map(planned);
        let outcomes = futures_util::future::join_all(calls.iter().map(|call| meter.reserve(call))).await;
        // In which order they come to the books is not said; what fits is held in every order.
        let held: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        assert!(!held[1] && held[4], "{held:?}");
        assert_eq!(held.iter().filter(|is_held| **is_held).count(), 3, "{held:?}");
        assert_eq!(server.state(budget.id).await, (0, 100, 0));
        for hold in outcomes.into_iter().flatten() {
            assert_ne!(hold, Hold(None));
            meter.settle(hold, settled(0)).await;
        }
        assert_eq!(server.state(budget.id).await, (0, 0, 100));
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_now_is_written_later_and_once() {
    let url = postgres::new_database().await;
    let db = Db::connect(&url, POOL).await.unwrap();
    db.migrate().await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut run = async |statement: &'static str| {
        sqlx::raw_sql(statement).execute(&mut other).await.unwrap();
    };
    // The ledger does not answer: whoever asks it gives up after a while.
    run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''200ms''', current_database()); END $$",
    )
    .await;
    let impatient = Db::connect(&url, POOL).await.unwrap();
    let server = Server::start(&impatient);
    let budget = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Month).await;
    let meter = server.services.spending.meter(&key_actor(ApiKeyId::generate()), None);
    let hold = meter.reserve(&planned(50)).await.unwrap();
    run("BEGIN; LOCK TABLE usage").await;
    drop(meter.settle(hold, settled(20)));
    drop(meter.settle(Hold(None), settled(5)));
    for _ in 0..2 {
        let away = server.services.spending.written().await;
        assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
        let away = meter.reserve(&planned(1)).await;
        assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
    }
    run("ROLLBACK").await;
    assert_eq!(server.state(budget.id).await, (20, 0, 80));
    let total = server.total().await;
    assert_eq!((total.calls, total.cost_microdollars), (2, 25));
    drop(meter);
    server.stop().await;
    for db in [db, impatient] {
        db.close().await;
    }
}
