//! PostgreSQL: what takes too long is given up, and the server goes on.

use crate::{POOL, postgres};
use std::time::{Duration, Instant};
use synoptic::{
    db::{Db, Pool, PostgresSettings, Tx},
    domain::{Error, Result},
    on,
};

async fn execute(tx: &mut Tx, statement: &'static str) -> Result<()> {
    on!(tx, |c| sqlx::query(statement).execute(c).await.map(drop))
}

async fn count(tx: &mut Tx) -> i64 {
    on!(tx, |c| sqlx::query_scalar("SELECT COUNT(*) FROM things")
        .fetch_one(c)
        .await)
    .unwrap()
}

async fn database(settings: &PostgresSettings, pool: Pool) -> Db {
    let db = Db::connect_with(&postgres::new_database().await, pool, settings)
        .await
        .unwrap();
    let mut tx = db.write().await.unwrap();
    execute(&mut tx, "CREATE TABLE things (id INT PRIMARY KEY)")
        .await
        .unwrap();
    execute(&mut tx, "INSERT INTO things VALUES (1)").await.unwrap();
    tx.commit().await.unwrap();
    db
}

fn assert_unavailable(outcome: &Result<()>) {
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn statements_and_locks_are_waited_for_only_so_long() {
    let settings = PostgresSettings {
        statement_timeout: Duration::from_millis(300),
        lock_timeout: Duration::from_millis(150),
        ..PostgresSettings::default()
    };
    let db = database(&settings, POOL).await;
    let began = Instant::now();
    let mut slow = db.write().await.unwrap();
    assert_unavailable(&execute(&mut slow, "SELECT pg_sleep(30)").await);
    drop(slow);
    let mut holder = db.write().await.unwrap();
    execute(&mut holder, "UPDATE things SET id = 2").await.unwrap();
    let mut waiter = db.write().await.unwrap();
    assert_unavailable(&execute(&mut waiter, "UPDATE things SET id = 3").await);
    drop((holder, waiter));
    assert!(began.elapsed() < Duration::from_secs(10));
    // Nothing of it is left behind.
    let mut tx = db.write().await.unwrap();
    execute(&mut tx, "UPDATE things SET id = 4").await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_migration_may_take_as_long_as_it_needs() {
    let url = postgres::new_database().await;
    let patient = Db::connect(&url, POOL).await.unwrap();
    let mut tx = patient.write().await.unwrap();
    // Whatever is made in this database notes what held at that moment.
    for statement in [
        "CREATE TABLE noted (statement_timeout TEXT NOT NULL, idle TEXT NOT NULL)",
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO noted VALUES (current_setting('statement_timeout'),
                                      current_setting('idle_in_transaction_session_timeout')); END $$",
        "CREATE EVENT TRIGGER noting ON ddl_command_end EXECUTE FUNCTION note()",
    ] {
        execute(&mut tx, statement).await.unwrap();
    }
    tx.commit().await.unwrap();
    let settings = PostgresSettings {
        statement_timeout: Duration::from_millis(50),
        ..PostgresSettings::default()
    };
    let db = Db::connect_with(&url, POOL, &settings).await.unwrap();
    let mut hasty = db.write().await.unwrap();
    assert_unavailable(&execute(&mut hasty, "SELECT pg_sleep(1)").await);
    drop(hasty);
    db.migrate().await.unwrap();
    let mut tx = patient.read().await.unwrap();
    let noted: Vec<(String, String)> = on!(&mut tx, |c| sqlx::query_as("SELECT DISTINCT * FROM noted")
        .fetch_all(c)
        .await)
    .unwrap();
    assert_eq!(noted, [("0".to_owned(), "0".to_owned())]);
}

#[tokio::test]
async fn a_transaction_in_which_nothing_happens_is_ended() {
    let settings = PostgresSettings {
        idle_transaction_timeout: Duration::from_millis(200),
        ..PostgresSettings::default()
    };
    let db = database(&settings, POOL).await;
    let mut idle = db.write().await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_unavailable(&execute(&mut idle, "UPDATE things SET id = 6").await);
    drop(idle);
    assert_eq!(count(&mut db.read().await.unwrap()).await, 1);
}

#[tokio::test]
async fn without_a_free_connection_that_is_said_and_passes() {
    let pool = Pool {
        connections: 1,
        acquire_timeout: Duration::from_millis(200),
    };
    let db = database(&PostgresSettings::default(), pool).await;
    let held = db.read().await.unwrap();
    let refused = db.read().await.map(drop);
    assert_unavailable(&refused);
    drop(held);
    db.read().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_reads_sees_one_state_and_changes_nothing() {
    let db = database(&PostgresSettings::default(), POOL).await;
    let mut reading = db.read().await.unwrap();
    assert_eq!(count(&mut reading).await, 1);
    let mut tx = db.write().await.unwrap();
    execute(&mut tx, "INSERT INTO things VALUES (2)").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&mut reading).await, 1);
    assert!(execute(&mut reading, "INSERT INTO things VALUES (3)").await.is_err());
    drop(reading);
    assert_eq!(count(&mut db.read().await.unwrap()).await, 2);
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_one_answer_and_no_more() {
    let db = database(&PostgresSettings::default(), POOL).await;
    let mut tx = db.write().await.unwrap();
    let mut other = db.write().await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()";
    execute(&mut other, cut).await.unwrap();
    assert!(execute(&mut tx, "INSERT INTO things VALUES (7)").await.is_err());
    drop((tx, other));
    for _ in 0..5 {
        assert_eq!(count(&mut db.read().await.unwrap()).await, 1);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_named() {
    let settings = PostgresSettings {
        ssl_root_cert: Some("/nowhere/ca.pem".into()),
        ..PostgresSettings::default()
    };
    let refused = Db::connect_with(&postgres::address_of("postgres"), POOL, &settings).await;
    let said = format!("{:#}", refused.unwrap_err());
    assert!(
        said.contains("ssl_root_cert") && said.contains("/nowhere/ca.pem"),
        "{said}"
    );
}
