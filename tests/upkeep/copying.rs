//! Everything from one database into another, and what is refused.

use crate::{
    Folder, POOL, config, postgres,
    sample_rows::{ODD, execute, fill, id},
    settings,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};
use synoptic::{
    app::{self, App},
    config::DatabaseUrl,
    db::{Copied, Db, Tx},
    domain::{
        Clock,
        documents::{DocumentFilter, DocumentSort, SearchQuery},
        etags::Expected,
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
    },
    on,
    services::demo,
};

const SQLITE_TABLES: &str = r"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND name <> '_sqlx_migrations' ORDER BY name";
const POSTGRES_TABLES: &str =
    "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'
    ORDER BY tablename COLLATE \"C\"";

async fn copy(from: &str, to: &str) -> anyhow::Result<Copied> {
    app::copy(&settings(from), &DatabaseUrl::new(to)).await
}

async fn refusal(from: &str, to: &str) -> String {
    format!("{:#}", copy(from, to).await.expect_err("it is refused"))
}

async fn build(url: &str) -> App {
    Box::pin(App::build(config(settings(url)), Clock::system()))
        .await
        .unwrap()
}

/// What speaks of the servers of a database.
const NOT_CARRIED: [&str; 3] = ["workers", "evictions", "readiness"];

/// A SQLite database with something in every table.
async fn full_source(folder: &Folder) -> String {
    let url = folder.url("source.db");
    let app = build(&url).await;
    demo::load(&app.services).await.unwrap();
    Box::pin(app.close()).await;
    let db = Db::connect(&url, POOL).await.unwrap();
    fill(&db).await;
    let empty: Vec<(String, i64)> = counts(&db).await.into_iter().filter(|(_, rows)| *rows == 0).collect();
    assert!(empty.is_empty(), "the sample leaves tables empty: {empty:?}");
    db.close().await;
    url
}

async fn texts(tx: &mut Tx, sql: String) -> Vec<String> {
    on!(tx, |c| sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(c).await).unwrap()
}

async fn counts(db: &Db) -> BTreeMap<String, i64> {
    let mut tx = db.read().await.unwrap();
    let sql = tx.pick(SQLITE_TABLES, POSTGRES_TABLES).to_owned();
    let mut found = BTreeMap::new();
    for table in texts(&mut tx, sql).await {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let count: i64 = on!(&mut tx, |c| sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(c)
            .await)
        .unwrap();
        found.insert(table, count);
    }
    found
}

async fn counts_in(url: &str) -> BTreeMap<String, i64> {
    let db = Db::connect(url, POOL).await.unwrap();
    let found = counts(&db).await;
    db.close().await;
    found
}

async fn is_empty(url: &str) -> bool {
    counts_in(url).await.values().all(|count| *count == 0)
}

/// Every value of a SQLite database as a literal, but of JSON what it says rather than how it is written.
async fn contents(url: &str) -> BTreeMap<String, Vec<String>> {
    let db = Db::connect(url, POOL).await.unwrap();
    let mut tx = db.read().await.unwrap();
    let mut found = BTreeMap::new();
    for table in texts(&mut tx, SQLITE_TABLES.to_owned()).await {
        if NOT_CARRIED.contains(&table.as_str()) {
            continue;
        }
        let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'seq'");
        for column in texts(&mut tx, columns).await {
            let sql = format!("SELECT quote({column}) FROM {table}");
            let mut values = texts(&mut tx, sql).await;
            for value in &mut values {
                let inside = value.trim_matches('\'').replace("''", "'");
                match serde_json::from_str::<Value>(&inside) {
                    // The payload of a delivery is a text that is signed.
                    Ok(json) if inside.starts_with(['{', '[']) && table != "webhook_deliveries" => {
                        *value = json.to_string().replace("-0.0", "0.0");
                    }
                    _ => {}
                }
            }
            values.sort();
            found.insert(format!("{table}.{column}"), values);
        }
    }
    drop(tx);
    db.close().await;
    found
}

