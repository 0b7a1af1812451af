use super::*;

fn label(id: &str, name: &str, description: &str, examples: &[&str]) -> Label {
    let examples = examples.iter().map(|&example| example.to_owned()).collect();
    Label {
        id: LabelId(id.to_owned()),
        name: name.to_owned(),
        description: description.to_owned(),
        examples,
    }
}

fn classifier(labels: &[Label]) -> Classifier {
    Classifier::fit(Encoder::shared(), labels)
}

fn support() -> Vec<Label> {
    vec![
        label(
            "billing",
            "Billing",
            "Invoices, payments, refunds, prices and subscriptions.",
            &[],
        ),
        label(
            "bug-report",
            "Bug report",
            "Crashes, error messages, things that stopped working.",
            &[],
        ),
        label(
            "delivery",
            "Delivery",
            "Parcels, shipping, couriers, late or lost packages.",
            &[],
        ),
    ]
}

fn assert_sound(answer: &Classification, labels: &[Label]) {
    let sum: f64 = answer.scores.iter().map(|score| score.score).sum();
    assert!(labels.is_empty() || (sum - 1.0).abs() < 1e-9, "{answer:?}");
    assert_eq!(answer.scores.len(), labels.len());
    assert!(
        answer.scores.iter().all(|score| (0.0..=1.0).contains(&score.score)),
        "{answer:?}"
    );
    assert!(answer.scores.is_sorted_by(|left, right| left.score >= right.score));
    assert!((0.0..=1.0).contains(&answer.confidence.unwrap()));
    assert!(answer.label.is_some() != answer.abstained.is_some());
    assert!(
        answer
            .label
            .iter()
            .all(|chosen| labels.iter().any(|label| label.id == *chosen))
    );
}

#[test]
fn plain_tickets_find_their_label_without_examples() {
    let fitted = classifier(&support());
    for (expected, text) in [
        (
            "billing",
            "I was charged twice for my subscription, please refund the second payment.",
        ),
        (
            "bug-report",
            "The app crashes with an error message whenever I open the settings.",
        ),
        (
            "delivery",
            "My parcel has still not arrived and the courier does not answer.",
        ),
    ] {
        let answer = fitted.classify(text, DEFAULT_THRESHOLD);
        assert_eq!(answer.label, Some(LabelId(expected.to_owned())), "{answer:?}");
        assert_sound(&answer, &support());
    }
}

#[test]
fn examples_teach_what_the_words_do_not_say() {
    let labels = [
        label(
            "a",
            "Team A",
            "",
            &[
                "the printer is out of paper",
                "toner is empty",
                "printer jam again",
                "paper tray broken",
                "cannot print",
            ],
        ),
        label(
            "b",
            "Team B",
            "",
            &[
                "the coffee is cold",
                "espresso machine leaks",
                "no milk left",
                "coffee beans are gone",
                "clean the kitchen",
            ],
        ),
    ];
    for count in 1..=5 {
        let fewer = labels.clone().map(|label| Label {
            examples: label.examples[..count].to_vec(),
            ..label
        });
        let fitted = classifier(&fewer);
        let answer = fitted.classify("someone should refill the paper of the printer", 0.0);
        assert_eq!(answer.label, Some(LabelId("a".to_owned())), "{count} examples");
        assert_sound(&answer, &fewer);
    }
}

