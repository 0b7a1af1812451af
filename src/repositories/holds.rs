//! Rows of `budget_holds` and `budget_windows`: what is set aside, and what was spent. Whoever changes a window has locked its
//! budget first (`budgets::applying`).

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        budgets::{HoldLine, Spent},
        identifiers::BudgetId,
    },
    on,
};
use sqlx::{QueryBuilder, types::Json};
use uuid::Uuid;

/// What is set aside for one call.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HoldRow {
    pub id: Uuid,
    /// Nil for none, as in the ledger.
    pub api_key_id: Uuid,
    pub user_id: Uuid,
    pub collection_id: Uuid,
    pub engine: String,
    pub model: String,
    pub worst_tokens: i64,
    pub worst_cost: i64,
    pub lines: Json<Vec<HoldLine>>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// One window of a budget with what was used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub budget: BudgetId,
    pub start: Timestamp,
    pub spent: Spent,
}

/// Holds; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, api_key_id, user_id, collection_id, engine, model, worst_tokens, worst_cost, lines, created_at, \
             expires_at FROM budget_holds WHERE ",
            $which
        )
    };
}

const INTO: &str = "INSERT INTO budget_holds (id, api_key_id, user_id, collection_id, engine, model, worst_tokens,
    worst_cost, lines, created_at, expires_at) ";
const EXPIRED: &str = select!("expires_at <= $1 ORDER BY expires_at LIMIT $2");
const INTO_WINDOWS: &str = "INSERT INTO budget_windows (budget_id, window_start, spent, held) ";
const REPLACE: &str =
    " ON CONFLICT (budget_id, window_start) DO UPDATE SET spent = excluded.spent, held = excluded.held";
const FORGET_WINDOWS: &str = "DELETE FROM budget_windows WHERE window_start < $1 AND held = 0";

/// How many rows a statement takes, as no database takes any number of parameters.
const ROWS_AT_ONCE: usize = 1_000;

/// Sets aside; the windows are written by [`put_windows`].
pub async fn insert(tx: &mut Tx, holds: &[HoldRow]) -> Result<()> {
    for some in holds.chunks(ROWS_AT_ONCE) {
        on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(INTO);
            query.push_values(some, |mut row, hold| {
                row.push_bind(hold.id)
                    .push_bind(hold.api_key_id)
                    .push_bind(hold.user_id)
                    .push_bind(hold.collection_id)
                    .push_bind(hold.engine.clone())
                    .push_bind(hold.model.clone())
                    .push_bind(hold.worst_tokens)
                    .push_bind(hold.worst_cost)
                    .push_bind(hold.lines.clone())
                    .push_bind(hold.created_at)
                    .push_bind(hold.expires_at);
            });
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Those of these that are open.
pub async fn find(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<HoldRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(ROWS_AT_ONCE) {
        let rows: Vec<HoldRow> = on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(select!(""));
            push_one_of(&mut query, "id", some);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// The oldest of those whose time has come.
pub async fn expired(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<HoldRow>> {
    on!(tx, |c| sqlx::query_as(EXPIRED).bind(now).bind(limit).fetch_all(c).await)
}

/// Ends holds; says which of them were open until now, each of which is one caller's to settle.
pub async fn delete(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let mut deleted = Vec::with_capacity(ids.len());
    for some in ids.chunks(ROWS_AT_ONCE) {
        let rows: Vec<Uuid> = on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new("DELETE FROM budget_holds WHERE ");
            push_one_of(&mut query, "id", some);
            query.push(" RETURNING id");
            query.build_query_scalar().fetch_all(c).await
        })?;
        deleted.extend(rows);
    }
    Ok(deleted)
}

/// What was used in these windows; one of which nothing is known is not among them.
pub async fn windows(tx: &mut Tx, wanted: &[(BudgetId, Timestamp)]) -> Result<Vec<Window>> {
    let mut found = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(BudgetId, Timestamp, i64, i64)> = on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(
                "SELECT budget_id, window_start, spent, held FROM budget_windows WHERE (budget_id, window_start) IN (",
            );
            query.push_values(some, |mut row, (budget, start)| {
                row.push_bind(budget.0).push_bind(*start);
            });
            query.push(")");
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.into_iter().map(|(budget, start, spent, held)| Window {
            budget,
            start,
            spent: Spent { spent, held },
        }));
    }
    Ok(found)
}

/// Writes windows as they are now.
pub async fn put_windows(tx: &mut Tx, windows: &[Window]) -> Result<()> {
    for some in windows.chunks(ROWS_AT_ONCE) {
        on!(&mut *tx, |c| {
            let mut query = QueryBuilder::new(INTO_WINDOWS);
            query.push_values(some, |mut row, window| {
                row.push_bind(window.budget.0)
                    .push_bind(window.start)
                    .push_bind(window.spent.spent)
                    .push_bind(window.spent.held);
            });
            query.push(REPLACE);
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Forgets windows that began before, if nothing is held in them.
pub async fn forget_windows(tx: &mut Tx, before: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(FORGET_WINDOWS)
        .bind(before)
        .execute(c)
        .await
        .map(drop))
}
