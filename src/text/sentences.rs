//! Where a text's sentences begin and end.
//!
//! Texts arrive as prose, wrapped e-mail, lists, chat, scraped pages and logs. So the splitter first sorts the lines
//! ([`super::lines`]: blank lines, bullets, quoted mail, headers, signatures), joins those that are one wrapped
//! paragraph, and only then looks for the ends of sentences inside a paragraph, in any script. A sentence never crosses
//! a paragraph, and none is longer than [`LONGEST_SENTENCE_IN_CHARACTERS`].

use super::abbreviations::{self, Abbreviation};
use super::letters;
pub use super::lines::Role;
use super::lines::{self, Paragraph};
use std::ops::Range;

/// Longer stretches without an end are cut, at a clause or a word where there is one: tables, logs and text without
/// punctuation would otherwise be one "sentence".
pub const LONGEST_SENTENCE_IN_CHARACTERS: usize = 600;

/// A sentence and the part it plays in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Bytes of the text, without surrounding white space, bullet or quote mark.
    pub range: Range<usize>,
    pub role: Role,
}

/// The sentences of `text` in order, as byte ranges without surrounding white space. Stretches without a letter, digit
/// or symbol (rules such as `-----`) are left out.
#[must_use]
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    segments(text).into_iter().map(|segment| segment.range).collect()
}

/// The same, with the part each sentence plays.
#[must_use]
pub fn segments(text: &str) -> Vec<Segment> {
    let mut found = Vec::new();
    for Paragraph { range, role } in lines::paragraphs(text) {
        let mut start = range.start;
        while start < range.end {
            start = skip(&text[..range.end], start, |next| {
                is_bullet(next) || next.is_whitespace()
            });
            let end = sentence_end(text, start, range.end);
            push_pieces(text, start..end, role, &mut found);
            start = end;
        }
    }
    found
}

/// The byte after the sentence that begins at `start`, looking no further than `limit`.
fn sentence_end(text: &str, start: usize, limit: usize) -> usize {
    let paragraph = &text[..limit];
    let mut position = start;
    while let Some(offset) = paragraph[position..].find(|next| is_terminator(next) || is_bullet(next)) {
        let mark = position + offset;
        if paragraph[mark..].starts_with(is_bullet) {
            return mark;
        }
        let after_marks = skip(paragraph, mark, is_terminator);
        let after_closers = skip(paragraph, after_marks, is_closer);
        if ends_sentence(paragraph, start, mark, after_marks, after_closers) {
            return after_closers;
        }
        position = after_marks;
    }
    limit
}

/// Whether the marks from `mark` to `after_marks`, with closing quotes to `after_closers`, end the sentence.
fn ends_sentence(paragraph: &str, start: usize, mark: usize, after_marks: usize, after_closers: usize) -> bool {
    let marks = &paragraph[mark..after_marks];
    let rest = &paragraph[after_closers..];
    let Some(next) = rest.chars().next() else { return true };
    if marks.chars().any(is_full_width_terminator) {
        return true;
    }
    if !next.is_whitespace() {
        return marks == "." && after_closers == after_marks && glued_sentences(&paragraph[start..mark], rest);
    }
    let continuation = rest
        .trim_start()
        .trim_start_matches(|next| is_opener(next) || next.is_whitespace());
    let Some(first) = continuation.chars().next() else {
        return true;
    };
    if first.is_lowercase() || matches!(first, ',' | ';' | ':' | ')' | ']' | '”' | '’') {
        return false;
    }
    if marks != "." {
        return true;
    }
    match abbreviations::ending(paragraph[start..mark].trim_end()) {
        Some(Abbreviation::BeforeName) => false,
        Some(Abbreviation::Anywhere) => first.is_uppercase() && !is_single_initial(rest.trim_start()),
        Some(Abbreviation::BeforeNumber) => !first.is_numeric(),
        None => true,
    }
}

