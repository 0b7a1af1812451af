//! Metrics of what is sent to webhooks. Outcomes are a closed set; no address and no name is a label.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};
use std::time::Duration;

/// Seconds that an attempt may take, up to the limit of a request.
const BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

#[derive(Debug)]
pub struct WebhookMetrics {
    deliveries: IntCounterVec,
    duration: Histogram,
}

impl WebhookMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let deliveries = IntCounterVec::new(
            Opts::new(
                "synoptic_webhook_deliveries_total",
                "Attempts to send something to a webhook: delivered, to be retried, or failed for good.",
            ),
            &["outcome"],
        )?;
        for outcome in ["delivered", "retried", "failed"] {
            deliveries.with_label_values(&[outcome]);
        }
        let duration = Histogram::with_opts(
            HistogramOpts::new(
                "synoptic_webhook_attempt_duration_seconds",
                "How long attempts to send something to a webhook took, in seconds.",
            )
            .buckets(BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(deliveries.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Self { deliveries, duration })
    }

    /// Counts an attempt: `delivered`, `retried` or `failed`.
    pub fn attempted(&self, outcome: &'static str, took: Duration) {
        self.deliveries.with_label_values(&[outcome]).inc();
        self.duration.observe(took.as_secs_f64());
    }
}
