//! What becomes of what calls have used when the database does not take it, and of those whom the writer meets there. PostgreSQL is
//! told by triggers what to say.

use crate::{
    fixtures::{enrol, principal, user},
    postgres,
    spending_server::{NOON, Server, planned, settled, time},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{sync::Arc, time::Duration};
use synoptic::{
    db::{Db, Pool},
    domain::{
        answers::SummaryOptions,
        budgets::{BudgetFields, BudgetPeriod, BudgetSubject, BudgetUnit},
        identifiers::ApiKeyId,
        principal::{Actor, PrincipalId, Reach},
    },
    engines::Hold,
    services::analysis_tasks::{Input, Order, Task},
};
use tokio::time::sleep;

const POOL: Pool = Pool {
    connections: 4,
    acquire_timeout: Duration::from_secs(20),
};

/// A migrated database, and a connection to it beside the server's.
async fn database() -> (Db, PgConnection) {
    let url = postgres::new_database().await;
    let db = Db::connect(&url, POOL).await.unwrap();
    db.migrate().await.unwrap();
    (db, PgConnection::connect(&url).await.unwrap())
}

async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// From now on, this (`INSERT ON usage`) fails with this code.
async fn refuse(connection: &mut PgConnection, what: &str, code: &str) {
    let statements = format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
         CREATE TRIGGER refuse BEFORE {what} FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    run(connection, &statements).await;
}

#[tokio::test]
async fn what_was_used_is_kept_through_every_trouble_that_passes_and_only_dropped_for_itself() {
    let (db, mut beside) = database().await;
    let server = Server::start(&db);
    let meter = server.meter();
    let mut booked = 0;
    for (code, is_kept) in [
        // A lock that is not to be had, a disk's error, a fault of the database, a transaction to be repeated.
        ("55P03", true),
        ("58030", true),
        ("XX000", true),
        ("40001", true),
        // A number out of range, a check that does not hold.
        ("22003", false),
        ("23514", false),
    ] {
        refuse(&mut beside, "INSERT ON usage", code).await;
        for _ in 0..3 {
            meter.settle(Hold(None), settled(1)).await;
            // It has been tried, and what is kept is tried again.
            drop(server.services.spending.written().await);
        }
        run(&mut beside, "DROP TRIGGER refuse ON usage").await;
        booked += if is_kept { 3 } else { 0 };
        assert_eq!(server.total().await.cost_microdollars, booked, "{code}");
    }
    drop(meter);
    server.stop().await;
}

#[tokio::test]
async fn what_is_forgotten_and_cannot_be_booked_is_nobody_elses_fault() {
    let (db, mut beside) = database().await;
    let (lost, server) = (Server::start(&db), Server::start(&db));
    let budget = server.budget(100, BudgetUnit::Microdollars, BudgetPeriod::Month).await;
    let (forgetful, meter) = (lost.meter(), server.meter());
    let _forgotten = forgetful.reserve(&planned(30)).await.unwrap();
    refuse(&mut beside, "DELETE ON budget_holds", "22003").await;
    server.clock.set(time("2026-03-31T13:31:00Z"));
    meter.settle(Hold(None), settled(5)).await;
    assert_eq!(server.total().await.cost_microdollars, 5);
    assert_eq!(server.state(budget.id).await, (0, 30, 70));
    run(&mut beside, "DROP TRIGGER refuse ON budget_holds").await;
    server.clock.set(time("2026-03-31T13:33:00Z"));
    assert_eq!(server.state(budget.id).await, (30, 0, 70));
    assert_eq!(server.total().await.cost_microdollars, 35);
    drop((forgetful, meter));
    lost.stop().await;
    server.stop().await;
}

/// Waits until this many of the database's other connections wait for locks.
async fn until_blocked(connection: &mut PgConnection, count: i64) {
    let blocked =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..4_000 {
        let found: i64 = sqlx::query_scalar(blocked).fetch_one(&mut *connection).await.unwrap();
        if found == count {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits");
}

/// The writer stores an answer of somebody and books on their budget, in one transaction, while they are deleted with it.
#[tokio::test]
async fn whoever_is_deleted_and_the_writer_do_not_wait_for_each_other() {
    let (db, mut deleting) = database().await;
    let mut holding = {
        let database: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut deleting)
            .await
            .unwrap();
        PgConnection::connect(&postgres::address_of(&database)).await.unwrap()
    };
    let server = Server::start(&db);
    server.clock.set(time(NOON));
    let ada = user("Ada");
    enrol(&db, &[&ada]).await;
    let fields = BudgetFields {
        name: "Ada".to_owned(),
        subject: BudgetSubject::User(ada.id),
        unit: BudgetUnit::Tokens,
        amount: 100,
        period: BudgetPeriod::Day,
    };
    let budgets = &server.services.budgets;
    budgets.create(&Actor::operator(), fields).await.unwrap();
    let mut own = principal(PrincipalId::Key(ApiKeyId::generate()), Reach::Everything);
    own.id = PrincipalId::User(ada.id);
    own.user_id = Some(ada.id);
    let actor = Actor::new(Arc::new(own), None);
    let meter = server.services.spending.meter(&actor, None);
    let hold = meter.reserve(&planned(10)).await.unwrap();
    // The writer is at work, and what comes meanwhile goes into one transaction.
    run(&mut holding, "BEGIN; LOCK TABLE usage IN EXCLUSIVE MODE").await;
    server.meter().settle(Hold(None), settled(1)).await;
    until_blocked(&mut deleting, 1).await;
    meter.settle(hold, settled(4)).await;
    let order = Order::embedded(Task::Summary(SummaryOptions::default()));
    let text = Input::Text("It rained. The river rose.".to_owned());
    let answering = server.services.analyses.run(&actor, text, &order);
    let meeting = async {
        // The answer has time to come to the queue.
        sleep(Duration::from_millis(500)).await;
        // Whoever notices first that two wait for each other gives up: here it would be this one, and not the writer, which tries again.
        run(&mut deleting, "SET deadlock_timeout = '10ms'").await;
        let lock = format!("BEGIN; SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", ada.id);
        run(&mut deleting, &lock).await;
        run(&mut holding, "ROLLBACK").await;
        until_blocked(&mut holding, 1).await;
        let delete = format!("DELETE FROM users WHERE id = '{}'; COMMIT", ada.id);
        run(&mut deleting, &delete).await;
    };
    let (answer, ()) = tokio::join!(answering, meeting);
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(server.total().await.cost_microdollars, 5);
    drop(meter);
    server.stop().await;
}
