//! The migrations of both databases go in step, forward only, and a database that a newer version has used is left alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod before_people;
#[path = "../repositories/postgres.rs"]
mod postgres;

use sqlx::{
    SqlitePool,
    migrate::{Migrate, Migrator},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use synoptic::{
    db::{Db, Pool},
    domain::identifiers::DocumentId,
    repositories,
};
use uuid::Uuid;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A database file that goes away with its test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("synoptic-migrations-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.0.join("synoptic.db").display())
    }

    async fn open(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(self.0.join("synoptic.db"))
            .create_if_missing(true)
            .foreign_keys(true);
        SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .unwrap()
    }

    async fn connect(&self) -> Db {
        connect(&self.url()).await
    }
}

async fn connect(url: &str) -> Db {
    let pool = Pool {
        connections: 1,
        acquire_timeout: Duration::from_secs(10),
    };
    Db::connect(url, pool).await.unwrap()
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn names(migrator: &Migrator) -> BTreeMap<i64, String> {
    migrator
        .iter()
        .map(|migration| (migration.version, migration.description.to_string()))
        .collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert_eq!(
        names(&SQLITE),
        names(&POSTGRES),
        "each migration has a file of the same number and name for both databases"
    );
    let numbers: Vec<i64> = names(&SQLITE).into_keys().collect();
    assert_eq!(
        numbers,
        (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(),
        "numbers have no gaps"
    );
}

#[test]
fn every_file_is_one_of_them() {
    for folder in ["sqlite", "postgres"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let mut files: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let expected = names(&SQLITE)
            .into_iter()
            .map(|(number, name)| format!("{number:04}_{}.sql", name.replace(' ', "_")));
        assert_eq!(files, expected.collect::<Vec<_>>(), "{}", folder.display());
    }
}

#[tokio::test]
async fn the_last_migration_takes_the_rows_that_were_there_before_it() {
    let file = File::new();
    let pool = file.open().await;
    let mut connection = pool.acquire().await.unwrap();
    let migrations: Vec<_> = SQLITE.iter().collect();
    let (last, before) = migrations.split_last().unwrap();
    connection.ensure_migrations_table(&SQLITE.table_name).await.unwrap();
    for migration in before {
        connection.apply(&SQLITE.table_name, migration).await.unwrap();
    }
    let time = "2026-03-01T08:00:00.000000Z";
    let (collection, document) = (Uuid::now_v7(), Uuid::now_v7());
    sqlx::query(
        "INSERT INTO collections (id, slug, name, description, version, created_at, updated_at)
         VALUES ($1, 'notes', 'Notes', '', 1, $2, $2)",
    )
    .bind(collection)
    .bind(time)
    .execute(&mut *connection)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO documents (id, collection_id, external_id, text, attributes, content_hash, version, created_at, updated_at)
         VALUES ($1, $2, 'N-1', 'Water the plants.', '{}', 'hash', 1, $3, $3)",
    )
    .bind(document)
    .bind(collection)
    .bind(time)
    .execute(&mut *connection)
    .await
    .unwrap();
    connection.apply(&SQLITE.table_name, last).await.unwrap();
    drop(connection);
    pool.close().await;

    let db = file.connect().await;
    db.migrate().await.unwrap();
    let mut tx = db.read().await.unwrap();
    let id = DocumentId(document);
    let found = repositories::documents::find_anywhere(&mut tx, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.text.as_str(), found.external_id.as_deref()),
        ("Water the plants.", Some("N-1"))
    );
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let file = File::new();
    for _ in 0..3 {
        let db = file.connect().await;
        db.migrate().await.unwrap();
        db.migrate().await.unwrap();
        db.close().await;
    }
    let pool = file.open().await;
    let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(applied, i64::try_from(SQLITE.iter().count()).unwrap());
}

#[tokio::test]
async fn a_database_that_a_newer_version_has_used_is_refused_in_words() {
    let file = File::new();
    let db = file.connect().await;
    db.migrate().await.unwrap();
    db.close().await;
    let pool = file.open().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (9999, 'the future', '2027-01-01', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = file.connect().await.migrate().await.unwrap_err().to_string();
    assert!(error.contains("9999") && error.contains("newer version"), "{error}");
}

#[tokio::test]
async fn an_edited_migration_is_refused_in_words() {
    let file = File::new();
    let db = file.connect().await;
    db.migrate().await.unwrap();
    db.close().await;
    let pool = file.open().await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let error = format!("{:#}", file.connect().await.migrate().await.unwrap_err());
    assert!(
        error.contains("could not be migrated") && error.contains('1'),
        "{error}"
    );
}
