//! How sure a model was of a label: the probabilities that it gave the tokens that spell it.

use crate::engines::chat::TokenLogprob;
use std::ops::Range;

/// Rounding may lift the logarithm of 1 a little above 0.
const ROUNDING: f64 = 1e-3;

/// The joint probability of the tokens that spell `range` of `text`: e to the power of the sum of their logarithms. A token that
/// holds a part of the range, say its first letters and the quote before them, counts as a whole. `None` when the tokens cannot
/// be placed, or what stands with them is no logarithm of a probability.
///
/// Tokens need not add up to the text: a server may show half a letter as `\u{fffd}`, leave out white space at the ends, or list
/// marks of its own. So they are placed from the beginning for as long as they agree with the text, and from the end; the range
/// must lie within one of the two.
#[must_use]
pub fn of_range(text: &str, tokens: &[TokenLogprob], range: &Range<usize>) -> Option<f64> {
    // One that is above 0 shows that they are something else.
    if !tokens.iter().all(|token| token.logprob <= ROUNDING) {
        return None;
    }
    let sum =
        sum_over(placed_from_start(text, tokens), range).or_else(|| sum_over(placed_from_end(text, tokens), range))?;
    sum.is_finite().then(|| sum.exp().min(1.0))
}

type Placed = Vec<(Range<usize>, f64)>;

fn placed_from_start(text: &str, tokens: &[TokenLogprob]) -> Placed {
    let mut placed = Placed::new();
    let mut offset = 0;
    for TokenLogprob { token, logprob } in tokens {
        if text[offset..].starts_with(token.as_str()) {
            placed.push((offset..offset + token.len(), *logprob));
            offset += token.len();
        } else if offset > 0 || !token.trim().is_empty() {
            break;
        }
    }
    placed
}

fn placed_from_end(text: &str, tokens: &[TokenLogprob]) -> Placed {
    let mut placed = Placed::new();
    let mut end = text.len();
    for TokenLogprob { token, logprob } in tokens.iter().rev() {
        if text[..end].ends_with(token.as_str()) {
            placed.push((end - token.len()..end, *logprob));
            end -= token.len();
        } else if end < text.len() {
            break;
        }
    }
    placed.reverse();
    placed
}

/// The sum over the tokens that touch the range, if they cover all of it.
fn sum_over(placed: Placed, range: &Range<usize>) -> Option<f64> {
    let covers = !range.is_empty()
        && placed.first().is_some_and(|(first, _)| first.start <= range.start)
        && placed.last().is_some_and(|(last, _)| last.end >= range.end);
    covers.then(|| {
        placed
            .into_iter()
            .filter(|(place, _)| place.start < range.end && range.start < place.end)
            .map(|(_, logprob)| logprob)
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(pieces: &[(&str, f64)]) -> Vec<TokenLogprob> {
        pieces
            .iter()
            .map(|&(token, probability)| TokenLogprob {
                token: token.to_owned(),
                logprob: probability.ln(),
            })
            .collect()
    }

    fn probability(text: &str, pieces: &[(&str, f64)], label: &str) -> Option<f64> {
        let begin = text.rfind(label).unwrap();
        let found = of_range(text, &tokens(pieces), &(begin..begin + label.len()))?;
        Some((found * 1e6).round() / 1e6)
    }

    #[test]
    fn only_the_tokens_of_the_label_count() {
        let text = r#"{"label": "bug-report"}"#;
        let plain = [
            ("{\"", 0.1),
            ("label", 0.1),
            ("\": \"", 0.1),
            ("bug", 0.8),
            ("-report", 0.5),
            ("\"}", 0.1),
        ];
        assert_eq!(probability(text, &plain, "bug-report"), Some(0.4));
        let glued = [("{\"label\":", 0.1), (" \"bug", 0.8), ("-rep", 1.0), ("ort\"}", 0.5)];
        assert_eq!(probability(text, &glued, "bug-report"), Some(0.4));
        assert_eq!(probability(text, &[(text, 0.25)], "bug-report"), Some(0.25));
    }

    #[test]
    fn tokens_that_do_not_add_up_are_placed_from_either_end() {
        // Half letters before the label: placed from the end.
        let text = "{\"because\": \"größer 👍\", \"label\": \"bug\"}";
        let halves = [
            ("{\"because\": \"gr", 0.1),
            ("\u{fffd}", 0.1),
            ("\u{fffd}", 0.1),
            ("ßer ", 0.1),
            ("\\xf0\\x9f", 0.1),
            ("\u{fffd}", 0.1),
            ("\", \"label\": \"", 0.1),
            ("bug", 0.9),
            ("\"}", 0.1),
            ("<|im_end|>", 0.1),
            ("", 0.1),
        ];
        assert_eq!(probability(text, &halves, "bug"), Some(0.9));
        // Half letters after it: placed from the start, past white space that the text does not have.
        let text = "{\"label\": \"bug\", \"why\": \"ö\"}";
        let halves = [
            (" ", 0.1),
            ("{\"label\": \"", 0.1),
            ("bu", 0.5),
            ("g\"", 0.5),
            (", \"why\": \"", 0.1),
            ("\u{fffd}", 0.1),
        ];
        assert_eq!(probability(text, &halves, "bug"), Some(0.25));
    }

    #[test]
    fn what_cannot_be_placed_has_no_confidence() {
        let text = r#"{"label": "bug"}"#;
        for pieces in [
            &[][..],
            &[("something else", 0.5)],
            &[("{\"label\": \"", 0.5), ("\u{fffd}", 0.5), ("\"}", 0.5)],
            &[("{\"label\": \"b", 0.5)],
            &[("{\"label\": \"", 0.5), ("bug", 2.0), ("\"}", 0.5)],
            &[("{\"label\": \"", 0.5), ("b", 0.1), ("ug", 2.0), ("\"}", 0.5)],
            &[("{\"label\": \"", 2.0), ("bug", 0.5), ("\"}", 0.5)],
            &[("{\"label\": \"", 0.5), ("bug", f64::NAN), ("\"}", 0.5)],
            &[("{\"label\": \"", 0.5), ("bug", f64::INFINITY), ("\"}", 0.5)],
        ] {
            assert_eq!(probability(text, pieces, "bug"), None, "{pieces:?}");
        }
        assert_eq!(of_range(text, &tokens(&[(text, 0.5)]), &(3..3)), None);
        assert_eq!(
            probability(text, &[("{\"label\": \"", 0.5), ("bug", 0.0), ("\"}", 0.5)], "bug"),
            None
        );
        let impossible = [TokenLogprob {
            token: text.to_owned(),
            logprob: -9999.0,
        }];
        assert_eq!(of_range(text, &impossible, &(11..14)), Some(0.0));
    }
}
