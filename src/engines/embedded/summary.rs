//! Extractive summaries: the sentences that say most of what a text says, word for word.
//!
//! Sentences are compared by TF-IDF; PageRank over their likeness tells how central each is (`candidates`, `centrality`);
//! then they are taken one by one, each time the best that does not repeat what is already there (`selection`). On
//! papers this beats LexRank, TextRank and the opening sentences; `docs/benchmarks.md` has the numbers.

use super::candidates::Candidates;
use super::selection::Pick;
use super::styles::{is_one_sentence, styled, styled_length};
use super::vectors::Encoder;
use crate::domain::answers::{SentenceOrder, Summary, SummaryLength, SummaryOptions, SummarySentence, SummaryStyle};
use std::ops::Range;

/// Summarises `text` as `options` say. The parts are joined by a space (Chinese and Japanese ones by nothing), and the
/// whole is never longer than the text nor than the wanted number of characters: a sentence that no longer fits is passed
/// over for the next best, and when none fits at all, the beginning of the best is taken, up to the last whole word.
///
/// A headline or a single sentence is the best one. A point that would make the summary too long with its `- ` is left out, and if
/// it is the only one, it stands without.
#[must_use]
pub fn summarize(encoder: &Encoder, text: &str, options: &SummaryOptions) -> Summary {
    let candidates = Candidates::of(encoder, text, options);
    let mut chosen = candidates.choose(text, options.length);
    if is_one_sentence(options.style) {
        chosen.truncate(1);
    }
    if options.style == SummaryStyle::Bullets {
        let most = most_characters(text, options);
        while chosen.len() > 1 && length(text, &chosen, options.style) > most {
            chosen.pop();
        }
    }
    in_order(text, chosen, options)
}

/// A summary of the sentences at `ranges` that were chosen elsewhere, by their numbers, best first: as many as are wanted, and
/// those that fit. Empty when none does. Their scores are what they have here, whoever chose them.
#[must_use]
pub fn extract(
    encoder: &Encoder,
    text: &str,
    ranges: &[Range<usize>],
    chosen: &[usize],
    options: &SummaryOptions,
) -> Summary {
    let candidates = Candidates::with(encoder, text, options, chosen);
    let score_of = |range: &Range<usize>| {
        let scored = candidates.segments.iter().zip(&candidates.scores);
        scored
            .filter(|(segment, _)| segment.range == *range)
            .map(|(_, score)| *score)
            .next()
            .unwrap_or_default()
    };
    let count = match options.length {
        _ if is_one_sentence(options.style) => 1,
        SummaryLength::Sentences(count) => usize::from(count).max(1),
        SummaryLength::MaxChars(_) => chosen.len(),
    };
    let most = most_characters(text, options);
    let mut picks: Vec<Pick> = Vec::new();
    for range in chosen.iter().filter_map(|&number| ranges.get(number)) {
        picks.push(Pick {
            range: range.clone(),
            score: score_of(range),
        });
        if picks.len() > count || length(text, &picks, options.style) > most {
            picks.pop();
        }
    }
    in_order(text, picks, options)
}

fn in_order(text: &str, mut chosen: Vec<Pick>, options: &SummaryOptions) -> Summary {
    if options.order == SentenceOrder::Offset {
        chosen.sort_by_key(|pick| pick.range.start);
    }
    assemble(text, &chosen, options)
}

fn most_characters(text: &str, options: &SummaryOptions) -> usize {
    let source = text.chars().count();
    match options.length {
        SummaryLength::MaxChars(most) => most.min(source),
        SummaryLength::Sentences(_) => source,
    }
}

fn length(text: &str, picks: &[Pick], style: SummaryStyle) -> usize {
    let sentences: Vec<String> = picks.iter().map(|pick| text[pick.range.clone()].to_owned()).collect();
    styled_length(&sentences, style)
}

