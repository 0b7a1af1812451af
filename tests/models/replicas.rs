//! Servers on one database that share answers through Redis, others that only share Redis, and one whose Redis is gone.

use crate::{
    redis_server::{PASSWORD, RedisServer},
    support::{Answer, TestApp, replica::Replica, send},
    upstream::Upstream,
    world::{TEXT, World, cache_status, provider},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use synoptic::{
    cache::AnswerCache,
    config::{Config, DatabaseUrl},
    domain::Timestamp,
};
use tokio::io::AsyncReadExt;

const MISS: &str = "synoptic; fwd=miss; stored";

/// In front of the upstream and beside Redis.
fn beside_redis(upstream: &Upstream, redis_url: &str) -> impl Fn(&mut Config) + use<> {
    let settings = provider("upstream", &upstream.base_url(), &["plain"], json!({}));
    let redis_url = DatabaseUrl::new(redis_url);
    move |config| {
        config.providers.push(settings.clone());
        config.cache.redis_url = Some(redis_url.clone());
        // Patient enough for a machine that is busy.
        config.cache.redis_timeout_milliseconds = 2_000;
    }
}

/// A server with a database of its own.
async fn server(upstream: &Upstream, redis_url: &str) -> TestApp {
    TestApp::with(beside_redis(upstream, redis_url)).await
}

/// What another server on the same database answers.
async fn ask(replica: &Replica, first: &TestApp, request: &Value) -> Answer {
    send(replica.request(&first.key, "POST", "/api/summarize").body_json(request)).await
}

fn is_answer(name: &str) -> bool {
    name.starts_with("synoptic:answer:")
}

fn request(sentences: usize) -> Value {
    json!({"text": TEXT, "sentences": sentences})
}

#[tokio::test]
async fn what_one_has_paid_for_the_other_gives() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let one = server(&upstream, &redis.url()).await;
    let other = one.replica_with(beside_redis(&upstream, &redis.url())).await;
    let first = one.post("/api/summarize", request(3)).await;
    assert_eq!(cache_status(&first), MISS);
    let again = ask(&other, &one, &request(3)).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=redis");
    assert_eq!(again.body, first.body);
    let again = ask(&other, &one, &request(3)).await;
    assert_eq!(cache_status(&again), "synoptic; hit; detail=memory");
    assert_eq!(upstream.total().calls, 1);
    // It is too old for one who wants a newer one.
    one.let_pass(Duration::from_mins(1));
    let mut fresh = request(3);
    fresh["max_age"] = json!(59);
    assert_eq!(
        cache_status(&ask(&other, &one, &fresh).await),
        "synoptic; fwd=request; stored"
    );
    // What was deleted here is gone there too, where it was not at hand already.
    let second = one.post("/api/summarize", request(2)).await;
    one.delete(second.header("location").unwrap()).await.gone();
    assert_eq!(cache_status(&ask(&other, &one, &request(2)).await), MISS);
}

#[tokio::test]
async fn what_one_deletes_goes_from_the_memory_of_another() {
    let upstream = Upstream::start().await;
    let settings = provider("upstream", &upstream.base_url(), &["plain"], json!({}));
    let beside = || {
        let settings = settings.clone();
        move |config: &mut Config| config.providers.push(settings)
    };
    let one = TestApp::with(beside()).await;
    let other = one.replica_with(beside()).await;
    other.listen().await;
    let first = one.post("/api/summarize", request(3)).await;
    for detail in ["database", "memory"] {
        let given = ask(&other, &one, &request(3)).await;
        assert_eq!(cache_status(&given), format!("synoptic; hit; detail={detail}"));
    }
    one.delete(first.header("location").unwrap()).await.gone();
    other.follow().await;
    assert_eq!(cache_status(&ask(&other, &one, &request(3)).await), MISS);
    assert_eq!(upstream.total().calls, 2);
}

#[tokio::test]
async fn what_is_deleted_is_not_given_by_a_redis_that_has_not_heard_of_it() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let one = server(&upstream, &redis.url()).await;
    let first = one.post("/api/summarize", request(3)).await;
    let name = redis.names().await.into_iter().find(|name| is_answer(name)).unwrap();
    let stored = redis.value(&name).await.unwrap();
    one.delete(first.header("location").unwrap()).await.gone();
    redis.until_answers(0).await;
    redis.overwrite(&name, &stored).await;
    let other = one.replica_with(beside_redis(&upstream, &redis.url())).await;
    let again = ask(&other, &one, &request(3)).await;
    assert_eq!((cache_status(&again), upstream.total().calls), (MISS, 2));
    assert_ne!(again.body["id"], first.body["id"]);
    // Where nothing new takes its place, it is dropped.
    redis.overwrite(&name, &stored).await;
    let third = one.replica_with(beside_redis(&upstream, &redis.url())).await;
    let mut kept = request(3);
    kept["cache"] = json!("read_only");
    assert_eq!(
        cache_status(&ask(&third, &one, &kept).await),
        "synoptic; hit; detail=database"
    );
    assert_eq!(redis.value(&name).await, None);
}

