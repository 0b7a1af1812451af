use super::super::{
    parts::MOST_AT_A_TIME,
    scripted::{Scripted, said, text_in, too_long},
    tokens,
};
use super::*;
use crate::engines::chat::{ChatFormat, ChatReply, Finish};
use std::sync::{LazyLock, atomic::Ordering};

pub static EMBEDDED: LazyLock<EmbeddedEngine> = LazyLock::new(EmbeddedEngine::new);

pub const TEXT: &str = "The payment service was down for forty minutes on Monday. Customers saw an error when they tried to pay. \
    Lunch was late. After the load balancer was told to trust the new certificate, the payment service worked again.";

fn written(style: SummaryStyle) -> SummaryOptions {
    SummaryOptions {
        style,
        ..SummaryOptions::default()
    }
}

pub fn extractive() -> SummaryOptions {
    SummaryOptions {
        method: Some(SummaryMethod::Extractive),
        ..SummaryOptions::default()
    }
}

pub async fn ask(model: &Scripted, text: &str, options: &SummaryOptions) -> Result<Summary, TaskError> {
    let summary = summarize(model, &EMBEDDED, &text.into(), options).await.map(|found| {
        let is_embedded = found.summary == EMBEDDED.summarize(text, options);
        assert!(found.stood_in.is_none() || is_embedded);
        let is_written = options.method != Some(SummaryMethod::Extractive);
        assert!(!is_written || found.stood_in.is_some() == found.summary.written.is_empty());
        found.summary
    });
    if let Ok(summary) = &summary {
        assert!(
            summary.text.chars().count() <= text.chars().count(),
            "never longer than the source"
        );
        let characters: Vec<char> = text.chars().collect();
        for sentence in &summary.sentences {
            let there: String = characters[sentence.offset..sentence.offset + sentence.length]
                .iter()
                .collect();
            assert_eq!(there, sentence.text);
        }
    }
    summary
}

fn is_notes(request: &crate::engines::chat::ChatRequest) -> bool {
    request.messages[0].content.starts_with("You take notes")
}

