//! `repositories::document_lists`: every filter, order and search on both databases, with the same results.

use crate::{
    databases::on_both,
    fixtures::{at, classification, collection, document, store, summary, taxonomy, write},
};
use serde_json::{Value, json};
use sqlx::types::Json;
use synoptic::{
    db::Db,
    domain::{
        collections::Collection,
        documents::{
            Document, DocumentFilter, DocumentPosition, DocumentRow, DocumentSort, MATCH_BEGIN, MATCH_END, SearchQuery,
        },
    },
    repositories::{analyses, document_lists, taxonomies},
};

const ORDERS: [DocumentSort; 4] = [
    DocumentSort::CreatedAscending,
    DocumentSort::CreatedDescending,
    DocumentSort::UpdatedAscending,
    DocumentSort::UpdatedDescending,
];

async fn list(db: &Db, collection: &Collection, filter: &DocumentFilter, sort: DocumentSort) -> Vec<DocumentRow> {
    document_lists::list(&mut db.read().await.unwrap(), collection.id, filter, sort, None, 100)
        .await
        .unwrap()
}

async fn names(db: &Db, collection: &Collection, filter: DocumentFilter) -> Vec<String> {
    let rows = list(db, collection, &filter, DocumentSort::CreatedAscending).await;
    rows.into_iter().map(|row| row.head.external_id.unwrap()).collect()
}

fn search(text: &str) -> DocumentFilter {
    DocumentFilter {
        search: Some(SearchQuery::parse(text).unwrap()),
        ..DocumentFilter::default()
    }
}

fn titled(mut document: Document, title: &str) -> Document {
    document.head.title = Some(title.to_owned());
    document
}

#[tokio::test]
async fn a_row_shows_the_beginning_of_the_text_and_its_length() {
    on_both(async |db| {
        let notes = collection("notes");
        let note = document(&notes, Some("a"), 0, &"ä🎉".repeat(200));
        store(db, &notes, &[&note]).await;
        let rows = list(db, &notes, &DocumentFilter::default(), DocumentSort::CreatedDescending).await;
        assert_eq!((&rows[0].head, rows[0].characters), (&note.head, 400));
        assert_eq!(
            (rows[0].excerpt.as_str(), rows[0].rank),
            ("ä🎉".repeat(140).as_str(), None)
        );
    })
    .await;
}

