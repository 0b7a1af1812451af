//! Metrics of how well providers are, and of what is done where they are not. Labels are configured names and closed sets.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

const OF_MODEL: [&str; 2] = ["gen_ai_provider_name", "gen_ai_request_model"];

/// A part of `Metrics`.
#[derive(Debug)]
pub struct ProviderMetrics {
    repeated: IntCounterVec,
    estimated: IntCounterVec,
    hedged: IntCounterVec,
    turned_away: IntCounterVec,
    state: IntGaugeVec,
    watched: Mutex<Vec<Watched>>,
}

/// Says in which state a provider is, of a closed set; `None` once it is gone.
pub type StateOfProvider = Box<dyn Fn() -> Option<&'static str> + Send + Sync>;

/// A provider whose state is asked for whenever metrics are read, as pauses end without anybody noticing.
struct Watched {
    provider: String,
    states: Vec<&'static str>,
    state: StateOfProvider,
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.provider)
    }
}

impl ProviderMetrics {
    pub(super) fn register(registry: &Registry) -> anyhow::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            repeated: counters(
                "synoptic_model_repeated_calls_total",
                "Calls to models that repeated one that had failed.",
                &OF_MODEL,
            )?,
            estimated: counters(
                "synoptic_model_estimated_calls_total",
                "Calls to models whose tokens were counted here, because the provider did not say.",
                &OF_MODEL,
            )?,
            hedged: counters(
                "synoptic_model_hedged_calls_total",
                "Times that a model was asked beside another one that had not answered in time.",
                &OF_MODEL,
            )?,
            turned_away: counters(
                "synoptic_provider_turned_away_total",
                "Calls that were not made because the provider rests, too many wait for it, or no turn came in time.",
                &["gen_ai_provider_name", "reason"],
            )?,
            state: IntGaugeVec::new(
                Opts::new(
                    "synoptic_provider_state",
                    "1 for the state that a provider is in: called (closed), left alone (open), or tried again (half_open).",
                ),
                &["gen_ai_provider_name", "state"],
            )?,
            watched: Mutex::default(),
        };
        for counter in [
            &metrics.repeated,
            &metrics.estimated,
            &metrics.hedged,
            &metrics.turned_away,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(metrics.state.clone()))?;
        Ok(metrics)
    }

    /// A model that may be asked: its counters are there from the start.
    pub fn model_configured(&self, engine: &str, model: &str) {
        for counter in [&self.repeated, &self.estimated, &self.hedged] {
            counter.with_label_values(&[engine, model]);
        }
    }

    /// A provider that may be asked: the states that it can be in, how to find out which it is in, and why calls may be turned away.
    pub fn provider_configured(
        &self,
        engine: &str,
        states: &[&'static str],
        state: StateOfProvider,
        reasons: &[&'static str],
    ) {
        for reason in reasons {
            self.turned_away.with_label_values(&[engine, reason]);
        }
        let watched = Watched {
            provider: engine.to_owned(),
            states: states.to_vec(),
            state,
        };
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(watched);
    }

    /// Finds out the states of all providers.
    pub(super) fn refresh(&self) {
        let all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for watched in &*all {
            let current = (watched.state)();
            for state in &watched.states {
                let gauge = self.state.with_label_values(&[watched.provider.as_str(), state]);
                gauge.set(i64::from(current == Some(*state)));
            }
        }
    }

    /// One call that repeats one that failed.
    pub fn repeated(&self, engine: &str, model: &str) {
        self.repeated.with_label_values(&[engine, model]).inc();
    }

    /// One call whose tokens were counted here.
    pub fn estimated(&self, engine: &str, model: &str) {
        self.estimated.with_label_values(&[engine, model]).inc();
    }

    /// One model that was asked beside another.
    pub fn hedged(&self, engine: &str, model: &str) {
        self.hedged.with_label_values(&[engine, model]).inc();
    }

    /// One call that was not made; `reason` is one of a closed set.
    pub fn turned_away(&self, engine: &str, reason: &'static str) {
        self.turned_away.with_label_values(&[engine, reason]).inc();
    }
}