async fn search(app: &App, collection: &str, word: &str) -> Vec<Option<String>> {
    let filter = DocumentFilter {
        search: Some(SearchQuery::parse(word).unwrap()),
        ..DocumentFilter::default()
    };
    let page = PageRequest {
        limit: 200,
        after: None,
    };
    let found = app
        .services
        .documents
        .list(
            &Actor::operator(),
            &NameOrId::Name(collection.to_owned()),
            &filter,
            DocumentSort::CreatedAscending,
            page,
        )
        .await
        .unwrap();
    let mut found: Vec<_> = found.rows.into_iter().map(|row| row.head.external_id).collect();
    found.sort();
    found
}

#[tokio::test]
async fn everything_goes_to_postgres_and_comes_back() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    let (target, third) = (postgres::new_database().await, postgres::new_database().await);
    let back = folder.url("back.db");
    let there = copy(&source, &target).await.unwrap();
    let between = copy(&target, &third).await.unwrap();
    let returned = copy(&third, &back).await.unwrap();
    assert!(
        there
            .tables
            .iter()
            .all(|table| table.difference.is_none() && table.rows > 0)
    );
    assert_eq!(there, between);
    assert_eq!(there, returned);
    assert!(there.left_out.is_empty());
    // Nothing of the catalogue was passed over, and nothing was copied that means nothing elsewhere.
    let mut expected = counts_in(&source).await;
    for table in NOT_CARRIED {
        expected.insert(table.to_owned(), 0);
    }
    assert_eq!(counts_in(&target).await, expected);
    assert_eq!(counts_in(&back).await, expected);
    assert_eq!(there.tables.len() + NOT_CARRIED.len(), expected.len());
    let (before, after) = (contents(&source).await, contents(&back).await);
    assert_eq!(before.len(), after.len());
    for (column, values) in before {
        assert_eq!(values, after[&column], "{column}");
    }
}

#[tokio::test]
async fn a_server_goes_on_with_the_copy() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    let (target, back) = (postgres::new_database().await, folder.url("back.db"));
    let (twin, original) = (folder.url("twin.db"), build(&source).await);
    let expected = search(&original, demo::COLLECTION, "refund").await;
    assert!(!expected.is_empty());
    Box::pin(original.close()).await;
    copy(&source, &target).await.unwrap();
    copy(&target, &back).await.unwrap();
    copy(&source, &twin).await.unwrap();
    for url in [&target, &back, &twin] {
        let app = build(url).await;
        assert_eq!(search(&app, demo::COLLECTION, "refund").await, expected);
        assert_eq!(search(&app, "odd", "quokka").await, [Some(String::new())]);
        // Whatever is numbered goes on.
        app.services
            .collections
            .delete(
                &Actor::operator(),
                &NameOrId::Name("odd".to_owned()),
                &Expected::Any,
                true,
            )
            .await
            .unwrap();
        demo::load(&app.services).await.unwrap();
        Box::pin(app.close()).await;
        let after = counts_in(url).await;
        assert!(after["evictions"] > 0, "{after:?}");
    }
}

#[tokio::test]
async fn numbers_that_the_database_gives_go_on_after_the_highest() {
    let folder = Folder::new();
    let (source, target, back) = (
        folder.url("source.db"),
        postgres::new_database().await,
        folder.url("back.db"),
    );
    let tables = [
        (
            &source,
            "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT) STRICT; INSERT INTO numbered VALUES (41, 'x')",
        ),
        (
            &target,
            "CREATE TABLE numbered (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word TEXT)",
        ),
        (
            &back,
            "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT) STRICT",
        ),
    ];
    for (url, statement) in tables {
        app::migrate(&settings(url)).await.unwrap();
        let db = Db::connect(url, POOL).await.unwrap();
        execute(&db, statement).await;
        db.close().await;
    }
    let extra = folder.url("extra.db");
    let copied = copy(&source, &extra).await.unwrap();
    assert_eq!(copied.left_out, ["numbered"]);
    for (from, to, last) in [(&source, &target, 42), (&target, &back, 43)] {
        copy(from, to).await.unwrap();
        let db = Db::connect(to, POOL).await.unwrap();
        execute(&db, "INSERT INTO numbered (word) VALUES ('y')").await;
        let mut tx = db.read().await.unwrap();
        let highest: i64 = on!(&mut tx, |c| sqlx::query_scalar("SELECT MAX(id) FROM numbered")
            .fetch_one(c)
            .await)
        .unwrap();
        assert_eq!(highest, last);
        drop(tx);
        db.close().await;
    }
}

