//! Cutting a text into parts that fit, at the ends of sentences.

use super::{TaskError, apart, tokens};
use crate::text::sentences;
use std::{ops::Range, sync::Arc};

/// Parts of `text` in order, none of more than `most` tokens: whole sentences, as many as fit; a sentence that does not fit by
/// itself is cut at white space, or else between two characters. A long text is cut off the request's thread.
pub async fn split(text: &Arc<str>, most: usize) -> Result<Vec<Arc<str>>, TaskError> {
    let whole = Arc::clone(text);
    let cut = move || cut(&whole, most).into_iter().map(|part| whole[part].into()).collect();
    apart::for_text(text.len(), cut).await
}

/// Where the parts stand.
fn cut(text: &str, most: usize) -> Vec<Range<usize>> {
    let most = most.max(1);
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut taken = 0;
    for sentence in sentences(text) {
        let mut rest = sentence;
        while !rest.is_empty() {
            let end = rest.start + fitting(&text[rest.clone()], most).len();
            let needed = tokens::estimate(&text[rest.start..end]) + 1;
            match parts.last_mut() {
                Some(part) if taken + needed <= most => {
                    part.end = end;
                    taken += needed;
                }
                _ => {
                    parts.push(rest.start..end);
                    taken = needed;
                }
            }
            let skipped = text[end..rest.end].len() - text[end..rest.end].trim_start().len();
            rest = end + skipped..rest.end;
        }
    }
    parts
}

/// The beginning of `text` within `most` tokens, up to white space where there is some; never empty unless `text` is.
#[must_use]
pub fn fitting(text: &str, most: usize) -> &str {
    let bytes = tokens::most_bytes(most);
    if text.len() <= bytes && tokens::estimate(text) <= most {
        return text;
    }
    let (mut fits, mut too_long) = (0, text.floor_char_boundary(bytes.min(text.len())) + 1);
    while too_long - fits > 1 {
        let middle = fits.midpoint(too_long);
        let end = text.floor_char_boundary(middle);
        if tokens::estimate(&text[..end]) <= most {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    let end = text.floor_char_boundary(fits);
    if end == 0 {
        let first = text.chars().next().map_or(0, char::len_utf8);
        return &text[..first];
    }
    let in_word = text[end..].starts_with(|next: char| !next.is_whitespace());
    let at_word = text[..end].rfind(char::is_whitespace).filter(|&gap| in_word && gap > 0);
    text[..at_word.unwrap_or(end)].trim_end_matches(char::is_whitespace)
}

/// The end of `text` within `most` tokens.
#[must_use]
pub fn fitting_end(text: &str, most: usize) -> &str {
    let bytes = tokens::most_bytes(most);
    let mut begin = text.ceil_char_boundary(text.len().saturating_sub(bytes));
    while tokens::estimate(&text[begin..]) > most {
        // At least a fifth of what is too much goes each time.
        let surplus = tokens::estimate(&text[begin..]).saturating_sub(most);
        let step = ((text.len() - begin) * surplus / tokens::estimate(&text[begin..]).max(1) / 2).max(1);
        begin = text.ceil_char_boundary(begin + step);
    }
    let in_word = text[..begin].ends_with(|before: char| !before.is_whitespace());
    let at_word = text[begin..].find(char::is_whitespace).filter(|_| in_word);
    text[begin + at_word.unwrap_or(0)..].trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, most: usize) -> Vec<&str> {
        cut(text, most).into_iter().map(|part| &text[part]).collect()
    }

    #[test]
    fn parts_hold_whole_sentences_and_nothing_is_lost() {
        let text: String = (0..200)
            .map(|n| ["Sentence ", &n.to_string(), " is about the parcel. "].concat())
            .collect();
        let parts = split(&text, 60);
        assert!(parts.len() > 10);
        for part in &parts {
            assert!(tokens::estimate(part) <= 60, "{part}");
            assert!(part.starts_with("Sentence") && part.ends_with("parcel."));
        }
        assert_eq!(parts.join(" "), text.trim_end());
        assert_eq!(split(&text, 1_000_000), [text.trim_end()]);
    }

    #[test]
    fn what_is_too_long_by_itself_is_cut_at_words_and_characters() {
        let words = "lorem ipsum dolor ".repeat(100);
        let parts = split(&words, 20);
        assert!(
            parts
                .iter()
                .all(|part| tokens::estimate(part) <= 20 && !part.ends_with("lo"))
        );
        assert_eq!(parts.join(" ").split_whitespace().count(), 300);
        for text in [
            "漢".repeat(500),
            "👍🏽".repeat(100),
            "x".repeat(700),
            "é\u{301}".repeat(300),
        ] {
            let parts = split(&text, 7);
            assert_eq!(parts.concat(), text);
        }
        assert_eq!(split("👍", 0), ["👍"]);
        assert!(split(" \n", 5).is_empty());
    }

    #[test]
    fn beginnings_and_ends_fit() {
        let text = "The quick brown fox jumps over the lazy dog and then goes home to sleep.".repeat(50);
        for most in [1, 2, 3, 10, 50, 333, 100_000] {
            let (start, end) = (fitting(&text, most), fitting_end(&text, most));
            assert!(text.starts_with(start) && text.ends_with(end));
            assert!(tokens::estimate(start) <= most.max(2) && tokens::estimate(end) <= most);
        }
        assert_eq!(fitting("", 5), "");
        assert_eq!(fitting_end("漢字漢字", 100), "漢字漢字");
    }
}
