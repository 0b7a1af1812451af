use super::*;
use serde::Deserialize;

/// A text with statements that it supports, in other words, and statements that contradict it or are invented.
#[derive(Deserialize)]
struct Case {
    text: String,
    r#true: Vec<String>,
    r#false: Vec<String>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/support/statements.json")).unwrap()
}

#[derive(Default, Debug)]
struct Counts {
    kept_true: usize,
    all_true: usize,
    kept_false: usize,
    all_false: usize,
}

impl Counts {
    fn precision(&self) -> f64 {
        self.kept_true as f64 / (self.kept_true + self.kept_false) as f64
    }

    fn recall(&self) -> f64 {
        self.kept_true as f64 / self.all_true as f64
    }
}

fn measure(cases: &[Case]) -> Counts {
    let mut counts = Counts::default();
    for case in cases {
        for found in supported(&Encoder::shared(), &case.text, &case.r#true) {
            counts.all_true += 1;
            counts.kept_true += usize::from(found.supported);
            println!("true  {:.2} {}", found.support, found.text);
        }
        for found in supported(&Encoder::shared(), &case.text, &case.r#false) {
            counts.all_false += 1;
            counts.kept_false += usize::from(found.supported);
            println!("false {:.2} {}", found.support, found.text);
        }
    }
    println!(
        "{counts:?} precision {:.3} recall {:.3}",
        counts.precision(),
        counts.recall()
    );
    counts
}

#[test]
fn most_paraphrases_are_supported_and_few_false_statements() {
    let cases = cases();
    let (chosen_on, held_out) = cases.split_at(4);
    let (chosen_on, held_out) = (measure(chosen_on), measure(held_out));
    assert!(chosen_on.all_true + held_out.all_true >= 40 && chosen_on.all_false + held_out.all_false >= 40);
    assert!(
        chosen_on.precision() >= 0.94 && chosen_on.recall() >= 0.9,
        "{chosen_on:?}"
    );
    assert!(held_out.precision() >= 0.9 && held_out.recall() >= 0.95, "{held_out:?}");
}

fn one(source: &str, written: &str) -> WrittenSentence {
    supported(&Encoder::shared(), source, &[written.to_owned()]).remove(0)
}

#[test]
fn anchors_are_places_in_the_source() {
    let source = "Größere Änderungen – no. 👍 The parcel arrived on Friday. Lunch was late. It was sent back to Leeds on Monday.";
    let found = one(source, "The parcel arrived on Friday and was sent back to Leeds.");
    let characters: Vec<char> = source.chars().collect();
    let anchored: Vec<String> = found
        .sources
        .iter()
        .map(|anchor| {
            characters[anchor.offset..anchor.offset + anchor.length]
                .iter()
                .collect()
        })
        .collect();
    assert_eq!(
        anchored,
        [
            "It was sent back to Leeds on Monday.",
            "👍 The parcel arrived on Friday."
        ]
    );
    assert!(found.supported && found.sources.iter().all(|anchor| (0.0..=1.0).contains(&anchor.score)));
}

#[test]
fn what_contradicts_lowers_the_support() {
    let source = "Sales rose by 15 percent in Bergen. The shop in Leeds was not closed.";
    let support = |written: &str| one(source, written).support;
    let right = support("In Bergen, sales rose by 15 percent.");
    assert!(right > 0.99);
    for wrong in [
        "In Bergen, sales rose by 51 percent.",
        "In Oslo, sales rose by 15 percent.",
        "In Bergen, sales did not rise by 15 percent.",
        "In Bergen, sales fell by 15 percent.",
        "The shop in Leeds was closed.",
    ] {
        assert!(support(wrong) < THRESHOLD, "{wrong} {}", support(wrong));
    }
}

#[test]
fn numbers_are_compared_however_they_are_written() {
    let source = "It cost $1,200.50, took 40 minutes and failed twice within three days.";
    for same in [
        "It cost 1200.5 dollars.",
        "It took forty or 40 minutes.",
        "It failed two times within 3 days.",
    ] {
        assert!(one(source, same).supported, "{same} {:?}", one(source, same));
    }
}

#[test]
fn a_translation_is_never_supported_but_finds_its_numbers_and_names() {
    let source = "The parcel from Hamburg was sent on Monday and reached the customer two days later. \
        The driver could not find the house number 48 in Baker Street and left it with a neighbour.";
    let written =
        "Der Fahrer hat die Hausnummer 48 in der Baker Street nicht gefunden und das Paket beim Nachbarn abgegeben.";
    let found = one(source, written);
    assert!(
        !found.supported && found.support > 0.0 && found.support <= 0.5,
        "{found:?}"
    );
    assert!(found.sources[0].offset > 0);
    let found = one(
        source,
        "Das Paket kam zu spät an, und niemand wusste, wo es inzwischen geblieben war.",
    );
    assert_eq!((found.support, found.sources.len()), (0.0, 0));
}

#[test]
fn the_same_language_is_compared_whatever_it_is() {
    for (source, written) in [
        (
            "Das Paket kam zwei Tage zu spät an. Niemand konnte sagen, warum.",
            "Das Paket kam zu spät an.",
        ),
        ("今日は雨だ。明日は晴れる。傘はいらない。", "明日は晴れる。"),
        ("包裹晚到了两天，柜台没有人能告诉我原因。", "包裹晚到了两天。"),
    ] {
        assert!(one(source, written).supported, "{:?}", one(source, written));
    }
}

#[test]
fn odd_texts_have_a_support_too() {
    for source in ["", "...", "\0", "👍", "A", &"word ".repeat(5_000)] {
        for written in ["", "...", "5", "👍👍", "A. B.", "Not a word of it.", &"x ".repeat(500)] {
            let found = one(source, written);
            assert!((0.0..=1.0).contains(&found.support) && found.sources.len() <= MOST_SOURCES);
        }
    }
}