#[tokio::test]
async fn what_the_model_writes_is_handed_on_and_anchored() {
    let model = Scripted::saying(&["Payments failed for forty minutes on Monday. Aliens were seen in Paris."]);
    let summary = ask(&model, TEXT, &SummaryOptions::default()).await.unwrap();
    assert_eq!(
        summary.text,
        "Payments failed for forty minutes on Monday. Aliens were seen in Paris."
    );
    assert_eq!(summary.sentences.len(), 0);
    assert_eq!(
        summary.written.iter().map(|one| one.supported).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(summary.written[0].sources[0].offset, 0);
    let (request, hand_on) = &model.asked()[0];
    assert!(*hand_on && request.format == ChatFormat::Text);
    assert_eq!(text_in(&request.messages), TEXT);
    assert!(request.messages[1].content.ends_with("Write in English."));
}

#[tokio::test]
async fn each_style_has_its_form() {
    let said = "- **Payments** failed.\n* Customers saw errors.\n\n2. It works again.\n- A fourth.";
    let model = Scripted::saying(&[said]);
    let summary = ask(&model, TEXT, &written(SummaryStyle::Bullets)).await.unwrap();
    assert_eq!(summary.text.lines().count(), 3);
    assert!(
        summary
            .text
            .lines()
            .all(|line| line.starts_with("- ") && line.ends_with('.')),
        "{}",
        summary.text
    );
    assert_eq!(summary.written[1].text, "Customers saw errors.");
    let model = Scripted::saying(&["\"Payment service down for forty minutes.\"\nMore."]);
    let summary = ask(&model, TEXT, &written(SummaryStyle::Headline)).await.unwrap();
    assert_eq!(summary.text, "Payment service down for forty minutes");
    let model = Scripted::saying(&["Payments failed. They work again."]);
    assert_eq!(
        ask(&model, TEXT, &written(SummaryStyle::Tldr)).await.unwrap().text,
        "Payments failed."
    );
}

#[tokio::test]
async fn language_focus_and_length_are_told() {
    let model = Scripted::saying(&["Der Zahlungsdienst war ausgefallen."]);
    let options = SummaryOptions {
        language: Some("de".to_owned()),
        focus: Some("what \"customers\" saw".to_owned()),
        length: SummaryLength::MaxChars(50),
        ..SummaryOptions::default()
    };
    let summary = ask(&model, TEXT, &options).await.unwrap();
    assert!(
        !summary.written[0].supported,
        "what is in another language is not checked"
    );
    let user = model.asked()[0].0.messages[1].content.clone();
    for told in [
        "Write in German.",
        "what \\\"customers\\\" saw",
        "at most 50 characters",
    ] {
        assert!(user.contains(told), "{told}: {user}");
    }
    let unknown = SummaryOptions {
        language: Some("xx".to_owned()),
        ..SummaryOptions::default()
    };
    ask(&model, TEXT, &unknown).await.unwrap();
    assert!(model.asked()[1].0.messages[1].content.contains("ISO 639 code \"xx\""));
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_from_the_end_and_never_the_source_outgrown() {
    let model = Scripted::saying(&["One is short. Two is a little longer. Three is the longest of all of them."]);
    let options = |most| SummaryOptions {
        length: SummaryLength::MaxChars(most),
        ..SummaryOptions::default()
    };
    assert_eq!(
        ask(&model, TEXT, &options(40)).await.unwrap().text,
        "One is short. Two is a little longer."
    );
    assert_eq!(ask(&model, TEXT, &options(13)).await.unwrap().text, "One is short.");
    let summary = ask(&model, TEXT, &options(12)).await.unwrap();
    assert!(
        summary.written.is_empty() && !summary.sentences.is_empty(),
        "the embedded engine's"
    );
    assert!(summary.text.chars().count() <= 12);
    let summary = ask(&model, "It rains.", &SummaryOptions::default()).await.unwrap();
    assert_eq!((summary.text.as_str(), summary.written.len()), ("It rains.", 0));
}

#[tokio::test]
async fn a_text_without_sentences_is_not_sent() {
    let model = Scripted::saying(&["Something."]);
    for text in ["", " \n", "-----"] {
        assert_eq!(ask(&model, text, &SummaryOptions::default()).await.unwrap().text, "");
    }
    assert_eq!(model.calls(), 0);
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_once_more() {
    let model = Scripted::saying(&["", "Payments failed."]);
    assert_eq!(
        ask(&model, TEXT, &SummaryOptions::default()).await.unwrap().text,
        "Payments failed."
    );
    let model = Scripted::saying(&["\n"]);
    assert!(matches!(
        ask(&model, TEXT, &SummaryOptions::default()).await,
        Err(TaskError::Unusable(_))
    ));
    assert_eq!(model.calls(), 2);
}

#[tokio::test]
async fn hostile_answers_are_cut_to_size() {
    for answer in [
        "x".repeat(1 << 20),
        "A. ".repeat(1 << 18),
        "\u{202e}\0\n- ".repeat(1000),
    ] {
        let model = Scripted::saying(&[&answer]);
        for style in [SummaryStyle::Paragraph, SummaryStyle::Bullets, SummaryStyle::Headline] {
            assert!(ask(&model, TEXT, &written(style)).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_long_text_is_turned_into_notes_a_few_parts_at_a_time() {
    let text: String = (0..1_500)
        .map(|n| ["Report ", &n.to_string(), " is about the weekly figures of a shop. "].concat())
        .collect();
    let mut model = Scripted::new(|call, request| {
        let part = text_in(&request.messages);
        assert!(tokens::estimate(part) < 2_000);
        Ok(if is_notes(request) {
            assert!(
                part.starts_with("Report") || part.starts_with("Notes"),
                "parts begin with a sentence"
            );
            said(&format!("Notes {call}."))
        } else {
            said("All shops reported.")
        })
    });
    model.context = 2_000;
    let summary = ask(&model, &text, &SummaryOptions::default()).await.unwrap();
    assert_eq!(summary.text, "All shops reported.");
    let asked = model.asked();
    let (notes, last): (Vec<_>, Vec<_>) = asked.iter().partition(|(request, _)| is_notes(request));
    assert_eq!(last.len(), 1);
    assert!(
        last[0].1 && notes.iter().all(|(_, hand_on)| !hand_on),
        "only the last call hands its pieces on"
    );
    let parts: Vec<&str> = notes.iter().map(|(request, _)| text_in(&request.messages)).collect();
    let mut sorted = parts.clone();
    sorted.sort_by_key(|part| text.find(*part));
    assert_eq!(sorted.join(" "), text.trim_end(), "every sentence is in one part");
    assert!(parts.len() > 10);
    assert_eq!(model.most_at_work.load(Ordering::SeqCst), MOST_AT_A_TIME);
    let first_notes = text_in(&last[0].0.messages).lines().count();
    assert_eq!(first_notes, parts.len(), "the notes of all parts in order");
}

#[tokio::test]
async fn notes_that_do_not_fit_are_reduced_again_and_always_end() {
    let text = "The invoice of the customer is wrong again this month. ".repeat(3_000);
    // As long as it may: a quarter of the part.
    let mut model = Scripted::new(|_, request| {
        let part = text_in(&request.messages);
        Ok(if is_notes(request) {
            said(&part[..part.len() / 4])
        } else {
            said("An invoice is wrong.")
        })
    });
    model.context = 1_500;
    assert_eq!(
        ask(&model, &text, &SummaryOptions::default()).await.unwrap().text,
        "An invoice is wrong."
    );
    assert!((40..200).contains(&model.calls()), "{}", model.calls());
    // A model that repeats everything: what fits of it is used.
    let mut model = Scripted::new(|_, request| {
        Ok(if is_notes(request) {
            said(text_in(&request.messages))
        } else {
            said("An invoice is wrong.")
        })
    });
    model.context = 1_500;
    assert_eq!(
        ask(&model, &text, &SummaryOptions::default()).await.unwrap().text,
        "An invoice is wrong."
    );
    assert!(model.calls() < 200, "{}", model.calls());
}

#[tokio::test]
async fn what_the_provider_finds_too_long_is_split_smaller_a_few_times() {
    let text = "The invoice of the customer is wrong again this month. ".repeat(300);
    let model = Scripted::new(|_, request| {
        Ok(if text_in(&request.messages).len() > 3_000 {
            return Err(too_long());
        } else if is_notes(request) {
            said("The invoice is wrong.")
        } else {
            said("An invoice is wrong.")
        })
    });
    assert_eq!(
        ask(&model, &text, &SummaryOptions::default()).await.unwrap().text,
        "An invoice is wrong."
    );
    let model = Scripted::new(|_, _| Err(too_long()));
    assert!(
        ask(&model, &text, &SummaryOptions::default())
            .await
            .unwrap_err()
            .is_too_long()
    );
    assert!(model.calls() < 100, "{}", model.calls());
    let mut tiny = Scripted::saying(&["Something."]);
    tiny.context = 200;
    let outcome = ask(&tiny, &text, &SummaryOptions::default()).await;
    assert!(matches!(outcome, Err(TaskError::Unavailable { why, .. }) if why.starts_with("the instructions alone")));
    assert_eq!(tiny.calls(), 0);
}

#[tokio::test]
async fn a_failure_of_one_part_is_the_failure_of_all() {
    let text = "The invoice of the customer is wrong again this month. ".repeat(3_000);
    let mut model = Scripted::new(|call, _| {
        if call == 5 {
            Err(TaskError::Unavailable {
                why: "resting".to_owned(),
                retry_after: None,
            })
        } else {
            Ok(said("A note."))
        }
    });
    model.context = 1_500;
    assert!(matches!(
        ask(&model, &text, &SummaryOptions::default()).await,
        Err(TaskError::Unavailable { .. })
    ));
    assert!(model.calls() <= 5 + MOST_AT_A_TIME, "the rest is not asked");
}

#[tokio::test]
async fn a_summary_that_was_cut_is_kept_as_far_as_it_goes() {
    let model = Scripted::new(|_, _| {
        Ok(ChatReply {
            finish: Finish::Length,
            ..said("Payments failed. Then the load")
        })
    });
    assert_eq!(
        ask(&model, TEXT, &SummaryOptions::default()).await.unwrap().text,
        "Payments failed."
    );
}

#[test]
fn the_work_can_move_between_threads() {
    fn sent<T: Send>(_: T) {}
    let model = Scripted::saying(&["x"]);
    let text: Arc<str> = TEXT.into();
    let options = SummaryOptions::default();
    sent(summarize(&model, &EMBEDDED, &text, &options));
}
