//! Files of documents: written in parts, downloaded whole or bit by bit, withdrawn when a document in them is deleted.

use crate::support::{Answer, TestApp, background::run_files, send};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use synoptic::domain::{
    permissions::{Scope, Scopes},
    principal::Reach,
};

async fn export(app: &TestApp, body: Value) -> String {
    let begun = app.post("/api/collections/notes/exports", body).await;
    let location = begun.expect(202).header("location").unwrap().to_owned();
    app.get(format!("{location}/content")).await.problem(409, "conflict");
    run_files(app).await;
    let ready = app.get(&location).await.ok().body.clone();
    assert_eq!(ready["state"], "ready", "{ready}");
    location
}

async fn bytes(app: &TestApp, location: &str) -> Vec<u8> {
    let response = app.request("GET", format!("{location}/content")).send().await.0;
    assert_eq!(response.status().as_u16(), 200);
    response.into_body().into_vec().await.unwrap()
}

async fn range(app: &TestApp, location: &str, range: &str, if_range: Option<&str>) -> Answer {
    let mut request = app.request("GET", format!("{location}/content")).header("range", range);
    if let Some(etag) = if_range {
        request = request.header("if-range", etag);
    }
    send(request).await
}

/// Documents in so many parts.
async fn with_long_notes(count: usize) -> TestApp {
    let app = TestApp::with_notes().await;
    for number in 0..count {
        let text = format!("{number} = \"ünïcode\", 漢字;\r\n{}", "filling words ".repeat(30_000));
        let external_id = format!("n{number}");
        app.note(json!({"external_id": external_id, "text": text, "attributes": {"even": number % 2 == 0}}))
            .await;
        app.tick();
    }
    app
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let app = with_long_notes(7).await;
    let location = export(&app, json!({"format": "csv"})).await;
    let whole = app.get(format!("{location}/content")).await;
    assert_eq!(whole.ok().header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(
        whole.header("content-length"),
        Some(whole.text.len().to_string().as_str())
    );
    assert!(whole.header("content-disposition").unwrap().ends_with(".csv\""));
    assert_eq!(whole.text.matches("external_id,").count(), 1);
    let size = whole.text.len();
    let mut joined = String::new();
    // Not on the boundaries of characters or parts: so many bytes that each piece is UTF-8 all the same.
    let mut from = 0;
    while from < size {
        let mut until = (from + 700_000).min(size);
        while !whole.text.is_char_boundary(until) {
            until += 1;
        }
        let piece = range(
            &app,
            &location,
            &format!("bytes={from}-{}", until - 1),
            Some(&whole.etag()),
        )
        .await;
        piece.expect(206);
        let expected = format!("bytes {from}-{}/{size}", until - 1);
        assert_eq!(piece.header("content-range"), Some(expected.as_str()));
        joined.push_str(&piece.text);
        from = until;
    }
    assert!(joined == whole.text, "the pieces are not the file");
    assert_eq!(
        range(&app, &location, "bytes=-5", None).await.expect(206).text,
        whole.text[size - 5..]
    );
    let other = range(&app, &location, "bytes=5-", Some("\"another\"")).await;
    assert_eq!(other.ok().text.len(), size);
    assert_eq!(
        range(&app, &location, "bytes=0-1,5-6", None).await.ok().text.len(),
        size
    );
    assert_eq!(range(&app, &location, "lines=1-2", None).await.ok().text.len(), size);
    let past = range(&app, &location, &format!("bytes={size}-"), None).await;
    past.problem(416, "range-not-satisfiable");
    assert_eq!(past.header("content-range"), Some(format!("bytes */{size}").as_str()));
    let known = app
        .request("GET", format!("{location}/content"))
        .header("if-none-match", whole.etag());
    send(known).await.expect(304);
}

#[tokio::test]
async fn a_filter_decides_what_is_in_it() {
    let app = with_long_notes(4).await;
    let location = export(
        &app,
        json!({"format": "ndjson", "documents": {"attributes": {"even": "true"}}}),
    )
    .await;
    let text = app.get(format!("{location}/content")).await.ok().text.clone();
    let ids: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["external_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(ids, ["n0", "n2"]);
    let none = export(&app, json!({"format": "csv", "documents": {"language": "xx"}})).await;
    let text = app.get(format!("{none}/content")).await.ok().text.clone();
    assert!(
        text.starts_with("external_id,title,text") && text.lines().count() == 1,
        "{text}"
    );
    let empty = export(&app, json!({"format": "ndjson", "documents": {"language": "xx"}})).await;
    let content = app.get(format!("{empty}/content")).await;
    assert_eq!(
        (content.ok().text.as_str(), content.header("content-length")),
        ("", Some("0"))
    );
}

#[tokio::test]
async fn parquet_is_one_file_that_any_reader_reads() {
    let app = with_long_notes(7).await;
    app.note(json!({"text": "last", "title": "T"})).await;
    let location = export(&app, json!({"format": "parquet"})).await;
    let file = bytes(&app, &location).await;
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    assert!(reader.metadata().num_row_groups() > 2, "it was written in parts");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 8);
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    for (number, row) in rows[..7].iter().enumerate() {
        assert_eq!(row.get_string(0).unwrap(), &format!("n{number}"));
        assert!(
            row.get_string(2)
                .unwrap()
                .starts_with(&format!("{number} = \"ünïcode\", 漢字;\r\n"))
        );
        assert!(row.get_string(4).is_ok() || format!("{row}").contains("even"), "{row}");
    }
    let last = &rows[7];
    assert!(last.get_string(0).is_err(), "there is no external id");
    assert_eq!(
        (
            last.get_string(1).unwrap().as_str(),
            last.get_string(2).unwrap().as_str()
        ),
        ("T", "last")
    );
    let empty = export(&app, json!({"format": "parquet", "documents": {"language": "xx"}})).await;
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes(&app, &empty).await)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[tokio::test]
async fn a_file_goes_with_a_document_that_is_in_it() {
    let app = with_long_notes(4).await;
    let even = export(
        &app,
        json!({"format": "ndjson", "documents": {"attributes": {"even": "true"}}}),
    )
    .await;
    let odd = export(
        &app,
        json!({"format": "csv", "documents": {"attributes": {"even": "false"}}}),
    )
    .await;
    app.delete("/api/collections/notes/documents/n2").await.gone();
    assert_eq!(app.get(&even).await.ok().body["state"], "withdrawn");
    app.get(format!("{even}/content")).await.problem(410, "gone");
    app.get(format!("{odd}/content")).await.ok();
    // One that is being written is given up, too.
    let begun = app
        .post("/api/collections/notes/exports", json!({"format": "ndjson"}))
        .await;
    let writing = begun.expect(202).header("location").unwrap().to_owned();
    let batch = app
        .services
        .work
        .claim(synoptic::domain::work::Queue::Jobs, 1)
        .await
        .unwrap()
        .unwrap();
    app.services.exports.write_part(&batch.works[0]).await.unwrap();
    app.delete("/api/collections/notes/documents/n0").await.gone();
    run_files(&app).await;
    assert_eq!(app.get(&writing).await.ok().body["state"], "withdrawn");
    assert!(!app.get(&writing).await.text.contains("writing"));
}

#[tokio::test]
async fn a_file_is_kept_for_seven_days() {
    let app = with_long_notes(1).await;
    // It goes by age, for which the clock must agree with the database's.
    let now = synoptic::domain::Clock::system().now();
    let earlier = now.as_offset_date_time() - std::time::Duration::from_mins(7 * 24 * 60 + 1);
    app.clock.set(synoptic::domain::Timestamp::new(earlier));
    let location = export(&app, json!({"format": "ndjson"})).await;
    app.services.regular.run_due().await.unwrap();
    app.clock.set(now);
    app.services.regular.run_due().await.unwrap();
    app.services.regular.run_due().await.unwrap();
    assert_eq!(app.get(&location).await.ok().body["state"], "expired");
    app.get(format!("{location}/content")).await.problem(410, "gone");
}

#[tokio::test]
async fn analyses_in_a_file_need_the_right_to_read_them() {
    let app = with_long_notes(1).await;
    let (_, reader) = app
        .key_with(Scopes::of(&[Scope::DocumentsRead]), Reach::Everything)
        .await;
    let ask = async |body: Value| {
        let request = app.with_token(&reader, "POST", "/api/collections/notes/exports");
        send(request.body_json(&body)).await
    };
    ask(json!({"format": "csv"})).await.problem(403, "forbidden");
    ask(json!({"format": "csv", "analyses": false})).await.expect(202);
    let with = export(&app, json!({"format": "csv"})).await;
    send(app.with_token(&reader, "GET", format!("{with}/content")))
        .await
        .problem(403, "forbidden");
}

#[test]
fn what_was_exported_can_be_imported_again() {
    let mut config = ProptestConfig::with_cases(12);
    config.max_shrink_iters = 8;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let texts = prop::collection::vec("[^\0]{1,40}", 1..8);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&(texts, any::<bool>()), |(texts, csv)| {
            runtime.block_on(round_trip(&texts, if csv { "csv" } else { "ndjson" }));
            Ok(())
        })
        .unwrap();
}

