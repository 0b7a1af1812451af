//! `POST /api/summarize`: sentences of the source, each with its place there.

use crate::support::TestApp;
use serde_json::{Value, json};

const STORY: &str = "It rained all night in the valley. The river rose by two metres before dawn. By morning the old \
    bridge was closed to all traffic. Engineers said that the northern pillar had moved. The ferry will take passengers \
    until the bridge is mended. Nobody was hurt. School was out for the day, which pleased the children.";

/// Every sentence stands in the source exactly where it says, counted in characters.
#[track_caller]
fn assert_anchored(summary: &Value, source: &str) {
    let characters: Vec<char> = source.chars().collect();
    let sentences = summary["sentences"].as_array().unwrap();
    for sentence in sentences {
        let (offset, length) = (
            sentence["offset"].as_u64().unwrap() as usize,
            sentence["length"].as_u64().unwrap() as usize,
        );
        let there: String = characters.iter().skip(offset).take(length).collect();
        assert_eq!(sentence["text"], there, "at {offset}, {length} characters");
        let rank = sentence["rank_score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&rank), "{sentence}");
    }
    let text = summary["text"].as_str().unwrap();
    assert!(
        text.chars().count() <= characters.len(),
        "the summary is longer than its source"
    );
    let joined: String = sentences
        .iter()
        .map(|sentence| sentence["text"].as_str().unwrap())
        .collect();
    let without_spaces = |text: &str| text.chars().filter(|character| *character != ' ').collect::<String>();
    assert_eq!(without_spaces(text), without_spaces(&joined));
}

fn offsets(summary: &Value) -> Vec<u64> {
    summary["sentences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sentence| sentence["offset"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_summary_is_anchored_and_recorded() {
    let app = TestApp::new().await;
    let asked = app.post("/api/summarize", json!({"text": STORY, "sentences": 2})).await;
    let analysis = &asked.ok().body;
    assert_anchored(&analysis["summary"], STORY);
    assert_eq!(offsets(&analysis["summary"]).len(), 2);
    assert_eq!(
        (&analysis["kind"], &analysis["engine"], &analysis["degraded"]),
        (&json!("summary"), &json!("embedded"), &json!(false))
    );
    assert_eq!(analysis["trace_id"].as_str(), asked.header("x-trace-id"));
    assert_eq!(
        (
            analysis.get("classification"),
            analysis.get("confidence"),
            analysis.get("document_id")
        ),
        (None, None, None)
    );
    assert!(analysis["duration_ms"].as_f64().unwrap() >= 0.0);
    let recorded = app
        .get(format!("/api/analyses/{}", analysis["id"].as_str().unwrap()))
        .await;
    assert_eq!(recorded.ok().body, *analysis);
}

#[tokio::test]
async fn offsets_count_characters_whatever_the_script() {
    let app = TestApp::new().await;
    let sources = [
        "👩‍👩‍👧‍👦 Our family loves it! 🎉🎉 The app crashed twice yesterday. 😡 Please mend the login page soon. Thanks 🙏",
        "שלום לכולם. היישום נסגר אתמול פעמיים. אנא תקנו את דף הכניסה. תודה רבה לכם!",
        "مرحبا بالجميع. توقف التطبيق أمس مرتين. يرجى إصلاح صفحة الدخول. شكرا جزيلا لكم!",
        "昨日アプリが二回落ちました。ログイン画面を直してください。よろしくお願いします。支払いも二重です。",
        "e\u{301}te\u{301} chaud. L’e\u{301}cole est ferme\u{301}e. Les enfants sont contents. Le pont est ouvert.",
        "Line one\r\n\r\nLine two is longer. And more.\r\n\t- a list item\r\n\t- another one\u{a0}here\u{2028}End.",
        "a\u{202e}b is reversed. c\u{200b}d has no width. The end is here. One more sentence follows.",
    ];
    for source in sources {
        for options in [
            json!({"sentences": 2}),
            json!({"sentences": 20}),
            json!({"max_chars": 40}),
            json!({"order": "rank"}),
        ] {
            let mut body = options.clone();
            body["text"] = json!(source);
            let asked = app.post("/api/summarize", body).await;
            assert_anchored(&asked.ok().body["summary"], source);
        }
    }
}

#[tokio::test]
async fn the_length_is_as_asked() {
    let app = TestApp::new().await;
    let summary = async |body: Value| {
        let mut body = body;
        body["text"] = json!(STORY);
        app.post("/api/summarize", body).await.ok().body["summary"].clone()
    };
    assert_eq!(offsets(&summary(json!({})).await).len(), 3);
    for count in [1, 5] {
        assert_eq!(offsets(&summary(json!({"sentences": count})).await).len(), count);
    }
    let all = summary(json!({"sentences": 20})).await;
    assert_anchored(&all, STORY);
    for most in [1, 20, 60, 150, 10_000] {
        let short = summary(json!({"max_chars": most})).await;
        assert!(
            short["text"].as_str().unwrap().chars().count() <= most,
            "{most}: {short}"
        );
        assert_anchored(&short, STORY);
    }
}

#[tokio::test]
async fn sentences_come_by_place_or_by_rank() {
    let app = TestApp::new().await;
    let by_place = app.post("/api/summarize", json!({"text": STORY, "sentences": 4})).await;
    assert!(offsets(&by_place.ok().body["summary"]).is_sorted());
    let by_rank = app
        .post(
            "/api/summarize",
            json!({"text": STORY, "sentences": 4, "order": "rank"}),
        )
        .await;
    let sentences = by_rank.ok().body["summary"]["sentences"].as_array().unwrap().clone();
    let ranks: Vec<f64> = sentences
        .iter()
        .map(|sentence| sentence["rank_score"].as_f64().unwrap())
        .collect();
    assert!(ranks.is_sorted_by(|one, next| one >= next), "{ranks:?}");
}

#[tokio::test]
async fn a_focus_draws_the_summary_to_it() {
    let app = TestApp::new().await;
    let asked = app
        .post(
            "/api/summarize",
            json!({"text": STORY, "sentences": 1, "focus": "ferry passengers"}),
        )
        .await;
    let text = asked.ok().body["summary"]["text"].as_str().unwrap();
    assert!(text.contains("ferry"), "{text}");
    let blank = app
        .post("/api/summarize", json!({"text": STORY, "sentences": 1, "focus": "  "}))
        .await;
    blank.ok();
}

#[tokio::test]
async fn a_stored_document_is_summarised_at_its_version() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"title": "The flood", "text": STORY})).await;
    let asked = app
        .post("/api/summarize", json!({"document_id": note["id"], "sentences": 2}))
        .await;
    let analysis = &asked.ok().body;
    assert_anchored(&analysis["summary"], STORY);
    assert_eq!(
        (&analysis["document_id"], &analysis["document_version"]),
        (&note["id"], &json!(1))
    );
    let missing = json!({"document_id": "0190b5c2-7c1e-7000-8000-000000000001"});
    app.post("/api/summarize", missing).await.problem(404, "not-found");
}

