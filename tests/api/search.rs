//! Full-text search: `q` of `GET /api/collections/{collection}/documents`.

use crate::support::{Answer, TestApp};
use serde_json::json;

const NOTES: &str = "/api/collections/notes/documents";

async fn with_texts(texts: &[(&str, &str, &str)]) -> TestApp {
    let app = TestApp::with_notes().await;
    for (id, title, text) in texts {
        app.note(json!({"external_id": id, "title": title, "text": text})).await;
        app.tick();
    }
    app
}

async fn search(app: &TestApp, q: &str) -> Answer {
    app.get(format!("{NOTES}?q={}", escape(q))).await
}

/// Escapes every byte, so that no character of a search is taken for part of the address.
fn escape(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |escaped, byte| escaped + &format!("%{byte:02X}"))
}

async fn library() -> TestApp {
    with_texts(&[
        ("title", "Refund", "The payment went wrong, please help us."),
        (
            "text",
            "Payment",
            "We would like a refund of the late delivery charge for our parcel from Leipzig.",
        ),
        (
            "twice",
            "Charges",
            "Refund one, refund two: every refund is late, and the delivery came early.",
        ),
        ("none", "Parcel", "Where is the shipment? Shipping takes days."),
    ])
    .await
}

#[tokio::test]
async fn all_words_must_occur_whatever_their_case_and_accents() {
    let app = library().await;
    let mut found = search(&app, "REFUND delivery").await.each("external_id");
    found.sort();
    assert_eq!(found, ["text", "twice"]);
    assert_eq!(search(&app, "réfünd parcel").await.each("external_id"), ["text"]);
    assert!(search(&app, "refund shipment").await.items().is_empty());
}

#[tokio::test]
async fn the_best_match_comes_first_and_a_word_in_the_title_counts_more() {
    let app = library().await;
    let found = search(&app, "refund").await;
    assert_eq!(found.each("external_id")[0], "title", "{}", found.text);
    let ranks: Vec<f64> = found
        .items()
        .iter()
        .map(|item| item["search"]["rank"].as_f64().unwrap())
        .collect();
    assert!(ranks.is_sorted_by(|one, next| one >= next), "{ranks:?}");
    let by_time = app.get(format!("{NOTES}?q=refund&sort=created_at")).await;
    assert_eq!(by_time.each("external_id"), ["title", "text", "twice"]);
}

#[tokio::test]
async fn a_search_is_paged_by_rank_without_repeats() {
    let app = TestApp::with_notes().await;
    let documents: Vec<_> = (0..23)
        .map(|number| json!({"external_id": number.to_string(), "text": "the same refund"}))
        .collect();
    app.post("/api/collections/notes/batch", json!({"documents": documents}))
        .await
        .ok();
    let (mut seen, mut address) = (Vec::new(), format!("{NOTES}?q=refund&limit=5"));
    loop {
        let page = app.get(&address).await;
        seen.extend(page.each("external_id"));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        address = format!("{NOTES}?q=refund&limit=5&cursor={cursor}");
    }
    let listed = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((listed, seen.len()), (23, 23));
}

