//! Who is asked, in which order.

use super::ModelInUse;
use crate::{
    config::{self, EMBEDDED},
    engines::provider::Provider,
};
use std::{fmt::Write, sync::Arc, time::Duration};

/// One that may answer.
#[derive(Clone)]
pub enum Candidate {
    Embedded,
    Model(ModelInUse),
}

impl Candidate {
    /// The provider of this name, with its first model unless one is named.
    ///
    /// # Errors
    /// What there is instead, in words.
    pub fn find(providers: &[Arc<Provider>], name: &str, model: Option<&str>) -> Result<Self, String> {
        let Some(provider) = providers.iter().find(|provider| &**provider.name() == name) else {
            let known: String = providers.iter().fold(String::new(), |mut known, provider| {
                let _ = write!(known, ", `{}`", provider.name());
                known
            });
            return Err(format!("names no engine; there are `auto`, `embedded`{known}"));
        };
        let handle = match model {
            None => provider.models().first(),
            Some(model) => provider.model(model),
        };
        let Some(handle) = handle else {
            let known: Vec<&str> = provider.models().iter().map(|model| &**model.name()).collect();
            return Err(format!(
                "names no model of the provider `{name}`; it has `{}`",
                known.join("`, `")
            ));
        };
        Ok(Self::Model(ModelInUse {
            provider: Arc::clone(provider),
            handle: handle.clone(),
        }))
    }

    pub(super) fn as_model(&self) -> Option<&ModelInUse> {
        match self {
            Self::Embedded => None,
            Self::Model(model) => Some(model),
        }
    }
}

/// An ordered list of engines.
#[derive(Clone)]
pub struct Plan {
    pub(super) candidates: Vec<Candidate>,
    pub(super) hedge_after: Option<Duration>,
    pub(super) cascade_confidence: Option<f64>,
    by_choice: bool,
}

impl Plan {
    /// Only the embedded engine, because the request says so.
    pub(super) fn embedded() -> Self {
        Self {
            by_choice: true,
            ..Self::of(vec![Candidate::Embedded])
        }
    }

    /// Only this one, because the request says so.
    pub(super) fn only(candidate: Candidate) -> Self {
        Self {
            by_choice: true,
            ..Self::of(vec![candidate])
        }
    }

    /// Every provider with its first model, and the embedded engine last.
    pub(super) fn of_all(providers: &[Arc<Provider>]) -> Self {
        let first = |provider: &Arc<Provider>| {
            let handle = provider.models().first()?.clone();
            let provider = Arc::clone(provider);
            Some(Candidate::Model(ModelInUse { provider, handle }))
        };
        let models = providers.iter().filter_map(first);
        Self::of(models.chain([Candidate::Embedded]).collect())
    }

    /// # Errors
    /// In words, what cannot be meant.
    pub(super) fn of_route(route: &config::Route, providers: &[Arc<Provider>]) -> Result<Self, String> {
        let mut candidates = Vec::new();
        for (place, name) in route.engines.iter().enumerate() {
            if name == EMBEDDED {
                if place + 1 < route.engines.len() {
                    return Err("`embedded` always answers, so that it can only be the last of `engines`".to_owned());
                }
                candidates.push(Candidate::Embedded);
                continue;
            }
            let (provider, model) = name
                .split_once('/')
                .map_or((name.as_str(), None), |(provider, model)| (provider, Some(model)));
            let found = Candidate::find(providers, provider, model);
            candidates.push(found.map_err(|fault| format!("`{name}` {fault}"))?);
        }
        if route.fallback && !matches!(candidates.last(), Some(Candidate::Embedded)) {
            candidates.push(Candidate::Embedded);
        }
        let hedge = route.hedge_after_milliseconds;
        Ok(Self {
            hedge_after: (hedge > 0).then(|| Duration::from_millis(hedge)),
            cascade_confidence: route.cascade_confidence,
            ..Self::of(candidates)
        })
    }

    fn of(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            hedge_after: None,
            cascade_confidence: None,
            by_choice: false,
        }
    }

    /// Whether no model can be asked.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.candidates.iter().all(|candidate| candidate.as_model().is_none())
    }

    /// Whether the embedded engine answers in place of the models.
    #[must_use]
    pub fn falls_back(&self) -> bool {
        self.candidates
            .iter()
            .any(|candidate| matches!(candidate, Candidate::Embedded))
    }

    /// Whether the request itself names the embedded engine.
    #[must_use]
    pub fn is_embedded_by_choice(&self) -> bool {
        self.by_choice && self.is_embedded()
    }

    /// Whether this engine is one of those that may answer, not in place of another. In a cascade, the embedded engine is.
    #[must_use]
    pub fn has(&self, engine: &str, model: &str) -> bool {
        if engine == EMBEDDED {
            return self.is_embedded() || self.cascade_confidence.is_some();
        }
        let mut models = self.candidates.iter().filter_map(Candidate::as_model);
        models.any(|known| &**known.provider.name() == engine && &**known.handle.name() == model)
    }

    /// The models that may answer, in their order, with the settings that change what they say: what an answer that is kept depends on. Whether the embedded engine would have
    /// stepped in is no part of it, because such answers are not kept.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut identity = String::new();
        for model in self.candidates.iter().filter_map(Candidate::as_model) {
            identity.push_str(model.handle.identity());
        }
        if let Some(confidence) = self.cascade_confidence {
            let _ = write!(identity, "cascade {confidence}");
        }
        identity
    }
}
