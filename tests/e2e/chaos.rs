//! Servers are killed at random while documents arrive and are analysed, and PostgreSQL has its connections cut and crashes: what was
//! acknowledged is there, and nothing is there twice.
//!
//! `SYNOPTIC_CHAOS_DOCUMENTS` and `SYNOPTIC_CHAOS_KILLS` make it longer, `SYNOPTIC_CHAOS_SEED` repeats a run.

#![expect(
    clippy::print_stdout,
    reason = "the seed of a run that failed is needed to repeat it"
)]

use crate::{
    models::Database,
    outages::control,
    postgres,
    process::{Server, request, try_http},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use synoptic::{
    db::{Db, Pool},
    on,
};

/// How many clients store documents at the same time.
const CLIENTS: usize = 4;
/// A lease is over after a minute; then whatever was cut off is taken over.
const PATIENCE: Duration = Duration::from_mins(4);

fn setting(name: &str, default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test says how long")]
    let given = std::env::var(name).ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(default)
}

fn start(folder: &Path, bind: &str, role: &str) -> Server {
    Server::start_at(folder, bind, &["--role", role])
}

#[test]
fn nothing_is_lost_or_done_twice_when_servers_are_killed_on_sqlite() {
    chaos(Database::Sqlite);
}

#[test]
fn nothing_is_lost_or_done_twice_when_servers_are_killed_on_postgres() {
    chaos(Database::Postgres);
}

fn chaos(kind: Database) {
    let (documents, kills) = (
        setting("SYNOPTIC_CHAOS_DOCUMENTS", 600),
        setting("SYNOPTIC_CHAOS_KILLS", 6),
    );
    let seed = setting("SYNOPTIC_CHAOS_SEED", usize::try_from(std::process::id()).unwrap());
    // Shown when the test fails.
    println!("SYNOPTIC_CHAOS_SEED={seed}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // One of its own, which keeps what it has acknowledged when it crashes.
    let postgres = matches!(kind, Database::Postgres)
        .then(|| postgres::Server::start("-c listen_addresses='' -c synchronous_commit=on"));
    let url = match &postgres {
        None => format!("sqlite:{}", folder.path().join("synoptic.db").display()),
        Some(postgres) => postgres.address_of("postgres"),
    };
    let config = format!("[limits]\nprincipal_per_second = 0\n[database]\nurl = \"{url}\"\n");
    fs::write(folder.path().join("synoptic.toml"), config).unwrap();

    let first = start(folder.path(), "127.0.0.1:0", "all");
    let key = first.key().unwrap();
    let made = send(first.address, "POST", "/api/collections", &key, COLLECTION);
    assert!(made.is_some_and(|status| status == 201));
    let address = first.address;
    let servers = [
        Mutex::new(first),
        Mutex::new(start(folder.path(), "127.0.0.1:0", "worker")),
    ];

    let (next, stored) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut random = StdRng::seed_from_u64(u64::try_from(seed).unwrap());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= documents {
                        return;
                    }
                    store(address, &key, number);
                    stored.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for kill in 1..=kills {
            // Spread over the whole of it.
            let until = documents * kill / (kills + 1);
            let began = Instant::now();
            while stored.load(Ordering::Relaxed) < until {
                assert!(
                    began.elapsed() < PATIENCE,
                    "{} of {until} are stored",
                    stored.load(Ordering::Relaxed)
                );
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(random.random_range(0..40)));
            match (&postgres, kill % 3) {
                (Some(_), 1) => runtime.block_on(execute(&url, CUT)),
                (Some(postgres), 2) => control(postgres, "-m immediate -w restart"),
                _ => {}
            }
            let which = random.random_range(0..servers.len());
            let mut server = servers[which].lock().unwrap();
            server.kill();
            *server = start(folder.path(), &server.address.to_string(), ["all", "worker"][which]);
        }
    });
    let began = Instant::now();
    while runtime.block_on(count(&url, OPEN)) > 0 {
        assert!(
            began.elapsed() < PATIENCE,
            "{} pieces of work are open",
            runtime.block_on(count(&url, OPEN))
        );
        thread::sleep(Duration::from_millis(100));
    }
    for server in servers {
        server.into_inner().unwrap().stop();
    }
    // Each was acknowledged, or found to be there when it was sent again.
    let documents = i64::try_from(documents).unwrap();
    assert_eq!(
        runtime.block_on(count(&url, "SELECT COUNT(*) FROM documents")),
        documents
    );
    assert_eq!(
        runtime.block_on(count(&url, NOT_ONCE)),
        0,
        "analyses are missing or there twice"
    );
    assert_eq!(runtime.block_on(count(&url, FAILED)), 0);
    assert_eq!(runtime.block_on(count(&url, UNKNOWN)), 0);
}

const COLLECTION: &str =
    r#"{"name": "Notes", "automation": [{"name": "short", "summary": {"sentences": 1}, "engine": "embedded"}]}"#;
const OPEN: &str = "SELECT COUNT(*) FROM work WHERE due_at IS NOT NULL";
const FAILED: &str = "SELECT COUNT(*) FROM work WHERE status <> 'done'";
const NOT_ONCE: &str = "SELECT COUNT(*) FROM documents d
    WHERE (SELECT COUNT(*) FROM analyses a WHERE a.document_id = d.id) <> 1";
/// A piece that has ended leads to the analysis that is there.
const UNKNOWN: &str = "SELECT COUNT(*) FROM work w WHERE NOT EXISTS
    (SELECT 1 FROM analyses a WHERE a.id = w.analysis_id AND a.document_id = w.document_id)";
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database()";

/// Sends a document until it is acknowledged; one that is there already was stored by an attempt that was cut off.
fn store(address: SocketAddr, key: &str, number: usize) {
    let body = format!(
        r#"{{"external_id": "N-{number}", "text": "Note {number} came in. The parcel was late. I want my money back, please."}}"#
    );
    let began = Instant::now();
    loop {
        match send(address, "POST", "/api/collections/notes/documents", key, &body) {
            Some(201 | 409) => return,
            None | Some(503) => {}
            Some(other) => panic!("document {number}: {other}"),
        }
        assert!(began.elapsed() < PATIENCE, "document {number} is not taken");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The status; `None` when the connection ends without an answer.
fn send(address: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> Option<u16> {
    let answer = try_http(address, &request(method, path, Some(key), body)).ok()?;
    answer.split_whitespace().nth(1)?.parse().ok()
}

async fn open(url: &str) -> Db {
    let pool = Pool {
        connections: 1,
        acquire_timeout: Duration::from_secs(30),
    };
    Db::connect(url, pool).await.unwrap()
}

async fn count(url: &str, statement: &'static str) -> i64 {
    let db = open(url).await;
    let mut tx = db.read().await.unwrap();
    let count = on!(&mut tx, |c| sqlx::query_scalar(statement).fetch_one(c).await).unwrap();
    drop(tx);
    db.close().await;
    count
}

async fn execute(url: &str, statement: &'static str) {
    let db = open(url).await;
    let mut tx = db.write().await.unwrap();
    on!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(drop)).unwrap();
    drop(tx);
    db.close().await;
}