async fn round_trip(texts: &[String], format: &str) {
    let app = TestApp::with_notes().await;
    app.post("/api/collections", json!({"name": "Copy"})).await.created();
    for (number, text) in texts.iter().enumerate() {
        let title: String = text.chars().rev().collect();
        let body = json!({"external_id": number.to_string(), "title": title, "text": format!("x{text}"),
            "attributes": {"a\"b": [text, null], "n": number}, "language": "en"});
        app.note(body).await;
    }
    let location = export(&app, json!({"format": format, "analyses": false})).await;
    let file = bytes(&app, &location).await;
    let media = if format == "csv" {
        "text/csv"
    } else {
        "application/x-ndjson"
    };
    let request = app.request("POST", "/api/collections/copy/imports").content_type(media);
    let answer = send(request.body(file)).await;
    run_files(&app).await;
    let import = app
        .get(answer.expect(202).header("location").unwrap())
        .await
        .ok()
        .body
        .clone();
    assert_eq!(
        (&import["done"], &import["refused"]),
        (&json!(texts.len()), &json!(0)),
        "{import}"
    );
    for number in 0..texts.len() {
        let read = async |collection: &str| {
            let document = app
                .get(format!("/api/collections/{collection}/documents/{number}"))
                .await;
            let document = document.ok().body.clone();
            ["title", "text", "attributes", "language"].map(|field| document[field].clone())
        };
        assert_eq!(read("copy").await, read("notes").await);
    }
}

#[tokio::test]
async fn a_file_that_nobody_wants_any_more_is_not_written_on() {
    let app = with_long_notes(4).await;
    let begun = app
        .post("/api/collections/notes/exports", json!({"format": "ndjson"}))
        .await;
    let location = begun.expect(202).header("location").unwrap().to_owned();
    let id: uuid::Uuid = begun.body["id"].as_str().unwrap().parse().unwrap();
    let batch = app
        .services
        .work
        .claim(synoptic::domain::work::Queue::Jobs, 1)
        .await
        .unwrap()
        .unwrap();
    let operator = synoptic::domain::principal::Actor::operator();
    let cancelled = app
        .services
        .jobs
        .cancel(&operator, synoptic::domain::identifiers::JobId(id))
        .await;
    assert!(cancelled.unwrap().status.is_open());
    app.services.exports.write_part(&batch.works[0]).await.unwrap();
    assert_eq!(app.get(&location).await.ok().body["state"], "cancelled");
    app.get(format!("{location}/content")).await.problem(410, "gone");
    assert_eq!(run_files(&app).await, 0);
}
