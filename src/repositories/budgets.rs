//! Rows of `budgets`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result,
        budgets::Budget,
        identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
        ledger::Payer,
    },
    on,
};
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Budgets; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, name, api_key_id, user_id, collection_id, unit, amount, period, version, created_at, updated_at \
             FROM budgets ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO budgets (id, name, api_key_id, user_id, collection_id, unit, amount, period, version,
    created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING";
const FIND: &str = select!("WHERE id = $1");
/// The budgets of the server, and none: the beginnings of a union.
const EVERYBODYS: &str =
    "SELECT id FROM budgets WHERE api_key_id IS NULL AND user_id IS NULL AND collection_id IS NULL";
const NOBODYS: &str = "SELECT id FROM budgets WHERE 1 = 0";
const UPDATE: &str = "UPDATE budgets SET name = $2, amount = $3, version = $4, updated_at = $5
    WHERE id = $1 AND version = $4 - 1";
const DELETE: &str = "DELETE FROM budgets WHERE id = $1";
const DELETE_OF_REVOKED: &str = "DELETE FROM budgets
    WHERE api_key_id IN (SELECT id FROM api_keys WHERE revoked_at IS NOT NULL)";

/// Says whether the id was free.
pub async fn insert(tx: &mut Tx, budget: &Budget) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(budget.id)
        .bind(&budget.name)
        .bind(budget.api_key_id)
        .bind(budget.user_id)
        .bind(budget.collection_id)
        .bind(budget.unit)
        .bind(budget.amount)
        .bind(budget.period)
        .bind(budget.version)
        .bind(budget.created_at)
        .bind(budget.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, id: BudgetId) -> Result<Option<Budget>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

/// Which budgets a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    All,
    /// Those on the server; on this key, or on this person and the keys that they own; on collections within reach.
    To {
        key: Option<ApiKeyId>,
        user: Option<UserId>,
        collections: Option<Vec<CollectionId>>,
    },
}

/// In the order of creation, after `after`.
pub async fn list(tx: &mut Tx, visible: &Visible, after: Option<BudgetId>, limit: i64) -> Result<Vec<Budget>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE 1 = 1"));
        narrow(&mut query, visible);
        if let Some(id) = after {
            query.push(" AND id > ").push_bind(id.0);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

fn narrow<DB>(query: &mut QueryBuilder<DB>, visible: &Visible)
where
    DB: Database,
    for<'a> Uuid: Encode<'a, DB> + Type<DB>,
{
    let Visible::To { key, user, collections } = visible else {
        return;
    };
    query.push(" AND ((api_key_id IS NULL AND user_id IS NULL AND collection_id IS NULL)");
    match (key, user) {
        (Some(key), user) => {
            query.push(" OR api_key_id = ").push_bind(key.0);
            if let Some(user) = user {
                query.push(" OR user_id = ").push_bind(user.0);
            }
        }
        (None, Some(user)) => {
            query.push(" OR user_id = ").push_bind(user.0);
            query.push(" OR api_key_id IN (SELECT id FROM api_keys WHERE owner_id = ");
            query.push_bind(user.0).push(")");
        }
        (None, None) => {}
    }
    match collections {
        None => {
            query.push(" OR collection_id IS NOT NULL");
        }
        Some(collections) => {
            let collections: Vec<Uuid> = collections.iter().map(|id| id.0).collect();
            query.push(" OR ");
            push_one_of(query, "collection_id", &collections);
        }
    }
    query.push(")");
}

/// Those that apply to one of these payers, and those with one of these ids, in the order of their ids.
///
/// With `lock`, nobody else can change them, or what is spent of them, until the transaction ends. All that need several take
/// them in this order, so that none waits for another who waits for it.
pub async fn applying(tx: &mut Tx, payers: &[Payer], ids: &[BudgetId], lock: bool) -> Result<Vec<Budget>> {
    // SQLite's writers take turns anyway.
    let locking = if lock { tx.pick("", " FOR NO KEY UPDATE") } else { "" };
    // PostgreSQL finds them by their ids when it knows those beforehand.
    let (these, end) = tx.pick(("IN (", ")"), ("= ANY (ARRAY (", "))"));
    on!(tx, |c| {
        let mut query = QueryBuilder::new(select!("WHERE id "));
        query.push(these);
        push_applying(&mut query, payers, ids);
        query.push(end).push(" ORDER BY id").push(locking);
        query.build_query_as().fetch_all(c).await
    })
}

/// Each part is read from its own index: one condition for all of them would have SQLite look through every budget.
fn push_applying<DB>(query: &mut QueryBuilder<DB>, payers: &[Payer], ids: &[BudgetId])
where
    DB: Database,
    for<'a> Uuid: Encode<'a, DB> + Type<DB>,
{
    let keys = distinct(payers.iter().filter_map(|payer| payer.key.map(|id| id.0)));
    let users = distinct(payers.iter().filter_map(|payer| payer.user.map(|id| id.0)));
    let collections = distinct(payers.iter().filter_map(|payer| payer.collection.map(|id| id.0)));
    let ids = distinct(ids.iter().map(|id| id.0));
    query.push(if payers.is_empty() { NOBODYS } else { EVERYBODYS });
    for (column, values) in [
        ("api_key_id", keys),
        ("user_id", users),
        ("collection_id", collections),
        ("id", ids),
    ] {
        if !values.is_empty() {
            query.push(" UNION ALL SELECT id FROM budgets WHERE ");
            push_one_of(query, column, &values);
        }
    }
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let ids: BTreeSet<Uuid> = ids.collect();
    ids.into_iter().collect()
}

/// Changes the name and the amount. Says whether the stored version was still the one before this.
pub async fn update(tx: &mut Tx, budget: &Budget) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(budget.id)
        .bind(&budget.name)
        .bind(budget.amount)
        .bind(budget.version)
        .bind(budget.updated_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Takes its windows along; holds are left without it. Says whether there was one.
pub async fn delete(tx: &mut Tx, id: BudgetId) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(DELETE)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Deletes the budgets of keys that were revoked, which nobody can use any more. Says how many.
pub async fn delete_of_revoked_keys(tx: &mut Tx) -> Result<u64> {
    on!(tx, |c| sqlx::query(DELETE_OF_REVOKED)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}
