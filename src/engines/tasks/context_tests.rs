//! Whatever is asked, and asked again, fits into the model's context together with its answer, also where the provider shows the
//! schema to the model.

use super::{
    classify,
    scripted::{Scripted, said},
    summarize,
};
use crate::{
    domain::{
        answers::{ClassificationOptions, SummaryLength, SummaryMethod, SummaryOptions},
        labels::{Label, LabelId},
    },
    engines::{
        chat::{ChatFormat, ChatReply, ChatRequest, Finish},
        embedded::EmbeddedEngine,
    },
};
use std::sync::Arc;

/// Spends all its tokens at the first call, and then says this.
fn cut_off_once(answer: &'static str) -> Scripted {
    let mut model = Scripted::new(move |call, _| {
        Ok(if call == 0 {
            ChatReply {
                finish: Finish::Length,
                ..said("{\"")
            }
        } else {
            said(answer)
        })
    });
    model.max_output = 4_000;
    model
}

/// How many tokens the request takes, with its schema and what it allows as an answer.
fn taken(request: &ChatRequest) -> usize {
    let contents = request.messages.iter().map(|message| message.content.as_str());
    let schema = match &request.format {
        ChatFormat::Text => String::new(),
        ChatFormat::Json { schema, .. } => schema.to_string(),
    };
    let prompt = contents.collect::<Vec<_>>().concat() + &schema;
    bpe_openai::o200k_base().count(prompt.as_str()) + request.max_output_tokens as usize
}

fn limits(model: &Scripted) -> Vec<u32> {
    let asked = model.asked();
    asked.iter().map(|(request, _)| request.max_output_tokens).collect()
}

fn all_fit(model: &Scripted) {
    for (request, _) in model.asked() {
        let taken = taken(&request);
        assert!(taken <= model.context as usize, "{taken}");
    }
}

#[tokio::test]
async fn a_classification_among_many_labels_does() {
    let many: Vec<Label> = (0..150)
        .map(|n| Label {
            id: LabelId(format!("label-number-{n}")),
            name: format!("Name {n}"),
            description: String::new(),
            examples: Vec::new(),
        })
        .collect();
    let options = ClassificationOptions {
        threshold: 0.5,
        multi_label: false,
        rationale: false,
    };
    let model = cut_off_once("{\"label\": \"label-number-7\"}");
    // Letters that are a token each leave no room for luck.
    let text: Arc<str> = "q5 z9 x4 ".repeat(20_000).into();
    classify(&model, &text, &many, &options).await.unwrap();
    all_fit(&model);
    // The second try gets what the text leaves, which is less than the model could write.
    let limits = limits(&model);
    assert!(limits[0] == 64 && (65..2_000).contains(&limits[1]), "{limits:?}");
}

#[tokio::test]
async fn a_choice_among_many_short_sentences_does() {
    let text: Arc<str> = "It q5 z9. ".repeat(3_000).into();
    let options = SummaryOptions {
        method: Some(SummaryMethod::Extractive),
        length: SummaryLength::Sentences(3),
        ..SummaryOptions::default()
    };
    for context in [3_000, 6_000, 8_000] {
        let mut model = cut_off_once("{\"sentences\": [1, 2, 3]}");
        model.context = context;
        summarize(&model, &EmbeddedEngine::new(), &text, &options)
            .await
            .unwrap();
        assert!(model.calls() > 1);
        all_fit(&model);
    }
}
