//! What of a sentence can be checked by itself: its words, numbers, names, negations and opposites.

use crate::text::tokens;
use std::collections::BTreeSet;

/// A sentence taken apart.
#[derive(Debug, Default)]
pub struct Facts {
    /// The content words as they are compared, each once, with one way of writing it; then the numbers, without one.
    pub words: Vec<(String, String)>,
    /// Numbers without signs and grouping; number words up to twelve count as well.
    pub numbers: BTreeSet<String>,
    /// Words with a capital that do not begin the sentence, and words with a digit, in lower case.
    pub names: BTreeSet<String>,
    /// Whether something is denied.
    pub is_negative: bool,
}

impl Facts {
    #[must_use]
    pub fn of(sentence: &str, is_function_word: impl Fn(&str) -> bool) -> Self {
        let mut facts = Self::default();
        tokens::visit_words(sentence, |word| {
            if is_negation(word) {
                facts.is_negative = true;
            } else if word.chars().any(char::is_alphanumeric) && !is_function_word(word) && number(word).is_none() {
                let stem = stem(word);
                if !facts.words.iter().any(|(known, _)| *known == stem) {
                    facts.words.push((stem, word.to_owned()));
                }
            }
        });
        let lower = sentence.to_lowercase().replace('\u{2019}', "'");
        facts.is_negative |= lower.contains("n't");
        let mut begins = true;
        for word in sentence.split_whitespace() {
            let bare = word.trim_matches(|character: char| !character.is_alphanumeric());
            if let Some(number) = number(bare) {
                facts.numbers.insert(number);
            } else if let Some(first) = bare.chars().next() {
                let has_digit = bare.chars().any(|character| character.is_ascii_digit());
                if has_digit {
                    facts.numbers.extend(numbers_within(bare));
                }
                let is_word = bare.chars().count() > 1 || !first.is_ascii();
                if !begins && first.is_uppercase() && is_word && !is_function_word(&bare.to_lowercase()) {
                    let bare = bare
                        .strip_suffix("'s")
                        .or(bare.strip_suffix("\u{2019}s"))
                        .unwrap_or(bare);
                    facts.names.insert(bare.to_lowercase());
                }
            }
            begins = word.ends_with(['.', '!', '?', ':']);
        }
        // A number is looked up like a word, so that the sentence that has it counts among the sources.
        facts
            .words
            .extend(facts.numbers.iter().map(|number| (number.clone(), String::new())));
        facts
    }

    /// Whether a word and the opposite of another stand in the two: `increase` here, `decrease` there.
    #[must_use]
    pub fn opposes(&self, other: &[&Facts]) -> bool {
        let there = |word: &str| {
            let stem = stem(word);
            other
                .iter()
                .any(|facts| facts.words.iter().any(|(known, _)| *known == stem))
        };
        let here = |word: &str| {
            let stem = stem(word);
            self.words.iter().any(|(known, _)| *known == stem)
        };
        let opposed = |left: &str, right: &str| here(left) && there(right) && !there(left);
        OPPOSITES
            .iter()
            .any(|(left, right)| opposed(left, right) || opposed(right, left))
    }
}