/// `great app.Love it`: a full stop without the space that should follow. Not `System.Out.println`, `example.Com/x`.
fn glued_sentences(before: &str, after: &str) -> bool {
    let left = before
        .rsplit(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let left_is_word = left.chars().count() >= 3 && left.chars().skip(1).all(char::is_lowercase);
    let boundary = before.len() - left.len();
    let left_is_free = before[..boundary].chars().next_back().is_none_or(char::is_whitespace);
    let right = after
        .split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut letters = right.chars();
    let right_is_word = letters.next().is_some_and(char::is_uppercase) && letters.all(char::is_lowercase);
    let right_is_free = after[right.len()..]
        .chars()
        .next()
        .is_some_and(|next| next.is_whitespace() || next == ',');
    left_is_word && left_is_free && right_is_word && right_is_free
}

/// `P. Smith` after `J.`: the next word is one capital with a full stop.
fn is_single_initial(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_uppercase) && characters.next() == Some('.')
}

fn is_terminator(character: char) -> bool {
    matches!(
        character,
        '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '։' | '।' | '॥' | '።' | '፧' | '။' | '។'
    ) || is_full_width_terminator(character)
}

/// Marks that need no white space after them.
fn is_full_width_terminator(character: char) -> bool {
    matches!(character, '。' | '｡' | '！' | '？' | '．')
}

/// Bullets that are nothing else, so that a list squeezed into one line still comes apart.
fn is_bullet(character: char) -> bool {
    matches!(character, '•' | '‣' | '▪' | '●' | '◦')
}

fn is_closer(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | ')' | ']' | '}' | '»' | '›' | '”' | '’' | '」' | '』' | '）' | '】' | '*' | '_'
    )
}

fn is_opener(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | '(' | '[' | '{' | '«' | '‹' | '“' | '‘' | '„' | '‚' | '¿' | '¡' | '*' | '_'
    )
}

fn skip(text: &str, from: usize, keep: impl Fn(char) -> bool) -> usize {
    from + text[from..]
        .find(|character| !keep(character))
        .unwrap_or(text.len() - from)
}

/// Adds one sentence, cut where it is too long.
fn push_pieces(text: &str, range: Range<usize>, role: Role, found: &mut Vec<Segment>) {
    let mut range = trim(text, range);
    while !range.is_empty() {
        let cut = cut_point(text, &range);
        let piece = trim(text, range.start..cut);
        if text[piece.clone()].chars().any(has_substance) {
            found.push(Segment { range: piece, role });
        }
        range = trim(text, cut..range.end);
    }
}

/// Where the first piece of an overlong sentence ends: the last clause end in the second half of what is allowed,
/// otherwise the last white space there, otherwise the limit itself.
fn cut_point(text: &str, range: &Range<usize>) -> usize {
    let sentence = &text[range.clone()];
    let Some((limit, _)) = sentence.char_indices().nth(LONGEST_SENTENCE_IN_CHARACTERS) else {
        return range.end;
    };
    let earliest = limit / 2;
    let second_half = || {
        sentence[..limit]
            .char_indices()
            .rev()
            .take_while(|&(offset, _)| offset > earliest)
    };
    let clause =
        second_half().find(|&(_, character)| matches!(character, ';' | ':' | ',' | '|' | '、' | '，' | '；' | '،'));
    let gap = || second_half().find(|&(_, character)| character.is_whitespace());
    let cut = clause
        .or_else(gap)
        .map_or(limit, |(offset, character)| offset + character.len_utf8());
    range.start + cut
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + (slice.len() - slice.trim_start().len());
    start..(start + slice.trim().len())
}