#[tokio::test]
async fn many_rows_and_large_ones_are_copied_in_parts() {
    let folder = Folder::new();
    let (source, target, back) = (
        folder.url("source.db"),
        postgres::new_database().await,
        folder.url("back.db"),
    );
    app::migrate(&settings(&source)).await.unwrap();
    let db = Db::connect(&source, POOL).await.unwrap();
    execute(
        &db,
        &format!(
            "INSERT INTO collections (id, slug, name, description, version, created_at, updated_at)
             VALUES ({}, 'many', '', '', 1, '2026-03-01T08:00:00.000000Z', '2026-03-01T08:00:00.000000Z');
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5300)
             INSERT INTO documents (id, collection_id, text, attributes, content_hash, version, created_at, updated_at)
             SELECT randomblob(16), {}, CASE WHEN i % 1000 = 0 THEN hex(zeroblob(1500000)) ELSE 'text ' || i END,
                json_object('n', i, 'x', i / 7.0), '', 1, '2026-03-01T08:00:00.000000Z', '2026-03-01T08:00:00.000000Z' FROM n",
            id(1),
            id(1)
        ),
    )
    .await;
    db.close().await;
    let there = copy(&source, &target).await.unwrap();
    assert_eq!(there, copy(&target, &back).await.unwrap());
    let documents = there.tables.iter().find(|table| table.name == "documents").unwrap();
    assert_eq!(documents.rows, 5300);
}

#[tokio::test]
async fn a_target_with_rows_is_left_alone() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    for url in [folder.url("used.db"), postgres::new_database().await] {
        app::migrate(&settings(&url)).await.unwrap();
        let db = Db::connect(&url, POOL).await.unwrap();
        execute(
            &db,
            "INSERT INTO schedules VALUES ('mine', '2026-03-01T08:00:00.000000Z', NULL, NULL, NULL)",
        )
        .await;
        let before = counts(&db).await;
        let said = refusal(&source, &url).await;
        assert!(
            said.contains("not empty") && said.contains("rows in: schedules."),
            "{said}"
        );
        assert_eq!(counts(&db).await, before);
        db.close().await;
    }
    // Of somebody else; it does not even get a schema.
    let foreign = postgres::new_database().await;
    let db = Db::connect(&foreign, POOL).await.unwrap();
    execute(&db, "CREATE TABLE theirs (id INT); INSERT INTO theirs VALUES (1)").await;
    let said = refusal(&source, &foreign).await;
    assert!(said.contains("rows in: theirs."), "{said}");
    assert_eq!(counts(&db).await.len(), 1);
    db.close().await;
}

