//! The built program under clients that mean no good, or are slow.

use crate::process::{Server, http, read_all, request};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

/// How long the head of a request may take here; a body may take much longer.
const LIMIT: Duration = Duration::from_secs(1);

fn start(folder: &Path, settings: &str) -> Server {
    std::fs::write(folder.join("synoptic.toml"), settings).unwrap();
    Server::start(folder, &[])
}

#[test]
fn half_a_head_ends_the_connection_and_a_slow_body_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "[server]\nheader_timeout_seconds = 1\n");
    let key = server.key().unwrap();

    let mut half = TcpStream::connect(server.address).unwrap();
    let began = Instant::now();
    half.write_all(b"GET /api/collections HTTP/1.1\r\nHost: test\r\n")
        .unwrap();
    assert_eq!(read_all(&mut half), "");
    let took = began.elapsed();
    assert!(took > LIMIT / 2 && took < 10 * LIMIT, "{took:?}");

    let whole = request("POST", "/api/collections", Some(&key), r#"{"name": "Slowly sent"}"#);
    let body = whole.find("\r\n\r\n").unwrap() + 4;
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(&whole.as_bytes()[..body]).unwrap();
    for part in whole.as_bytes()[body..].chunks(8) {
        std::thread::sleep(LIMIT);
        slow.write_all(part).unwrap();
    }
    let answer = read_all(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[test]
fn a_connection_is_kept_open_between_requests_and_takes_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "[server]\nheader_timeout_seconds = 1\n");
    let one = b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection
        .write_all(&[one.as_slice(), one.as_slice()].concat())
        .unwrap();
    read_answers(&mut connection, 2);
    std::thread::sleep(2 * LIMIT);
    let (half, rest) = one.split_at(20);
    connection.write_all(half).unwrap();
    std::thread::sleep(LIMIT / 4);
    connection.write_all(rest).unwrap();
    read_answers(&mut connection, 1);
    connection.write_all(half).unwrap();
    assert_eq!(read_all(&mut connection), "", "the next head is late");
}

#[test]
fn an_address_without_a_key_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "[limits]\naddress_per_second = 1\naddress_burst = 2\n");
    let key = server.key().unwrap();
    let guess = request("GET", "/api/collections", Some("syn_guess"), "");
    let answers: Vec<String> = (0..8).map(|_| http(server.address, &guess)).collect();
    assert!(answers[0].starts_with("HTTP/1.1 401"), "{}", answers[0]);
    let refused = answers
        .iter()
        .find(|answer| answer.starts_with("HTTP/1.1 429"))
        .unwrap();
    assert!(
        refused.contains("\r\nretry-after: 1\r\n") && refused.contains("\"retry_after\":1"),
        "{refused}"
    );
    let answer = http(server.address, &request("GET", "/api/collections", Some(&key), ""));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_setting_that_cannot_be_meant_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, value: &str| {
        let mut command = crate::process::synoptic(folder.path());
        let output = command.arg("config").env(name, value).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (works, shown) = run("SYNOPTIC_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    assert!(
        works && shown.contains("\"10.0.0.0/8\"") && shown.contains("\"::1/128\""),
        "{shown}"
    );
    let (works, shown) = run("SYNOPTIC_CORS__ALLOWED_ORIGINS", "");
    assert!(works && shown.contains("allowed_origins = []"), "{shown}");
    let (works, shown) = run("SYNOPTIC_CORS__ALLOWED_ORIGINS", "https://app.example/");
    assert!(
        !works && shown.contains("`cors.allowed_origins`") && shown.contains("closing slash"),
        "{shown}"
    );
    let (works, shown) = run("SYNOPTIC_SERVER__PUBLIC_URL", "https://me:hunter2@synoptic.example");
    assert!(
        !works && shown.contains("`server.public_url`") && !shown.contains("hunter2"),
        "{shown}"
    );
}

/// Reads until so many answers to `/livez` are there.
fn read_answers(connection: &mut TcpStream, wanted: usize) {
    let mut answers = String::new();
    let mut buffer = [0; 4096];
    connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    while answers.matches("HTTP/1.1 200").count() < wanted || !answers.ends_with('}') {
        let read = connection.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {answers}");
        answers.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}
