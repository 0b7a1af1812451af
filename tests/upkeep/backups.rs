//! Copies of a database, taken while it is written to, and put back.

use crate::{Folder, POOL, postgres, settings};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use synoptic::{app, db::Db, on};
use tokio::task::JoinSet;

/// Things in two tables, which are only ever written together.
async fn write_pair(db: &Db, number: i64) {
    let mut tx = db.write().await.unwrap();
    for statement in ["INSERT INTO lefts VALUES ($1)", "INSERT INTO rights VALUES ($1)"] {
        on!(&mut tx, |c| sqlx::query(statement)
            .bind(number)
            .execute(c)
            .await
            .map(drop))
        .unwrap();
    }
    tx.commit().await.unwrap();
}

async fn with_pairs(url: &str, count: i64) -> Db {
    app::migrate(&settings(url)).await.unwrap();
    let db = Db::connect(url, POOL).await.unwrap();
    let mut tx = db.write().await.unwrap();
    for statement in ["CREATE TABLE lefts (id BIGINT)", "CREATE TABLE rights (id BIGINT)"] {
        on!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(drop)).unwrap();
    }
    tx.commit().await.unwrap();
    for number in 0..count {
        write_pair(&db, number).await;
    }
    db
}

async fn pairs(db: &Db) -> (i64, i64) {
    let mut tx = db.read().await.unwrap();
    let count = async |tx: &mut synoptic::db::Tx, statement: &'static str| -> i64 {
        on!(tx, |c| sqlx::query_scalar(statement).fetch_one(c).await).unwrap()
    };
    (
        count(&mut tx, "SELECT COUNT(*) FROM lefts").await,
        count(&mut tx, "SELECT COUNT(*) FROM rights").await,
    )
}

async fn pairs_in(url: &str) -> (i64, i64) {
    let db = Db::connect(url, POOL).await.unwrap();
    let found = pairs(&db).await;
    db.close().await;
    found
}

