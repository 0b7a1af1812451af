//! A server over the books with a clock of its own, for tests of what is set aside, booked and freed.

use crate::fixtures::{principal, services_at};
use std::{collections::BTreeSet, sync::Arc};
use synoptic::{
    config::Auth,
    db::Db,
    domain::{
        Clock, Error, Timestamp,
        budgets::{Budget, BudgetFields, BudgetPeriod, BudgetSubject, BudgetUnit},
        identifiers::{ApiKeyId, BudgetId},
        ledger::LedgerAmounts,
        money::MicroDollars,
        principal::{Actor, PrincipalId, Reach},
        usage::Tokens,
    },
    engines::{Hold, Meter, PlannedCall, SettledCall, chat::Used},
    services::Services,
};
use tokio_util::task::TaskTracker;

pub const NOON: &str = "2026-03-31T12:30:00Z";

/// A server with a clock of its own.
pub struct Server {
    pub services: Services,
    pub clock: Clock,
    tasks: TaskTracker,
}

impl Server {
    pub fn start(db: &Db) -> Self {
        let (tasks, clock) = (TaskTracker::new(), Clock::fixed(time(NOON)));
        Self {
            services: services_at(db, Auth::default(), &tasks, clock.clone()),
            clock,
            tasks,
        }
    }

    /// Ends it as the program does: what is under way is written.
    pub async fn stop(self) {
        drop(self.services);
        self.tasks.close();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), self.tasks.wait()).await;
        assert!(ended.is_ok(), "somebody still holds the writer");
    }

    pub async fn budget(&self, amount: i64, unit: BudgetUnit, period: BudgetPeriod) -> Budget {
        let fields = BudgetFields {
            name: "Größe 予算".to_owned(),
            subject: BudgetSubject::Server,
            unit,
            amount,
            period,
        };
        let made = self.services.budgets.create(&Actor::operator(), fields).await.unwrap();
        made.state.budget
    }

    pub async fn state(&self, id: BudgetId) -> (i64, i64, i64) {
        // Everything that was handed over before this is written when this is.
        self.services.spending.written().await.unwrap();
        let state = self.services.budgets.get(&Actor::operator(), id).await.unwrap().state;
        (state.spent.spent, state.spent.held, state.left())
    }

    pub fn meter(&self) -> Arc<dyn Meter> {
        self.services.spending.meter(&key_actor(ApiKeyId::generate()), None)
    }

    pub async fn total(&self) -> LedgerAmounts {
        self.services.spending.written().await.unwrap();
        let report = self
            .services
            .usage
            .report(&Actor::operator(), None, None, BTreeSet::new())
            .await;
        report.unwrap().total
    }
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn key_actor(id: ApiKeyId) -> Actor {
    Actor::new(Arc::new(principal(PrincipalId::Key(id), Reach::Everything)), None)
}

pub fn planned(worst: i64) -> PlannedCall {
    PlannedCall {
        engine: "provider".into(),
        model: "model".into(),
        worst_tokens: worst,
        worst_cost: MicroDollars(worst),
    }
}

/// A call that used as many input tokens and micro-dollars.
pub fn settled(used: i64) -> SettledCall {
    SettledCall {
        engine: "provider".into(),
        model: "model".into(),
        used: Used {
            tokens: Tokens {
                input: used,
                ..Tokens::default()
            },
            estimated: false,
        },
        cost: MicroDollars(used),
    }
}

#[track_caller]
pub fn refused(outcome: Result<Hold, Error>) -> (String, Timestamp, Option<u64>) {
    match outcome {
        Err(Error::OverBudget {
            message,
            budget,
            retry_after,
        }) => (message, budget.resets_at, retry_after.map(|wait| wait.as_secs())),
        other => panic!("it should be refused: {other:?}"),
    }
}
