//! The audit trail: written in the transaction of what it tells of, so that neither is there without the other.

use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Result,
        audit::{AuditEntry, AuditFilter, Event},
        identifiers::AuditId,
        paging::{Page, PageRequest},
        principal::Actor,
    },
    repositories::audit,
    telemetry::trace_id,
};
use std::net::IpAddr;

#[derive(Clone)]
pub struct Audit {
    db: Db,
    clock: Clock,
}

impl Audit {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Notes what stands alone, without a change in the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&self, actor: &Actor, event: Event) -> Result<()> {
        let mut tx = self.db.write().await?;
        record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await
    }

    /// Newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, filter: &AuditFilter, page: PageRequest<AuditId>) -> Result<Page<AuditEntry, AuditId>> {
        let mut tx = self.db.read().await?;
        let rows = audit::list(&mut tx, filter, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }
}

/// Notes what the actor did in this transaction.
pub(super) async fn record(tx: &mut Tx, clock: &Clock, actor: &Actor, event: Event) -> Result<()> {
    let address = actor.address.map(|address| address.to_string());
    let entry = event.by(Some(actor), address, clock.now(), trace_id::current());
    audit::insert(tx, &entry).await
}

/// Notes what somebody did who was not recognised.
pub(super) async fn record_anonymous(tx: &mut Tx, clock: &Clock, from: Option<IpAddr>, event: Event) -> Result<()> {
    let address = from.map(|address| address.to_string());
    let entry = event.by(None, address, clock.now(), trace_id::current());
    audit::insert(tx, &entry).await
}
