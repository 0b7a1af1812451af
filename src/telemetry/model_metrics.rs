//! Metrics of engines and of answers that are given again. Durations follow OpenTelemetry's conventions for generative AI. Labels are
//! configured names and closed sets.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::time::Duration;

/// Seconds, as the conventions for generative AI advise.
const MODEL_BUCKETS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// What tokens are, in the order of [`CallUse`].
const TOKEN_TYPES: [&str; 3] = ["input", "cached_input", "output"];
/// Where answers that are kept are found.
const TIERS: [&str; 3] = ["memory", "redis", "database"];

/// Who answered a question that a cascade was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    Embedded,
    Model,
}

impl Share {
    const ALL: [Self; 2] = [Self::Embedded, Self::Model];

    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Model => "model",
        }
    }
}

/// What a call used, in tokens and micro-dollars.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallUse {
    pub input: i64,
    pub cached_input: i64,
    pub output: i64,
    pub cost: i64,
}

/// A part of `Metrics`.
#[derive(Debug)]
pub struct ModelMetrics {
    call_duration: HistogramVec,
    first_piece: HistogramVec,
    tokens: IntCounterVec,
    cost: IntCounterVec,
    answers: IntCounterVec,
    cascade: IntCounterVec,
    cascade_saved: IntCounter,
    cache_hits: IntCounterVec,
    cache_misses: IntCounter,
    cache_collapsed: IntCounter,
    cache_saved: IntCounter,
    awaited: IntGauge,
}

/// A request that waits for a model's answer, until it is dropped.
#[derive(Debug)]
pub struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ModelMetrics {
    pub(super) fn register(registry: &Registry) -> anyhow::Result<Self> {
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(MODEL_BUCKETS.to_vec()), labels)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            call_duration: histogram(
                "gen_ai_client_operation_duration_seconds",
                "How long calls to models took, by outcome, in seconds.",
                &["gen_ai_provider_name", "gen_ai_request_model", "outcome"],
            )?,
            first_piece: histogram(
                "gen_ai_client_operation_time_to_first_chunk_seconds",
                "How long the first piece of an answer took, in seconds.",
                &["gen_ai_provider_name", "gen_ai_request_model"],
            )?,
            tokens: counters(
                "synoptic_model_tokens_total",
                "Tokens that calls to models used; cached input is part of the input.",
                &["gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"],
            )?,
            cost: counters(
                "synoptic_model_cost_microdollars_total",
                "What calls to models cost, in millionths of a US dollar.",
                &["gen_ai_provider_name", "gen_ai_request_model"],
            )?,
            answers: counters(
                "synoptic_answers_total",
                "Answers by kind, by the engine that gave them, and by whether it stood in for another.",
                &["kind", "engine", "degraded"],
            )?,
            cascade: counters(
                "synoptic_cascade_answers_total",
                "Classifications of a cascade, by who answered them.",
                &["answered_by"],
            )?,
            cascade_saved: IntCounter::new(
                "synoptic_cascade_saved_microdollars_total",
                "What the model would have cost, as an estimate, for what a cascade had the embedded engine answer.",
            )?,
            cache_hits: counters(
                "synoptic_cache_hits_total",
                "Answers that were given again, by where they were found.",
                &["tier"],
            )?,
            cache_misses: IntCounter::new(
                "synoptic_cache_misses_total",
                "Questions to models that had to be asked because no answer was kept.",
            )?,
            cache_collapsed: IntCounter::new(
                "synoptic_cache_collapsed_total",
                "Requests that waited for the answer to the same question of another request.",
            )?,
            cache_saved: IntCounter::new(
                "synoptic_cache_saved_microdollars_total",
                "What answers had cost that were given again, in millionths of a US dollar.",
            )?,
            awaited: IntGauge::new(
                "synoptic_answers_awaited",
                "Requests that wait for a model's answer now, each by itself or several for the same one.",
            )?,
        };
        // Series that are there from the start show their first increase.
        for tier in TIERS {
            metrics.cache_hits.with_label_values(&[tier]);
        }
        for share in Share::ALL {
            metrics.cascade.with_label_values(&[share.name()]);
        }
        registry.register(Box::new(metrics.call_duration.clone()))?;
        registry.register(Box::new(metrics.first_piece.clone()))?;
        registry.register(Box::new(metrics.awaited.clone()))?;
        for counter in [
            &metrics.tokens,
            &metrics.cost,
            &metrics.answers,
            &metrics.cascade,
            &metrics.cache_hits,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        for counter in [
            &metrics.cascade_saved,
            &metrics.cache_misses,
            &metrics.cache_collapsed,
            &metrics.cache_saved,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(metrics)
    }
}

/// Counters take no negative numbers.
fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

impl ModelMetrics {
    /// A model that may be asked: its counters are there from the start.
    pub fn model_configured(&self, engine: &str, model: &str) {
        for kind in TOKEN_TYPES {
            self.tokens.with_label_values(&[engine, model, kind]);
        }
        self.cost.with_label_values(&[engine, model]);
    }

    /// One attempt at a model; `outcome` is one of a closed set.
    pub fn model_called(&self, engine: &str, model: &str, outcome: &'static str, took: Duration) {
        self.call_duration
            .with_label_values(&[engine, model, outcome])
            .observe(took.as_secs_f64());
    }

    pub fn first_piece(&self, engine: &str, model: &str, after: Duration) {
        self.first_piece
            .with_label_values(&[engine, model])
            .observe(after.as_secs_f64());
    }

    pub fn model_used(&self, engine: &str, model: &str, used: CallUse) {
        let tokens = &self.tokens;
        for (kind, number) in TOKEN_TYPES
            .into_iter()
            .zip([used.input, used.cached_input, used.output])
        {
            tokens.with_label_values(&[engine, model, kind]).inc_by(count(number));
        }
        self.cost.with_label_values(&[engine, model]).inc_by(count(used.cost));
    }

    /// One answer of an engine, not one that was given again.
    pub fn answered(&self, kind: &'static str, engine: &str, degraded: bool) {
        let degraded = if degraded { "true" } else { "false" };
        self.answers.with_label_values(&[kind, engine, degraded]).inc();
    }

    /// One classification of a cascade, and how many micro-dollars it saved.
    pub fn cascaded(&self, share: Share, saved: i64) {
        self.cascade.with_label_values(&[share.name()]).inc();
        self.cascade_saved.inc_by(count(saved));
    }

    /// An answer that was given again, and how many micro-dollars it had cost.
    pub fn cache_hit(&self, tier: &'static str, saved: i64) {
        self.cache_hits.with_label_values(&[tier]).inc();
        self.cache_saved.inc_by(count(saved));
    }

    /// A request begins to wait for a model's answer.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        self.awaited.inc();
        Waiting(self.awaited.clone())
    }

    pub fn cache_missed(&self) {
        self.cache_misses.inc();
    }

    /// A request that waited for another's answer, and how many micro-dollars that cost.
    pub fn cache_collapsed(&self, saved: i64) {
        self.cache_collapsed.inc();
        self.cache_saved.inc_by(count(saved));
    }
}
