//! What happens at providers, as metrics.

use crate::{
    engines::provider::{BreakerState, Observation, Observer, Provider, UnavailableReason},
    telemetry::{CallUse, Metrics},
};
use std::sync::Arc;

/// Counts what happens.
pub(super) fn observer(metrics: &Metrics) -> Observer {
    let metrics = metrics.clone();
    Arc::new(move |observation| {
        let (models, providers) = (metrics.models(), metrics.providers());
        match observation {
            Observation::Attempt(attempt) => {
                let (engine, model) = (&*attempt.engine, &*attempt.model);
                models.model_called(engine, model, attempt.outcome(), attempt.duration);
                if let Some(after) = attempt.first_piece_after {
                    models.first_piece(engine, model, after);
                }
                let used = CallUse {
                    input: attempt.used.tokens.input,
                    cached_input: attempt.used.tokens.cached_input,
                    output: attempt.used.tokens.output,
                    cost: attempt.cost.0,
                };
                models.model_used(engine, model, used);
                if attempt.repeated {
                    providers.repeated(engine, model);
                }
                if attempt.used.estimated {
                    providers.estimated(engine, model);
                }
            }
            Observation::TurnedAway { engine, reason } => providers.turned_away(engine, reason.name()),
        }
    })
}

/// Makes the series of all providers and models, so that they show their first increase.
pub(super) fn announce(metrics: &Metrics, providers: &[Arc<Provider>]) {
    let states = BreakerState::ALL.map(BreakerState::name);
    let reasons = UnavailableReason::ALL.map(UnavailableReason::name);
    for provider in providers {
        for model in provider.models() {
            metrics.models().model_configured(provider.name(), model.name());
            metrics.providers().model_configured(provider.name(), model.name());
        }
        // The provider holds the metrics, which must not hold the provider.
        let watched = Arc::downgrade(provider);
        let state = Box::new(move || Some(watched.upgrade()?.state().name()));
        let metrics = metrics.providers();
        metrics.provider_configured(provider.name(), &states, state, &reasons);
    }
}
