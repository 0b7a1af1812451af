//! Webhooks from the built program to a receiver on this machine, which has to be allowed.

use crate::{
    process::{Server, http, request, synoptic},
    receiver::Receiver,
};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::path::Path;

fn ask(server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Value {
    let answer = http(server.address, &request(method, path, Some(key), &body.to_string()));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
    serde_json::from_str(body).unwrap()
}

fn start(folder: &Path) -> Server {
    Server::start(folder, &[])
}

#[test]
fn a_server_that_is_killed_while_it_sends_sends_it_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n";
    std::fs::write(folder.path().join("synoptic.toml"), settings).unwrap();
    let receiver = Receiver::start();
    let server = start(folder.path());
    // The key of the first start makes no webhooks.
    let made = synoptic(folder.path())
        .args(["keys", "create", "hooks", "--scope", "collections:write,webhooks:write"])
        .output()
        .unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    ask(&server, "POST", "/api/collections", &key, &json!({"name": "Notes"}));
    let place = "/api/collections/notes/webhooks";
    let new = json!({"name": "Hook", "url": receiver.url("/hangs"), "events": ["job.finished"]});
    let hook = ask(&server, "POST", place, &key, &new);
    let test = format!("{place}/{}/test", hook["id"].as_str().unwrap());
    let sent = ask(&server, "POST", &test, &key, &json!({}));
    receiver.wait_for("/hangs", 1);
    server.kill();
    // The lease of the killed server runs out first.
    let server = start(folder.path());
    let came = receiver.wait_for("/hangs", 2);
    let verifier = Webhook::new(hook["secret"].as_str().unwrap()).unwrap();
    for one in &came {
        assert_eq!(one.header("webhook-id"), sent["id"].as_str().unwrap());
        assert_eq!(one.body, came[0].body);
        verifier.verify(one.body.as_bytes(), &one.headers).unwrap();
    }
    server.stop();
}
