//! People, keys and signing keys that are managed at the command line, beside a running server.

use crate::{
    folder::Folder,
    process::{Server, http, request, synoptic},
};
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// For how long a server may go on accepting what ended, and a second for a machine that is busy.
const RECHECK: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(4);

/// A server that looks credentials up again after a second.
fn start(folder: &Path) -> Server {
    std::fs::write(folder.join("synoptic.toml"), "[auth]\nrecheck_seconds = 1\n").unwrap();
    Server::start(folder, &[])
}

/// Runs a command that must succeed beside the server, and returns what it printed.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let (success, printed, said) = run(folder, arguments);
    assert!(success, "{arguments:?}: {printed}{said}");
    printed.trim_end().to_owned()
}

/// Runs a command that must fail, and returns what it said.
fn fail(folder: &Path, arguments: &[&str]) -> String {
    let (success, printed, said) = run(folder, arguments);
    assert!(!success && printed.is_empty(), "{arguments:?}: {printed}{said}");
    said
}

fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = synoptic(folder).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn sign_in(server: &Server, email: &str, password: &str) -> String {
    let body = format!(r#"{{"email": "{email}", "password": "{password}"}}"#);
    http(server.address, &request("POST", "/api/auth/login", None, &body))
}

fn member(answer: &str, name: &str) -> String {
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: Value = serde_json::from_str(body).unwrap();
    body[name].as_str().unwrap().to_owned()
}

fn get(server: &Server, path: &str, credential: &str) -> String {
    http(server.address, &request("GET", path, Some(credential), ""))
}

fn post(server: &Server, path: &str, credential: &str, body: &str) -> String {
    http(server.address, &request("POST", path, Some(credential), body))
}

/// Waits until the credential is refused, which must not take longer than it was told.
fn is_refused_within(server: &Server, credential: &str, promised: Duration) {
    let began = Instant::now();
    while get(server, "/api/auth/me", credential).starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < promised + SLACK, "still accepted");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_key_does_what_its_scopes_and_collections_say_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let first = server.key().unwrap();
    for name in ["Open", "Closed"] {
        let body = format!(r#"{{"name": "{name}"}}"#);
        post(&server, "/api/collections", &first, &body);
    }
    let arguments = [
        "keys",
        "create",
        "reader",
        "--scope",
        "collections:read",
        "--collection",
        "open",
    ];
    let key = succeed(folder.path(), &arguments);
    let listed = get(&server, "/api/collections", &key);
    assert!(
        listed.contains("\"open\"") && !listed.contains("closed") && listed.starts_with("HTTP/1.1 200"),
        "{listed}"
    );
    assert!(get(&server, "/api/collections/closed", &key).starts_with("HTTP/1.1 404"));
    let refused = get(&server, "/api/collections/open/documents", &key);
    assert!(
        refused.starts_with("HTTP/1.1 403") && refused.contains("documents:read"),
        "{refused}"
    );

    let list = succeed(folder.path(), &["keys", "list"]);
    let row = list.lines().find(|line| line.contains("reader")).unwrap();
    assert!(
        row.contains(" live ") && row.contains(" open ") && row.ends_with("collections:read"),
        "{list}"
    );
    assert!(!list.contains(&key), "{list}");
    let id = row.split_whitespace().next().unwrap();
    let second = succeed(folder.path(), &["keys", "rotate", id]);
    for key in [&key, &second] {
        assert!(get(&server, "/api/auth/me", key).starts_with("HTTP/1.1 200"));
    }
    let third = succeed(folder.path(), &["keys", "rotate", id, "--overlap-hours", "0"]);
    is_refused_within(&server, &second, RECHECK);
    assert!(succeed(folder.path(), &["keys", "revoke", id]).contains("within 1 s"));
    is_refused_within(&server, &third, RECHECK);
    assert!(succeed(folder.path(), &["keys", "list"]).contains(" revoked "));
    assert!(fail(folder.path(), &["keys", "rotate", id]).contains("the key is revoked"));
}

#[test]
fn what_a_key_cannot_have_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (["--scope", "everything"], "must be one of collections:read, "),
        (["--collection", "nowhere"], "there is no collection `nowhere`"),
        (["--expires-in-days", "0"], "0 is not in 1..="),
    ] {
        let arguments = [&["keys", "create", "x"], arguments.as_slice()].concat();
        let said = fail(folder.path(), &arguments);
        assert!(said.contains(words), "{said}");
    }
    let said = fail(folder.path(), &["keys", "create", " "]);
    assert_eq!(said, "synoptic: `NAME` must not be empty\n");
}

