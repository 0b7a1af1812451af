//! What `/metrics` says of providers and models.

use crate::{
    support::{request, settings_of},
    upstream::Upstream,
};
use serde_json::json;
use std::time::Duration;
use synoptic::{
    config::{self, Routes},
    domain::{analyses::AnalysisKind, engines::EngineChoice},
    engines::{
        GenerationQuestion, Question,
        router::{Asking, Router},
    },
    telemetry::Metrics,
};

struct World {
    metrics: Metrics,
    router: Router,
    _upstream: Upstream,
}

impl World {
    /// Each provider has one model, of the same name.
    async fn new(models: &[&str], routes: &Routes) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let upstream = Upstream::start().await;
        let metrics = Metrics::new("test").unwrap();
        let provider = |model: &&str| {
            let settings = json!({"name": model, "retries": 2, "longest_wait_seconds": 0});
            settings_of(&upstream.base_url(), model, &settings)
        };
        let providers: Vec<config::Provider> = models.iter().map(provider).collect();
        Self {
            router: Router::new(&providers, routes, &metrics).unwrap(),
            metrics,
            _upstream: upstream,
        }
    }

    async fn ask(&self, engine: &str) {
        let engine = EngineChoice::parse(engine).unwrap();
        let plan = self.router.plan(AnalysisKind::Generation, &engine).unwrap();
        let question = Question::Generation(GenerationQuestion {
            system: String::new(),
            user: request().messages[1].content.clone(),
            data: Vec::new(),
            marks: Vec::new(),
            output_schema: None,
            max_output_tokens: None,
            temperature: None,
        });
        drop(self.router.answer(&plan, &question, &Asking::free()).await);
    }

    /// The value of a series, if it is there.
    fn value(&self, series: &str) -> Option<u64> {
        let (_, text) = self.metrics.render().unwrap();
        let text = String::from_utf8(text).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        value.map(|value| value.trim().parse().unwrap())
    }

    fn of_model(&self, name: &str, model: &str) -> Option<u64> {
        let labels = format!("gen_ai_provider_name=\"{model}\",gen_ai_request_model=\"{model}\"");
        self.value(&format!("{name}{{{labels}}}"))
    }

    fn of_provider(&self, name: &str, provider: &str, label: &str) -> Option<u64> {
        self.value(&format!("{name}{{gen_ai_provider_name=\"{provider}\",{label}}}"))
    }

    fn states(&self, provider: &str) -> [Option<u64>; 3] {
        ["closed", "open", "half_open"]
            .map(|state| self.of_provider("synoptic_provider_state", provider, &format!("state=\"{state}\"")))
    }
}

#[tokio::test]
async fn every_series_is_there_before_anything_happens() {
    let world = World::new(&["ok"], &Routes::default()).await;
    assert_eq!(world.states("ok"), [Some(1), Some(0), Some(0)]);
    for reason in ["left_alone", "queue_full", "no_turn"] {
        let label = format!("reason=\"{reason}\"");
        assert_eq!(
            world.of_provider("synoptic_provider_turned_away_total", "ok", &label),
            Some(0)
        );
    }
    for name in [
        "synoptic_model_repeated_calls_total",
        "synoptic_model_estimated_calls_total",
        "synoptic_model_hedged_calls_total",
        "synoptic_model_cost_microdollars_total",
    ] {
        assert_eq!(world.of_model(name, "ok"), Some(0), "{name}");
    }
}

#[tokio::test]
async fn repetitions_rest_and_calls_that_are_turned_away_show() {
    let world = World::new(&["status-500"], &Routes::default()).await;
    // Three attempts, then two more, after which it rests.
    world.ask("status-500").await;
    world.ask("status-500").await;
    assert_eq!(
        world.of_model("synoptic_model_repeated_calls_total", "status-500"),
        Some(3)
    );
    assert_eq!(world.states("status-500"), [Some(0), Some(1), Some(0)]);
    let turned_away = || {
        world.of_provider(
            "synoptic_provider_turned_away_total",
            "status-500",
            "reason=\"left_alone\"",
        )
    };
    // The second attempt of the second question was its last, as the third was turned away.
    let before = turned_away().unwrap();
    world.ask("status-500").await;
    assert_eq!(turned_away(), Some(before + 1));
}

#[tokio::test]
async fn estimates_and_hedges_show() {
    let routes = json!({"default": {"engines": ["drip-100", "ok"], "hedge_after_milliseconds": 100}});
    let routes: Routes = serde_json::from_value(routes).unwrap();
    let world = World::new(&["drip-100", "ok", "no-usage"], &routes).await;
    world.ask("no-usage").await;
    world.ask("ok").await;
    let estimated = |model| world.of_model("synoptic_model_estimated_calls_total", model);
    assert_eq!((estimated("no-usage"), estimated("ok")), (Some(1), Some(0)));
    let hedged = |model| world.of_model("synoptic_model_hedged_calls_total", model);
    assert_eq!((hedged("drip-100"), hedged("ok")), (Some(0), Some(0)));
    tokio::time::timeout(Duration::from_secs(30), world.ask("auto"))
        .await
        .unwrap();
    assert_eq!((hedged("drip-100"), hedged("ok")), (Some(0), Some(1)));
    // The first was given up.
    assert_eq!(estimated("drip-100"), Some(1));
}