/// Writes the picks down with their places in characters.
fn assemble(text: &str, chosen: &[Pick], options: &SummaryOptions) -> Summary {
    let mut in_source_order: Vec<usize> = (0..chosen.len()).collect();
    in_source_order.sort_by_key(|&pick| chosen[pick].range.start);
    let mut offsets = vec![0; chosen.len()];
    let (mut bytes, mut characters) = (0, 0);
    for pick in in_source_order {
        let start = chosen[pick].range.start;
        characters += text[bytes..start].chars().count();
        bytes = start;
        offsets[pick] = characters;
    }
    let sentences: Vec<SummarySentence> = chosen
        .iter()
        .zip(offsets)
        .map(|(pick, offset)| {
            let sentence = &text[pick.range.clone()];
            SummarySentence {
                text: sentence.to_owned(),
                offset,
                length: sentence.chars().count(),
                rank_score: pick.score,
            }
        })
        .collect();
    let parts: Vec<String> = sentences.iter().map(|sentence| sentence.text.clone()).collect();
    let mut whole = styled(&parts, options.style);
    // The source had no spaces between its sentences, or is one sentence without a `- `.
    if whole.chars().count() > most_characters(text, options) {
        whole = parts.concat();
    }
    Summary {
        text: whole,
        sentences,
        written: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answers::SummaryPreset;

    const INCIDENT: &str = "The payment service was down for forty minutes on Monday. \
        A new certificate had been installed on the payment service, but the load balancer still trusted the old one. \
        Customers saw an error when they tried to pay. \
        The on-call engineer restarted the payment service twice, which did not help. \
        Lunch was late. \
        After the load balancer was told to trust the new certificate, the payment service worked again. \
        We will check certificates on the load balancer before every change of the payment service.";

    fn options(length: SummaryLength) -> SummaryOptions {
        SummaryOptions {
            length,
            order: SentenceOrder::Offset,
            preset: SummaryPreset::General,
            focus: None,
            ..SummaryOptions::default()
        }
    }

    fn summary_of(text: &str, options: &SummaryOptions) -> Summary {
        let summary = summarize(&Encoder::shared(), text, options);
        let source: Vec<char> = text.chars().collect();
        for sentence in &summary.sentences {
            let slice: String = source[sentence.offset..sentence.offset + sentence.length]
                .iter()
                .collect();
            assert_eq!(slice, sentence.text, "anchored exactly");
            assert!((0.0..=1.0).contains(&sentence.rank_score));
        }
        assert!(
            summary.text.chars().count() <= source.len(),
            "never longer than the source"
        );
        summary
    }

    #[test]
    fn the_sentences_that_say_most_are_kept_in_source_order() {
        let summary = summary_of(INCIDENT, &options(SummaryLength::Sentences(3)));
        assert_eq!(summary.sentences.len(), 3);
        assert!(summary.sentences.is_sorted_by_key(|sentence| sentence.offset));
        assert!(!summary.text.contains("Lunch"));
        let best = summary
            .sentences
            .iter()
            .map(|sentence| sentence.rank_score)
            .fold(0.0, f64::max);
        assert!((best - 1.0).abs() < 1e-12);
    }

    #[test]
    fn by_rank_the_best_comes_first() {
        let wanted = SummaryOptions {
            order: SentenceOrder::Rank,
            ..options(SummaryLength::Sentences(4))
        };
        let summary = summary_of(INCIDENT, &wanted);
        assert!((summary.sentences[0].rank_score - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_focus_draws_the_summary_to_it() {
        let wanted = SummaryOptions {
            focus: Some("when do we eat lunch".to_owned()),
            ..options(SummaryLength::Sentences(1))
        };
        assert_eq!(summary_of(INCIDENT, &wanted).text, "Lunch was late.");
        let empty = SummaryOptions {
            focus: Some(" ".to_owned()),
            ..options(SummaryLength::Sentences(1))
        };
        assert_eq!(
            summary_of(INCIDENT, &empty),
            summary_of(INCIDENT, &options(SummaryLength::Sentences(1)))
        );
    }

    #[test]
    fn news_begin_with_the_lead() {
        let wanted = SummaryOptions {
            preset: SummaryPreset::News,
            ..options(SummaryLength::Sentences(2))
        };
        assert!(
            summary_of(INCIDENT, &wanted)
                .text
                .starts_with("The payment service was down")
        );
    }

    #[test]
    fn the_wanted_number_of_characters_is_never_exceeded() {
        for most in [0, 1, 2, 5, 10, 20, 57, 58, 100, 250, 100_000] {
            let summary = summary_of(INCIDENT, &options(SummaryLength::MaxChars(most)));
            assert!(summary.text.chars().count() <= most, "{most}: {}", summary.text);
            assert_eq!(summary.sentences.is_empty(), most == 0, "{most}");
        }
        let cut = summary_of(
            "Extraordinarily interesting things happened.",
            &options(SummaryLength::MaxChars(28)),
        );
        assert_eq!(cut.text, "Extraordinarily interesting");
    }

    #[test]
    fn a_reply_is_summarised_rather_than_what_it_quotes() {
        let mail = "Hello Bob,\n\nthe printer on the second floor has been repaired and prints in colour again.\n\nOn Monday Bob wrote:\n> The printer on the second floor is broken and nobody prints any more.\n> The printer on the second floor needs toner for colour.\n-- \nAnn Example\nExample Printing Ltd, second floor";
        let summary = summary_of(mail, &options(SummaryLength::Sentences(1)));
        assert!(summary.text.contains("repaired"), "{}", summary.text);
    }

    #[test]
    fn odd_texts_are_summarised_exactly_or_not_at_all() {
        for text in ["", " \n ", "...", "\0\0\0"] {
            let summary = summary_of(text, &options(SummaryLength::Sentences(3)));
            assert_eq!((summary.text.as_str(), summary.sentences.len()), ("", 0), "{text:?}");
        }
        for text in [
            "One sentence only.",
            "👍👍",
            "今日は雨だ。明日は晴れる。傘はいらない。",
            "وصل الطرد متأخرا. لم يجب أحد. شكرا لكم.",
            "Great app.Love it.Use it daily.",
            "a\0b. c\0d! \u{301}e? x",
            "- milk\n- bread\n- butter and jam for the weekend",
        ] {
            for most in [1, 2, 20] {
                assert!(
                    !summary_of(text, &options(SummaryLength::Sentences(most)))
                        .sentences
                        .is_empty(),
                    "{text:?}"
                );
                let by_rank = SummaryOptions {
                    order: SentenceOrder::Rank,
                    ..options(SummaryLength::Sentences(most))
                };
                summary_of(text, &by_rank);
            }
        }
    }

    #[test]
    fn random_texts_are_anchored_exactly() {
        let words = [
            "Payment",
            "failed.",
            "the",
            "é",
            "漢字。",
            "\n",
            "- ",
            "Dr.",
            "server",
            "server",
            "down!",
            "\0",
            "> ",
            "👍",
            "5.5",
        ];
        let mut state = 3u64;
        for round in 0..300usize {
            let text: String = (0..60)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    words[(state >> 33) as usize % words.len()].to_owned() + if state >> 63 == 0 { " " } else { "" }
                })
                .collect();
            let length = if round % 2 == 0 {
                SummaryLength::Sentences(3)
            } else {
                SummaryLength::MaxChars(round)
            };
            let summary = summary_of(&text, &options(length));
            assert!(round % 2 == 0 || summary.text.chars().count() <= round);
        }
    }

    #[test]
    fn what_is_asked_for_is_found_in_a_very_long_text() {
        let filler: Vec<String> = (0..2_000)
            .map(|n| format!("Report {n} is about the weekly figures. "))
            .collect();
        let text = filler.concat() + "The zeppelin landed. " + &filler.concat();
        let wanted = SummaryOptions {
            focus: Some("zeppelin".to_owned()),
            ..options(SummaryLength::Sentences(1))
        };
        assert_eq!(summary_of(&text, &wanted).text, "The zeppelin landed.");
    }

    #[test]
    fn a_very_long_text_is_thinned_first() {
        let reports: Vec<String> = (0..20_000)
            .map(|n| format!("Report {n} is about topic{} of group{}. ", n % 97, n % 13))
            .collect();
        let text = reports.concat();
        assert_eq!(
            summary_of(&text, &options(SummaryLength::Sentences(20)))
                .sentences
                .len(),
            20
        );
        let line = "word ".repeat(200_000);
        assert_eq!(
            summary_of(&line, &options(SummaryLength::Sentences(2))).sentences.len(),
            2
        );
    }
}
