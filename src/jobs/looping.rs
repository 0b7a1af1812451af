//! The loop of one queue: takes up what is due in one collection, has it done, keeps the lease meanwhile, and notes what failed.

use super::{Context, analyze};
use crate::{
    domain::{
        Error,
        work::{Claimed, LEASE, Queue, WorkKind},
    },
    services::work::Batch,
    telemetry::trace_id,
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::time::Instant;

/// How many pieces are taken up at once. A batch shares transactions; it also holds up whatever arrives meanwhile.
const AT_ONCE: i64 = 32;
/// How long to wait after the database did not answer.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// Until the server stops.
pub(super) async fn run(context: Context, queue: Queue) {
    while !context.stop.is_cancelled() {
        match context.services.work.claim(queue, AT_ONCE).await {
            Ok(Some(batch)) => {
                // What comes of it can be found under one id.
                trace_id::scope(trace_id::generate(), Box::pin(carry_out(&context, queue, batch))).await;
            }
            Ok(None) => {
                tokio::select! {
                    () = context.services.work.wait(queue, context.settings.poll()) => {}
                    () = context.stop.cancelled() => {}
                }
            }
            Err(error) => {
                tracing::warn!(queue = queue.name(), cause = %cause(&error), "no work can be taken up");
                tokio::select! {
                    () = tokio::time::sleep(AFTER_TROUBLE) => {}
                    () = context.stop.cancelled() => {}
                }
            }
        }
    }
}

/// Has the pieces done, and keeps the lease until they are.
async fn carry_out(context: &Context, queue: Queue, batch: Batch) {
    let Batch { lease, works } = batch;
    let began = Instant::now();
    context.presence.begin(&works);
    let renewing = async {
        let mut tick = tokio::time::interval(LEASE.unsigned_abs() / 3);
        tick.tick().await;
        loop {
            tick.tick().await;
            if let Err(error) = context.services.work.renew(lease).await {
                tracing::warn!(queue = queue.name(), cause = %cause(&error), "a lease could not be renewed");
            }
        }
    };
    let groups = grouped(works);
    let doing = async {
        for group in &groups {
            // A fault in the code is the fault of this piece; it must not stop the loop.
            let outcome = AssertUnwindSafe(one_kind(context, group)).catch_unwind().await;
            let failed = match outcome {
                Ok(failed) => failed,
                Err(_) => group
                    .iter()
                    .map(|work| (work, Error::internal("the work panicked")))
                    .collect(),
            };
            context.count(queue, group, failed.len());
            note(context, &failed).await;
        }
    };
    tokio::select! {
        () = doing => {}
        () = renewing => {}
    }
    let works: Vec<&Claimed> = groups.iter().flatten().collect();
    context.presence.end(&works);
    context.metrics.work().took(queue.name(), began.elapsed());
}

impl Context {
    fn count(&self, queue: Queue, group: &[Claimed], failed: usize) {
        let Some(kind) = group.first().map(|work| work.kind.name()) else {
            return;
        };
        let work = self.metrics.work();
        work.ended(queue.name(), kind, "done", group.len().saturating_sub(failed));
        work.ended(queue.name(), kind, "failed", failed);
    }
}

/// Pieces that are done together: of one job or one rule, and of one kind.
fn grouped(works: Vec<Claimed>) -> Vec<Vec<Claimed>> {
    let mut groups: Vec<Vec<Claimed>> = Vec::new();
    for work in works {
        let same = |group: &&mut Vec<Claimed>| {
            let first = &group[0];
            (first.kind, first.job_id, &first.rule) == (work.kind, work.job_id, &work.rule)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(work),
            None => groups.push(vec![work]),
        }
    }
    groups
}

/// Does pieces of one kind; returns those that could not be ended, each with its error.
async fn one_kind<'a>(context: &Context, works: &'a [Claimed]) -> Vec<(&'a Claimed, Error)> {
    let services = &context.services;
    match works.first().map(|work| work.kind) {
        Some(WorkKind::Analyze) => analyze::run(services, works).await,
        Some(WorkKind::Deliver) => services.delivering.deliver(works).await,
        Some(kind) => {
            let mut failed = Vec::new();
            for work in works {
                let outcome = match kind {
                    WorkKind::Plan => services.job_work.plan(work).await,
                    WorkKind::Delete => services.job_work.delete(work).await,
                    WorkKind::Import => Box::pin(services.imports.store_chunk(work)).await,
                    WorkKind::Export => Box::pin(services.exports.write_part(work)).await,
                    _ => Err(Error::internal("nothing is known of this kind of work")),
                };
                if let Err(error) = outcome {
                    failed.push((work, error));
                }
            }
            failed
        }
        None => Vec::new(),
    }
}

async fn note(context: &Context, failed: &[(&Claimed, Error)]) {
    if failed.is_empty() {
        return;
    }
    for (work, error) in failed {
        if matches!(error, Error::Internal { .. }) {
            tracing::error!(work = %work.id, kind = work.kind.name(), cause = %cause(error), "work in the background failed");
        }
    }
    let failed: Vec<(&Claimed, &Error)> = failed.iter().map(|(work, error)| (*work, error)).collect();
    if let Err(error) = context.services.work.fail(&failed).await {
        tracing::warn!(cause = %cause(&error), "that work failed could not be noted; it is begun anew when its lease is over");
    }
}

pub(super) fn cause(error: &Error) -> String {
    error.cause().map_or_else(|| error.to_string(), ToString::to_string)
}