#[tokio::test]
async fn options_out_of_bounds_are_named() {
    let app = TestApp::new().await;
    let cases = [
        (json!({"text": STORY, "sentences": 0}), "/sentences"),
        (json!({"text": STORY, "sentences": 21}), "/sentences"),
        (json!({"text": STORY, "sentences": 300}), "/sentences"),
        (json!({"text": STORY, "sentences": -1}), "/sentences"),
        (json!({"text": STORY, "max_chars": 0}), "/max_chars"),
        (json!({"text": STORY, "sentences": 2, "max_chars": 10}), "/max_chars"),
        (json!({"text": STORY, "order": "length"}), "/order"),
        (json!({"text": STORY, "preset": "poem"}), "/preset"),
        (json!({"text": STORY, "focus": "x".repeat(1_001)}), "/focus"),
        (json!({"text": ""}), "/text"),
        (json!({"text": " \n\t "}), "/text"),
        (json!({"text": "a\u{0}b"}), "/text"),
        (json!({"document_id": "T-1001"}), "/document_id"),
        (
            json!({"text": STORY, "document_id": "0190b5c2-7c1e-7000-8000-000000000001"}),
            "/document_id",
        ),
        (json!({"sentences": 2}), ""),
    ];
    for (body, pointer) in cases {
        app.post("/api/summarize", body.clone()).await.invalid_at(&[pointer]);
    }
    assert!(
        app.get("/api/analyses").await.items().is_empty(),
        "nothing was recorded"
    );
}

