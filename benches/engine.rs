//! Documents a second and core of the embedded engine, the time to its first answer, and the memory it takes.
//!
//! `cargo bench --bench engine`. The articles are put together from sentences of our own, so
//! that nothing has to be downloaded; `scripts/bench` measures quality, and speed on real news, with public data.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};
use synoptic::domain::answers::{SentenceOrder, SummaryLength, SummaryOptions, SummaryPreset};
use synoptic::domain::labels::{Label, LabelId};
use synoptic::engines::embedded::{DEFAULT_THRESHOLD, EmbeddedEngine};
use synoptic::text;

/// Each measurement runs at least this long.
const SHORTEST_RUN: Duration = Duration::from_secs(2);
const ARTICLES: usize = 500;
const SENTENCES_AN_ARTICLE: usize = 20;

const SUBJECTS: [&str; 12] = [
    "The airline",
    "A regional court",
    "The team's new striker",
    "The city council",
    "Researchers in Leeds",
    "The bank",
    "An independent cinema",
    "The minister for transport",
    "A start-up from Porto",
    "The orchestra",
    "The union",
    "Her doctor",
];
const VERBS: [&str; 10] = [
    "announced on Tuesday that it would delay",
    "was asked to explain",
    "has agreed to pay for",
    "rejected, for the third time,",
    "published a long report about",
    "quietly withdrew",
    "won a prize for",
    "could not say who had approved",
    "will vote next week on",
    "spent £4.2m on",
];
const OBJECTS: [&str; 12] = [
    "the sale of its software division",
    "a plan to close eleven rural stations",
    "cheaper broadband for schools",
    "the recording of the second symphony",
    "an appeal against the transfer ban",
    "new rules for short-term lets",
    "a vaccine that needs no refrigeration",
    "the rise in interest rates",
    "the film about the miners' strike",
    "an outage that left 40,000 homes without power",
    "the merger with its largest rival",
    "a cup final nobody expected",
];
const ENDS: [&str; 8] = [
    ", and analysts expect more of the same before the end of the year.",
    ".",
    ", although the figures are provisional.",
    ", which critics called too little and too late.",
    " (the details were not made public).",
    "; \"we did what we could,\" a spokeswoman said.",
    " after a week of talks in Geneva.",
    ", according to two people who were there.",
];

fn main() -> std::io::Result<()> {
    let begin = Instant::now();
    let engine = EmbeddedEngine::new();
    let ready = begin.elapsed();
    let classifier = engine.classifier(&labels());
    black_box(classifier.classify("The airline will buy its largest rival.", DEFAULT_THRESHOLD));
    let first_answer = begin.elapsed();

    let articles: Vec<String> = (0..ARTICLES as u64).map(article).collect();
    let options = SummaryOptions {
        length: SummaryLength::Sentences(3),
        order: SentenceOrder::Offset,
        preset: SummaryPreset::General,
        ..SummaryOptions::default()
    };
    let mut output = std::io::stdout().lock();
    writeln!(
        output,
        "engine ready after {ready:.1?}, first classification after {first_answer:.1?}"
    )?;
    writeln!(
        output,
        "articles of {} characters on average",
        articles.iter().map(String::len).sum::<usize>() / ARTICLES
    )?;
    let mut report = |name: &str, work: &dyn Fn(&str)| {
        writeln!(
            output,
            "{name:<12} {:>8.0} documents/s on one core",
            rate(&articles, work)
        )
    };
    report("classify", &|article| {
        drop(black_box(classifier.classify(article, DEFAULT_THRESHOLD)));
    })?;
    report("summarize", &|article| {
        drop(black_box(engine.summarize(article, &options)));
    })?;
    report("sentences", &|article| drop(black_box(text::sentences(article))))?;
    report("language", &|article| {
        black_box(text::detect_language(article));
    })?;
    if let Some(memory) = resident_memory() {
        writeln!(output, "resident memory {memory}, the articles included")?;
    }
    Ok(())
}

fn rate(articles: &[String], work: &dyn Fn(&str)) -> f64 {
    let begin = Instant::now();
    let mut done = 0usize;
    while begin.elapsed() < SHORTEST_RUN {
        for article in articles {
            work(article);
        }
        done += articles.len();
    }
    done as f64 / begin.elapsed().as_secs_f64()
}

fn article(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut pick = |list: &[&'static str]| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        list[(state >> 33) as usize % list.len()]
    };
    let sentences: Vec<String> = (0..SENTENCES_AN_ARTICLE)
        .map(|_| format!("{} {} {}{}", pick(&SUBJECTS), pick(&VERBS), pick(&OBJECTS), pick(&ENDS)))
        .collect();
    sentences.join(" ")
}

fn labels() -> Vec<Label> {
    [
        (
            "business",
            "Business",
            "Companies, markets, banks, profits, jobs and the economy.",
        ),
        ("culture", "Culture", "Films, music, books, theatre and the arts."),
        (
            "politics",
            "Politics",
            "Government, parliament, parties, elections and laws.",
        ),
        (
            "sport",
            "Sport",
            "Football, rugby, tennis, athletics, players and matches.",
        ),
        (
            "technology",
            "Technology",
            "Computers, software, the internet and mobile phones.",
        ),
    ]
    .map(|(id, name, description)| Label {
        id: LabelId(id.to_owned()),
        name: name.to_owned(),
        description: description.to_owned(),
        examples: Vec::new(),
    })
    .to_vec()
}

/// `VmRSS` as Linux reports it; elsewhere unknown.
fn resident_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .map(|value| value.trim().to_owned())
}
