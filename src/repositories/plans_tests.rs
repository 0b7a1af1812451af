//! Statements of every call to a model are answered from indexes, however many budgets and windows there are.

use super::{budgets, holds};
use crate::{
    db::{Db, Pool, Tx},
    domain::{
        identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
        ledger::Payer,
    },
};
use sqlx::{AssertSqlSafe, Row, Sqlite};
use std::time::Duration;

/// How SQLite goes about a statement, step by step.
async fn plan(statement: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("plans.db").display());
    let pool = Pool {
        connections: 1,
        acquire_timeout: Duration::from_secs(10),
    };
    let db = Db::connect(&address, pool).await.unwrap();
    db.migrate().await.unwrap();
    let Tx::Sqlite(mut tx) = db.read().await.unwrap() else {
        panic!("SQLite");
    };
    let statement = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(statement).fetch_all(&mut *tx).await.unwrap();
    steps.iter().map(|step| step.get("detail")).collect()
}

#[tokio::test]
async fn budgets_that_apply_are_found_by_index() {
    let payer = Payer {
        key: Some(ApiKeyId::generate()),
        user: Some(UserId::generate()),
        collection: Some(CollectionId::generate()),
    };
    let query = budgets::applying_query::<Sqlite>(&[payer, Payer::default()], &[BudgetId::generate()]);
    let steps = plan(query.sql().as_str()).await;
    for index in [
        "budgets_of_all",
        "budgets_of_key",
        "budgets_of_user",
        "budgets_of_collection",
    ] {
        assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
    }
    let is_through_all = |step: &String| step.starts_with("SCAN budgets") && !step.ends_with("budgets_of_all");
    assert!(!steps.iter().any(is_through_all), "{steps:#?}");
}

#[tokio::test]
async fn old_windows_are_found_by_index() {
    let steps = plan(holds::FORGET_WINDOWS).await;
    assert!(steps[0].contains("budget_windows_by_start"), "{steps:#?}");
}
