//! Migrations: once, however many start together; never backwards; only when they may.

use crate::{Folder, POOL, config, postgres, settings};
use futures_util::future::join_all;
use synoptic::{
    app::{self, App},
    config::Database,
    db::Db,
    domain::Clock,
    on,
};

async fn on_both(test: impl AsyncFn(&str)) {
    let folder = Folder::new();
    test(&folder.url("synoptic.db")).await;
    test(&postgres::new_database().await).await;
}

async fn execute(url: &str, statement: &'static str) {
    let db = Db::connect(url, POOL).await.unwrap();
    let mut tx = db.write().await.unwrap();
    on!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn of_many_that_start_together_each_migration_is_applied_by_one() {
    on_both(async |url| {
        let starts = (0..8).map(|_| async {
            let db = Db::connect(url, POOL).await.unwrap();
            db.migrate().await.unwrap();
            let found = db.migrations().await.unwrap();
            db.close().await;
            found
        });
        for found in join_all(starts).await {
            assert!(
                found.applied > 10 && found.pending.is_empty() && found.unknown.is_empty(),
                "{found:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_with_what_to_do() {
    on_both(async |url| {
        app::migrate(&settings(url)).await.unwrap();
        execute(
            url,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'of tomorrow', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
        let found = app::migrations(&settings(url)).await.unwrap();
        assert_eq!(found.unknown, [9999]);
        for migrate_on_start in [true, false] {
            let database = Database {
                migrate_on_start,
                ..settings(url)
            };
            let refused = Box::pin(App::build(config(database), Clock::system())).await;
            let said = format!("{:#}", refused.err().expect("it is refused"));
            assert!(said.contains("9999") && said.contains("newer version"), "{said}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_edited_migration_is_refused_with_what_to_do() {
    on_both(async |url| {
        app::migrate(&settings(url)).await.unwrap();
        let forge = "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 2)
            WHERE version = 1";
        execute(url, forge).await;
        let said = format!("{:#}", app::migrate(&settings(url)).await.unwrap_err());
        assert!(
            said.contains("migration 1 ") && said.contains("restore a backup"),
            "{said}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_that_may_not_migrate_says_what_to_run() {
    on_both(async |url| {
        let database = Database {
            migrate_on_start: false,
            ..settings(url)
        };
        let found = app::migrations(&database).await.unwrap();
        assert_eq!((found.applied, found.pending[0].version), (0, 1));
        let refused = Box::pin(App::build(config(database.clone()), Clock::system())).await;
        let said = format!("{:#}", refused.err().expect("it is refused"));
        assert!(said.contains("synoptic migrate"), "{said}");
        let before = app::migrate(&database).await.unwrap();
        assert_eq!(before, found);
        assert!(app::migrate(&database).await.unwrap().pending.is_empty());
        let app = Box::pin(App::build(config(database), Clock::system())).await.unwrap();
        Box::pin(app.close()).await;
    })
    .await;
}
