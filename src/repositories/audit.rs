//! Rows of `audit`, which are added and read, never changed.

use crate::{
    db::Tx,
    domain::{
        Result,
        audit::{AuditEntry, AuditFilter, AuditResult},
        identifiers::AuditId,
    },
    on,
};
use sqlx::QueryBuilder;

const INSERT: &str = "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, \
     target_name, detail, result, address, trace_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

pub async fn insert(tx: &mut Tx, entry: &AuditEntry) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.actor_kind)
        .bind(entry.actor_id)
        .bind(&entry.actor_name)
        .bind(entry.action)
        .bind(&entry.target_kind)
        .bind(&entry.target_id)
        .bind(&entry.target_name)
        .bind(&entry.detail)
        .bind(entry.result)
        .bind(&entry.address)
        .bind(&entry.trace_id)
        .execute(c)
        .await
        .map(drop))
}

/// Newest first, after `after` in that order.
pub async fn list(tx: &mut Tx, filter: &AuditFilter, after: Option<AuditId>, limit: i64) -> Result<Vec<AuditEntry>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, target_name, detail, \
             result, address, trace_id FROM audit WHERE 1 = 1",
        );
        if let Some(action) = filter.action {
            query.push(" AND action = ").push_bind(action);
        }
        if let Some(id) = filter.actor_id {
            query.push(" AND actor_id = ").push_bind(id);
        }
        if let Some(id) = &filter.target_id {
            query.push(" AND target_id = ").push_bind(id);
        }
        // Written out, for the index of what was refused, which is rare.
        query.push(match filter.result {
            None => "",
            Some(AuditResult::Done) => " AND result = 'done'",
            Some(AuditResult::Refused) => " AND result = 'refused'",
        });
        if let Some(time) = filter.after {
            query.push(" AND at > ").push_bind(time);
        }
        if let Some(time) = filter.before {
            query.push(" AND at < ").push_bind(time);
        }
        if let Some(id) = after {
            query.push(" AND id < ").push_bind(id);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}