#[tokio::test]
async fn every_order_is_paged_by_position() {
    on_both(async |db| {
        let notes = collection("notes");
        let mut all: Vec<Document> = [0, 0, 0, 1, 2, 2]
            .map(|seconds| document(&notes, None, seconds, "same words here"))
            .into();
        for (index, document) in all.iter_mut().enumerate() {
            document.head.updated_at = at(10 + (index as u32 % 3));
        }
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let whole = DocumentFilter::default();
        for (sort, filter) in ORDERS
            .map(|sort| (sort, whole.clone()))
            .into_iter()
            .chain([(DocumentSort::Relevance, search("words"))])
        {
            let expected: Vec<_> = list(db, &notes, &filter, sort)
                .await
                .into_iter()
                .map(|row| row.head.id)
                .collect();
            assert_eq!(expected.len(), 6);
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let mut tx = db.read().await.unwrap();
                let page = document_lists::list(&mut tx, notes.id, &filter, sort, after.as_ref(), 2)
                    .await
                    .unwrap();
                let Some(last) = page.last() else { break };
                let at = match sort {
                    DocumentSort::CreatedAscending | DocumentSort::CreatedDescending => Some(last.head.created_at),
                    DocumentSort::UpdatedAscending | DocumentSort::UpdatedDescending => Some(last.head.updated_at),
                    DocumentSort::Relevance => None,
                };
                after = Some(DocumentPosition {
                    at,
                    rank: last.rank,
                    id: last.head.id,
                });
                seen.extend(page.iter().map(|row| row.head.id));
            }
            assert_eq!(seen, expected, "{sort:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn times_and_languages_filter() {
    on_both(async |db| {
        let notes = collection("notes");
        let mut all = [0, 1, 2].map(|seconds| document(&notes, Some(&seconds.to_string()), seconds, "x"));
        all[2].head.language = None;
        all[0].head.updated_at = at(9);
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let filters = [
            (
                DocumentFilter {
                    created_after: Some(at(0)),
                    ..DocumentFilter::default()
                },
                vec!["1", "2"],
            ),
            (
                DocumentFilter {
                    created_before: Some(at(1)),
                    ..DocumentFilter::default()
                },
                vec!["0"],
            ),
            (
                DocumentFilter {
                    updated_after: Some(at(2)),
                    ..DocumentFilter::default()
                },
                vec!["0"],
            ),
            (
                DocumentFilter {
                    updated_before: Some(at(2)),
                    ..DocumentFilter::default()
                },
                vec!["1"],
            ),
            (
                DocumentFilter {
                    language: Some("en".into()),
                    ..DocumentFilter::default()
                },
                vec!["0", "1"],
            ),
        ];
        for (filter, expected) in filters {
            assert_eq!(names(db, &notes, filter.clone()).await, expected, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn attributes_compare_alike_as_text() {
    on_both(async |db| {
        let notes = collection("notes");
        let attributes = [
            json!({"s": "pro", "n": 14, "f": 1.5, "t": true, "z": false, "o": {"k": {"d": "deep"}}, "nothing": null}),
            json!({"s": "1", "n": "14", "t": "true", "a b.": "x", "q'uo\\te": "y", "big": 9_007_199_254_740_993_i64, "list": ["a", "b"]}),
            json!({"f": 2.0, "e": 1e21, "o": "k", "empty": ""}),
        ];
        let mut all = [0, 1, 2].map(|number| document(&notes, Some(&number.to_string()), number, "x"));
        for (document, attributes) in all.iter_mut().zip(attributes) {
            let Value::Object(attributes) = attributes else { panic!() };
            document.head.attributes = Json(attributes);
        }
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let cases: [(&[&str], &str, &[&str]); 15] = [
            (&["s"], "pro", &["0"]),
            (&["n"], "14", &["0", "1"]),
            (&["f"], "1.5", &["0"]),
            (&["f"], "2.0", &["2"]),
            (&["t"], "true", &["0", "1"]),
            (&["t"], "1", &[]),
            (&["z"], "false", &["0"]),
            (&["o", "k", "d"], "deep", &["0"]),
            (&["o"], "k", &["2"]),
            (&["nothing"], "null", &[]),
            (&["a b."], "x", &["1"]),
            (&["q'uo\\te"], "y", &["1"]),
            (&["big"], "9007199254740993", &["1"]),
            (&["empty"], "", &["2"]),
            (&["missing"], "", &[]),
        ];
        for (path, value, expected) in cases {
            let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
            let filter = DocumentFilter { attributes: vec![(path.clone(), value.to_owned())], ..DocumentFilter::default() };
            assert_eq!(names(db, &notes, filter).await, expected, "{path:?} = {value:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_label_is_that_of_the_newest_classification() {
    on_both(async |db| {
        let (notes, topic, mood) = (collection("notes"), taxonomy("topic"), taxonomy("mood"));
        let all = ["a", "b", "c"].map(|name| document(&notes, Some(name), 0, "x"));
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let mut tx = write(db).await;
        for taxonomy in [&topic, &mood] {
            assert!(taxonomies::insert(&mut tx, taxonomy).await.unwrap());
        }
        let answers = [
            classification(Some(&all[0]), &topic, Some("billing"), 1),
            classification(Some(&all[0]), &mood, Some("other"), 2),
            classification(Some(&all[1]), &topic, Some("billing"), 1),
            classification(Some(&all[1]), &topic, Some("other"), 2),
            classification(Some(&all[2]), &mood, Some("billing"), 1),
            summary(Some(&all[0]), 3),
        ];
        for answer in &answers {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        tx.commit().await.unwrap();
        let labelled = |label: &str, taxonomy_id| DocumentFilter {
            label: Some(label.into()),
            taxonomy_id,
            ..DocumentFilter::default()
        };
        assert_eq!(names(db, &notes, labelled("billing", None)).await, ["a", "c"]);
        assert_eq!(names(db, &notes, labelled("billing", Some(topic.id))).await, ["a"]);
        assert_eq!(names(db, &notes, labelled("other", Some(topic.id))).await, ["b"]);
        assert_eq!(names(db, &notes, labelled("other", Some(mood.id))).await, ["a"]);
    })
    .await;
}

/// PostgreSQL holds at most a megabyte of different words of a document.
#[tokio::test]
async fn a_text_of_many_different_words_is_stored_and_found() {
    on_both(async |db| {
        let notes = collection("notes");
        let all = [
            (0, "latin", "abcdefghij"),
            (1, "cyrillic", "абвгдежзик"),
            (2, "chinese", "𠀀𠀁𠀂𠀃𠀄𠀅𠀆𠀇𠀈𠀉"),
        ]
        .map(|(seconds, name, letters)| {
            let letters: Vec<char> = letters.chars().collect();
            let word = |number: usize| -> String {
                let digits = [10_000, 1_000, 100, 10, 1].map(|unit| number / unit % 10);
                digits.iter().map(|digit| letters[*digit]).collect()
            };
            let text: Vec<String> = (0..100_000).map(word).collect();
            document(&notes, Some(name), seconds, &text.join(" "))
        });
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        for (query, expected) in [("aacbb", "latin"), ("аавбб", "cyrillic"), ("𠀀𠀀𠀂𠀁𠀁", "chinese")] {
            assert_eq!(names(db, &notes, search(query)).await, [expected], "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn searches_find_the_same_on_both() {
    on_both(async |db| {
        let notes = collection("notes");
        let all = [
            titled(document(&notes, Some("title"), 0, "The payment went wrong."), "Refund"),
            document(
                &notes,
                Some("text"),
                1,
                "A refund of the late delivery charge, order AB-17, from Café Zürich.",
            ),
            document(
                &notes,
                Some("other"),
                2,
                "Late, but no delivery: shipment and shipping; e-mail me@example.org — “Übergrößen” in МОСКВА, re\u{301}sume\u{301}, замо\u{301}к, 5 m².",
            ),
        ];
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let cases: [(&str, &[&str]); 26] = [
            ("refund", &["title", "text"]),
            ("REFUND late", &["text"]),
            ("\"late delivery\"", &["text"]),
            ("\"delivery late\"", &[]),
            ("ship*", &["other"]),
            ("ship", &[]),
            ("late -refund", &["other"]),
            ("late -\"late delivery\"", &["other"]),
            ("AB-17", &["text"]),
            ("zürich", &["text"]),
            ("ZURICH", &["text"]),
            ("réfund", &["title", "text"]),
            ("cafe", &["text"]),
            ("ubergroßen", &["other"]),
            ("москва", &["other"]),
            ("résumé", &["other"]),
            ("замок", &["other"]),
            ("замо\u{301}к", &["other"]),
            ("5 m²", &["other"]),
            ("m", &["other"]),
            ("„Resume“", &["other"]),
            ("orgübergrößen", &[]),
            ("e-mail", &["other"]),
            ("refund | shipping", &[]),
            ("refund & ! ( ) : * < > ' \\", &["title", "text"]),
            ("me@example.org", &["other"]),
        ];
        for (query, expected) in cases {
            assert_eq!(names(db, &notes, search(query)).await, expected, "{query}");
        }
        let ranked = list(db, &notes, &search("refund"), DocumentSort::Relevance).await;
        assert_eq!(
            ranked[0].head.external_id.as_deref(),
            Some("title"),
            "a word in the title counts more"
        );
        assert!(ranked[0].rank.unwrap() > ranked[1].rank.unwrap());
        let marked = format!("{MATCH_BEGIN}Refund{MATCH_END}");
        assert_eq!(ranked[0].title_match.as_deref(), Some(marked.as_str()));
        assert!(
            ranked[1]
                .text_match
                .as_deref()
                .unwrap()
                .contains(&format!("A {MATCH_BEGIN}refund{MATCH_END} of")),
            "{:?}",
            ranked[1]
        );
    })
    .await;
}

#[tokio::test]
async fn hostile_searches_are_harmless_on_both() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[&document(&notes, Some("a"), 0, "x")]).await;
        let long = "𠀀".repeat(500);
        for query in [
            &long,
            "x ा",
            "refund -🅰",
            "ा*",
            "\"ा x\"",
            "x\u{2028}y",
            "a\"b",
            "'; DROP TABLE documents; --",
            "a:*",
            "a<->b",
            "日本語",
            "\\",
            "a\\'b",
            "%_a",
            "a OR b NOT c NEAR d",
            "a_b",
            "²",
            "\u{301}a",
        ] {
            if let Ok(search) = SearchQuery::parse(query) {
                let filter = DocumentFilter {
                    search: Some(search),
                    ..DocumentFilter::default()
                };
                list(db, &notes, &filter, DocumentSort::Relevance).await;
            }
        }
    })
    .await;
}
