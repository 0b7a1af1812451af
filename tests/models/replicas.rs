//! Two servers that share answers through Redis, and one whose Redis is gone.

use crate::{
    redis_server::{PASSWORD, RedisServer},
    support::TestApp,
    upstream::Upstream,
    world::{TEXT, World, cache_status, provider},
};
use serde_json::json;
use std::time::{Duration, Instant};
use synoptic::config::{Config, DatabaseUrl};

const MISS: &str = "synoptic; fwd=miss; stored";

/// A server with a database of its own, in front of the upstream and beside Redis.
async fn replica(upstream: &Upstream, redis_url: &str) -> TestApp {
    let settings = provider("upstream", &upstream.base_url(), &["plain"], json!({}));
    TestApp::with(|config| {
        config.providers.push(settings);
        config.cache.redis_url = Some(DatabaseUrl::new(redis_url));
        // Patient enough for a machine that is busy.
        config.cache.redis_timeout_milliseconds = 2_000;
    })
    .await
}

fn request(sentences: usize) -> serde_json::Value {
    json!({"text": TEXT, "sentences": sentences})
}

#[tokio::test]
async fn what_one_has_paid_for_the_other_gives() {
    let (server, upstream) = (RedisServer::start(), Upstream::start().await);
    let (one, other) = (
        replica(&upstream, &server.url()).await,
        replica(&upstream, &server.url()).await,
    );
    let first = one.post("/api/summarize", request(3)).await;
    assert_eq!(cache_status(&first), MISS);
    let again = other.post("/api/summarize", request(3)).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=redis");
    assert_eq!(again.body, first.body);
    let again = other.post("/api/summarize", request(3)).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=memory");
    assert_eq!(upstream.total().calls, 1);
    // It is too old for one who wants a newer one.
    for app in [&one, &other] {
        app.let_pass(Duration::from_mins(1));
    }
    let mut fresh = request(3);
    fresh["max_age"] = json!(59);
    assert_eq!(
        cache_status(&other.post("/api/summarize", fresh).await),
        "synoptic; fwd=request; stored"
    );
    // What was deleted here is gone there too, where it was not at hand already.
    let second = one.post("/api/summarize", request(2)).await;
    one.delete(second.header("location").unwrap()).await.gone();
    assert_eq!(cache_status(&other.post("/api/summarize", request(2)).await), MISS);
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_in_redis() {
    let (server, upstream) = (RedisServer::start(), Upstream::start().await);
    let app = replica(&upstream, &server.url()).await;
    let world = World { app, upstream };
    let document = world.document("notes", TEXT).await;
    for sentences in 1..4 {
        let mut request = request(sentences);
        request.as_object_mut().unwrap().remove("text");
        request["document_id"] = json!(document);
        assert_eq!(cache_status(&world.post("/api/summarize", request).await), MISS);
    }
    let answers = |names: Vec<String>| names.iter().filter(|name| name.starts_with("synoptic:answer:")).count();
    assert_eq!(answers(server.names().await), 3);
    world
        .delete(format!("/api/collections/notes/documents/{document}"))
        .await
        .gone();
    let names = server.names().await;
    assert!(!names.iter().any(|name| name.contains(&document)), "{names:?}");
    assert_eq!(answers(names), 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_there() {
    let (server, upstream) = (RedisServer::start(), Upstream::start().await);
    let one = replica(&upstream, &server.url()).await;
    one.post("/api/summarize", request(3)).await.ok();
    let names = server.names().await;
    let name = names.iter().find(|name| name.starts_with("synoptic:answer:")).unwrap();
    server.overwrite(name, "{\"of\": \"another version\"}").await;
    let other = replica(&upstream, &server.url()).await;
    assert_eq!(cache_status(&other.post("/api/summarize", request(3)).await), MISS);
}

#[tokio::test]
async fn without_redis_answers_go_on() {
    let (mut server, upstream) = (RedisServer::start(), Upstream::start().await);
    let app = replica(&upstream, &server.url()).await;
    assert_eq!(cache_status(&app.post("/api/summarize", request(1)).await), MISS);
    server.kill();
    let began = Instant::now();
    assert_eq!(
        cache_status(&app.post("/api/summarize", request(1)).await),
        "synoptic; hit; detail=memory"
    );
    assert_eq!(cache_status(&app.post("/api/summarize", request(2)).await), MISS);
    assert_eq!(
        cache_status(&app.post("/api/summarize", request(2)).await),
        "synoptic; hit; detail=memory"
    );
    let first = app.post("/api/summarize", request(1)).await;
    app.delete(first.header("location").unwrap()).await.gone();
    assert_eq!(cache_status(&app.post("/api/summarize", request(1)).await), MISS);
    // Five looks at most, each no longer than it may take.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_redis_that_was_never_there_or_does_not_let_us_in_costs_little() {
    let (server, upstream) = (RedisServer::start(), Upstream::start().await);
    let wrong = server.url().replace(PASSWORD, "wrong");
    for url in [wrong.as_str(), "redis://127.0.0.1:9", "redis://127.0.0.1:9/?password=x"] {
        let app = replica(&upstream, url).await;
        let began = Instant::now();
        assert_eq!(cache_status(&app.post("/api/summarize", request(1)).await), MISS);
        assert!(began.elapsed() < Duration::from_secs(6), "{url}: {:?}", began.elapsed());
    }
    assert!(server.names().await.is_empty());
}

#[test]
fn the_password_is_not_shown() {
    let mut config = Config::default();
    for url in [
        format!("redis://:{PASSWORD}@127.0.0.1:6379/0"),
        format!("redis://someone:{PASSWORD}@redis.example.org"),
        format!("unix:///run/redis.sock?pass={PASSWORD}"),
        format!("redis+unix:///run/redis.sock?pass={PASSWORD}"),
    ] {
        config.cache.redis_url = Some(DatabaseUrl::new(url.clone()));
        let shown = format!("{config:?}{}", toml::to_string(&config).unwrap_or_default());
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
    let app_of = |url: &str| {
        let settings = synoptic::config::Cache {
            redis_url: Some(DatabaseUrl::new(url)),
            ..synoptic::config::Cache::default()
        };
        synoptic::cache::AnswerCache::new(&settings)
            .err()
            .map(|error| format!("{error:#}"))
    };
    for url in ["http://:correct-horse@localhost", "correct-horse", ""] {
        let error = app_of(url).unwrap();
        assert!(
            error.contains("cache.redis_url") && !error.contains(PASSWORD),
            "{error}"
        );
    }
}