/// English words that say the opposite of each other, of what tickets, reviews and reports say.
#[rustfmt::skip]
const OPPOSITES: &[(&str, &str)] = &[
    ("accepted", "rejected"), ("accepted", "refused"), ("added", "removed"), ("agreed", "refused"), ("agreed", "disagreed"),
    ("allowed", "forbidden"), ("approved", "rejected"), ("approved", "denied"), ("arrived", "left"), ("bought", "sold"),
    ("broken", "working"), ("cheap", "expensive"), ("cold", "warm"), ("cold", "hot"), ("dirty", "clean"), ("early", "late"),
    ("earlier", "later"), ("empty", "full"), ("enabled", "disabled"), ("failed", "succeeded"), ("failed", "worked"),
    ("fast", "slow"), ("faster", "slower"), ("first", "last"), ("friendly", "rude"), ("gained", "lost"), ("good", "bad"),
    ("granted", "refused"), ("happy", "unhappy"), ("helpful", "unhelpful"), ("high", "low"), ("higher", "lower"),
    ("increased", "decreased"), ("increase", "decrease"), ("increased", "reduced"), ("liked", "disliked"), ("loud", "quiet"),
    ("more", "less"), ("more", "fewer"), ("new", "old"), ("open", "closed"), ("opened", "closed"), ("passed", "failed"),
    ("polite", "rude"), ("quick", "slow"), ("quickly", "slowly"), ("rose", "fell"), ("rise", "fall"), ("short", "long"),
    ("shorter", "longer"), ("started", "stopped"), ("start", "end"), ("strong", "weak"), ("success", "failure"),
    ("won", "lost"), ("better", "worse"), ("best", "worst"), ("easy", "hard"), ("easy", "difficult"), ("light", "heavy"),
    ("morning", "evening"), ("recommend", "avoid"), ("praised", "criticised"), ("doubled", "halved"), ("kept", "cancelled"),
    ("extended", "cancelled"), ("extended", "shortened"), ("larger", "smaller"), ("big", "small"), ("safe", "dangerous"),
];

const NUMBER_WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// `1,200.50` and `1200.5` are one number; `twelve` is 12. "One" is mostly no number.
fn number(word: &str) -> Option<String> {
    let lower = word.to_lowercase();
    if lower == "twice" {
        return Some("2".to_owned());
    }
    if let Some(value) = NUMBER_WORDS.iter().position(|known| *known == lower) {
        return (value > 1).then(|| value.to_string());
    }
    let is_number = word
        .chars()
        .all(|character| character.is_ascii_digit() || matches!(character, '.' | ',' | ':'));
    (is_number && word.chars().any(|character| character.is_ascii_digit())).then(|| plain(word))
}

fn plain(number: &str) -> String {
    let bare = number.replace(',', "");
    let bare = if bare.contains('.') {
        bare.trim_end_matches('0').trim_end_matches('.')
    } else {
        &bare
    };
    let bare = bare.trim_start_matches('0');
    if bare.is_empty() {
        "0".to_owned()
    } else {
        bare.to_owned()
    }
}

/// The numbers of `40-minute`, `$1,200` and `15%`.
fn numbers_within(word: &str) -> Vec<String> {
    word.split(|character: char| !(character.is_ascii_digit() || matches!(character, '.' | ',' | ':')))
        .map(|piece| piece.trim_matches(|character: char| !character.is_ascii_digit()))
        .filter(|piece| !piece.is_empty())
        .map(plain)
        .collect()
}

fn is_negation(word: &str) -> bool {
    matches!(
        word,
        "not" | "no" | "never" | "none" | "nobody" | "nothing" | "neither" | "nor" | "nowhere" | "without" | "cannot"
            // German, Spanish and French.
            | "nicht" | "kein" | "keine" | "keinen" | "nie" | "ohne" | "nunca" | "sin" | "ningun" | "ninguna" | "ne" | "pas" | "jamais"
    )
}

/// The word without what English adds to it; crude, but the same on both sides.
fn stem(word: &str) -> String {
    let mut stem = word;
    for ending in [
        "ingly", "edly", "ations", "ation", "ments", "ment", "ings", "ing", "ers", "ies", "ied", "ed", "er", "es",
        "ly", "s", "e",
    ] {
        if let Some(rest) = stem.strip_suffix(ending)
            && rest.len() >= 4
            && rest.is_ascii()
        {
            stem = rest;
            break;
        }
    }
    let doubled =
        stem.len() > 4 && stem.is_ascii() && stem.as_bytes()[stem.len() - 1] == stem.as_bytes()[stem.len() - 2];
    let stem = if doubled { &stem[..stem.len() - 1] } else { stem };
    stem.strip_suffix(['e', 'y', 'i'])
        .filter(|rest| rest.len() >= 4)
        .unwrap_or(stem)
        .to_owned()
}
