//! What the books add to a call to a model: `cargo run --release --example spending_cost`. Sets aside and settles on a SQLite
//! file with a budget on the server, one after the other and 16 and 64 at once, and prints how long that took. Takes as its
//! argument how many calls.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to look at, whose failures are to be seen"
)]

use std::time::{Duration, Instant};
use synoptic::{
    app::App,
    config::{Config, DatabaseUrl},
    domain::{
        Clock,
        budgets::{BudgetFields, BudgetPeriod, BudgetSubject, BudgetUnit},
        money::MicroDollars,
        principal::Actor,
        usage::Tokens,
    },
    engines::{PlannedCall, SettledCall, chat::Used},
    services::Services,
};
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() {
    let calls: usize = std::env::args().nth(1).map_or(20_000, |calls| calls.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.url = DatabaseUrl::new(format!("sqlite:{}", folder.path().join("synoptic.db").display()));
    let app = App::build(config, Clock::system()).await.unwrap();
    for limited in [false, true] {
        if limited {
            let fields = BudgetFields {
                name: "Everything".to_owned(),
                subject: BudgetSubject::Server,
                unit: BudgetUnit::Microdollars,
                amount: i64::MAX,
                period: BudgetPeriod::Month,
            };
            app.services.budgets.create(&Actor::operator(), fields).await.unwrap();
        }
        for at_once in [1, 16, 64] {
            measure(&app.services, limited, at_once, calls / at_once).await;
        }
    }
    app.close().await;
}

async fn measure(services: &Services, limited: bool, at_once: usize, each: usize) {
    let began = Instant::now();
    let (results, tasks) = (
        std::sync::Arc::new(std::sync::Mutex::new(Vec::new())),
        TaskTracker::new(),
    );
    for _ in 0..at_once {
        let (services, results) = (services.clone(), std::sync::Arc::clone(&results));
        tasks.spawn(async move {
            let took = spend(&services, each).await;
            results.lock().unwrap().extend(took);
        });
    }
    tasks.close();
    tasks.wait().await;
    services.spending.written().await.unwrap();
    let total = began.elapsed();
    let mut took = std::mem::take(&mut *results.lock().unwrap());
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    println!(
        "{} budget, {at_once:>2} at once: p50 {:>6?} p99 {:>6?}, {:.0} calls/s",
        if limited { "a" } else { "no" },
        at(50),
        at(99),
        f64::from(u32::try_from(took.len()).unwrap()) / total.as_secs_f64(),
    );
}

async fn spend(services: &Services, calls: usize) -> Vec<Duration> {
    let meter = services.spending.meter(&Actor::operator(), None);
    let planned = PlannedCall {
        engine: "provider".into(),
        model: "model".into(),
        worst_tokens: 1_000,
        worst_cost: MicroDollars(600),
    };
    let mut took = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let hold = meter.reserve(&planned).await.unwrap();
        let call = SettledCall {
            engine: "provider".into(),
            model: "model".into(),
            used: Used {
                tokens: Tokens {
                    input: 100,
                    cached_input: 0,
                    output: 50,
                },
                estimated: false,
            },
            cost: MicroDollars(45),
        };
        meter.settle(hold, call).await;
        took.push(began.elapsed());
    }
    took
}
