//! What a server says of itself, every few seconds: that it is there, and what it is at.

use super::{Context, looping::cause};
use crate::domain::{
    Clock, Timestamp,
    identifiers::WorkerId,
    work::Claimed,
    workers::{Doing, SEEN_EVERY, ServerRole, WorkerRow},
};
use sqlx::types::Json;
use std::sync::{Mutex, PoisonError};
use tokio::time::MissedTickBehavior;

/// The server's own row.
pub(super) struct Presence {
    id: WorkerId,
    role: ServerRole,
    host: String,
    started_at: Timestamp,
    doing: Mutex<Doing>,
}

impl Presence {
    pub fn new(id: WorkerId, role: ServerRole, clock: &Clock) -> Self {
        Self {
            id,
            role,
            host: host_name(),
            started_at: clock.now(),
            doing: Mutex::default(),
        }
    }

    /// Notes what was taken up.
    pub fn begin(&self, works: &[Claimed]) {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        for work in works {
            *doing.running.entry(work.kind.name().to_owned()).or_default() += 1;
        }
    }

    /// Notes that it is not under way any more.
    pub fn end(&self, works: &[&Claimed]) {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        for work in works {
            let kind = work.kind.name();
            if let Some(running) = doing.running.get_mut(kind) {
                *running -= 1;
                if *running <= 0 {
                    doing.running.remove(kind);
                }
            }
            *doing.ended.entry(kind.to_owned()).or_default() += 1;
        }
    }

    fn row(&self, now: Timestamp, draining: bool) -> WorkerRow {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        doing.draining = draining;
        WorkerRow {
            id: self.id,
            host: self.host.clone(),
            pid: std::process::id().into(),
            role: self.role,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doing: Json(doing),
            started_at: self.started_at,
            seen_at: now,
        }
    }
}

/// Until the server stops, and takes nothing with it: then the row is gone.
pub(super) async fn run(context: Context) {
    let mut tick = tokio::time::interval(SEEN_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let presence = &context.presence;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = context.stop.cancelled() => break,
        }
        measure(&context).await;
        let row = presence.row(context.clock.now(), false);
        if let Err(error) = context.services.jobs.present(&row).await {
            tracing::debug!(cause = %cause(&error), "the server could not say that it is there");
        }
    }
    if let Err(error) = context.services.jobs.absent(presence.id).await {
        tracing::debug!(cause = %cause(&error), "the server could not say that it goes");
    }
}

/// How long the queues are.
async fn measure(context: &Context) {
    let Ok(depths) = context.services.work.depth().await else {
        return;
    };
    for (queue, open, oldest) in depths {
        context.metrics.work().depth(queue.name(), open, oldest);
    }
}

#[cfg(target_os = "linux")]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(target_os = "linux"))]
fn host_name() -> String {
    "unknown".to_owned()
}
