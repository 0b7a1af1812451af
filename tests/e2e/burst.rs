//! Many documents arrive at once: whoever asks meanwhile is answered before all of them are analysed.

use crate::process::{Server, http, request};
use serde_json::{Value, json};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const ARRIVALS: usize = 2_000;
const QUESTIONS: usize = 10;
const PATIENCE: Duration = Duration::from_mins(5);

fn ask(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = http(server.address, &request(method, path, Some(key), &body));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 20"), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_burst_of_arrivals_keeps_nobody_waiting_and_is_all_analysed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("synoptic.toml"),
        "[limits]\nprincipal_per_second = 0\n",
    )
    .unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key().unwrap();
    let rule = json!({"name": "short", "summary": {"sentences": 1}, "engine": "embedded"});
    let notes = json!({"name": "Notes", "automation": [rule]});
    ask(&server, &key, "POST", "/api/collections", &notes);
    for first in (0..ARRIVALS).step_by(1_000) {
        let documents: Vec<Value> = (first..first + 1_000)
            .map(|number| {
                json!({"external_id": format!("N-{number}"), "text": format!("Parcel {number} was late. I want my money back. Please hurry.")})
            })
            .collect();
        let batch = json!({"documents": documents});
        ask(&server, &key, "POST", "/api/collections/notes/batch", &batch);
    }
    let state = |number: usize| {
        let path = format!("/api/collections/notes/documents/N-{number}");
        let document = ask(&server, &key, "GET", &path, &Value::Null);
        document["automation"][0]["status"].as_str().unwrap().to_owned()
    };
    for number in 0..QUESTIONS {
        let question =
            json!({"text": format!("Question {number} came in. Nobody knows why. It is raining."), "sentences": 1});
        let answer = ask(&server, &key, "POST", "/api/summarize", &question);
        assert!(answer["summary"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(
            state(ARRIVALS - 1),
            "pending",
            "all arrivals went before question {number}"
        );
    }
    let began = Instant::now();
    while state(ARRIVALS - 1) != "done" {
        assert!(began.elapsed() < PATIENCE, "the last arrival is not analysed");
        thread::sleep(Duration::from_millis(100));
    }
    // Those before it were taken up before it; some may have been under way.
    for number in (0..ARRIVALS - 1).step_by(97) {
        while state(number) != "done" {
            assert!(began.elapsed() < PATIENCE, "document {number} was passed over");
            thread::sleep(Duration::from_millis(100));
        }
    }
    server.stop();
}