#[test]
fn a_reset_password_ends_sessions_within_the_promised_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let password = succeed(
        folder.path(),
        &["users", "create", "Ann@Example.org", "--role", "editor"],
    );
    let signed_in = sign_in(&server, "ann@example.org", &password);
    let token = member(&signed_in, "access_token");
    let me = get(&server, "/api/auth/me", &token);
    assert!(me.contains("\"role\":\"editor\""), "{me}");

    let new = succeed(folder.path(), &["users", "reset-password", "ann@example.org"]);
    assert_ne!(new, password);
    is_refused_within(&server, &token, RECHECK);
    assert!(sign_in(&server, "ann@example.org", &password).starts_with("HTTP/1.1 401"));
    let token = member(&sign_in(&server, "ann@example.org", &new), "access_token");

    succeed(folder.path(), &["users", "disable", "ann@example.org"]);
    is_refused_within(&server, &token, RECHECK);
    assert!(sign_in(&server, "ann@example.org", &new).starts_with("HTTP/1.1 401"));
    succeed(folder.path(), &["users", "enable", "ann@example.org"]);
    let token = member(&sign_in(&server, "ann@example.org", &new), "access_token");

    succeed(folder.path(), &["users", "delete", "ann@example.org"]);
    is_refused_within(&server, &token, RECHECK);
    assert!(!succeed(folder.path(), &["users", "list"]).contains("ann@"));
}

fn create<'a>(email: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["users", "create", email], more].concat()
}

#[test]
fn what_a_user_cannot_be_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = create(
        "eve@example.org",
        &["--role", "admin", "--without-password", "--name", "Eve"],
    );
    let said = succeed(folder.path(), &arguments);
    assert_eq!(said, "eve@example.org can sign in through a provider");
    let list = succeed(folder.path(), &["users", "list"]);
    assert!(
        list.ends_with("eve@example.org  Eve   admin  active  no        never         all"),
        "{list}"
    );
    for (arguments, words) in [
        (
            create("eve", &["--role", "viewer"]),
            "`EMAIL` must be an e-mail address",
        ),
        (create("EVE@example.org", &["--role", "viewer"]), "exists already"),
        (
            create("bob@example.org", &["--role", "owner"]),
            "must be `admin`, `editor` or `viewer`",
        ),
        (create("bob@example.org", &[]), "--role"),
        (
            create("bob@example.org", &["--role", "viewer", "--collection", "nowhere"]),
            "there is no collection `nowhere`",
        ),
        (vec!["users", "disable", "eve@example.org"], "the last admin"),
        (vec!["users", "delete", "eve@example.org"], "the last admin"),
        (
            vec!["users", "reset-password", "bob@example.org"],
            "there is no user `bob@example.org`",
        ),
    ] {
        let said = fail(folder.path(), &arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn a_signing_key_that_is_rotated_at_once_ends_access_tokens_and_no_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let password = succeed(
        folder.path(),
        &["users", "create", "ann@example.org", "--role", "viewer"],
    );
    let signed_in = sign_in(&server, "ann@example.org", &password);
    let token = member(&signed_in, "access_token");

    let said = succeed(folder.path(), &["signing-keys", "rotate"]);
    assert!(said.contains("older access tokens work until they expire"), "{said}");
    std::thread::sleep(RECHECK * 3);
    assert!(get(&server, "/api/auth/me", &token).starts_with("HTTP/1.1 200"));
    let list = succeed(folder.path(), &["signing-keys", "list"]);
    assert!(list.contains("signs") && list.contains("verifies until"), "{list}");

    let said = succeed(folder.path(), &["signing-keys", "rotate", "--at-once"]);
    assert!(said.contains("within 2 s"), "{said}");
    is_refused_within(&server, &token, RECHECK * 2);
    assert_eq!(succeed(folder.path(), &["signing-keys", "list"]).lines().count(), 2);
    let body = format!(r#"{{"refresh_token": "{}"}}"#, member(&signed_in, "refresh_token"));
    let refreshed = http(server.address, &request("POST", "/api/auth/refresh", None, &body));
    let token = member(&refreshed, "access_token");
    assert!(get(&server, "/api/auth/me", &token).starts_with("HTTP/1.1 200"));
}

/// More than a page of a list.
const MANY_KEYS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 450)
    INSERT INTO api_keys (id, name, prefix, hash, created_at)
    SELECT randomblob(16), 'number ' || n, 'syn_abcdef', randomblob(32), '2026-01-01T00:00:00.000000Z' FROM numbers";
const MANY_USERS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 450)
    INSERT INTO users (id, email, name, role, state, all_collections, version, created_at, updated_at)
    SELECT randomblob(16), n || '@example.org', 'x', 'viewer', 'active', 1, 1, '2026-01-01T00:00:00.000000Z',
    '2026-01-01T00:00:00.000000Z' FROM numbers";

#[test]
fn lists_are_printed_whole() {
    let folder = Folder::new();
    for list in ["keys", "users"] {
        assert_eq!(folder.succeed(&[list, "list"]).lines().count(), 1);
    }
    folder.execute(MANY_KEYS);
    folder.execute(MANY_USERS);
    for list in ["keys", "users"] {
        assert_eq!(folder.succeed(&[list, "list"]).lines().count(), 451);
    }
}
