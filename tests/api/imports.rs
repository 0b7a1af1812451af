//! Uploads: taken as they come, stored in the background, gone on with after a lost connection.

use crate::support::{TestApp, background::run_files, send};
use serde_json::json;
use std::fmt::Write as _;
use synoptic::domain::{permissions::Scopes, principal::Reach};

async fn upload(
    app: &TestApp,
    parameters: &str,
    content_type: &str,
    body: impl Into<poem::Body>,
) -> crate::support::Answer {
    let address = format!("/api/collections/notes/imports{parameters}");
    let request = app.request("POST", address).content_type(content_type);
    send(request.body(body)).await
}

async fn part(app: &TestApp, location: &str, offset: usize, complete: bool, body: &[u8]) -> crate::support::Answer {
    let request = app.request("PATCH", format!("{location}?complete={complete}"));
    let request = request.content_type("application/offset+octet-stream");
    send(request.header("Upload-Offset", offset.to_string()).body(body.to_vec())).await
}

async fn count(app: &TestApp) -> usize {
    let (mut count, mut address) = (0, "/api/collections/notes/documents?limit=200".to_owned());
    loop {
        let page = app.get(&address).await.ok().body.clone();
        count += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(cursor) => address = format!("/api/collections/notes/documents?limit=200&cursor={cursor}"),
            None => return count,
        }
    }
}

#[tokio::test]
async fn rows_are_stored_and_bad_ones_named() {
    let app = TestApp::with_notes().await;
    let csv =
        "\u{FEFF}id;subject;body;plan\r\n1;Hi;\"One \"\"two\"\"\r\nthree\";pro\r\n2;;;free\r\n3;x\r\n4;;漢字;\r\n";
    let answer = upload(&app, "", "text/csv; charset=utf-8", csv).await;
    let import = answer.expect(202).body.clone();
    assert_eq!((&import["state"], &import["records"]), (&json!("storing"), &json!(4)));
    assert_eq!(answer.header("upload-offset"), Some(csv.len().to_string().as_str()));
    run_files(&app).await;
    let location = answer.header("location").unwrap().to_owned();
    let import = app.get(&location).await.ok().body.clone();
    assert_eq!(
        (&import["state"], &import["done"], &import["refused"]),
        (&json!("done"), &json!(2), &json!(2))
    );
    let first = app.get("/api/collections/notes/documents/1").await.ok().body.clone();
    assert_eq!(first["text"], "One \"two\"\r\nthree");
    assert_eq!(
        (&first["title"], &first["attributes"]),
        (&json!("Hi"), &json!({"plan": "pro"}))
    );
    let refused = app.get(format!("{location}/refusals")).await.ok().body["items"].clone();
    assert_eq!((&refused[0]["line"], &refused[1]["line"]), (&json!(4), &json!(5)));
    assert!(refused[0]["reason"].as_str().unwrap().contains("`text`"), "{refused}");
    assert!(refused[1]["reason"].as_str().unwrap().contains("2 fields"), "{refused}");
    let head = send(app.request("HEAD", &location)).await;
    assert_eq!(head.header("upload-offset"), Some(csv.len().to_string().as_str()));
}

#[tokio::test]
async fn documents_that_are_there_are_replaced_or_refused() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "a", "text": "old"})).await;
    app.note(json!({"external_id": "b", "text": "same", "language": "en"}))
        .await;
    let lines = "{\"id\":\"a\",\"text\":\"new\"}\n{\"id\":\"b\",\"text\":\"same\",\"language\":\"en\"}\n";
    let refused = upload(&app, "?on_conflict=error", "application/x-ndjson", lines).await;
    run_files(&app).await;
    let import = app.get(refused.header("location").unwrap()).await.ok().body.clone();
    assert_eq!((&import["done"], &import["refused"]), (&json!(0), &json!(2)));
    let replaced = upload(&app, "", "application/x-ndjson", lines).await;
    run_files(&app).await;
    let import = app.get(replaced.header("location").unwrap()).await.ok().body.clone();
    assert_eq!((&import["done"], &import["unchanged"]), (&json!(2), &json!(1)));
    assert_eq!(
        app.get("/api/collections/notes/documents/a").await.ok().body["text"],
        "new"
    );
}