#[tokio::test]
async fn an_answer_of_another_database_is_not_given() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let (one, stranger) = (
        server(&upstream, &redis.url()).await,
        server(&upstream, &redis.url()).await,
    );
    let first = one.post("/api/summarize", request(3)).await;
    let theirs = stranger.post("/api/summarize", request(3)).await;
    assert_eq!((cache_status(&first), cache_status(&theirs)), (MISS, MISS));
    assert_ne!(first.body["id"], theirs.body["id"]);
    assert_eq!(upstream.total().calls, 2);
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_in_redis_however_much_it_is() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let app = server(&upstream, &redis.url()).await;
    let world = World { app, upstream };
    let document = world.document("notes", TEXT).await;
    for sentences in 1..4 {
        let mut request = request(sentences);
        request.as_object_mut().unwrap().remove("text");
        request["document_id"] = json!(document);
        assert_eq!(cache_status(&world.post("/api/summarize", request).await), MISS);
    }
    redis.until_answers(3).await;
    redis
        .add_answers(&format!("synoptic:answers-of:document:{document}"), 1_200)
        .await;
    redis.until_answers(1_203).await;
    world
        .delete(format!("/api/collections/notes/documents/{document}"))
        .await
        .gone();
    redis.until_answers(0).await;
    let names = redis.names().await;
    assert!(!names.iter().any(|name| name.contains(&document)), "{names:?}");
}

#[tokio::test]
async fn what_is_noted_of_a_subject_ends_with_its_answers() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let app = TestApp::with(|config| {
        beside_redis(&upstream, &redis.url())(config);
        config.cache.ttl_seconds = 1_000;
    })
    .await;
    let world = World { app, upstream };
    let document = world.document("notes", TEXT).await;
    let set = format!("synoptic:answers-of:document:{document}");
    let mut noted = Vec::new();
    for sentences in 1..4 {
        let request = json!({"document_id": document, "sentences": sentences});
        world.post("/api/summarize", request).await.ok();
        noted.push(redis.members(&set).await);
        world.let_pass(Duration::from_mins(10));
    }
    assert_eq!(noted, [1, 2, 2]);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_there() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let one = server(&upstream, &redis.url()).await;
    one.post("/api/summarize", request(3)).await.ok();
    let names = redis.names().await;
    let name = names.iter().find(|name| is_answer(name)).unwrap();
    redis.overwrite(name, "{\"of\": \"another version\"}").await;
    let other = one.replica_with(beside_redis(&upstream, &redis.url())).await;
    assert_eq!(
        cache_status(&ask(&other, &one, &request(3)).await),
        "synoptic; hit; detail=database"
    );
}

#[tokio::test]
async fn without_redis_answers_go_on() {
    let (mut redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let app = server(&upstream, &redis.url()).await;
    assert_eq!(cache_status(&app.post("/api/summarize", request(1)).await), MISS);
    redis.kill();
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
    let (redis, upstream) = (RedisServer::start(), Upstream::start().await);
    let wrong = redis.url().replace(PASSWORD, "wrong");
    for url in [wrong.as_str(), "redis://127.0.0.1:9", "redis://127.0.0.1:9/?password=x"] {
        let app = server(&upstream, url).await;
        let began = Instant::now();
        assert_eq!(cache_status(&app.post("/api/summarize", request(1)).await), MISS);
        assert!(began.elapsed() < Duration::from_secs(6), "{url}: {:?}", began.elapsed());
    }
    assert!(redis.names().await.is_empty());
}

#[tokio::test]
async fn with_rediss_tls_is_spoken() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = synoptic::config::Cache {
        redis_url: Some(DatabaseUrl::new(format!(
            "rediss://:{PASSWORD}@{}",
            listener.local_addr().unwrap()
        ))),
        redis_timeout_milliseconds: 20_000,
        ..synoptic::config::Cache::default()
    };
    let cache = AnswerCache::new(&settings).unwrap();
    let asking = cache.shared(&[0; 32], Timestamp::from_unix_seconds(0));
    let greeted = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 6];
        socket.read_exact(&mut greeting).await.unwrap();
        greeting
    };
    let (found, greeting) = tokio::join!(asking, greeted);
    assert!(found.is_none(), "the connection ended after the greeting");
    // A record of a handshake, of TLS, with the client's greeting in it (RFC 8446, sections 4 and 5.1).
    assert_eq!((greeting[0], greeting[1], greeting[5]), (22, 3, 1), "{greeting:?}");
}

#[test]
fn the_password_is_not_shown() {
    let mut config = Config::default();
    for url in [
        format!("redis://:{PASSWORD}@127.0.0.1:6379/0"),
        format!("redis://someone:{PASSWORD}@redis.example.org"),
        format!("rediss://someone:{PASSWORD}@redis.example.org"),
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
        AnswerCache::new(&settings).err().map(|error| format!("{error:#}"))
    };
    for url in ["http://:correct-horse@localhost", "correct-horse", ""] {
        let error = app_of(url).unwrap();
        assert!(
            error.contains("cache.redis_url") && error.contains("rediss://") && !error.contains(PASSWORD),
            "{error}"
        );
    }
}
