//! Metrics of work in the background. Queues, kinds and outcomes are closed sets.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::time::Duration;

/// Seconds that a batch may take: from a few documents and the embedded engine to as many answers of a slow model.
const BATCH_BUCKETS: &[f64] = &[
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

#[derive(Debug)]
pub struct WorkMetrics {
    ended: IntCounterVec,
    duration: HistogramVec,
    waiting: IntGaugeVec,
    oldest: IntGaugeVec,
}

impl WorkMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let ended = IntCounterVec::new(
            Opts::new(
                "synoptic_work_items_total",
                "Pieces of work in the background that this server has ended, put back to be tried again, or given up, by queue and kind.",
            ),
            &["queue", "kind", "outcome"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "synoptic_work_batch_duration_seconds",
                "How long pieces that were taken up together took, in seconds.",
            )
            .buckets(BATCH_BUCKETS.to_vec()),
            &["queue"],
        )?;
        let waiting = IntGaugeVec::new(
            Opts::new(
                "synoptic_work_open",
                "Pieces of work that have not ended, of all servers on this database.",
            ),
            &["queue"],
        )?;
        let oldest = IntGaugeVec::new(
            Opts::new(
                "synoptic_work_oldest_due_seconds",
                "For how long the oldest piece that could be taken up has been waiting, in seconds; 0 when there is none.",
            ),
            &["queue"],
        )?;
        registry.register(Box::new(ended.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(waiting.clone()))?;
        registry.register(Box::new(oldest.clone()))?;
        Ok(Self {
            ended,
            duration,
            waiting,
            oldest,
        })
    }

    /// Counts pieces of one kind with one outcome: `done`, `failed`.
    pub fn ended(&self, queue: &'static str, kind: &'static str, outcome: &'static str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.ended.with_label_values(&[queue, kind, outcome]).inc_by(count);
    }

    pub fn took(&self, queue: &'static str, took: Duration) {
        self.duration.with_label_values(&[queue]).observe(took.as_secs_f64());
    }

    /// Notes how long a queue is, and for how many seconds its oldest piece has been due.
    pub fn depth(&self, queue: &'static str, open: i64, oldest: i64) {
        self.waiting.with_label_values(&[queue]).set(open);
        self.oldest.with_label_values(&[queue]).set(oldest.max(0));
    }
}