fn many(count: usize) -> String {
    let line = |number| format!("{{\"id\":\"{number}\",\"text\":\"{}\"}}\n", "x".repeat(100));
    (0..count).map(line).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn an_upload_may_be_larger_than_other_bodies_but_has_a_limit() {
    let app = TestApp::with(|config| {
        config.server.max_body_bytes = 1_000;
        config.imports.max_bytes = 20_000;
    })
    .await;
    app.post("/api/collections", json!({"name": "Notes"})).await.created();
    upload(&app, "", "application/x-ndjson", many(100)).await.expect(202);
    upload(&app, "", "application/x-ndjson", many(300))
        .await
        .problem(413, "payload-too-large");
    // Of a body that does not say how long it is, what came before was taken.
    let pieces =
        (0..30).map(move |piece| Ok::<_, std::io::Error>(many(10).replace("\"id\":\"", &format!("\"id\":\"{piece}-"))));
    let body = poem::Body::from_bytes_stream(futures_util::stream::iter(pieces));
    upload(&app, "", "application/x-ndjson", body)
        .await
        .problem(413, "payload-too-large");
    run_files(&app).await;
    assert!(count(&app).await >= 100);
    app.post_raw(
        "/api/collections/notes/documents",
        format!("{{\"text\":\"{}\"}}", "x".repeat(2_000)),
    )
    .await
    .problem(413, "payload-too-large");
}

#[tokio::test]
async fn whoever_lost_the_connection_goes_on_where_the_server_says() {
    let app = TestApp::with_notes().await;
    let mut file = "id,text\n".to_owned();
    for number in 0..2_000 {
        writeln!(file, "{number},\"line {number}\nof \"\"two\"\"\"").unwrap();
    }
    let file = file.as_bytes();
    let begun = upload(&app, "?complete=false", "text/csv", "").await;
    let location = begun.expect(202).header("location").unwrap().to_owned();
    assert_eq!(begun.body["state"], "receiving");
    // The connection breaks off in the middle of a record, again and again.
    let (mut offset, mut turns) = (0, 0);
    while offset < file.len() && turns < 50 {
        let end = (offset + 20_011).min(file.len());
        part(&app, &location, offset, end == file.len(), &file[offset..end])
            .await
            .ok();
        let kept = app
            .get(&location)
            .await
            .ok()
            .header("upload-offset")
            .unwrap()
            .to_owned();
        let kept: usize = kept.parse().unwrap();
        assert!(kept <= end && kept >= offset, "{offset} {kept} {end}");
        part(&app, &location, offset.wrapping_sub(1).min(7), false, b"x")
            .await
            .problem(409, "conflict");
        if kept == offset {
            // Nothing was whole enough to be kept: send more at once.
            let end = file.len();
            part(&app, &location, offset, true, &file[offset..end]).await.ok();
            break;
        }
        offset = kept;
        turns += 1;
        run_files(&app).await;
    }
    run_files(&app).await;
    let import = app.get(&location).await.ok().body.clone();
    assert_eq!(
        (&import["state"], &import["done"]),
        (&json!("done"), &json!(2_000)),
        "{import}"
    );
    assert_eq!(import["unchanged"], 0);
    assert_eq!(count(&app).await, 2_000);
    let last = app.get("/api/collections/notes/documents/1999").await.ok().body.clone();
    assert_eq!(last["text"], "line 1999\nof \"two\"");
    part(&app, &location, file.len(), true, b"x")
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn nobody_without_the_right_has_a_body_read() {
    let app = TestApp::with_notes().await;
    let anonymous = app
        .anonymous("POST", "/api/collections/notes/imports")
        .content_type("text/csv");
    send(anonymous.body("text\nx\n")).await.problem(401, "unauthorized");
    let (_, reader) = app
        .key_with(
            Scopes::of(&[synoptic::domain::permissions::Scope::DocumentsRead]),
            Reach::Everything,
        )
        .await;
    let request = app.with_token(&reader, "POST", "/api/collections/notes/imports");
    send(request.content_type("text/csv").body("text\nx\n"))
        .await
        .problem(403, "forbidden");
    upload(&app, "", "application/json", "{}")
        .await
        .problem(415, "unsupported-media-type");
    let header = upload(&app, "", "text/csv", "a,b\n1,2\n").await;
    assert!(
        header.problem(422, "invalid")["detail"]
            .as_str()
            .unwrap()
            .contains("no column for the text")
    );
    run_files(&app).await;
    assert_eq!(count(&app).await, 0);
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_is_given_up() {
    let app = TestApp::with_notes().await;
    // It goes by age, for which the clock must agree with the database's.
    let now = synoptic::domain::Clock::system().now();
    app.clock.set(synoptic::domain::Timestamp::new(
        now.as_offset_date_time() - std::time::Duration::from_hours(25),
    ));
    let begun = upload(&app, "?complete=false", "text/csv", "").await;
    let location = begun.header("location").unwrap().to_owned();
    app.services.regular.run_due().await.unwrap();
    assert_eq!(app.get(&location).await.ok().body["state"], "receiving");
    app.clock.set(now);
    app.services.regular.run_due().await.unwrap();
    app.services.regular.run_due().await.unwrap();
    assert_eq!(app.get(&location).await.ok().body["state"], "cancelled");
    part(&app, &location, 0, true, b"text\nx\n")
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn what_arrives_by_import_is_analysed_as_the_collection_says() {
    let app = TestApp::with_notes().await;
    let rules = json!([{"name": "short", "summary": {"sentences": 1}}]);
    let notes = app.get("/api/collections/notes").await;
    let request = app
        .request("PATCH", "/api/collections/notes")
        .header("if-match", notes.etag());
    send(request.body_json(&json!({"automation": rules}))).await.ok();
    upload(&app, "", "text/csv", "id,text\n1,One thing. Another thing.\n2,Three.\n")
        .await
        .expect(202);
    run_files(&app).await;
    let waiting = app
        .services
        .work
        .claim(synoptic::domain::work::Queue::Arrivals, 10)
        .await
        .unwrap();
    assert_eq!(waiting.unwrap().works.len(), 2);
}

#[tokio::test]
async fn nothing_more_is_taken_of_an_import_that_was_cancelled() {
    let app = TestApp::with_notes().await;
    let begun = upload(&app, "?complete=false", "text/csv", "").await;
    let location = begun.header("location").unwrap().to_owned();
    let id: uuid::Uuid = begun.body["id"].as_str().unwrap().parse().unwrap();
    let many = (0..1_000)
        .map(|number| format!("{number},x\n"))
        .collect::<Vec<_>>()
        .concat();
    part(&app, &location, 0, false, format!("id,text\n{many}").as_bytes())
        .await
        .ok();
    // One chunk is being stored.
    let batch = app
        .services
        .work
        .claim(synoptic::domain::work::Queue::Jobs, 1)
        .await
        .unwrap()
        .unwrap();
    let operator = synoptic::domain::principal::Actor::operator();
    let job = synoptic::domain::identifiers::JobId(id);
    app.services.jobs.cancel(&operator, job).await.unwrap();
    let kept: usize = app
        .get(&location)
        .await
        .ok()
        .header("upload-offset")
        .unwrap()
        .parse()
        .unwrap();
    part(&app, &location, kept, true, b"x,y\n")
        .await
        .problem(409, "conflict");
    app.services.imports.store_chunk(&batch.works[0]).await.unwrap();
    let import = app.get(&location).await.ok().body.clone();
    assert_eq!((&import["state"], &import["done"]), (&json!("cancelled"), &json!(500)));
    assert_eq!(run_files(&app).await, 0);
}