#[tokio::test]
async fn a_backup_is_one_state_of_a_database_that_is_being_written_to() {
    let folder = Folder::new();
    let url = folder.url("live.db");
    let db = with_pairs(&url, 50).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopped) = (db.clone(), Arc::clone(&stop));
    let writer = async {
        let mut number = 50;
        while !stopped.load(Ordering::Relaxed) {
            write_pair(&writing, number).await;
            number += 1;
        }
        number
    };
    let backing_up = async {
        let mut sizes = Vec::new();
        for number in 0..5 {
            let to = folder.0.join(format!("backup-{number}.db"));
            sizes.push(app::back_up(&settings(&url), &to).await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.store(true, Ordering::Relaxed);
        sizes
    };
    let (written, sizes) = tokio::join!(writer, backing_up);
    assert!(
        written > 55 && sizes.iter().all(|size| *size > 10_000),
        "{written} {sizes:?}"
    );
    let mut last = 50;
    for number in 0..5 {
        let (left, right) = pairs_in(&folder.url(&format!("backup-{number}.db"))).await;
        assert!(
            left == right && left >= last && left <= written,
            "{left} {right} {last} {written}"
        );
        last = left;
    }
    let mode = std::fs::metadata(folder.0.join("backup-0.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = app::back_up(&settings(&url), &folder.0.join("backup-0.db"))
        .await
        .unwrap_err();
    assert!(format!("{again:#}").contains("exists already"), "{again:#}");
    let left_over = std::fs::read_dir(&folder.0).unwrap().flatten();
    assert!(
        left_over
            .into_iter()
            .all(|file| !file.file_name().to_string_lossy().contains("partial"))
    );
}

#[tokio::test]
async fn a_backup_comes_back_and_what_was_there_is_kept_aside() {
    let folder = Folder::new();
    let (url, backup) = (folder.url("live.db"), folder.0.join("backup.db"));
    let db = with_pairs(&url, 3).await;
    app::back_up(&settings(&url), &backup).await.unwrap();
    write_pair(&db, 3).await;
    let refused = app::restore(&settings(&url), &backup, false).await.unwrap_err();
    assert!(format!("{refused:#}").contains("--replace"), "{refused:#}");
    // Somebody has it open.
    let refused = app::restore(&settings(&url), &backup, true).await.unwrap_err();
    assert!(format!("{refused:#}").contains("in use"), "{refused:#}");
    assert_eq!(pairs(&db).await, (4, 4));
    db.close().await;
    let aside = app::restore(&settings(&url), &backup, true).await.unwrap().unwrap();
    assert_eq!(pairs_in(&url).await, (3, 3));
    assert_eq!(pairs_in(&format!("sqlite:{}", aside.display())).await, (4, 4));
    // A log that was left behind would be taken into what is put beside it.
    std::fs::write(folder.0.join("left.db-wal"), "something").unwrap();
    let refused = app::restore(&settings(&folder.url("left.db")), &backup, false)
        .await
        .unwrap_err();
    assert!(format!("{refused:#}").contains("left.db-wal"), "{refused:#}");
    assert!(!folder.0.join("left.db").exists());
    std::fs::rename(folder.0.join("left.db-wal"), folder.0.join("left.db-journal")).unwrap();
    let refused = app::restore(&settings(&folder.url("left.db")), &backup, false)
        .await
        .unwrap_err();
    assert!(format!("{refused:#}").contains("left.db-journal"), "{refused:#}");
    let fresh = folder.url("elsewhere.db");
    assert_eq!(app::restore(&settings(&fresh), &backup, false).await.unwrap(), None);
    assert_eq!(pairs_in(&fresh).await, (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_backups_to_one_file_one_is_written_and_other_files_are_left_alone() {
    let folder = Folder::new();
    let url = folder.url("live.db");
    let db = with_pairs(&url, 500).await;
    let (to, foreign) = (folder.0.join("backup.db"), folder.0.join("backup.db.partial"));
    std::fs::write(&foreign, "somebody's own").unwrap();
    let mut running = JoinSet::new();
    for _ in 0..6 {
        let (url, to) = (url.clone(), to.clone());
        running.spawn(async move { app::back_up(&settings(&url), &to).await });
    }
    let mut written = 0;
    for one in running.join_all().await {
        match one {
            Ok(_) => written += 1,
            Err(error) => assert!(format!("{error:#}").contains("exists already"), "{error:#}"),
        }
    }
    assert_eq!(written, 1);
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "somebody's own");
    db.close().await;
    // Nor does one that fails leave anything behind.
    std::fs::write(
        folder.0.join("text.db"),
        "no database, but a text that is long enough ".repeat(99),
    )
    .unwrap();
    let failed = app::back_up(&settings(&folder.url("text.db")), &folder.0.join("never.db")).await;
    assert!(failed.is_err(), "{failed:?}");
    let left_over = std::fs::read_dir(&folder.0).unwrap().flatten();
    let mut names: Vec<_> = left_over.map(|file| file.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["backup.db", "backup.db.partial", "live.db", "text.db"]);
    assert_eq!(pairs_in(&folder.url("backup.db")).await, (500, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backup_comes_back_there_is_always_a_database() {
    let folder = Folder::new();
    let (url, backup) = (folder.url("live.db"), folder.0.join("backup.db"));
    let db = with_pairs(&url, 3).await;
    app::back_up(&settings(&url), &backup).await.unwrap();
    db.close().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, live) = (Arc::clone(&stop), folder.0.join("live.db"));
    let looking = std::thread::spawn(move || {
        let mut missing = 0;
        while !stopped.load(Ordering::Relaxed) {
            missing += usize::from(!live.exists());
        }
        missing
    });
    for _ in 0..40 {
        app::restore(&settings(&url), &backup, true).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(looking.join().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_opens_the_database_meanwhile_gets_a_whole_one_or_none() {
    let folder = Folder::new();
    let (url, backup) = (folder.url("live.db"), folder.0.join("backup.db"));
    let db = with_pairs(&url, 3).await;
    app::back_up(&settings(&url), &backup).await.unwrap();
    db.close().await;
    let (mut restored, mut opened) = (0, 0);
    for round in 0..30 {
        let mut opening = JoinSet::new();
        let address = url.clone();
        opening.spawn(async move {
            tokio::time::sleep(Duration::from_micros(round * 300)).await;
            let db = Db::connect(&address, POOL).await?;
            write_pair(&db, 4).await;
            let found = pairs(&db).await;
            db.close().await;
            anyhow::Ok(found)
        });
        let outcome = app::restore(&settings(&url), &backup, true).await;
        // Refused, or it wrote into one of the two, and into that as a whole.
        if let Some(Ok((left, right))) = opening.join_all().await.pop() {
            assert!(left == right && left > 3, "{left} {right}");
            opened += 1;
        }
        let found = pairs_in(&url).await;
        match outcome {
            Ok(_) => {
                restored += 1;
                assert!(found == (3, 3) || found == (4, 4), "{found:?}");
            }
            Err(error) => assert!(format!("{error:#}").contains("in use"), "{error:#}"),
        }
    }
    assert!(restored + opened >= 30, "{restored} {opened}");
}

#[tokio::test]
async fn what_is_no_backup_changes_nothing() {
    let folder = Folder::new();
    let url = folder.url("live.db");
    let refuse = async |from: &Path, why: &str| {
        let refused = app::restore(&settings(&url), from, true).await.unwrap_err();
        assert!(format!("{refused:#}").contains(why), "{refused:#}");
        assert!(!folder.0.join("live.db").exists());
    };
    refuse(&folder.0.join("nothing.db"), "there is no backup").await;
    let text = folder.0.join("text.db");
    std::fs::write(
        &text,
        "This is a text, and a long one, so that it fills what the header of a database would take. ".repeat(9),
    )
    .unwrap();
    refuse(&text, "is no SQLite database").await;
    let empty = folder.url("empty.db");
    Db::connect(&empty, POOL).await.unwrap().close().await;
    refuse(&folder.0.join("empty.db"), "is no database of Synoptic").await;
    let newer = with_pairs(&folder.url("newer.db"), 0).await;
    let mut tx = newer.write().await.unwrap();
    let insert =
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
        FROM _sqlx_migrations WHERE version = 1";
    on!(&mut tx, |c| sqlx::query(insert).execute(c).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
    newer.close().await;
    refuse(&folder.0.join("newer.db"), "of a newer version").await;
    // Half of a database.
    let whole = with_pairs(&folder.url("whole.db"), 2_000).await;
    whole.close().await;
    let bytes = std::fs::read(folder.0.join("whole.db")).unwrap();
    std::fs::write(folder.0.join("half.db"), &bytes[..bytes.len() / 2]).unwrap();
    refuse(&folder.0.join("half.db"), "half.db").await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "these are programs of PostgreSQL")]
async fn postgres_is_backed_up_by_its_own_programs() {
    let folder = Folder::new();
    let (url, target) = (postgres::new_database().await, postgres::new_database().await);
    let refused = app::back_up(&settings(&url), &folder.0.join("backup.db"))
        .await
        .unwrap_err();
    assert!(format!("{refused:#}").contains("pg_dump"), "{refused:#}");
    let db = with_pairs(&url, 7).await;
    let programs = postgres::programs().unwrap();
    let file = folder.0.join("synoptic.dump");
    let run = |name: &str, arguments: &[&str]| {
        let beside = programs.join(name);
        let program = if beside.exists() { beside } else { name.into() };
        let done = Command::new(&program).args(arguments).output();
        let done = done.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(
            done.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    // As docs/backups.md has it.
    run("pg_dump", &["--format=custom", "--file", file.to_str().unwrap(), &url]);
    write_pair(&db, 7).await;
    run(
        "pg_restore",
        &[
            "--exit-on-error",
            "--single-transaction",
            "--no-owner",
            "--dbname",
            &target,
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(pairs_in(&target).await, (7, 7));
    let found = app::migrations(&settings(&target)).await.unwrap();
    assert!(found.pending.is_empty() && found.applied > 10);
    db.close().await;
}
