//! What of a text a search has found: where its words are, and which part shows them best. Words are told apart and compared as
//! both databases do it: runs of letters and digits in any case, without the accents of Latin letters.

use std::ops::Range;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Of the words of a part, this share at most is before its first match.
const LEAD_SHARE: usize = 8;

/// Words that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// As [`words`] gives them.
    pub words: Vec<String>,
    /// Whether the last word may go on.
    pub prefix: bool,
}

/// A part of a text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub range: Range<usize>,
    /// Within it, in their order.
    pub matches: Vec<Range<usize>>,
}

struct Word {
    range: Range<usize>,
    folded: String,
}

/// Of words `first..=last`.
struct Match {
    first: usize,
    last: usize,
    phrase: usize,
}

/// The words of a text as they are compared.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    split(text).map(|word| word.folded).collect()
}

/// The whole text and what matches in it.
#[must_use]
pub fn all(text: &str, phrases: &[Phrase]) -> Part {
    let words: Vec<Word> = split(text).collect();
    let matches = find(&words, phrases);
    Part {
        range: 0..text.len(),
        matches: matches.iter().map(|found| range_of(found, &words)).collect(),
    }
}

/// The part of at most `most` words in which most of the phrases occur, then most matches; the earliest of equals.
#[must_use]
pub fn best_part(text: &str, phrases: &[Phrase], most: usize) -> Part {
    let words: Vec<Word> = split(text).collect();
    let matches = find(&words, phrases);
    let last_begin = words.len().saturating_sub(most);
    let begin_of = |found: &Match| found.first.saturating_sub(most / LEAD_SHARE).min(last_begin);
    let mut best = (0, 0, matches.first().map_or(0, begin_of));
    for (index, found) in matches.iter().enumerate() {
        let begin = begin_of(found);
        let within = matches[index..].iter().take_while(|found| found.last < begin + most);
        let mut seen = vec![false; phrases.len()];
        let mut count = 0;
        for found in within {
            seen[found.phrase] = true;
            count += 1;
        }
        let kinds = seen.into_iter().filter(|seen| *seen).count();
        if (kinds, count) > (best.0, best.1) {
            best = (kinds, count, begin);
        }
    }
    let (begin, end) = (best.2, (best.2 + most).min(words.len()));
    // What is before the first word and after the last belongs to the text, too.
    let from = if begin == 0 { 0 } else { words[begin].range.start };
    let to = if end == words.len() {
        text.len()
    } else {
        words[end - 1].range.end
    };
    let within = matches.iter().filter(|found| found.first >= begin && found.last < end);
    Part {
        range: from..to,
        matches: within.map(|found| range_of(found, &words)).collect(),
    }
}

fn range_of(found: &Match, words: &[Word]) -> Range<usize> {
    words[found.first].range.start..words[found.last].range.end
}

/// Every match that does not overlap one before it; of those that begin with the same word, the longest.
fn find(words: &[Word], phrases: &[Phrase]) -> Vec<Match> {
    let (mut matches, mut first) = (Vec::new(), 0);
    while first < words.len() {
        let here = phrases
            .iter()
            .enumerate()
            .filter(|(_, phrase)| is_at(phrase, &words[first..]));
        match here.max_by_key(|(_, phrase)| phrase.words.len()) {
            Some((index, phrase)) => {
                let last = first + phrase.words.len() - 1;
                matches.push(Match {
                    first,
                    last,
                    phrase: index,
                });
                first = last + 1;
            }
            None => first += 1,
        }
    }
    matches
}

fn is_at(phrase: &Phrase, words: &[Word]) -> bool {
    let Some((last, before)) = phrase.words.split_last() else {
        return false;
    };
    let Some(end) = words.get(before.len()) else {
        return false;
    };
    before.iter().zip(words).all(|(wanted, word)| *wanted == word.folded)
        && if phrase.prefix {
            end.folded.starts_with(last.as_str())
        } else {
            end.folded == *last
        }
}

fn split(text: &str) -> impl Iterator<Item = Word> {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, _) = characters.find(|(_, character)| is_of_word(*character))?;
        while characters
            .next_if(|(_, character)| is_of_word(*character) || is_accent(*character))
            .is_some()
        {}
        let end = characters.peek().map_or(text.len(), |(end, _)| *end);
        Some(Word {
            range: start..end,
            folded: fold(&text[start..end]),
        })
    })
}

fn is_of_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    character.general_category_group() == GeneralCategoryGroup::Letter
        || character.general_category() == GeneralCategory::DecimalNumber
}

/// The combining diacritical marks.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// Accents go from Latin letters; from others, what is no letter of its own with it, such as a stress mark.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut after_latin = false;
    let bare = word.nfd().filter(|character| {
        if is_combining_mark(*character) {
            return !(after_latin && is_accent(*character));
        }
        after_latin = character.is_ascii_alphabetic();
        true
    });
    let composed = bare.nfc().filter(|character| !is_accent(*character));
    composed.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str) -> Phrase {
        Phrase {
            words: words(text),
            prefix: text.ends_with('*'),
        }
    }

    fn found<'a>(text: &'a str, phrases: &[&str]) -> Vec<&'a str> {
        let phrases: Vec<Phrase> = phrases.iter().map(|text| phrase(text)).collect();
        all(text, &phrases)
            .matches
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn case_and_accents_make_no_difference() {
        assert_eq!(
            words("Re\u{301}fünd AB-17, „ЙОГА“ Ærø!"),
            ["refund", "ab", "17", "йога", "ærø"]
        );
        assert_eq!(words("замо\u{301}к m² ½ 🅰 Ⅷ ١٢"), ["замок", "m", "١٢"]);
        assert_eq!(found("Réfünds and a RE\u{301}FUND.", &["refund"]), ["RE\u{301}FUND"]);
        assert_eq!(found("Réfünds and a refund.", &["refund*"]), ["Réfünds", "refund"]);
    }

    #[test]
    fn a_phrase_is_marked_as_a_whole() {
        let text = "A late, delivery; late delivery of delivery.";
        assert_eq!(
            found(text, &["late delivery", "delivery"]),
            ["late, delivery", "late delivery", "delivery"]
        );
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        let nothing = Part {
            range: 0..0,
            matches: Vec::new(),
        };
        assert_eq!(best_part("", &[phrase("a")], 32), nothing);
        assert_eq!(found("…!", &["a"]), [""; 0]);
    }

    #[test]
    fn the_part_with_most_of_the_phrases_is_best() {
        let filler = "word ".repeat(50);
        let text = format!("late {filler}late refund {filler}refund refund refund {filler}");
        let phrases = [phrase("late"), phrase("refund")];
        let part = best_part(&text, &phrases, 8);
        assert_eq!(&text[part.range], "word late refund word word word word word");
        assert_eq!(part.matches.len(), 2);
        let whole = best_part("(A late one.)", &phrases, 8);
        assert_eq!(whole.range, 0..13);
        let none = best_part(&text, &[phrase("none")], 8);
        assert_eq!(
            (&text[none.range], none.matches.len()),
            ("late word word word word word word word", 0)
        );
    }

    #[test]
    fn a_part_at_the_end_has_all_its_words() {
        let text = format!("{}refund?!", "word ".repeat(50));
        let part = best_part(&text, &[phrase("refund")], 4);
        assert_eq!(&text[part.range], "word word word refund?!");
    }
}
