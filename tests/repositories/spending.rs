//! The services over the books: what is set aside, booked, freed, on both databases and at any time.

use crate::{
    databases::on_both,
    fixtures::{enrol, principal, user},
    spending_server::{NOON, Server, key_actor, planned, refused, settled, time},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};
use synoptic::{
    domain::{
        answers::SummaryOptions,
        budgets::{BudgetFields, BudgetPeriod, BudgetSubject, BudgetUnit},
        etags::Expected,
        identifiers::{ApiKeyId, CollectionId, UserId},
        ledger::UsageGroup,
        money::MicroDollars,
        principal::{Actor, PrincipalId, Reach},
    },
    engines::Hold,
    services::{
        analysis_tasks::{Input, Task},
        budgets::BudgetPatch,
    },
};

#[tokio::test]
async fn a_call_is_set_aside_booked_and_freed() {
    on_both(async |db| {
        let server = Server::start(db);
        let meter = server.meter();
        // Without a budget nothing is set aside, and what is used is booked all the same.
        assert_eq!(meter.reserve(&planned(5)).await.unwrap(), Hold(None));
        meter.settle(Hold(None), settled(5)).await;
        assert_eq!(server.total().await.cost_microdollars, 5);
        let budget = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Day).await;
        assert_eq!(server.state(budget.id).await, (0, 0, 100), "it counts from now on");
        let one = meter.reserve(&planned(60)).await.unwrap();
        assert_eq!(server.state(budget.id).await, (0, 60, 40));
        let two = meter.reserve(&planned(40)).await.unwrap();
        // Only calls under way are in the way, which may use less.
        let (message, resets_at, wait) = refused(meter.reserve(&planned(1)).await);
        assert!(
            message.contains("`Größe 予算`")
                && message.contains("$0.000000 left while $0.000100 is set aside for calls under way"),
            "{message}"
        );
        assert_eq!((resets_at, wait), (time("2026-04-01T00:00:00Z"), Some(5)));
        let (message, _, wait) = refused(meter.reserve(&planned(101)).await);
        assert_eq!(wait, None, "it never fits");
        assert!(message.contains("can never hold"), "{message}");
        meter.settle(one, settled(7)).await;
        meter.settle(two, settled(0)).await;
        assert_eq!(server.state(budget.id).await, (7, 0, 93));
        let (message, _, wait) = refused(meter.reserve(&planned(94)).await);
        assert!(message.contains("$0.000093 left, and this call"), "{message}");
        assert_eq!(wait, Some(41_400), "it is used up");
        let total = server.total().await;
        assert_eq!((total.calls, total.cost_microdollars, total.input_tokens), (2, 12, 12));
        let left = server
            .services
            .spending
            .left(&key_actor(ApiKeyId::generate()), &HashSet::from([None]))
            .await
            .unwrap();
        assert_eq!((left[0].left, left[0].name.as_str()), (93, "Größe 予算"));
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_hold_is_settled_once_by_whatever_is_dropped() {
    on_both(async |db| {
        let server = Server::start(db);
        let budget = server.budget(100, BudgetUnit::Tokens, BudgetPeriod::Hour).await;
        let meter = server.meter();
        let Hold(id) = meter.reserve(&planned(50)).await.unwrap();
        // More than was set aside is booked as it was; a second settlement changes nothing; nobody waits for either.
        drop(meter.settle(Hold(id), settled(70)));
        drop(meter.settle(Hold(id), settled(9)));
        assert_eq!(server.state(budget.id).await, (70, 0, 30));
        assert_eq!(server.total().await.input_tokens, 70);
        // Whoever stops waiting for a reservation leaves nothing set aside, however far it has come.
        for patience in 0..20 {
            let wait = std::time::Duration::from_micros(50 * patience);
            if let Ok(held) = tokio::time::timeout(wait, meter.reserve(&planned(3))).await {
                meter.settle(held.unwrap(), settled(0)).await;
            }
        }
        server.services.spending.written().await.unwrap();
        assert_eq!(server.state(budget.id).await, (70, 0, 30));
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn all_budgets_that_apply_hold_a_call_or_none() {
    on_both(async |db| {
        let server = Server::start(db);
        let ada = user("Ada");
        enrol(db, &[&ada]).await;
        let wide = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Month).await;
        let fields = BudgetFields {
            name: "Ada".to_owned(),
            subject: BudgetSubject::User(ada.id),
            unit: BudgetUnit::Tokens,
            amount: 10,
            period: BudgetPeriod::Hour,
        };
        let budgets = &server.services.budgets;
        let narrow = budgets.create(&Actor::operator(), fields).await.unwrap().state.budget;
        let mut own = principal(PrincipalId::Key(ApiKeyId::generate()), Reach::Everything);
        own.user_id = Some(ada.id);
        let meter = server.services.spending.meter(&Actor::new(Arc::new(own), None), None);
        let (message, resets_at, _) = refused(meter.reserve(&planned(11)).await);
        assert!(message.contains("`Ada`"), "{message}");
        assert_eq!(resets_at, time("2026-03-31T13:00:00Z"));
        assert_eq!(
            server.state(wide.id).await,
            (0, 0, 100),
            "nothing is set aside elsewhere"
        );
        let hold = meter.reserve(&planned(10)).await.unwrap();
        assert_eq!(server.state(wide.id).await.1, 10);
        assert_eq!(server.state(narrow.id).await.1, 10);
        // Of several that refuse, the one is named that stays in the way longest.
        let blocked = server.meter().reserve(&planned(90)).await.unwrap();
        let (message, resets_at, wait) = refused(meter.reserve(&planned(5)).await);
        assert!(message.contains("Größe"), "{message}");
        assert_eq!((resets_at, wait), (time("2026-04-01T00:00:00Z"), Some(5)));
        // One that is used up comes before one in which only calls under way are.
        meter.settle(hold, settled(8)).await;
        let (message, resets_at, wait) = refused(meter.reserve(&planned(5)).await);
        assert!(message.contains("`Ada`"), "{message}");
        assert_eq!((resets_at, wait), (time("2026-03-31T13:00:00Z"), Some(1_800)));
        server.meter().settle(blocked, settled(0)).await;
        assert_eq!(server.state(wide.id).await, (8, 0, 92));
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn windows_roll_over_and_a_call_is_booked_where_it_was_set_aside() {
    on_both(async |db| {
        let server = Server::start(db);
        let meter = server.meter();
        for (period, end, before) in [
            (
                BudgetPeriod::Hour,
                "2026-03-31T13:00:00Z",
                "2026-03-31T12:59:59.999999Z",
            ),
            (BudgetPeriod::Day, "2026-04-01T00:00:00Z", "2026-03-31T23:59:59.999999Z"),
            (
                BudgetPeriod::Month,
                "2026-04-01T00:00:00Z",
                "2026-03-31T23:59:59.999999Z",
            ),
        ] {
            server.clock.set(time(NOON));
            let budget = server.budget(10, BudgetUnit::Tokens, period).await;
            server.clock.set(time(before));
            let hold = meter.reserve(&planned(10)).await.unwrap();
            refused(meter.reserve(&planned(1)).await);
            server.clock.set(time(end));
            assert_eq!(server.state(budget.id).await, (0, 0, 10));
            let next = meter.reserve(&planned(10)).await.unwrap();
            meter.settle(hold, settled(8)).await;
            assert_eq!(
                server.state(budget.id).await,
                (0, 10, 0),
                "the window before is another"
            );
            meter.settle(next, settled(1)).await;
            // A clock that is put back finds the window as it was left.
            server.clock.set(time(NOON));
            assert_eq!(server.state(budget.id).await, (8, 0, 2));
            refused(meter.reserve(&planned(3)).await);
            server
                .services
                .budgets
                .delete(&Actor::operator(), budget.id, &Expected::Any)
                .await
                .unwrap();
        }
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_budget_is_changed_or_deleted_under_way() {
    on_both(async |db| {
        let server = Server::start(db);
        let meter = server.meter();
        let budget = server
            .budget(i64::MAX, BudgetUnit::Microdollars, BudgetPeriod::Month)
            .await;
        let other = server
            .budget(1_000, BudgetUnit::Microdollars, BudgetPeriod::Month)
            .await;
        let (one, two) = (
            meter.reserve(&planned(100)).await.unwrap(),
            meter.reserve(&planned(200)).await.unwrap(),
        );
        meter.settle(one, settled(100)).await;
        let lowered = BudgetPatch {
            amount: Some(50),
            name: None,
        };
        let budgets = &server.services.budgets;
        budgets
            .update(&Actor::operator(), budget.id, &Expected::Any, lowered)
            .await
            .unwrap();
        assert_eq!(server.state(budget.id).await, (100, 200, 0));
        refused(meter.reserve(&planned(1)).await);
        assert!(
            meter.reserve(&planned(0)).await.is_ok(),
            "what costs nothing is no matter to it"
        );
        budgets
            .delete(&Actor::operator(), budget.id, &Expected::Any)
            .await
            .unwrap();
        meter.settle(two, settled(150)).await;
        assert_eq!(server.state(other.id).await, (250, 0, 750));
        assert_eq!(server.total().await.cost_microdollars, 250);
        let nothing = server.budget(0, BudgetUnit::Tokens, BudgetPeriod::Day).await;
        refused(meter.reserve(&planned(1)).await);
        assert_eq!(server.state(nothing.id).await, (0, 0, 0));
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_lost_server_has_set_aside_is_spent_in_full() {
    Box::pin(on_both(async |db| {
        let (lost, server) = (Server::start(db), Server::start(db));
        let budget = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Month).await;
        let meter = lost.meter();
        let Hold(hold) = meter.reserve(&planned(30)).await.unwrap();
        server.clock.set(time("2026-03-31T13:29:59Z"));
        assert_eq!(server.state(budget.id).await, (0, 30, 70));
        server.clock.set(time("2026-03-31T13:31:00Z"));
        assert_eq!(server.state(budget.id).await, (30, 0, 70));
        let total = server.total().await;
        assert_eq!(
            (total.calls, total.estimated_calls, total.cost_microdollars),
            (1, 1, 30)
        );
        // It was not lost after all: too late.
        meter.settle(Hold(hold), settled(5)).await;
        lost.services.spending.written().await.unwrap();
        assert_eq!(server.state(budget.id).await, (30, 0, 70));
        assert_eq!(server.total().await.cost_microdollars, 30);
        drop(meter);
        lost.stop().await;
        server.stop().await;
    }))
    .await;
}

#[tokio::test]
async fn what_was_handed_over_is_written_at_the_end() {
    Box::pin(on_both(async |db| {
        let server = Server::start(db);
        let (meter, actor) = (server.meter(), key_actor(ApiKeyId::generate()));
        for _ in 0..3_000 {
            drop(meter.settle(Hold(None), settled(1)));
            let (spending, collection) = (&server.services.spending, CollectionId::generate());
            spending.record_saved(&actor, Some(collection), "provider", "model", MicroDollars(2));
        }
        drop(meter);
        server.stop().await;
        let server = Server::start(db);
        let total = server.total().await;
        assert_eq!((total.calls, total.cost_microdollars), (3_000, 3_000));
        assert_eq!((total.cache_hits, total.saved_microdollars), (3_000, 6_000));
        server.stop().await;
    }))
    .await;
}

#[tokio::test]
async fn a_report_is_kept_to_its_reader() {
    on_both(async |db| {
        let server = Server::start(db);
        let (key, other, ada) = (ApiKeyId::generate(), ApiKeyId::generate(), UserId::generate());
        let mut of_ada = principal(PrincipalId::Key(other), Reach::Everything);
        of_ada.user_id = Some(ada);
        let of_ada = Actor::new(Arc::new(of_ada), None);
        let mut person = principal(PrincipalId::User(ada), Reach::only([]));
        person.user_id = Some(ada);
        let person = Actor::new(Arc::new(person), None);
        let spending = &server.services.spending;
        for (actor, collection, used) in [
            (&key_actor(key), None, 1),
            (&of_ada, None, 10),
            (&of_ada, Some(CollectionId::generate()), 100),
            (&person, None, 1_000),
        ] {
            spending
                .meter(actor, collection)
                .settle(Hold(None), settled(used))
                .await;
        }
        spending.written().await.unwrap();
        for (actor, expected) in [
            (key_actor(key), 1),
            (of_ada, 110),
            (person, 1_010),
            (key_actor(ApiKeyId::generate()), 0),
            (Actor::operator(), 1_111),
        ] {
            let groups = BTreeSet::from([UsageGroup::Key, UsageGroup::Collection]);
            let report = server.services.usage.report(&actor, None, None, groups).await.unwrap();
            assert_eq!(report.total.cost_microdollars, expected, "{actor:?}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_used_is_on_disk_when_the_answer_is() {
    on_both(async |db| {
        let server = Server::start(db);
        let meter = server.meter();
        for round in 1..=20 {
            drop(meter.settle(Hold(None), settled(1)));
            let text = Input::Text("It rained. The river rose.".to_owned());
            let task = Task::Summary(SummaryOptions::default());
            server
                .services
                .analyses
                .run(
                    &Actor::operator(),
                    text,
                    &synoptic::services::analysis_tasks::Order::embedded(task.clone()),
                )
                .await
                .unwrap();
            let report = server
                .services
                .usage
                .report(&Actor::operator(), None, None, BTreeSet::new())
                .await;
            assert_eq!(report.unwrap().total.calls, round);
        }
        drop(meter);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_is_booked_although_nobody_asks_for_anything() {
    on_both(async |db| {
        let server = Server::start(db);
        let budget = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Month).await;
        let meter = server.meter();
        let _lost = meter.reserve(&planned(60)).await.unwrap();
        server.clock.set(time("2026-03-31T13:31:00Z"));
        let budgets = &server.services.budgets;
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let state = budgets.get(&Actor::operator(), budget.id).await.unwrap().state;
            if (state.spent.spent, state.spent.held) == (60, 0) {
                break;
            }
            assert!(std::time::Instant::now() < end, "{state:?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        drop(meter);
        server.stop().await;
    })
    .await;
}
