use super::*;
use crate::domain::{
    answers::{AbstainReason, ClassificationOptions, SummaryStyle},
    labels::{Label, LabelId},
};
use serde_json::json;
use std::sync::LazyLock;

static ENGINE: LazyLock<LocalEngine> = LazyLock::new(LocalEngine::default);

const TEXT: &str = "The payment service was down for forty minutes on Monday. Customers saw an error when they tried to pay. \
    Lunch was late. After the load balancer was told to trust the new certificate, the payment service worked again.";

fn summary(text: &str, options: SummaryOptions) -> Question {
    Question::Summary {
        text: text.into(),
        options,
    }
}

fn classification(text: &str, options: ClassificationOptions) -> Question {
    let label = |id: &str, description: &str| Label {
        id: LabelId(id.to_owned()),
        name: id.to_owned(),
        description: description.to_owned(),
        examples: Vec::new(),
    };
    let labels = [
        label("sport", "Football, matches, players and goals."),
        label("money", "Banks, prices, shares and the economy."),
        label("health", "Doctors, hospitals, medicine and illness."),
        label("weather", "Rain, sun, storms and temperatures."),
    ];
    Question::Classification {
        text: text.into(),
        labels: LabelSet {
            key: LabelSetKey::Inline([7; 32]),
            labels: labels.into(),
        },
        options,
    }
}

fn generation(user: &str, data: &[&str]) -> GenerationQuestion {
    GenerationQuestion {
        system: "You answer questions.".to_owned(),
        user: user.to_owned(),
        marks: Vec::new(),
        data: data.iter().map(|&data| data.into()).collect(),
        output_schema: None,
        max_output_tokens: None,
        temperature: None,
    }
}

async fn summarized(text: &str, style: SummaryStyle, length: SummaryLength) -> Summary {
    let options = SummaryOptions {
        length,
        style,
        ..SummaryOptions::default()
    };
    let Ok(AnalysisOutput::Summary(summary)) = ENGINE.answer(&summary(text, options)).await else {
        panic!("no summary")
    };
    assert!(
        summary.text.chars().count() <= text.chars().count(),
        "never longer than the source: {}",
        summary.text
    );
    summary
}

#[tokio::test]
async fn summaries_take_every_style() {
    let three = SummaryLength::Sentences(3);
    let bullets = summarized(TEXT, SummaryStyle::Bullets, three).await;
    assert_eq!(bullets.text.lines().count(), 3);
    assert!(
        bullets
            .text
            .lines()
            .zip(&bullets.sentences)
            .all(|(line, one)| line == format!("- {}", one.text))
    );
    for (style, ends) in [(SummaryStyle::Headline, false), (SummaryStyle::Tldr, true)] {
        let one = summarized(TEXT, style, three).await;
        assert_eq!(
            (one.sentences.len(), one.text.ends_with('.')),
            (1, ends),
            "{}",
            one.text
        );
        assert!((one.sentences[0].rank_score - 1.0).abs() < 1e-12, "the best one");
        assert!(one.sentences[0].text.starts_with(&one.text));
    }
}

#[tokio::test]
async fn no_style_outgrows_what_is_wanted_or_the_source() {
    for style in [
        SummaryStyle::Paragraph,
        SummaryStyle::Bullets,
        SummaryStyle::Headline,
        SummaryStyle::Tldr,
    ] {
        for text in [
            TEXT,
            "It rains.",
            "It rains. It pours.",
            "雨だ。晴れだ。",
            "👍",
            "a.\nb.\nc.",
        ] {
            for most in [1, 5, 12, 18, 60, 1_000] {
                let summary = summarized(text, style, SummaryLength::MaxChars(most)).await;
                assert!(
                    summary.text.chars().count() <= most,
                    "{style:?} {most} {}",
                    summary.text
                );
                summarized(text, style, SummaryLength::Sentences(20)).await;
            }
        }
    }
    assert_eq!(
        summarized("It rains.", SummaryStyle::Bullets, SummaryLength::Sentences(3))
            .await
            .text,
        "It rains."
    );
}

