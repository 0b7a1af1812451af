use super::super::{
    classify,
    scripted::{Scripted, labels},
    summarize,
};
use crate::{
    domain::answers::{ClassificationOptions, SummaryMethod, SummaryOptions},
    engines::embedded::EmbeddedEngine,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The longest time for which nothing else was done on this thread while `work` was under way.
async fn longest_wait(work: impl Future<Output = ()>) -> Duration {
    let mut work = std::pin::pin!(work);
    let mut longest = Duration::ZERO;
    loop {
        let began = Instant::now();
        tokio::select! {
            biased;
            () = &mut work => return longest.max(began.elapsed()),
            () = tokio::time::sleep(Duration::from_millis(1)) => longest = longest.max(began.elapsed()),
        }
    }
}

#[tokio::test]
async fn others_do_not_wait_for_a_long_text() {
    let sentence = |n: usize| format!("Report {n} is about the parcels that came on day {n}. ");
    let text: Arc<str> = (0..30_000).map(sentence).collect::<String>().into();
    let embedded = EmbeddedEngine::new();
    let abstractive = SummaryOptions::default();
    let extractive = SummaryOptions {
        method: Some(SummaryMethod::Extractive),
        ..SummaryOptions::default()
    };
    let options = ClassificationOptions {
        threshold: 0.5,
        multi_label: false,
        rationale: false,
    };
    let writing = Scripted::saying(&["Parcels came."]);
    let choosing = Scripted::saying(&["{\"sentences\": [1]}"]);
    let labelling = Scripted::saying(&["{\"label\": \"billing\"}"]);
    let began = Instant::now();
    let waits = [
        longest_wait(async { drop(summarize(&writing, &embedded, &text, &abstractive).await.unwrap()) }).await,
        longest_wait(async { drop(summarize(&choosing, &embedded, &text, &extractive).await.unwrap()) }).await,
        longest_wait(async { drop(classify(&labelling, &text, &labels(), &options).await.unwrap()) }).await,
    ];
    let took = began.elapsed();
    // Where it is done on the thread itself, nearly all of the time is one wait.
    assert!(waits.iter().all(|wait| *wait * 5 < took), "{waits:?} of {took:?}");
}
