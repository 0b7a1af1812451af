//! Every metric, once: its name, its help, its labels, all from closed sets. Names follow OpenTelemetry's HTTP conventions.

use super::{
    model_metrics::ModelMetrics, provider_metrics::ProviderMetrics, webhook_metrics::WebhookMetrics,
    work_metrics::WorkMetrics,
};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::{sync::Arc, time::Duration};

/// Seconds, as the stable HTTP conventions advise.
const HTTP_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The metrics of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    request_duration: HistogramVec,
    active_requests: IntGauge,
    refusals: IntCounterVec,
    rate_limited: IntCounterVec,
    models: ModelMetrics,
    providers: ProviderMetrics,
    webhooks: WebhookMetrics,
    work: WorkMetrics,
    settlements_lost: IntCounter,
}

/// What is known of a request when it has been answered.
#[derive(Debug, Clone, Copy)]
pub struct RequestLabels<'a> {
    /// A standard method, or `_OTHER`.
    pub method: &'a str,
    /// The route's template (`/api/collections/{collection}`), empty when there is none.
    pub route: &'a str,
    /// The operation id of the OpenAPI document, empty when there is none.
    pub operation: &'a str,
    pub status: u16,
}

/// A limit on how fast requests may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Principal,
    Address,
}

impl Limit {
    pub const ALL: [Self; 2] = [Self::Principal, Self::Address];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Address => "address",
        }
    }
}

impl Metrics {
    /// # Errors
    /// When two metrics have one name.
    pub fn new(version: &str) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let request_duration = HistogramVec::new(
            HistogramOpts::new(
                "http_server_request_duration_seconds",
                "How long requests took, in seconds.",
            )
            .buckets(HTTP_BUCKETS.to_vec()),
            &[
                "http_request_method",
                "http_route",
                "operation",
                "http_response_status_code",
            ],
        )?;
        let active_requests = IntGauge::new(
            "http_server_active_requests",
            "Requests that are being worked on at this moment.",
        )?;
        let refusals = IntCounterVec::new(
            Opts::new(
                "synoptic_authentication_refusals_total",
                "Credentials and sign-ins that were not accepted, by reason.",
            ),
            &["reason"],
        )?;
        let rate_limited = IntCounterVec::new(
            Opts::new(
                "synoptic_rate_limited_total",
                "Requests that were refused because too many came from one principal or one address.",
            ),
            &["limit"],
        )?;
        for limit in Limit::ALL {
            // A series that is there from the start shows its first increase.
            rate_limited.with_label_values(&[limit.name()]);
        }
        let settlements_lost = IntCounter::new(
            "synoptic_settlements_lost_total",
            "Calls to models whose use could not be written to the ledger.",
        )?;
        let build = IntGaugeVec::new(
            Opts::new("synoptic_build_info", "Always 1; the label says which build."),
            &["version"],
        )?;
        build.with_label_values(&[version]).set(1);
        registry.register(Box::new(request_duration.clone()))?;
        registry.register(Box::new(active_requests.clone()))?;
        registry.register(Box::new(refusals.clone()))?;
        registry.register(Box::new(rate_limited.clone()))?;
        registry.register(Box::new(settlements_lost.clone()))?;
        registry.register(Box::new(build))?;
        let models = ModelMetrics::register(&registry)?;
        let providers = ProviderMetrics::register(&registry)?;
        let webhooks = WebhookMetrics::register(&registry)?;
        let work = WorkMetrics::register(&registry)?;
        Ok(Self(Arc::new(Inner {
            registry,
            request_duration,
            active_requests,
            refusals,
            rate_limited,
            models,
            providers,
            webhooks,
            work,
            settlements_lost,
        })))
    }

    /// Those of engines and of answers that are given again.
    #[must_use]
    pub fn models(&self) -> &ModelMetrics {
        &self.0.models
    }

    /// Those of how well providers are.
    #[must_use]
    pub fn providers(&self) -> &ProviderMetrics {
        &self.0.providers
    }

    /// Those of what is sent to webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookMetrics {
        &self.0.webhooks
    }

    /// Those of work in the background.
    #[must_use]
    pub fn work(&self) -> &WorkMetrics {
        &self.0.work
    }

    pub fn request_began(&self) {
        self.0.active_requests.inc();
    }

    pub fn request_ended(&self) {
        self.0.active_requests.dec();
    }

    pub fn request_answered(&self, labels: RequestLabels<'_>, took: Duration) {
        let status = labels.status.to_string();
        self.0
            .request_duration
            .with_label_values(&[labels.method, labels.route, labels.operation, &status])
            .observe(took.as_secs_f64());
    }

    /// Counts a refusal; `reason` is one of a closed set.
    pub fn refused(&self, reason: &'static str) {
        self.0.refusals.with_label_values(&[reason]).inc();
    }

    pub fn rate_limited(&self, limit: Limit) {
        self.0.rate_limited.with_label_values(&[limit.name()]).inc();
    }

    pub fn settlements_lost(&self, count: u64) {
        self.0.settlements_lost.inc_by(count);
    }

    /// The Prometheus text exposition and its content type.
    ///
    /// # Errors
    /// When a metric cannot be written.
    pub fn render(&self) -> anyhow::Result<(String, Vec<u8>)> {
        self.0.providers.refresh();
        let encoder = TextEncoder::new();
        let mut text = Vec::new();
        encoder.encode(&self.0.registry.gather(), &mut text)?;
        Ok((encoder.format_type().to_owned(), text))
    }
}
