//! Input that nobody sends by accident: no panic, no hang, a clear answer, and what can be stored comes back as it was.

use crate::support::{Answer, TestApp, send, spec::Spec};
use serde_json::{Value, json};
use std::time::Duration;

const NOTES: &str = "/api/collections/notes/documents";

/// A minute is far more than any of this may take, also without optimisation on a busy machine.
async fn in_time(asked: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(Duration::from_mins(1), asked)
        .await
        .expect("an answer in bounded time")
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_malformed() {
    let app = TestApp::with_notes().await;
    let lists = format!(
        "{{\"text\": \"x\", \"attributes\": {{\"a\": {}{}}}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let open = "[".repeat(1_000_000);
    for bad in [
        lists,
        objects.clone(),
        open,
        format!("{{\"text\": \"x\", \"attributes\": {objects}}}"),
    ] {
        let answer = in_time(app.post_raw(NOTES, bad)).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
        answer.problem(
            answer.status,
            if answer.status == 400 {
                "malformed-request"
            } else {
                "invalid"
            },
        );
    }
    let deep = format!(
        "{{\"text\": \"x\", \"attributes\": {{\"a\": {}{}}}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    app.post_raw(NOTES, deep).await.created();
}

#[tokio::test]
async fn invalid_utf8_is_malformed_and_says_where() {
    let app = TestApp::with_notes().await;
    for bad in [
        b"{\"text\": \"\xff\xfe\"}".to_vec(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        vec![0x80; 1_000],
        b"{\"text\": \"\xc3".to_vec(),
    ] {
        let answer = app.post_raw(NOTES, bad).await;
        let problem = answer.problem(400, "malformed-request");
        assert!(problem["detail"].as_str().unwrap().contains("byte"), "{problem}");
    }
}

#[tokio::test]
async fn a_nul_is_refused_in_every_text_of_every_body() {
    let app = TestApp::demo().await;
    let bodies = [
        (
            "POST",
            "/api/collections",
            json!({"name": "N", "slug": "n", "description": "d"}),
            vec!["/name", "/slug", "/description"],
        ),
        (
            "POST",
            "/api/collections/tickets/documents",
            json!({"external_id": "e", "title": "t", "text": "t", "attributes": {"a": "b"}, "language": "en"}),
            vec!["/external_id", "/title", "/text", "/attributes/a", "/language"],
        ),
        (
            "PUT",
            "/api/collections/tickets/documents/T-1001",
            json!({"title": "t", "text": "t"}),
            vec!["/title", "/text"],
        ),
        (
            "PATCH",
            "/api/collections/tickets/documents/T-1001",
            json!({"external_id": "e", "title": "t", "text": "t", "attributes": {"a": ["b"]}, "language": "en"}),
            vec!["/external_id", "/title", "/text", "/attributes/a/0", "/language"],
        ),
        (
            "POST",
            "/api/taxonomies",
            json!({"name": "n", "slug": "n", "description": "d", "labels": [
                {"id": "a", "name": "a", "description": "d", "examples": ["e"]}, {"name": "b"},
            ]}),
            vec![
                "/name",
                "/slug",
                "/description",
                "/labels/0/id",
                "/labels/0/name",
                "/labels/0/description",
                "/labels/0/examples/0",
            ],
        ),
        (
            "POST",
            "/api/summarize",
            json!({"text": "t", "focus": "q"}),
            vec!["/text", "/focus"],
        ),
        (
            "POST",
            "/api/classify",
            json!({"text": "t", "labels": [{"name": "a", "examples": ["e"]}, {"name": "b"}]}),
            vec!["/text", "/labels/0/name", "/labels/0/examples/0"],
        ),
    ];
    for (method, address, body, pointers) in bodies {
        for pointer in pointers {
            let mut body = body.clone();
            *body.pointer_mut(pointer).unwrap() = json!("a\u{0}b");
            let answer = send(app.request(method, address).body_json(&body)).await;
            let problem = answer.problem(422, "invalid");
            let named = problem["errors"][0]["pointer"].as_str().unwrap();
            assert!(
                pointer.starts_with(named) && !named.is_empty(),
                "{method} {address} {pointer}: {problem}"
            );
        }
    }
    let nul_name = app
        .post("/api/classify", json!({"text": "t", "taxonomy": "a\u{0}b"}))
        .await;
    nul_name.invalid_at(&["/taxonomy"]);
}

#[tokio::test]
async fn a_nul_in_an_address_is_harmless() {
    let app = TestApp::demo().await;
    let addresses = [
        ("/api/collections/a%00b", 404),
        ("/api/collections/tickets/documents/a%00b", 404),
        ("/api/collections/tickets/documents?label=a%00b", 422),
        ("/api/collections/tickets/documents?language=a%00b", 422),
        ("/api/collections/tickets/documents?q=a%00b", 422),
        ("/api/collections/tickets/documents?attributes.plan=a%00b", 422),
        ("/api/collections/tickets/documents?attributes.a%00b=x", 422),
        ("/api/collections/tickets/documents?cursor=a%00b", 422),
        ("/api/taxonomies/a%00b", 404),
        ("/api/analyses?label=a%00b", 422),
        ("/api/analyses?engine=a%00b", 422),
        ("/api/analyses?collection=a%00b", 422),
        ("/api/collections/%FF%FE", 422),
        ("/api/collections/tickets/documents?q=%FF%FE", 422),
        ("/api/collections/tickets/documents?%FF=1", 422),
        ("/api/collections/..%2F..%2Fetc%2Fpasswd", 404),
    ];
    for (address, status) in addresses {
        let answer = app.get(address).await;
        assert_eq!(answer.status, status, "{address}: {}", answer.text);
    }
    let put = app
        .put("/api/collections/tickets/documents/a%00b", json!({"text": "x"}))
        .await;
    put.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_megabytes_in_one_line_are_stored_searched_summarised_and_classified() {
    let app = TestApp::with_notes().await;
    let text = "the parcel from Leipzig was late and nobody answered our letters about the refund ".repeat(62_000);
    assert!(text.len() > 5_000_000 && !text.contains('\n'));
    let stored = in_time(app.post(NOTES, json!({"external_id": "big", "text": text}))).await;
    let id = stored.created().body["id"].clone();
    let read = in_time(app.get(format!("{NOTES}/big"))).await;
    assert_eq!(read.ok().body["text"].as_str().unwrap().len(), text.len());
    let found = in_time(app.get(format!("{NOTES}?q=leipzig"))).await;
    let part = found.items()[0]["search"]["text"].as_str().unwrap();
    assert!(
        part.contains("from <mark>Leipzig</mark> was late") && part.len() < 1_000,
        "{part}"
    );
    let summary = in_time(app.post("/api/summarize", json!({"document_id": id, "sentences": 20}))).await;
    assert!(summary.ok().body["summary"]["text"].as_str().unwrap().len() <= text.len());
    let short = in_time(app.post("/api/summarize", json!({"document_id": id, "max_chars": 200}))).await;
    assert!(short.ok().body["summary"]["text"].as_str().unwrap().chars().count() <= 200);
    let labels = json!([{"name": "Delivery"}, {"name": "Billing"}]);
    in_time(app.post("/api/classify", json!({"document_id": id, "labels": labels})))
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_without_words_or_spaces_or_ends_is_answered_in_bounded_time() {
    let app = TestApp::with_notes().await;
    let texts = [
        "a".repeat(300_000),
        "🎉".repeat(100_000),
        "。".repeat(100_000),
        ". ".repeat(100_000),
        "A. ".repeat(60_000),
        "\n".repeat(1_000) + "x",
        "\u{301}".repeat(100_000) + "e",
        "\u{202e}".repeat(50_000) + "x",
        "汉".repeat(100_000),
        "\"(".repeat(100_000),
        "> ".repeat(50_000) + "quoted",
    ];
    for text in texts {
        let shown: String = text.chars().take(8).collect();
        let summary = in_time(app.post("/api/summarize", json!({"text": text}))).await;
        assert_eq!(summary.status, 200, "{shown:?}: {}", summary.text);
        let length = summary.body["summary"]["text"].as_str().unwrap().chars().count();
        assert!(length <= text.chars().count(), "{shown:?}");
        let labels = json!([{"name": "Delivery"}, {"name": "Billing"}]);
        let answer = in_time(app.post("/api/classify", json!({"text": text, "labels": labels}))).await;
        assert_eq!(answer.status, 200, "{shown:?}: {}", answer.text);
        in_time(app.post(NOTES, json!({"text": text}))).await.created();
    }
}

#[tokio::test]
async fn an_empty_document_is_refused() {
    let app = TestApp::with_notes().await;
    for nothing in ["", " ", "\n\t\r", "\u{a0}\u{2003}"] {
        app.post(NOTES, json!({"text": nothing})).await.invalid_at(&["/text"]);
        app.post("/api/summarize", json!({"text": nothing}))
            .await
            .invalid_at(&["/text"]);
    }
}

#[tokio::test]
async fn every_script_comes_back_as_it_was() {
    let app = TestApp::with_notes().await;
    let texts = [
        "👩‍👩‍👧‍👦 🏳️‍🌈 é e\u{301} ﷽",
        "שלום \u{202e}עולם\u{202c} مرحبا",
        "\u{feff}begins with a mark \u{fffd} \u{ffff} \u{10ffff}",
        "tab\tnewline\ncarriage\rform\u{c}escape\u{1b}[31m delete\u{7f}",
        "'; DROP TABLE documents; -- \\ \" % _ $1 ? :x",
        "</script><script>alert(1)</script>",
    ];
    for text in texts {
        let body = json!({"title": text.replace('\n', " "), "text": text, "attributes": {text: text}});
        let note = app.note(body).await;
        let read = app.get(format!("{NOTES}/{}", note["id"].as_str().unwrap())).await;
        assert_eq!(
            (&read.ok().body["text"], &read.body["attributes"][text]),
            (&json!(text), &json!(text))
        );
        app.post("/api/summarize", json!({"document_id": note["id"]}))
            .await
            .ok();
    }
    assert_eq!(app.get(NOTES).await.items().len(), texts.len());
}

#[tokio::test]
async fn numbers_beyond_every_bound_are_refused_or_kept() {
    let app = TestApp::with_notes().await;
    // Beyond a double nothing can be kept; a whole number beyond 64 bits becomes the nearest double.
    for (huge, asked_for, stored_as) in [
        ("1e999", 400, 400),
        ("123456789012345678901234567890", 422, 201),
        ("-1e400", 400, 400),
        ("18446744073709551616", 422, 201),
    ] {
        let asked = app
            .post_raw("/api/summarize", format!("{{\"text\": \"x\", \"sentences\": {huge}}}"))
            .await;
        assert_eq!(asked.status, asked_for, "{huge}: {}", asked.text);
        let stored = app
            .post_raw(NOTES, format!("{{\"text\": \"x\", \"attributes\": {{\"n\": {huge}}}}}"))
            .await;
        assert_eq!(stored.status, stored_as, "{huge}: {}", stored.text);
    }
    let kept = app
        .note(json!({"text": "x", "attributes": {"most": u64::MAX, "least": i64::MIN, "small": 5e-324, "zero": -0.0}}))
        .await;
    assert_eq!(kept["attributes"]["most"], u64::MAX);
    let read = app.get(format!("{NOTES}/{}", kept["id"].as_str().unwrap())).await;
    assert_eq!(read.ok().body["attributes"], kept["attributes"]);
}

#[tokio::test]
async fn attributes_have_a_size() {
    let app = TestApp::with_notes().await;
    app.note(json!({"text": "x", "attributes": {"a": "x".repeat(65_000)}}))
        .await;
    let many: Value = (0..20_000)
        .map(|number| (format!("k{number}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    app.post(NOTES, json!({"text": "x", "attributes": many}))
        .await
        .invalid_at(&["/attributes"]);
    let nested: Value = (0..90).fold(json!("x"), |inner, _| json!([inner]));
    app.note(json!({"text": "x", "attributes": {"deep": nested}})).await;
}

#[tokio::test]
async fn nothing_that_is_sent_panics_the_server() {
    let app = TestApp::demo().await;
    let odd = ["%", "%zz", "a b", "🎉", "-", ".", "..", "''", "null", "0", "a%2Fb"];
    for operation in Spec::load().await.operations() {
        for text in odd {
            let address = operation
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { text } else { part });
            let address = address.collect::<Vec<_>>().join("/");
            let Ok(uri) = address.parse::<poem::http::Uri>() else {
                continue;
            };
            let body = operation.example_body().unwrap_or(Value::Null);
            let answer = send(app.as_admin(&operation.method, uri.to_string()).body_json(&body)).await;
            assert_ne!(answer.status, 500, "{} {address}: {}", operation.id(), answer.text);
        }
    }
}