fn has_substance(character: char) -> bool {
    !(character.is_whitespace() || letters::is_punctuation(character) || letters::is_dropped(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn abbreviations_initials_and_numbers_do_not_end_a_sentence() {
        assert_eq!(
            split("Dr. J. R. Smith paid 3.50 dollars, e.g. at Acme Inc. in the U.S. market. He left."),
            [
                "Dr. J. R. Smith paid 3.50 dollars, e.g. at Acme Inc. in the U.S. market.",
                "He left."
            ]
        );
        assert_eq!(
            split("See Fig. 3 and No. 5. It rose at 5 p.m. Then it fell."),
            ["See Fig. 3 and No. 5.", "It rose at 5 p.m.", "Then it fell."]
        );
        assert_eq!(split("So did I. No. I mean it."), ["So did I.", "No.", "I mean it."]);
        assert_eq!(
            split("Das kostet z.B. 5 Euro. Gut."),
            ["Das kostet z.B. 5 Euro.", "Gut."]
        );
    }

    #[test]
    fn quotes_brackets_and_repeated_marks_stay_with_their_sentence() {
        assert_eq!(
            split("\"Is it done?\" he asked. (It was.) Really?! Yes..."),
            ["\"Is it done?\" he asked.", "(It was.)", "Really?!", "Yes..."]
        );
        assert_eq!(
            split("He waited ... and waited. Wait… what?"),
            ["He waited ... and waited.", "Wait… what?"]
        );
    }

    #[test]
    fn addresses_versions_and_names_of_files_stay_whole() {
        let text = "Go to https://example.org/a.b?c=d. Then run v1.2.3 of app.Main.start() on Example.Com/x today.";
        assert_eq!(split(text).len(), 2);
    }

    #[test]
    fn a_missing_space_after_a_full_stop_is_forgiven() {
        assert_eq!(split("Great app.Love it so much."), ["Great app.", "Love it so much."]);
    }

    #[test]
    fn other_scripts_have_their_own_marks() {
        assert_eq!(
            split("今日は雨だ。「行こう。」と言った！本当？"),
            ["今日は雨だ。", "「行こう。」", "と言った！", "本当？"]
        );
        assert_eq!(split("هل وصلت؟ نعم. شكرا").len(), 3);
        assert_eq!(split("यह एक वाक्य है। यह दूसरा है।").len(), 2);
    }

    #[test]
    fn lists_in_lines_and_in_one_line_come_apart() {
        assert_eq!(
            split("Steps:\n1. Open the door\n2. Go in\n- Sit down"),
            ["Steps:", "Open the door", "Go in", "Sit down"]
        );
        assert_eq!(
            split("We offer: • fast answers • low prices"),
            ["We offer:", "fast answers", "low prices"]
        );
    }

    #[test]
    fn empty_and_meaningless_texts_have_no_sentences() {
        for text in ["", " \n\t ", "-----\n*****", "...", "\0\0", "\u{feff}"] {
            assert_eq!(split(text), [""; 0], "{text:?}");
        }
        assert_eq!(split("👍👍"), ["👍👍"]);
    }

    #[test]
    fn a_long_line_without_marks_is_cut_at_words() {
        let text = "lorem ipsum dolor ".repeat(500_000 / 18);
        let found = split(&text);
        assert!(found.len() > 800);
        assert!(
            found
                .iter()
                .all(|piece| piece.chars().count() <= LONGEST_SENTENCE_IN_CHARACTERS)
        );
        assert!(
            found
                .iter()
                .all(|piece| piece.ends_with("lorem") || piece.ends_with("ipsum") || piece.ends_with("dolor"))
        );
        assert_eq!(split(&"漢".repeat(LONGEST_SENTENCE_IN_CHARACTERS * 2 + 1)).len(), 3);
    }

    #[test]
    fn ranges_are_in_order_trimmed_and_apart_for_any_text() {
        let alphabet: Vec<char> = " \n\r\t.!?。…>-*•:;,\"'()Aa1éж漢\u{301}\0👍\u{2028}".chars().collect();
        let mut state = 7u64;
        for _ in 0..2_000 {
            let text: String = (0..80)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            let mut end = 0;
            for range in sentences(&text) {
                assert!(range.start >= end && range.end > range.start, "{text:?}");
                assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
                end = range.end;
            }
        }
    }
}
