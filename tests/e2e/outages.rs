//! The database goes, or can only be read: requests say so, the server is not ready, and goes on by itself when that has passed.

use crate::{
    postgres,
    process::{Server, http, request, synoptic},
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);

/// Has `pg_ctl` do something to a PostgreSQL server.
pub fn control(server: &postgres::Server, command: &str) {
    let programs = postgres::programs().unwrap();
    let script = format!(
        "cd '{}' && '{}/pg_ctl' -D data -l server.log {command}",
        server.folder.display(),
        programs.display()
    );
    // What it starts keeps what it is given open.
    let done = postgres::as_server_user(&server.folder, &script)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(done.unwrap().success(), "pg_ctl {command}");
}

/// The status and the whole answer.
fn ask(server: &Server, key: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = http(server.address, &request(method, path, Some(key), body));
    let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn until_ready(server: &Server, status: u16) {
    let began = Instant::now();
    loop {
        let (seen, answer) = ask(server, "", "GET", "/readyz", "");
        if seen == status {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{answer}");
        thread::sleep(Duration::from_millis(100));
    }
}

const NOTES: &str = r#"{"name": "Notes"}"#;

#[test]
fn while_postgres_is_away_that_is_said_and_its_return_is_enough() {
    let postgres = postgres::Server::start("-c listen_addresses='' -c synchronous_commit=on");
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[database]\nurl = \"{}\"\nacquire_seconds = 2\n",
        postgres.address_of("postgres")
    );
    fs::write(folder.path().join("synoptic.toml"), config).unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key().unwrap();
    assert_eq!(ask(&server, &key, "POST", "/api/collections", NOTES).0, 201);
    until_ready(&server, 200);

    // As a standby that a failover has left behind.
    let only_read = |value: &str| {
        let settings = format!("{}/data/postgresql.auto.conf", postgres.folder.display());
        fs::write(settings, format!("default_transaction_read_only = {value}\n")).unwrap();
        control(&postgres, "reload");
    };
    only_read("on");
    until_ready(&server, 503);
    let (status, answer) = ask(&server, &key, "POST", "/api/collections", r#"{"name": "Others"}"#);
    assert!(status == 507 && answer.contains("/problems/storage-full"), "{answer}");
    assert_eq!(ask(&server, &key, "GET", "/api/collections/notes", "").0, 200);
    only_read("off");
    until_ready(&server, 200);

    control(&postgres, "-m immediate -w stop");
    until_ready(&server, 503);
    assert_eq!(ask(&server, "", "GET", "/livez", "").0, 200);
    for (method, path, body) in [
        ("GET", "/api/collections", ""),
        ("POST", "/api/collections", r#"{"name": "Others"}"#),
        ("POST", "/api/collections/notes/documents", r#"{"text": "It rained."}"#),
    ] {
        let (status, answer) = ask(&server, &key, method, path, body);
        assert_eq!(status, 503, "{answer}");
        assert!(
            answer.contains("/problems/unavailable") && answer.contains("retry-after: "),
            "{answer}"
        );
        assert!(!answer.contains("postgres") && !answer.contains("sql"), "{answer}");
    }

    let options = format!(
        "-c listen_addresses= -c unix_socket_directories={}",
        postgres.folder.display()
    );
    control(&postgres, &format!("-o '{options}' -w start"));
    until_ready(&server, 200);
    assert_eq!(
        ask(&server, &key, "POST", "/api/collections", r#"{"name": "Others"}"#).0,
        201
    );
    let (_, list) = ask(&server, &key, "GET", "/api/collections", "");
    assert!(list.contains("\"notes\"") && list.contains("\"others\""), "{list}");
    server.stop();
}

/// The program in a folder that is a file system of its own, of eight megabytes, which nobody else sees.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the program is started within another")]
fn on_a_small_disk(folder: &Path) -> Command {
    let program = synoptic(folder);
    let script = format!(
        "mount -t tmpfs -o size=8m tmpfs '{folder}' && cd '{folder}' && head -c 3000000 /dev/zero >filler && \
         exec '{program}' --log warn serve --bind 127.0.0.1:0",
        folder = folder.display(),
        program = program.get_program().display(),
    );
    let mut command = Command::new("unshare");
    // Only root may mount; others are root in a namespace of users.
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "sh", "-c", &script])
        .env("SYNOPTIC_LIMITS__PRINCIPAL_PER_SECOND", "0");
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_space_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(on_a_small_disk(folder.path()));
    let key = server.key().unwrap();
    assert_eq!(ask(&server, &key, "POST", "/api/collections", NOTES).0, 201);
    until_ready(&server, 200);
    let documents = "/api/collections/notes/documents";
    let body = format!(
        r#"{{"text": "{}"}}"#,
        "It rained all night and the river rose. ".repeat(2_000)
    );
    let mut stored = 0;
    let refused = loop {
        let (status, answer) = ask(&server, &key, "POST", documents, &body);
        if status != 201 {
            break answer;
        }
        stored += 1;
        assert!(stored < 150, "the disk is never full");
    };
    assert!(
        refused.starts_with("HTTP/1.1 507") && refused.contains("/problems/storage-full"),
        "{refused}"
    );
    // Until nothing at all fits any more.
    let small = r#"{"text": "It rained all night."}"#;
    while ask(&server, &key, "POST", documents, small).0 == 201 {
        stored += 1;
    }
    until_ready(&server, 503);
    // What is there can be read.
    let (status, list) = ask(&server, &key, "GET", &format!("{documents}?limit=1"), "");
    assert!(status == 200 && list.contains("It rained"), "{list}");

    fs::remove_file(format!("/proc/{}/root{}/filler", server.id(), folder.path().display())).unwrap();
    until_ready(&server, 200);
    assert_eq!(ask(&server, &key, "POST", documents, &body).0, 201);
    let (_, list) = ask(&server, &key, "GET", &format!("{documents}?limit=200"), "");
    assert_eq!(list.matches("\"excerpt\":").count(), stored + 1);
    server.stop();
}
