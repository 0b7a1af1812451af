//! Rows of `workers` and `schedules`: who is there, and what is due regularly.

use crate::{
    db::Tx,
    domain::{Result, Timestamp, identifiers::WorkerId, workers::WorkerRow},
    on,
};

const PUT: &str = "INSERT INTO workers (id, host, pid, role, version, doing, started_at, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO UPDATE SET doing = excluded.doing, seen_at = excluded.seen_at";
const LIST: &str = "SELECT id, host, pid, role, version, doing, started_at, seen_at FROM workers
    WHERE seen_at >= $1 ORDER BY started_at, id";
const DELETE: &str = "DELETE FROM workers WHERE id = $1";
const FORGET: &str = "DELETE FROM workers WHERE seen_at < $1";
const SCHEDULE: &str = "INSERT INTO schedules (name, due_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const TAKE: &str = "UPDATE schedules SET due_at = $3 WHERE name = $1 AND (due_at <= $2 OR due_at > $4)";
const HASTEN: &str = "UPDATE schedules SET due_at = $2 WHERE name = $1 AND due_at > $2";
const RAN: &str = "UPDATE schedules SET due_at = $2, ran_at = $3, took_us = $4, outcome = $5 WHERE name = $1";
const SCHEDULES: &str = "SELECT name, due_at FROM schedules ORDER BY due_at, name";

/// Stores what a server says of itself.
pub async fn put(tx: &mut Tx, worker: &WorkerRow) -> Result<()> {
    on!(tx, |c| sqlx::query(PUT)
        .bind(worker.id)
        .bind(&worker.host)
        .bind(worker.pid)
        .bind(worker.role)
        .bind(&worker.version)
        .bind(&worker.doing)
        .bind(worker.started_at)
        .bind(worker.seen_at)
        .execute(c)
        .await
        .map(drop))
}

/// Those seen since, in the order in which they were started.
pub async fn list(tx: &mut Tx, since: Timestamp) -> Result<Vec<WorkerRow>> {
    on!(tx, |c| sqlx::query_as(LIST).bind(since).fetch_all(c).await)
}

pub async fn delete(tx: &mut Tx, id: WorkerId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}

/// Forgets those that were last seen before.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(FORGET).bind(before).execute(c).await.map(drop))
}

/// Has regular work be known, due for the first time at `due`.
pub async fn schedule(tx: &mut Tx, name: &str, due: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(SCHEDULE)
        .bind(name)
        .bind(due)
        .execute(c)
        .await
        .map(drop))
}

/// What regular work is known, and when it is due.
pub async fn schedules(tx: &mut Tx) -> Result<Vec<(String, Timestamp)>> {
    on!(tx, |c| sqlx::query_as(SCHEDULES).fetch_all(c).await)
}

/// Takes regular work up if it is due by now, or later than `latest`, which only a clock that was ahead can have said. It is due again at
/// `until` if whoever took it up does not say more. Says whether nobody was faster.
pub async fn take(tx: &mut Tx, name: &str, now: Timestamp, until: Timestamp, latest: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(TAKE)
        .bind(name)
        .bind(now)
        .bind(until)
        .bind(latest)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Has regular work be due at `due` if it would be later.
pub async fn hasten(tx: &mut Tx, name: &str, due: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(HASTEN)
        .bind(name)
        .bind(due)
        .execute(c)
        .await
        .map(drop))
}

/// Notes that regular work was done, and when it is due next.
pub async fn ran(tx: &mut Tx, name: &str, next: Timestamp, at: Timestamp, took_us: i64, outcome: &str) -> Result<()> {
    on!(tx, |c| sqlx::query(RAN)
        .bind(name)
        .bind(next)
        .bind(at)
        .bind(took_us)
        .bind(outcome)
        .execute(c)
        .await
        .map(drop))
}