#[test]
fn texts_without_a_known_word_give_no_evidence_and_even_scores() {
    let fitted = classifier(&support());
    for text in ["", "   ", "12345 67", "👍🎉", "\0\0", "?!?!", "𓀀𓀁"] {
        let answer = fitted.classify(text, 0.0);
        assert_eq!(answer.abstained, Some(AbstainReason::NoEvidence), "{text:?}");
        assert!((answer.confidence.unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert_sound(&answer, &support());
    }
}

#[test]
fn other_languages_are_refused_with_flattened_scores() {
    let fitted = classifier(&support());
    for text in [
        "Mein Paket ist immer noch nicht angekommen, und der Zusteller antwortet nicht auf meine Nachrichten.",
        "荷物がまだ届いていません。配達業者に連絡しても返事がありません。",
        "لم يصل الطرد حتى الآن ولا يجيب المندوب على رسائلي.",
        "Посылка до сих пор не пришла, и курьер не отвечает на сообщения.",
    ] {
        let answer = fitted.classify(text, 0.0);
        assert_eq!(answer.abstained, Some(AbstainReason::UnsupportedLanguage), "{text}");
        assert!(answer.confidence.unwrap() < 0.5, "{answer:?}");
        assert_sound(&answer, &support());
    }
}

#[test]
fn a_language_that_the_examples_are_in_is_answered() {
    let german = [
        label(
            "rechnung",
            "Rechnung",
            "",
            &[
                "Die Rechnung wurde doppelt abgebucht und ich möchte das Geld zurück.",
                "Bitte schicken Sie mir die Rechnung für den letzten Monat noch einmal.",
                "Warum ist der Preis für das Abonnement in diesem Jahr gestiegen?",
                "Die Zahlung mit der Karte ist nicht durchgegangen, was soll ich tun?",
            ],
        ),
        label(
            "lieferung",
            "Lieferung",
            "",
            &[
                "Das Paket ist seit zwei Wochen unterwegs und noch nicht angekommen.",
                "Der Zusteller hat das Paket bei einem Nachbarn abgegeben, den ich nicht kenne.",
                "Wann wird die Bestellung endlich geliefert, sie sollte gestern da sein?",
                "Die Lieferung war beschädigt, der Karton war auf einer Seite offen.",
            ],
        ),
    ];
    let answer = classifier(&german).classify(
        "Mein Paket ist noch nicht geliefert worden und der Zusteller ist nicht zu erreichen.",
        0.0,
    );
    assert_eq!(answer.label, Some(LabelId("lieferung".to_owned())), "{answer:?}");
}

#[test]
fn below_the_threshold_the_engine_abstains_but_shows_its_scores() {
    let fitted = classifier(&support());
    let answer = fitted.classify("Hello, I have a question.", 0.99);
    assert_eq!(
        (answer.label.clone(), answer.abstained),
        (None, Some(AbstainReason::BelowThreshold))
    );
    assert!(answer.confidence.unwrap() > 0.3);
    assert_sound(&answer, &support());
}

#[test]
fn no_label_and_one_label_are_answered_honestly() {
    let none = classifier(&[]).classify("Anything", 0.0);
    assert_eq!(
        (none.label.clone(), none.scores.len(), none.confidence.unwrap()),
        (None, 0, 0.0)
    );
    assert_sound(&none, &[]);

    let only = [support().remove(2)];
    let fitted = classifier(&only);
    let near = fitted.classify("The courier lost my parcel during shipping.", DEFAULT_THRESHOLD);
    let far = fitted.classify("The orchestra played two symphonies by Mozart.", DEFAULT_THRESHOLD);
    for text in [
        "",
        "123",
        "Mein Paket ist immer noch nicht angekommen, und der Zusteller antwortet nicht.",
    ] {
        assert!(fitted.classify(text, 0.0).confidence.unwrap() <= 0.625, "{text}");
    }
    assert!(classifier(&[]).classify("", 0.0).confidence.unwrap() < f64::EPSILON);
    assert!(near.confidence.unwrap() > 0.8 && near.label.is_some(), "{near:?}");
    assert!(far.confidence.unwrap() < 0.5 && far.label.is_none(), "{far:?}");
}

#[test]
fn labels_without_any_known_word_do_no_harm() {
    let labels = [
        label("x", "", "", &[]),
        label("y", "123", "👍", &[]),
        label("z", "Sports", "", &[""]),
    ];
    let answer = classifier(&labels).classify("football match", 0.0);
    assert_eq!(answer.label, Some(LabelId("z".to_owned())));
    assert_sound(&answer, &labels);
}

#[test]
fn the_same_labels_and_text_give_the_same_answer() {
    let text = "The invoice for March is wrong and the app shows an error.";
    let answers: Vec<Classification> = (0..3).map(|_| classifier(&support()).classify(text, 0.5)).collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
}
