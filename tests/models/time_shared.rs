//! The engines of a route share the time that there is, so that one that hangs does not use up the turns of the others.

use crate::{
    support::send,
    upstream::Upstream,
    world::{TEXT, World, asked, provider},
};
use futures_util::stream;
use poem::Body;
use serde_json::json;
use std::time::Duration;
use synoptic::{
    config::Routes,
    domain::{Error, analyses::AnalysisKind, answers::SummaryOptions, engines::EngineChoice},
    engines::{
        Question,
        router::{Answered, Asking, Router},
    },
    telemetry::Metrics,
};
use tokio::time::Instant;

struct Asked {
    outcome: Result<Answered, Error>,
    took: Duration,
    upstream: Upstream,
}

/// Asks providers of these models, `a`, `b` and so on, for a summary within this time.
async fn ask(models: &[&str], hedge: u64, seconds: f64, engine: &str) -> Asked {
    let upstream = Upstream::start().await;
    let names = ["a", "b", "c"];
    let providers: Vec<_> = names
        .iter()
        .zip(models)
        .map(|(name, model)| provider(name, &upstream.base_url(), &[model], json!({})))
        .collect();
    let engines = &names[..models.len()];
    let routes: Routes =
        serde_json::from_value(json!({"default": {"engines": engines, "hedge_after_milliseconds": hedge}})).unwrap();
    let engines = Router::new(&providers, &routes, &Metrics::new("test").unwrap()).unwrap();
    let plan = engines
        .plan(AnalysisKind::Summary, &EngineChoice::parse(engine).unwrap())
        .unwrap();
    let question = Question::Summary {
        text: TEXT.into(),
        options: SummaryOptions::default(),
    };
    let began = Instant::now();
    let asking = Asking {
        deadline: Some(began + Duration::from_secs_f64(seconds)),
        ..Asking::free()
    };
    let outcome = engines.answer(&plan, &question, &asking).await;
    Asked {
        outcome,
        took: began.elapsed(),
        upstream,
    }
}

#[tokio::test]
async fn when_all_hang_the_embedded_engine_answers_in_time() {
    for hedge in [0, 50] {
        let asked = ask(&["hang", "stall-after-3", "hang"], hedge, 5.0, "auto").await;
        assert!(asked.took < Duration::from_secs(5), "{:?}", asked.took);
        let answer = asked.outcome.unwrap();
        assert_eq!(answer.engine, "embedded");
        let reason = answer.degraded.unwrap();
        for name in ["a", "b", "c"] {
            assert!(
                reason.contains(&format!("the provider `{name}` took too long")),
                "{reason}"
            );
        }
        // What they used until then is known.
        assert_eq!((answer.usage.calls, asked.upstream.total().calls), (3, 3));
        assert_eq!(answer.usage.tokens.input, asked.upstream.total().input);
    }
}

#[tokio::test]
async fn what_one_leaves_over_the_others_have() {
    // About 1.4 seconds, of the 1 second that an even share would be.
    let asked = ask(&["status-500", "drip-130"], 0, 2.2, "auto").await;
    assert_eq!(asked.outcome.unwrap().engine, "b");
}

#[tokio::test]
async fn one_that_is_named_says_in_time_that_it_took_too_long() {
    let asked = ask(&["hang"], 0, 5.0, "a").await;
    assert!(asked.took < Duration::from_secs(5), "{:?}", asked.took);
    let error = asked.outcome.unwrap_err().to_string();
    assert!(error.contains("took too long"), "{error}");
}

#[tokio::test]
async fn without_time_nobody_is_asked() {
    let asked = ask(&["plain"], 0, 0.0, "auto").await;
    let answer = asked.outcome.unwrap();
    assert_eq!(answer.engine, "embedded");
    assert!(answer.degraded.unwrap().contains("was not asked: no time is left"));
    assert_eq!(asked.upstream.total().calls, 0);
}

/// The limit on a request begins with its head.
#[tokio::test]
async fn what_a_slow_body_has_taken_is_not_there_for_the_models() {
    for idempotency_key in [None, Some("once")] {
        let world = World::with(&["hang"], |config| config.server.request_timeout_seconds = 6).await;
        let body = asked(json!({})).to_string().into_bytes();
        let (first, rest) = body.split_at(10);
        let pieces = [(0, first.to_vec()), (3, rest.to_vec())];
        let body = Body::from_bytes_stream(stream::unfold(pieces.into_iter(), |mut pieces| async {
            let (wait, piece) = pieces.next()?;
            tokio::time::sleep(Duration::from_secs(wait)).await;
            Some((Ok::<_, std::io::Error>(piece), pieces))
        }));
        let mut request = world.request("POST", "/api/summarize").content_type("application/json");
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let answer = send(request.body(body)).await;
        assert_eq!(answer.ok().body["engine"], "embedded", "{idempotency_key:?}");
    }
}
