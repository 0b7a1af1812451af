use super::{
    super::{parts::MOST_AT_A_TIME, scripted::Scripted, scripted::text_in},
    tests::{EMBEDDED, TEXT, ask, extractive},
    *,
};
use crate::{domain::answers::SentenceOrder, engines::chat::ChatFormat};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn chosen_sentences_are_the_sources_own() {
    let model = Scripted::saying(&["{\"sentences\": [4, 1, 4]}"]);
    let summary = ask(&model, TEXT, &extractive()).await.unwrap();
    assert_eq!(summary.sentences.len(), 2);
    assert!(summary.text.starts_with("The payment service was down") && summary.written.is_empty());
    let by_embedded = EMBEDDED.summarize(
        TEXT,
        &SummaryOptions {
            length: SummaryLength::Sentences(4),
            ..extractive()
        },
    );
    for sentence in &summary.sentences {
        let same = by_embedded.sentences.iter().find(|other| other.text == sentence.text);
        assert!(
            (same.unwrap().rank_score - sentence.rank_score).abs() < 1e-12,
            "it is the sentence's centrality"
        );
    }
    let by_rank = SummaryOptions {
        order: SentenceOrder::Rank,
        ..extractive()
    };
    assert!(
        ask(&model, TEXT, &by_rank)
            .await
            .unwrap()
            .text
            .starts_with("After the load")
    );
    let (request, hand_on) = &model.asked()[0];
    assert!(!hand_on);
    assert_eq!(text_in(&request.messages).lines().nth(2), Some("[3] Lunch was late."));
    let ChatFormat::Json { schema, .. } = &request.format else {
        panic!("no schema")
    };
    assert_eq!(
        schema["properties"]["sentences"]["items"]["enum"],
        serde_json::json!([1, 2, 3, 4])
    );
}

#[tokio::test]
async fn numbers_that_are_not_there_are_no_choice() {
    for answer in [
        "{\"sentences\": [5]}",
        "{\"sentences\": [0]}",
        "{\"sentences\": []}",
        "[1]",
        "{\"sentences\": [1.5]}",
        "1",
    ] {
        let model = Scripted::saying(&[answer]);
        assert!(
            matches!(ask(&model, TEXT, &extractive()).await, Err(TaskError::Unusable(_))),
            "{answer}"
        );
        assert_eq!(model.calls(), 2);
    }
}

#[tokio::test]
async fn many_sentences_are_thinned_out_in_groups() {
    let text: String = (0..1_000)
        .map(|n| ["Report ", &n.to_string(), " is about a shop. "].concat())
        .collect();
    let model = Scripted::saying(&["{\"sentences\": [2, 1, 3]}"]);
    let summary = ask(&model, &text, &extractive()).await.unwrap();
    assert_eq!(summary.sentences.len(), 3);
    assert!(summary.text.starts_with("Report 0 "));
    assert!(model.calls() >= 4 && model.most_at_work.load(Ordering::SeqCst) <= MOST_AT_A_TIME);
    // Not two sentences fit: the embedded engine chooses.
    let mut model = Scripted::saying(&["{\"sentences\": [1]}"]);
    model.context = 100;
    assert_eq!(ask(&model, &text, &extractive()).await.unwrap().sentences.len(), 3);
    assert_eq!(model.calls(), 0);
}

#[tokio::test]
async fn chosen_sentences_take_every_style_and_length() {
    let model = Scripted::saying(&["{\"sentences\": [4, 3, 2, 1]}"]);
    let options = |style, length| SummaryOptions {
        length,
        style,
        ..extractive()
    };
    let bullets = ask(
        &model,
        TEXT,
        &options(SummaryStyle::Bullets, SummaryLength::MaxChars(40)),
    )
    .await
    .unwrap();
    assert_eq!(bullets.text, "- Lunch was late.");
    let headline = ask(
        &model,
        TEXT,
        &options(SummaryStyle::Headline, SummaryLength::MaxChars(60)),
    )
    .await
    .unwrap();
    assert_eq!(headline.text, "Lunch was late");
    let short = ask(
        &model,
        TEXT,
        &options(SummaryStyle::Paragraph, SummaryLength::MaxChars(5)),
    )
    .await
    .unwrap();
    assert_eq!(short.text, "After", "none fits: the embedded engine's");
}
