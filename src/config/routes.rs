//! `[routes]`: what answers a request that names no engine.

use serde::{Deserialize, Serialize};

/// One route for all kinds of answers, and others for single kinds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routes {
    /// For every kind that has no route of its own. Left out: every provider in the order of the file, each with its first model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Route>,
}

/// An ordered list of engines: the first that answers is the one that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `provider` or `provider/model`, or `embedded` in the last place.
    pub engines: Vec<String>,
    /// Whether the embedded engine answers when none of them does, marked as degraded.
    #[serde(default = "yes")]
    pub fallback: bool,
    /// The next engine is asked beside one that has not finished its answer after so many milliseconds; 0 for never. Costs twice.
    #[serde(default)]
    pub hedge_after_milliseconds: u64,
    /// For classifications: the embedded engine's own answer stands when its confidence is at least this, and the others are asked
    /// for the rest only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade_confidence: Option<f64>,
}

impl Routes {
    /// The routes with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Route)> {
        let routes = [
            ("default", &self.default),
            ("summary", &self.summary),
            ("classification", &self.classification),
            ("generation", &self.generation),
        ];
        routes
            .into_iter()
            .filter_map(|(name, route)| Some((name, route.as_ref()?)))
    }

    /// What cannot be meant, in words. Whether there is such an engine is seen where engines are.
    pub(super) fn fault(&self) -> Option<String> {
        self.named().find_map(|(name, route)| {
            let confidence = route.cascade_confidence;
            if route.engines.is_empty() {
                Some(format!("`routes.{name}.engines` must not be empty"))
            } else if confidence.is_some() && matches!(name, "summary" | "generation") {
                Some(format!(
                    "`routes.{name}.cascade_confidence` has no meaning: only classifications have a confidence; it belongs in \
                     `routes.classification` or `routes.default`"
                ))
            } else if confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
                Some(format!("`routes.{name}.cascade_confidence` must be 0 to 1"))
            } else {
                None
            }
        })
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cascade_is_for_classifications() {
        for (name, is_accepted) in [
            ("default", true),
            ("classification", true),
            ("summary", false),
            ("generation", false),
        ] {
            let routes = format!("{{\"{name}\": {{\"engines\": [\"a\"], \"cascade_confidence\": 0.9}}}}");
            let routes: Routes = serde_json::from_str(&routes).unwrap();
            let fault = routes.fault();
            assert_eq!(fault.is_none(), is_accepted, "{fault:?}");
            assert!(fault.is_none_or(|fault| fault.contains(&format!("`routes.{name}.cascade_confidence`"))));
        }
    }
}