#[tokio::test]
async fn a_target_that_others_write_to_is_refused() {
    let folder = Folder::new();
    let (source, target) = (folder.url("source.db"), postgres::new_database().await);
    app::migrate(&settings(&source)).await.unwrap();
    app::migrate(&settings(&target)).await.unwrap();
    let db = Db::connect(&target, POOL).await.unwrap();
    let mut other = db.write().await.unwrap();
    on!(&mut other, |c| sqlx::query("DELETE FROM schedules")
        .execute(c)
        .await
        .map(drop))
    .unwrap();
    let hasty = synoptic::config::Database {
        lock_timeout_seconds: 1,
        ..settings(&source)
    };
    let said = format!("{:#}", app::copy(&hasty, &DatabaseUrl::new(&target)).await.unwrap_err());
    assert!(said.contains("stop the servers"), "{said}");
    drop(other);
    copy(&source, &target).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_row_that_the_target_does_not_take_is_named_and_nothing_stays() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    let target = postgres::new_database().await;
    let there = copy(&source, &target).await.unwrap();
    let key = "0198aaaa-bbbb-7ccc-8ddd-000000000006";
    let db = Db::connect(&source, POOL).await.unwrap();
    // PostgreSQL has no such character, in a text or in JSON.
    for (breaking, mending) in [
        ("text = 'secret' || char(0) || 'words'", "text = ''"),
        (r#"attributes = '{"a":"secret\u0000words"}'"#, "attributes = '{}'"),
    ] {
        execute(&db, &format!("UPDATE documents SET {breaking} WHERE id = {}", id(6))).await;
        let fresh = postgres::new_database().await;
        let said = refusal(&source, &fresh).await;
        assert!(said.contains("`documents`, id ") && said.contains(key), "{said}");
        assert!(!said.contains("secret") && !said.contains("words"), "{said}");
        assert!(is_empty(&fresh).await);
        execute(&db, &format!("UPDATE documents SET {mending} WHERE id = {}", id(6))).await;
        copy(&source, &fresh).await.unwrap();
    }
    db.close().await;
    // SQLite checks that this is JSON.
    let db = Db::connect(&target, POOL).await.unwrap();
    execute(
        &db,
        "UPDATE webhook_deliveries SET payload = 'secret words' WHERE event = 'x'",
    )
    .await;
    let back = folder.url("back.db");
    let said = refusal(&target, &back).await;
    assert!(
        said.contains("`webhook_deliveries`, id 0198aaaa") && said.contains("CHECK"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
    assert!(is_empty(&back).await);
    // What no calendar has cannot be read.
    execute(
        &db,
        "UPDATE webhook_deliveries SET payload = '{}', created_at = 'infinity' WHERE event = 'x'",
    )
    .await;
    let said = refusal(&target, &back).await;
    assert!(
        said.contains("the source") && said.contains("`created_at`") && said.contains("0198aaaa"),
        "{said}"
    );
    assert!(is_empty(&back).await);
    execute(
        &db,
        "UPDATE webhook_deliveries SET created_at = '2026-03-01T08:00:00Z' WHERE event = 'x'",
    )
    .await;
    assert_eq!(copy(&target, &back).await.unwrap().tables.len(), there.tables.len());
    db.close().await;
}

#[tokio::test]
async fn what_arrived_otherwise_than_it_was_is_not_kept() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    let (sqlite, postgres) = (folder.url("target.db"), postgres::new_database().await);
    let changing = [
        (
            &sqlite,
            "CREATE TRIGGER change AFTER INSERT ON webhook_deliveries
             BEGIN UPDATE documents SET title = 'other' WHERE id = NEW.document_id; END",
        ),
        (
            &postgres,
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN UPDATE documents SET title = 'other' WHERE id = NEW.document_id; RETURN NEW; END; $$;
             CREATE TRIGGER change AFTER INSERT ON webhook_deliveries FOR EACH ROW EXECUTE FUNCTION change()",
        ),
    ];
    for (url, statement) in changing {
        app::migrate(&settings(url)).await.unwrap();
        let db = Db::connect(url, POOL).await.unwrap();
        execute(&db, statement).await;
        let copied = copy(&source, url).await.unwrap();
        let differing: Vec<_> = copied
            .tables
            .iter()
            .filter_map(|table| Some((table.name.as_str(), table.difference.clone()?)))
            .collect();
        let said = "the row with id 0198aaaa-bbbb-7ccc-8ddd-000000000007 is not the same";
        assert_eq!(differing, [("documents", shown(said, url))]);
        db.close().await;
        assert!(is_empty(url).await);
    }
    // Rows that never arrive.
    let db = Db::connect(&postgres, POOL).await.unwrap();
    execute(
        &db,
        "DROP TRIGGER change ON webhook_deliveries;
         CREATE OR REPLACE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.issuer = 'B' THEN RETURN NULL; END IF; RETURN NEW; END; $$;
         CREATE TRIGGER change BEFORE INSERT ON identities FOR EACH ROW EXECUTE FUNCTION change()",
    )
    .await;
    db.close().await;
    let said = run(&folder.0, &source, &postgres);
    assert!(!said.0);
    assert!(
        said.1.contains("identities") && said.1.contains("differs"),
        "{}",
        said.1
    );
    assert!(
        said.2
            .contains("of `identities`, where the source has the row with issuer B, subject a"),
        "{}",
        said.2
    );
    assert!(is_empty(&postgres).await);
}

/// Between files of SQLite nothing says that a key is a UUID.
fn shown(text: &str, url: &str) -> String {
    if url.starts_with("sqlite:") {
        text.replace('-', "")
    } else {
        text.to_owned()
    }
}

#[tokio::test]
async fn what_cannot_be_a_source_or_a_target_is_said() {
    let folder = Folder::new();
    let (good, pg) = (folder.url("good.db"), postgres::new_database().await);
    app::migrate(&settings(&good)).await.unwrap();
    app::migrate(&settings(&pg)).await.unwrap();
    let refuse = async |from: &str, to: &str, why: &str| {
        let said = refusal(from, to).await;
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    };
    refuse(&folder.url("missing.db"), &pg, "there is no database").await;
    assert!(!folder.0.join("missing.db").exists());
    std::fs::write(folder.0.join("text.db"), "This is a text. ".repeat(300)).unwrap();
    refuse(&folder.url("text.db"), &pg, "the source").await;
    std::fs::write(folder.0.join("empty.db"), "").unwrap();
    refuse(&folder.url("empty.db"), &pg, "is no database of Synoptic").await;
    refuse(&postgres::new_database().await, &good, "is no database of Synoptic").await;
    refuse(&good, &good, "the same database").await;
    refuse(&good, &good.replace("good.db", "./good.db"), "the same database").await;
    refuse(&pg, &pg.replace("localhost", "127.0.0.1"), "the same database").await;
    refuse(&good, "postgres://me:hunter2@127.0.0.1:1/x", "the target").await;
    refuse("mysql://me:hunter2@127.0.0.1:1/x", &good, "must begin with").await;
    refuse(&good, &folder.url("no/such/folder/x.db"), "cannot be created").await;
    for (statement, why) in [
        ("DELETE FROM _sqlx_migrations WHERE version = 20", "synoptic migrate"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'of tomorrow', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
            "9999",
        ),
    ] {
        let old = folder.url(&format!("{}.db", why.len()));
        for (url, to) in [(old, pg.clone()), (postgres::new_database().await, good.clone())] {
            app::migrate(&settings(&url)).await.unwrap();
            let db = Db::connect(&url, POOL).await.unwrap();
            execute(&db, statement).await;
            db.close().await;
            refuse(&url, &to, why).await;
        }
    }
    // A backup is as good as the database, and is not written to.
    let backup = folder.0.join("backup.db");
    app::back_up(&settings(&good), &backup).await.unwrap();
    let bytes = std::fs::read(&backup).unwrap();
    copy(&folder.url("backup.db"), &pg).await.unwrap();
    assert_eq!(std::fs::read(&backup).unwrap(), bytes);
}

/// Runs the built program; whether it succeeded, and what it printed and said.
#[expect(clippy::disallowed_methods, reason = "this is about the program as a process")]
fn run(folder: &Path, from: &str, to: &str) -> (bool, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_synoptic"))
        .current_dir(folder)
        .env_clear()
        .env("SYNOPTIC_DATABASE__URL", from)
        .args(["db", "copy", "--to", to])
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.success(), text(done.stdout), text(done.stderr))
}

#[tokio::test]
async fn the_command_prints_each_table_and_no_password() {
    let folder = Folder::new();
    let source = full_source(&folder).await;
    let target = postgres::new_database().await.replace("postgres@", "postgres:hunter2@");
    let (succeeded, printed, said) = run(&folder.0, &source, &target);
    assert!(succeeded, "{said}");
    let documents = printed.lines().find(|line| line.starts_with("documents ")).unwrap();
    let cells: Vec<&str> = documents.split_whitespace().collect();
    assert!(
        cells[1] == "51" && cells[2].len() == 12 && cells[3] == "ok",
        "{documents}"
    );
    let last = printed.lines().last().unwrap();
    assert!(
        last.contains("are copied from sqlite:") && last.contains("postgres:***@"),
        "{last}"
    );
    assert!(!printed.contains("hunter2") && !printed.contains(ODD), "{printed}");
    let (succeeded, printed, said) = run(&folder.0, &source, &target);
    assert!(
        !succeeded && printed.is_empty() && said.contains("nothing was copied") && said.contains("not empty"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}
