//! `synoptic backup`, `restore` and `migrate`, as an operator runs them beside a server.

use crate::{
    folder::{Folder, text},
    process::{Server, http, request, try_http},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

const NOTES: &str = "/api/collections/notes/documents";
const DOCUMENTS: &str = "SELECT COUNT(*) FROM documents";

fn serve(folder: &Folder) -> Server {
    Server::run(folder.command(&["--log", "warn", "serve", "--bind", "127.0.0.1:0"]))
}

/// Runs a command that must fail with this exit code, print nothing, and say this.
#[track_caller]
fn refuse(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) {
    let output = folder.run(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    for words in words {
        assert!(said.contains(words), "{arguments:?}, {words}: {said}");
    }
}

fn note(server: &Server, key: &str, words: &str) -> bool {
    let body = format!(r#"{{"text": "{words}"}}"#);
    try_http(server.address, &request("POST", NOTES, Some(key), &body)).is_ok_and(|answer| answer.contains(" 201 "))
}

/// A server with a collection and a note in it; its key.
fn with_a_note(folder: &Folder) -> (Server, String) {
    let server = serve(folder);
    let key = server.key().unwrap();
    let made = http(
        server.address,
        &request("POST", "/api/collections", Some(&key), r#"{"name": "Notes"}"#),
    );
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    assert!(note(&server, &key, "The first one."));
    (server, key)
}

#[test]
fn a_backup_beside_a_server_that_writes_serves_somewhere_else() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let (server, key) = with_a_note(&folder);
    let (server, stop, stored) = (
        Arc::new(server),
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicI64::new(1)),
    );
    let writing = {
        let (server, key, stop, stored) = (Arc::clone(&server), key.clone(), Arc::clone(&stop), Arc::clone(&stored));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if note(&server, &key, "Another one.") {
                    stored.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    while stored.load(Ordering::Relaxed) < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let backup = elsewhere.path().join("backup.db");
    let to = backup.to_str().unwrap();
    let before = stored.load(Ordering::Relaxed);
    let said = folder.succeed(&["backup", "--to", to]);
    // One may have been stored and not been answered yet.
    let after = stored.load(Ordering::Relaxed) + 1;
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    let bytes = std::fs::metadata(&backup).unwrap().len();
    assert!(
        said.starts_with(&format!("{to} ({bytes} bytes) is a sound copy of sqlite:")),
        "{said}"
    );
    refuse(
        &folder,
        &["backup", "--to", to],
        1,
        &["exists already", "nothing was written"],
    );
    assert_eq!(std::fs::metadata(&backup).unwrap().len(), bytes);

    let said = elsewhere.succeed(&["restore", "--from", to]);
    assert!(said.contains(&format!("is now what {to} was.")), "{said}");
    assert!(!said.contains("that was there"), "{said}");
    let found = elsewhere.count(DOCUMENTS);
    assert!(before <= found && found <= after, "{before} {found} {after}");
    let restored = serve(&elsewhere);
    assert_eq!(restored.key(), None, "keys are in the backup: {}", restored.output());
    assert!(note(&restored, &key, "One more."));
    restored.stop();
    assert_eq!(elsewhere.count(DOCUMENTS), found + 1);
    assert!(note(&server, &key, "The server goes on."));
}

#[test]
fn what_a_server_uses_is_not_replaced_and_what_was_there_is_kept() {
    let folder = Folder::new();
    let (server, key) = with_a_note(&folder);
    let backup = folder.path().join("backup.db");
    let from = backup.to_str().unwrap();
    folder.succeed(&["backup", "--to", from]);
    assert!(note(&server, &key, "After the backup."));
    let nothing = "Nothing was changed";
    refuse(&folder, &["restore", "--from", from], 1, &["--replace", nothing]);
    refuse(
        &folder,
        &["restore", "--from", from, "--replace"],
        1,
        &["in use", nothing],
    );
    assert!(note(&server, &key, "The server goes on."));
    server.stop();
    assert_eq!(folder.count(DOCUMENTS), 3);
    // A server that was stopped is no hindrance, and neither is one that was killed.
    let server = serve(&folder);
    assert!(note(&server, &key, "Before the crash."));
    server.kill();
    let said = folder.succeed(&["restore", "--from", from, "--replace"]);
    let aside = folder.path().join("test.db.before-restore-1");
    assert!(
        said.contains(&format!("The database that was there is {}.", aside.display())),
        "{said}"
    );
    assert_eq!(folder.count(DOCUMENTS), 1);
    let server = serve(&folder);
    let listed = http(server.address, &request("GET", NOTES, Some(&key), ""));
    assert!(
        listed.contains("The first one.") && !listed.contains("After"),
        "{listed}"
    );
    server.stop();
    // The backup itself is still one, and what was there can be had back.
    let said = folder.succeed(&["restore", "--from", aside.to_str().unwrap(), "--replace"]);
    assert!(said.contains("test.db.before-restore-2"), "{said}");
    assert_eq!(folder.count(DOCUMENTS), 4);
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "backup.db",
            "test.db",
            "test.db.before-restore-1",
            "test.db.before-restore-2"
        ]
    );
}

#[test]
fn migrate_says_how_far_a_database_has_come() {
    let folder = Folder::new();
    let before = folder.run(&["migrate", "--status"]);
    let said = text(&before.stdout);
    assert_eq!(before.status.code(), Some(1), "{said}{}", text(&before.stderr));
    assert!(
        said.starts_with("0 migrations are applied.\nto be applied: 0001 "),
        "{said}"
    );
    let pending = said.lines().count() - 1;
    let applied = folder.succeed(&["migrate"]);
    assert_eq!(
        applied.lines().filter(|line| line.starts_with("applied ")).count(),
        pending
    );
    assert_eq!(
        folder.succeed(&["migrate", "--status"]),
        format!("{pending} migrations are applied.\n")
    );
    assert_eq!(
        folder.succeed(&["migrate"]),
        "The database has every migration already.\n"
    );

    let backup = folder.path().join("newer.db");
    folder.execute(
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
         FROM _sqlx_migrations WHERE version = 1",
    );
    let newer = folder.run(&["migrate", "--status"]);
    assert_eq!(newer.status.code(), Some(1));
    assert_eq!(
        text(&newer.stdout),
        format!(
            "{} migrations are applied.\nunknown, of a newer version of Synoptic: 9999\n",
            pending + 1
        )
    );
    for command in [&["migrate"][..], &["serve", "--bind", "127.0.0.1:0"]] {
        let refused = folder.run(command);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("9999") && said.contains("a newer version"), "{said}");
    }
    // It can be backed up, and not be restored by this version.
    let to = backup.to_str().unwrap();
    folder.succeed(&["backup", "--to", to]);
    let elsewhere = Folder::new();
    refuse(
        &elsewhere,
        &["restore", "--from", to],
        1,
        &["newer version", "9999", "nothing was changed"],
    );
    assert!(!elsewhere.path().join("test.db").exists());
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    let folder = Folder::new();
    refuse(&folder, &["backup"], 2, &["--to <FILE>", "Usage"]);
    refuse(&folder, &["restore", "--replace"], 2, &["--from <FILE>", "Usage"]);
    refuse(&folder, &["migrate", "--state"], 2, &["'--state'", "--status"]);
    refuse(&folder, &["migrate", "now"], 2, &["'now'"]);
    refuse(
        &folder,
        &["backup", "--to", "b.db"],
        1,
        &["there is no database", "test.db"],
    );
    refuse(
        &folder,
        &["restore", "--from", "b.db"],
        1,
        &["there is no backup `b.db`"],
    );
    folder.succeed(&["migrate"]);
    refuse(
        &folder,
        &["backup", "--to", "nowhere/b.db"],
        1,
        &["nowhere/b.db", "cannot be made"],
    );
    folder.write("text.db", "This is a text and no database. ".repeat(99));
    refuse(
        &folder,
        &["restore", "--from", "text.db", "--replace"],
        1,
        &["`text.db` is no SQLite database"],
    );
    let elsewhere = ["--database", "postgres://nobody@127.0.0.1:1/none"];
    for command in [&["backup", "--to", "b.db"][..], &["restore", "--from", "text.db"]] {
        refuse(&folder, &[&elsewhere, command].concat(), 1, &["pg_dump", "pg_restore"]);
    }
    refuse(
        &folder,
        &["--database", "mysql://x", "migrate"],
        1,
        &["sqlite:", "postgres://"],
    );
    assert!(!folder.path().join("b.db").exists());
}