#[tokio::test]
async fn several_labels_are_named_where_several_fit() {
    let several = ClassificationOptions {
        threshold: 0.5,
        multi_label: true,
        rationale: false,
    };
    let ask = async |text: &str, options| match ENGINE.answer(&classification(text, options)).await {
        Ok(AnalysisOutput::Classification(answer)) => answer,
        other => panic!("{other:?}"),
    };
    let both = ask(
        "Doctors at the hospital say the football players who scored goals in the match need medicine.",
        several,
    )
    .await;
    let mut named: Vec<&str> = both.labels.iter().map(|id| id.0.as_str()).collect();
    assert_eq!(both.label.as_ref(), both.labels.first());
    named.sort_unstable();
    assert_eq!(named, ["health", "sport"], "{both:?}");
    let one = ask("Shares fell as the banks raised prices.", several).await;
    assert_eq!(one.labels, [LabelId("money".to_owned())], "{one:?}");
    let none = ask("12345", several).await;
    assert_eq!(
        (none.labels.len(), none.abstained),
        (0, Some(AbstainReason::NoEvidence))
    );
    let single = ClassificationOptions {
        multi_label: false,
        ..several
    };
    assert!(
        ask("Shares fell as the banks raised prices.", single)
            .await
            .labels
            .is_empty()
    );
}

#[tokio::test]
async fn a_generation_is_the_datas_own_sentences() {
    let user = format!("When did the payment service fail?\n\nBEGIN\n{TEXT}\nEND");
    let found = ENGINE.generate(&generation(&user, &[TEXT])).await.unwrap();
    assert!(found.text.contains("forty minutes on Monday") && found.json.is_none());
    let long = "The cat sat on the mat near the door. ".repeat(40) + "The zeppelin landed in Bergen.";
    let found = ENGINE
        .generate(&generation("Where did the zeppelin land?", &[&long]))
        .await
        .unwrap();
    assert!(found.text.contains("The zeppelin landed in Bergen."));
    let short = GenerationQuestion {
        max_output_tokens: Some(1),
        ..generation("When did it fail?", &[TEXT])
    };
    let found = ENGINE.generate(&short).await.unwrap();
    assert!(TEXT.contains(&found.text));
}

#[tokio::test]
async fn what_it_cannot_do_it_says() {
    let cannot = |question: &Question| ENGINE.cannot(question);
    assert_eq!(cannot(&summary(TEXT, SummaryOptions::default())), None);
    let abstractive = SummaryOptions {
        method: Some(SummaryMethod::Abstractive),
        ..SummaryOptions::default()
    };
    assert!(
        cannot(&summary(TEXT, abstractive))
            .unwrap()
            .contains("no sentences of its own")
    );
    let in_language = |code: &str| SummaryOptions {
        language: Some(code.to_owned()),
        ..SummaryOptions::default()
    };
    assert!(
        cannot(&summary(TEXT, in_language("de")))
            .unwrap()
            .contains("does not translate")
    );
    assert_eq!(cannot(&summary(TEXT, in_language("en-GB"))), None);
    let plain = ClassificationOptions {
        threshold: 0.5,
        multi_label: true,
        rationale: false,
    };
    assert_eq!(cannot(&classification(TEXT, plain)), None);
    assert!(
        cannot(&classification(
            TEXT,
            ClassificationOptions {
                rationale: true,
                ..plain
            }
        ))
        .is_some()
    );

    assert_eq!(cannot(&Question::Generation(generation("Why?", &[TEXT]))), None);
    let with_schema = GenerationQuestion {
        output_schema: Some(Arc::new(json!({}))),
        ..generation("Why?", &[TEXT])
    };
    for question in [with_schema, generation("Why?", &[]), generation("Why?", &[" \n"])] {
        let reason = cannot(&Question::Generation(question.clone())).unwrap();
        let error = ENGINE.generate(&question).await.unwrap_err();
        assert_eq!(error.to_string(), format!("`/engine`: the embedded engine {reason}"));
    }
}
