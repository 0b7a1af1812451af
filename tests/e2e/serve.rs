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