#[tokio::test]
async fn a_batch_has_an_answer_or_an_error_for_each_input() {
    let app = TestApp::with_notes().await;
    let note = app.note(json!({"text": STORY})).await;
    let nobody = "0190b5c2-7c1e-7000-8000-000000000001";
    let inputs = json!([{"text": STORY}, {"document_id": nobody}, {"document_id": note["id"]}, {"text": "  "}]);
    let asked = app
        .post("/api/summarize/batch", json!({"inputs": inputs, "sentences": 1}))
        .await;
    let results = asked.ok().body["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_anchored(&results[0]["analysis"]["summary"], STORY);
    assert_eq!(
        (&results[1]["error"]["status"], results[1].get("analysis")),
        (&json!(404), None)
    );
    assert_eq!(results[2]["analysis"]["document_id"], note["id"]);
    assert_eq!(results[3]["error"]["errors"][0]["pointer"], "/inputs/3/text");
    assert_eq!(app.get("/api/analyses").await.items().len(), 2);
}

#[tokio::test]
async fn a_batch_has_one_to_ninety_six_inputs() {
    let app = TestApp::new().await;
    let inputs = |count: usize| json!({"inputs": vec![json!({"text": "It rained. The river rose."}); count]});
    assert_eq!(
        app.post("/api/summarize/batch", inputs(96)).await.ok().body["results"]
            .as_array()
            .unwrap()
            .len(),
        96
    );
    app.post("/api/summarize/batch", inputs(97))
        .await
        .invalid_at(&["/inputs"]);
    app.post("/api/summarize/batch", inputs(0))
        .await
        .invalid_at(&["/inputs"]);
}

#[tokio::test]
async fn an_input_that_names_no_text_or_two_is_answered_in_its_own_place() {
    let app = TestApp::new().await;
    let both =
        json!({"inputs": [{"text": "x"}, {}, {"text": "x", "document_id": "0190b5c2-7c1e-7000-8000-000000000001"}]});
    let answer = app.post("/api/summarize/batch", both).await;
    let results = &answer.ok().body["results"];
    assert_eq!(results[0]["analysis"]["summary"]["text"], "x");
    assert_eq!(results[1]["error"]["errors"][0]["pointer"], "/inputs/1");
    assert_eq!(results[2]["error"]["errors"][0]["pointer"], "/inputs/2/document_id");
}

#[tokio::test]
async fn a_batch_of_very_long_documents_is_answered_as_far_as_it_fits() {
    let app = TestApp::with_notes().await;
    let text = "A sentence that is repeated. ".repeat(340_000);
    let mut inputs = Vec::new();
    for _ in 0..7 {
        let note = app.note(json!({"text": text})).await;
        inputs.push(json!({"document_id": note["id"]}));
    }
    let answer = app
        .post("/api/summarize/batch", json!({"inputs": inputs, "sentences": 1}))
        .await;
    let results = answer.ok().body["results"].as_array().unwrap();
    assert!(
        results[..6].iter().all(|result| result["analysis"].is_object()),
        "{results:?}"
    );
    assert_eq!(results[6]["error"]["errors"][0]["pointer"], "/inputs/6/document_id");
}
