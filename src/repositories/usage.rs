//! Rows of `usage`, the ledger, which are added to and summed up; and of `usage_writers`.

use super::restriction::push_one_of;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        ledger::{LedgerAmounts, LedgerKey, LedgerLines, UsageGroup, UsageOf, UsageQuestion, UsageRow},
    },
    on,
};
use sqlx::QueryBuilder;
use uuid::Uuid;

const INTO: &str = "INSERT INTO usage (day, api_key_id, user_id, collection_id, engine, model, calls, input_tokens,
    cached_input_tokens, output_tokens, cost_microdollars, estimated_calls, cache_hits, saved_microdollars) ";
const ADD: &str = " ON CONFLICT (day, api_key_id, user_id, collection_id, engine, model) DO UPDATE SET
    calls = usage.calls + excluded.calls,
    input_tokens = usage.input_tokens + excluded.input_tokens,
    cached_input_tokens = usage.cached_input_tokens + excluded.cached_input_tokens,
    output_tokens = usage.output_tokens + excluded.output_tokens,
    cost_microdollars = usage.cost_microdollars + excluded.cost_microdollars,
    estimated_calls = usage.estimated_calls + excluded.estimated_calls,
    cache_hits = usage.cache_hits + excluded.cache_hits,
    saved_microdollars = usage.saved_microdollars + excluded.saved_microdollars";
const SUMS: &str = "CAST(SUM(calls) AS BIGINT) AS calls, CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
    CAST(SUM(cached_input_tokens) AS BIGINT) AS cached_input_tokens, CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
    CAST(SUM(cost_microdollars) AS BIGINT) AS cost_microdollars, CAST(SUM(estimated_calls) AS BIGINT) AS estimated_calls,
    CAST(SUM(cache_hits) AS BIGINT) AS cache_hits, CAST(SUM(saved_microdollars) AS BIGINT) AS saved_microdollars
    FROM usage WHERE day BETWEEN ";
const SIGN: &str = "INSERT INTO usage_writers (id, batch, written_at) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, written_at = excluded.written_at";
/// Writes, so that it waits for a transaction of the same writer that is still being committed.
const LAST_SIGNED: &str = "INSERT INTO usage_writers (id, batch, written_at) VALUES ($1, 0, $2)
    ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at RETURNING batch";
const FORGET_WRITERS: &str = "DELETE FROM usage_writers WHERE written_at < $1";

/// How many rows a statement takes, as no database takes any number of parameters.
const ROWS_AT_ONCE: usize = 1_000;

/// Adds to the ledger, in the order of the lines: two servers that add to the same ones take turns.
pub async fn add(tx: &mut Tx, lines: &LedgerLines) -> Result<()> {
    let lines: Vec<_> = lines.iter().collect();
    for some in lines.chunks(ROWS_AT_ONCE) {
        add_some(tx, some).await?;
    }
    Ok(())
}

async fn add_some(tx: &mut Tx, lines: &[(&LedgerKey, &LedgerAmounts)]) -> Result<()> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(INTO);
        query.push_values(lines, |mut row, (key, amounts)| {
            row.push_bind(key.day)
                .push_bind(key.payer.key.map_or(Uuid::nil(), |id| id.0))
                .push_bind(key.payer.user.map_or(Uuid::nil(), |id| id.0))
                .push_bind(key.payer.collection.map_or(Uuid::nil(), |id| id.0))
                .push_bind(key.engine.to_string())
                .push_bind(key.model.to_string());
            for amount in amounts.each() {
                row.push_bind(amount);
            }
        });
        query.push(ADD);
        query.build().execute(c).await.map(drop)
    })
}

/// Sums up, in the order of what is grouped by.
pub async fn sum(tx: &mut Tx, question: &UsageQuestion, limit: i64) -> Result<Vec<UsageRow>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new("SELECT ");
        let has = |group| question.groups.contains(&group);
        // What is not grouped by is the same in all rows, so that they have one shape.
        for (group, column) in COLUMNS {
            match (has(group), group) {
                (true, _) => query.push(column),
                (false, UsageGroup::Day) => query.push_bind(question.from).push(" AS day"),
                (false, UsageGroup::Engine | UsageGroup::Model) => query.push("'' AS ").push(column),
                (false, _) => query.push_bind(Uuid::nil()).push(" AS ").push(column),
            };
            query.push(", ");
        }
        query
            .push(SUMS)
            .push_bind(question.from)
            .push(" AND ")
            .push_bind(question.to);
        match question.of {
            UsageOf::Everybody => {}
            UsageOf::Key(id) => {
                query.push(" AND api_key_id = ").push_bind(id.0);
            }
            UsageOf::User(id) => {
                query.push(" AND user_id = ").push_bind(id.0);
            }
        }
        if let Some(collections) = &question.collections {
            let mut reached: Vec<Uuid> = collections.iter().map(|id| id.0).collect();
            reached.push(Uuid::nil());
            query.push(" AND ");
            push_one_of(&mut query, "collection_id", &reached);
        }
        let columns: Vec<&str> = COLUMNS
            .iter()
            .filter(|(group, _)| has(*group))
            .map(|(_, column)| *column)
            .collect();
        if columns.is_empty() {
            query.push(" HAVING COUNT(*) > 0");
        } else {
            let columns = columns.join(", ");
            query
                .push(" GROUP BY ")
                .push(&columns)
                .push(" ORDER BY ")
                .push(&columns);
        }
        query.push(" LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

const COLUMNS: [(UsageGroup, &str); 6] = [
    (UsageGroup::Day, "day"),
    (UsageGroup::Key, "api_key_id"),
    (UsageGroup::User, "user_id"),
    (UsageGroup::Collection, "collection_id"),
    (UsageGroup::Engine, "engine"),
    (UsageGroup::Model, "model"),
];

/// Whose names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// By what they are called.
    Keys,
    /// By their e-mail addresses.
    Users,
    /// By their slugs.
    Collections,
}

/// The names of those that still exist, in no order.
pub async fn names(tx: &mut Tx, of: Named, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    let begin = match of {
        Named::Keys => "SELECT id, name FROM api_keys WHERE ",
        Named::Users => "SELECT id, email FROM users WHERE ",
        Named::Collections => "SELECT id, slug FROM collections WHERE ",
    };
    on!(tx, |c| {
        let mut query = QueryBuilder::new(begin);
        push_one_of(&mut query, "id", ids);
        query.build_query_as().fetch_all(c).await
    })
}

/// Notes which of its transactions a server has written.
pub async fn sign(tx: &mut Tx, writer: Uuid, batch: i64, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(SIGN)
        .bind(writer)
        .bind(batch)
        .bind(at)
        .execute(c)
        .await
        .map(drop))
}

/// The last one that it has noted, 0 for none. One of which it is not known yet whether it is committed is waited for.
pub async fn last_signed(tx: &mut Tx, writer: Uuid, at: Timestamp) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(LAST_SIGNED)
        .bind(writer)
        .bind(at)
        .fetch_one(c)
        .await)
}

/// Forgets servers that have written nothing since.
pub async fn forget_writers(tx: &mut Tx, before: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(FORGET_WRITERS)
        .bind(before)
        .execute(c)
        .await
        .map(drop))
}