#[tokio::test]
async fn matches_are_marked_and_everything_else_is_escaped() {
    let app = TestApp::with_notes().await;
    let text = "<script>alert('x')</script> A refund & \"more\" refunds.";
    app.note(json!({"title": "<b>Refund</b>", "text": text})).await;
    let found = search(&app, "refund").await;
    let hit = &found.items()[0]["search"];
    assert_eq!(hit["title"], "&lt;b&gt;<mark>Refund</mark>&lt;/b&gt;");
    let marked = hit["text"].as_str().unwrap();
    assert!(
        marked.contains("A <mark>refund</mark> &amp; &quot;more&quot; refunds."),
        "{marked}"
    );
    assert!(
        marked.starts_with("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
        "{marked}"
    );
}

#[tokio::test]
async fn nobody_can_forge_a_mark() {
    let app = TestApp::with_notes().await;
    app.note(json!({"text": "\u{E000}forged\u{E001} <mark>forged</mark> refund"}))
        .await;
    let found = search(&app, "refund").await;
    let marked = found.items()[0]["search"]["text"].as_str().unwrap().to_owned();
    assert_eq!(
        marked.matches("<mark>").count(),
        marked.matches("</mark>").count(),
        "{marked}"
    );
    assert!(
        marked.contains("<mark>refund</mark>") && marked.contains("&lt;mark&gt;forged"),
        "{marked}"
    );
}

#[tokio::test]
async fn phrases_beginnings_and_exclusions() {
    let app = library().await;
    assert_eq!(search(&app, "\"late delivery\"").await.each("external_id"), ["text"]);
    assert_eq!(search(&app, "shipm*").await.each("external_id"), ["none"]);
    assert_eq!(search(&app, "ship*").await.each("external_id"), ["none"]);
    assert!(search(&app, "ship").await.items().is_empty(), "a word is a whole word");
    assert_eq!(
        search(&app, "refund delivery -leipzig").await.each("external_id"),
        ["twice"]
    );
    assert_eq!(
        search(&app, "refund -\"late delivery\" -payment")
            .await
            .each("external_id"),
        ["twice"]
    );
}

#[tokio::test]
async fn operators_quotes_and_punctuation_are_only_text() {
    let app = library().await;
    let harmless = [
        "refund OR shipment",
        "refund AND NOT NEAR(late)",
        "title:refund",
        "refund\"",
        "\"refund",
        "ref\"und",
        "^refund",
        "{refund} : *",
        "refund) OR (1=1",
        "refund'; DROP TABLE documents; --",
        "refund %_ \\",
        "e-mail c++ a/b 50%",
        "日本語 テスト",
        "שלום עולם",
        "refund 🎉",
        "NOT",
    ];
    for q in harmless {
        search(&app, q).await.ok();
    }
    assert_eq!(app.get(NOTES).await.items().len(), 4);
}

#[tokio::test]
async fn a_search_for_nothing_is_refused_in_words() {
    let app = TestApp::with_notes().await;
    for nothing in ["", "   ", "-refund", "\"\"", "***", "!!!", "🎉"] {
        search(&app, nothing).await.invalid_parameter("q");
    }
    search(&app, &"x".repeat(1_001)).await.invalid_parameter("q");
    search(&app, &"a ".repeat(33)).await.invalid_parameter("q");
    search(&app, &"a ".repeat(32)).await.ok();
}

#[tokio::test]
async fn a_search_follows_changes_and_deletions() {
    let app = library().await;
    app.patch(format!("{NOTES}/none"), json!({"text": "Now it is about a refund."}))
        .await
        .ok();
    assert_eq!(search(&app, "refund").await.items().len(), 4);
    assert!(search(&app, "shipping").await.items().is_empty());
    app.put(format!("{NOTES}/title"), json!({"text": "Nothing of the kind."}))
        .await
        .ok();
    app.delete(format!("{NOTES}/text")).await.gone();
    let mut left = search(&app, "refund").await.each("external_id");
    left.sort();
    assert_eq!(left, ["none", "twice"]);
}

#[tokio::test]
async fn a_search_and_filters_add_up() {
    let app = library().await;
    app.note(
        json!({"external_id": "pro", "text": "A refund, please.", "attributes": {"plan": "pro"}, "language": "en"}),
    )
    .await;
    let found = app
        .get(format!("{NOTES}?q=refund&attributes.plan=pro&language=en"))
        .await;
    assert_eq!(found.each("external_id"), ["pro"]);
}

#[tokio::test]
async fn every_search_of_the_sample_can_be_paged_one_by_one() {
    let app = TestApp::demo().await;
    for word in [
        "after", "already", "also", "card", "customer", "please", "since", "the", "we",
    ] {
        let address = format!("/api/collections/tickets/documents?q={word}&limit=");
        let whole = app.get(format!("{address}200")).await.each("id");
        let mut paged = Vec::new();
        let mut cursor = String::new();
        for _ in 0..=whole.len() {
            let page = app.get(format!("{address}1{cursor}")).await;
            paged.extend(page.each("id"));
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{word}");
    }
}
