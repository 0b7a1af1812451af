//! Imports and exports over the API, with the server killed in the middle of them.

use crate::{
    folder::Folder,
    process::{Server, request},
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{Read, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

/// How long anything may take before the test fails; whatever a killed server had taken up is left alone for a minute.
const PATIENCE: Duration = Duration::from_mins(5);
const LINES: usize = 20_000;

fn start(folder: &Folder) -> Server {
    Server::run(folder.command(&["--log", "warn", "serve", "--bind", "127.0.0.1:0"]))
}

/// The answer's head and its body.
fn send(server: &Server, request: &[u8]) -> (String, Vec<u8>) {
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.write_all(request).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

fn head(method: &str, path: &str, key: &str, headers: &str, length: usize) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{headers}\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("{name}: {head}"))
        .split_once(':')
        .unwrap()
        .1
        .trim()
}

fn get(server: &Server, path: &str, key: &str) -> Value {
    let (head, body) = send(server, request("GET", path, Some(key), "").as_bytes());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_slice(&body).unwrap()
}

fn wait_until(server: &Server, path: &str, key: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let now = get(server, path, key);
        if is_so(&now) {
            return now;
        }
        assert!(began.elapsed() < PATIENCE, "{now}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn file() -> Vec<u8> {
    let mut file = "id,title,text,plan\n".to_owned();
    for line in 0..LINES {
        writeln!(
            file,
            "L-{line},\"Ünïcode, \"\"{line}\"\"\",\"First of {line}.\n漢字 second.\",pro"
        )
        .unwrap();
    }
    file.into_bytes()
}

#[test]
fn every_line_is_stored_once_although_the_server_is_killed_again_and_again() {
    let folder = Folder::new();
    let server = start(&folder);
    let key = server.key().unwrap();
    let made = request("POST", "/api/collections", Some(&key), r#"{"name": "Lines"}"#);
    assert!(send(&server, made.as_bytes()).0.starts_with("HTTP/1.1 201"));
    let csv = "Content-Type: text/csv\r\n";
    let begin = head("POST", "/api/collections/lines/imports?complete=false", &key, csv, 0);
    let (answer, _) = send(&server, &begin);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let import = header(&answer, "location").to_owned();

    // Killed in the middle of the upload.
    let file = file();
    let part = |offset: usize| {
        let headers = format!("Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n");
        head("PATCH", &import, &key, &headers, file.len() - offset)
    };
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.write_all(&part(0)).unwrap();
    connection.write_all(&file[..file.len() * 2 / 3]).unwrap();
    let half = wait_until(&server, &import, &key, |now| {
        now["received"].as_u64().unwrap() > 100_000
    });
    server.kill();
    drop(connection);
    let server = start(&folder);
    let kept = get(&server, &import, &key)["received"].as_u64().unwrap() as usize;
    assert!(
        kept >= half["received"].as_u64().unwrap() as usize && kept < file.len(),
        "{kept}"
    );
    let (answer, body) = send(&server, &[&part(kept)[..], &file[kept..]].concat());
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "{answer} {}",
        String::from_utf8_lossy(&body)
    );

    // And in the middle of storing it.
    let now = wait_until(&server, &import, &key, |now| now["done"].as_u64().unwrap() > 0);
    server.kill();
    let server = start(&folder);
    let done = wait_until(&server, &import, &key, |now| now["state"] == "done");
    assert_eq!(
        (
            done["done"].as_u64(),
            done["unchanged"].as_u64(),
            done["refused"].as_u64()
        ),
        (Some(LINES as u64), Some(0), Some(0)),
        "{now} {done}"
    );
    assert_eq!(
        folder.count("SELECT COUNT(DISTINCT external_id) FROM documents"),
        i64::try_from(LINES).unwrap()
    );
    assert_eq!(
        folder.count("SELECT COUNT(*) FROM documents"),
        i64::try_from(LINES).unwrap()
    );
    assert_eq!(folder.count("SELECT COUNT(*) FROM upload_chunks"), 0);

    // A download that breaks off goes on to the same bytes.
    let body = r#"{"format": "ndjson"}"#;
    let (answer, _) = send(
        &server,
        request("POST", "/api/collections/lines/exports", Some(&key), body).as_bytes(),
    );
    let export = header(&answer, "location").to_owned();
    server.kill();
    let server = start(&folder);
    wait_until(&server, &export, &key, |now| now["state"] == "ready");
    let content = format!("{export}/content");
    let (whole_head, whole) = send(&server, &head("GET", &content, &key, "", 0));
    assert_eq!(whole.split(|byte| *byte == b'\n').count() - 1, LINES);
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.write_all(&head("GET", &content, &key, "", 0)).unwrap();
    let mut beginning = vec![0; 1_500_000];
    connection.read_exact(&mut beginning).unwrap();
    drop(connection);
    let end = beginning.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut joined = beginning.split_off(end);
    let headers = format!(
        "Range: bytes={}-\r\nIf-Range: {}\r\n",
        joined.len(),
        header(&whole_head, "etag")
    );
    let (answer, rest) = send(&server, &head("GET", &content, &key, &headers, 0));
    assert!(answer.starts_with("HTTP/1.1 206"), "{answer}");
    joined.extend(rest);
    assert!(joined == whole, "the pieces are not the file");
}
