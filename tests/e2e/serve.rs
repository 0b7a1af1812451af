//! The built program as a server: what a first start prints, and what a stop and a kill leave behind.

use crate::process::{Server, http, request};
use std::{io::Write, net::TcpStream, time::Duration};

#[test]
fn the_first_start_prints_a_key_once_and_the_curl_line_works() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &["--demo"]);
    let key = first.key().expect("a demo prints its key");
    assert!(
        first.output().contains("/docs") && first.output().contains("curl -s http"),
        "{}",
        first.output()
    );
    let body = r#"{"text": "I was charged twice this month, please refund one payment.", "taxonomy": "ticket-topic"}"#;
    let answer = http(first.address, &request("POST", "/api/classify", Some(&key), body));
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"billing\""),
        "{answer}"
    );
    let me = http(first.address, &request("GET", "/api/auth/me", Some(&key), ""));
    assert!(me.contains("webhooks:write"), "webhooks can be tried out: {me}");
    first.stop();

    let again = Server::start(folder.path(), &[]);
    assert_eq!(again.key(), None, "{}", again.output());
    let answer = http(
        again.address,
        &request("GET", "/api/collections/tickets", Some(&key), ""),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_start_without_demo_is_empty_and_its_key_works() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key().expect("a first start prints its key");
    let answer = http(server.address, &request("GET", "/api/collections", Some(&key), ""));
    assert!(answer.ends_with(r#"{"items":[]}"#), "{answer}");
}

#[test]
fn a_stop_finishes_the_request_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key().unwrap();
    let whole = request("POST", "/api/collections", Some(&key), r#"{"name": "Half sent"}"#);
    let (half, rest) = whole.split_at(whole.len() - 8);
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.write_all(half.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.terminate();
    std::thread::sleep(Duration::from_millis(200));
    connection.write_all(rest.as_bytes()).unwrap();
    let answer = crate::process::read_all(&mut connection);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    server.wait();

    let again = Server::start(folder.path(), &[]);
    let answer = http(
        again.address,
        &request("GET", "/api/collections/half-sent", Some(&key), ""),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key().unwrap();
    for number in 0..20 {
        let body = format!(r#"{{"name": "Kept {number}"}}"#);
        let answer = http(server.address, &request("POST", "/api/collections", Some(&key), &body));
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    server.kill();
    let again = Server::start(folder.path(), &[]);
    let answer = http(
        again.address,
        &request("GET", "/api/collections?limit=200", Some(&key), ""),
    );
    assert_eq!(answer.matches("\"slug\":").count(), 20, "{answer}");
}

#[test]
fn a_second_server_on_the_same_address_says_so_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--demo"]);
    let key = server.key().unwrap();
    let bind = server.address.to_string();
    let refused = crate::process::synoptic(folder.path())
        .args(["serve", "--demo", "--bind", &bind])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("cannot be listened on"),
        "{words}"
    );
    let answer = http(server.address, &request("GET", "/api/collections", Some(&key), ""));
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "the first server's key still works: {answer}"
    );
}

/// What stands behind a word of the output, such as `Password`.
fn printed(server: &Server, word: &str) -> Option<String> {
    let output = server.output();
    let line = output.lines().find_map(|line| line.trim().strip_prefix(word))?;
    line.split_whitespace().next().map(str::to_owned)
}

fn signs_in(server: &Server, email: &str, password: &str) -> bool {
    let body = format!(r#"{{"email": "{email}", "password": "{password}"}}"#);
    let answer = http(server.address, &request("POST", "/api/auth/login", None, &body));
    answer.starts_with("HTTP/1.1 200") && answer.contains("access_token")
}

#[test]
fn the_first_start_prints_an_admin_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &[]);
    let email = printed(&first, "Sign in as").unwrap();
    let password = printed(&first, "Password").unwrap();
    assert!(signs_in(&first, &email, &password), "{}", first.output());
    first.stop();

    let again = Server::start(folder.path(), &[]);
    let output = again.output();
    assert!(
        printed(&again, "Password").is_none() && output.contains("synoptic users reset-password"),
        "{output}"
    );
    assert!(signs_in(&again, &email, &password));
}

#[test]
fn a_configured_admin_is_made_and_their_password_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let password = "four lanterns beside the canal";
    let settings = format!("[auth]\nadmin_email = \"Root@Example.org\"\nadmin_password = \"{password}\"\n");
    std::fs::write(folder.path().join("synoptic.toml"), settings).unwrap();
    let server = Server::start(folder.path(), &[]);
    let output = server.output();
    assert!(
        !output.contains(password) && output.contains("root@example.org, with the configured password"),
        "{output}"
    );
    assert!(signs_in(&server, "root@example.org", password));
}

#[test]
fn a_configured_password_of_digits_keeps_its_leading_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let password = "0483920174816";
    let mut command = crate::process::synoptic(folder.path());
    command
        .args(["--log", "warn", "serve", "--bind", "127.0.0.1:0"])
        .env("SYNOPTIC_AUTH__ADMIN_PASSWORD", password);
    let server = Server::run(command);
    assert!(
        signs_in(&server, "admin@localhost.localdomain", password),
        "{}",
        server.output()
    );
}

#[test]
fn an_admin_who_cannot_be_made_stops_the_start() {
    for (email, password, words) in [
        (
            "root@example.org",
            "passwordpassword",
            "`auth.admin_password` must be harder to guess",
        ),
        (
            "root@example.org",
            "short",
            "`auth.admin_password` must be at least 12 characters",
        ),
        (
            "root",
            "four lanterns beside the canal",
            "`auth.admin_email` must be an e-mail address",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let refused = crate::process::synoptic(folder.path())
            .args(["serve", "--bind", "127.0.0.1:0"])
            .env("SYNOPTIC_AUTH__ADMIN_EMAIL", email)
            .env("SYNOPTIC_AUTH__ADMIN_PASSWORD", password)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && refused.stdout.is_empty() && said.contains(words) && !said.contains(password),
            "{said}"
        );
    }
}

#[test]
fn a_demo_prints_a_sign_in_that_the_next_start_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &["--demo"]);
    let email = printed(&first, "Sign in as").unwrap();
    let password = printed(&first, "Password").unwrap();
    assert!(signs_in(&first, &email, &password), "{}", first.output());
    // The viewer of the documentation.
    assert!(signs_in(&first, "viewer@example.com", "only looking at tickets today"));
    first.stop();
    let again = Server::start(folder.path(), &["--demo"]);
    assert!(!signs_in(&again, &email, &password));
    assert!(signs_in(&again, &email, &printed(&again, "Password").unwrap()));
}
