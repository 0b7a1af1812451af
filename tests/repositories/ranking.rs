//! What a search finds, and what it puts first, is alike on both databases: over the paragraphs of this project's documentation
//! and the sample of tickets.

use crate::{
    databases::on_both,
    fixtures::{collection, document, write},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};
use synoptic::{
    db::Db,
    domain::{
        collections::Collection,
        documents::{Document, DocumentFilter, DocumentSort, SearchQuery},
    },
    repositories::{collections, document_lists, documents},
};

/// What people would look for there. Of each, more than ten paragraphs have what is looked for.
const QUERIES: [&str; 20] = [
    "database",
    "document",
    "api key",
    "transaction",
    "PostgreSQL",
    "the database",
    "the answer of a model",
    "delete*",
    "classif*",
    "budget",
    "webhook",
    "\"a document\"",
    "server request",
    "session",
    "error",
    "cache answer",
    "idempotency key",
    "request",
    "answer",
    "e-mail",
];
const TOP: usize = 10;
/// 8.35 were measured; the documentation changes, and so may this.
const LEAST_IN_MEAN: f64 = 7.5;
const LEAST_OF_EACH: usize = 3;

/// Headings with the paragraphs below them.
fn paragraphs() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut files: Vec<PathBuf> = [root.clone(), root.join("decisions")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let mut heading = String::new();
        for paragraph in fs::read_to_string(file).unwrap().split("\n\n") {
            match paragraph.trim().strip_prefix('#') {
                Some(words) => words.trim_start_matches('#').trim().clone_into(&mut heading),
                None => found.push((heading.clone(), paragraph.trim().to_owned())),
            }
        }
    }
    let tickets = root.parent().unwrap().join("assets/demo/tickets.csv");
    let mut rows = csv::Reader::from_path(tickets).unwrap();
    found.extend(rows.records().map(|row| {
        let row = row.unwrap();
        (row[1].to_owned(), row[2].to_owned())
    }));
    found.retain(|(_, text)| text.len() > 40);
    found
}

async fn store(db: &Db, manual: &Collection) -> usize {
    let all: Vec<Document> = paragraphs()
        .into_iter()
        .enumerate()
        .map(|(number, (title, text))| {
            let mut one = document(manual, Some(&number.to_string()), u32::try_from(number).unwrap(), &text);
            one.head.title = Some(title).filter(|title| !title.is_empty());
            one
        })
        .collect();
    let mut tx = write(db).await;
    collections::insert(&mut tx, manual).await.unwrap();
    documents::insert_all(&mut tx, &all).await.unwrap();
    tx.commit().await.unwrap();
    all.len()
}

async fn search(db: &Db, manual: &Collection, query: &str, sort: DocumentSort, limit: i64) -> Vec<String> {
    let filter = DocumentFilter {
        search: Some(SearchQuery::parse(query).unwrap()),
        ..DocumentFilter::default()
    };
    let mut tx = db.read().await.unwrap();
    let rows = document_lists::list(&mut tx, manual.id, &filter, sort, None, limit)
        .await
        .unwrap();
    rows.into_iter().map(|row| row.head.external_id.unwrap()).collect()
}

#[tokio::test]
async fn the_same_is_found_and_much_the_same_comes_first() {
    let seen = Mutex::new(Vec::new());
    on_both(async |db| {
        let manual = collection("manual");
        assert!(store(db, &manual).await > 500);
        let mut answers = Vec::new();
        for query in QUERIES {
            let all = search(db, &manual, query, DocumentSort::CreatedAscending, 1_000).await;
            assert!(all.len() > TOP, "{query}: {}", all.len());
            let best = search(db, &manual, query, DocumentSort::Relevance, 10).await;
            answers.push((all, best));
        }
        seen.lock().unwrap().push(answers);
    })
    .await;
    let seen = seen.into_inner().unwrap();
    let mut shared = Vec::new();
    for (query, (sqlite, postgres)) in QUERIES.iter().zip(seen[0].iter().zip(&seen[1])) {
        assert_eq!(sqlite.0, postgres.0, "{query}");
        let of_sqlite: BTreeSet<&String> = sqlite.1.iter().collect();
        let in_both = postgres.1.iter().filter(|one| of_sqlite.contains(one)).count();
        println!("{query}: {in_both} of {TOP}");
        shared.push(in_both);
    }
    let mean = shared.iter().sum::<usize>() as f64 / shared.len() as f64;
    println!("mean: {mean} of {TOP}");
    assert!(mean >= LEAST_IN_MEAN, "{mean}: {shared:?}");
    assert!(shared.iter().all(|in_both| *in_both >= LEAST_OF_EACH), "{shared:?}");
}

/// Not of all: of case, diacritics and punctuation beyond ASCII, PostgreSQL knows what the locale of the database knows.
#[tokio::test]
async fn words_end_at_the_same_places() {
    let texts = [
        "AB-17 v2.0 1,000.50 10%",
        "don't rock'n'roll",
        "foo_bar snake_case",
        "C++ C# .NET",
        "me@example.org https://example.org/path?q=1",
        "日本語の文章",
    ];
    let queries = [
        "AB-17",
        "17",
        "v2.0",
        "2.0",
        "1,000.50",
        "50",
        "10%",
        "don't",
        "dont",
        "t",
        "rock'n'roll",
        "foo_bar",
        "foo",
        "case",
        "C++",
        "c",
        "net",
        "example",
        "me@example.org",
        "path",
        "q=1",
        "日本語の文章",
        "日本",
        "日本*",
    ];
    let seen = Mutex::new(Vec::new());
    on_both(async |db| {
        let notes = collection("notes");
        let mut all = Vec::new();
        for (number, text) in (0..).zip(texts) {
            all.push(document(&notes, Some(&number.to_string()), number, text));
        }
        let mut tx = write(db).await;
        collections::insert(&mut tx, &notes).await.unwrap();
        documents::insert_all(&mut tx, &all).await.unwrap();
        tx.commit().await.unwrap();
        let mut found = Vec::new();
        for query in queries {
            found.push((
                query,
                search(db, &notes, query, DocumentSort::CreatedAscending, 100).await,
            ));
        }
        seen.lock().unwrap().push(found);
    })
    .await;
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen[0], seen[1]);
}
