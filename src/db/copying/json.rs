//! One form for all texts of the same JSON: SQLite keeps the text as it was written, PostgreSQL takes it apart and writes it anew,
//! with the keys in its own order, without `1e3`, and with all digits.

use anyhow::Result;
use serde_json::Value;

/// The same text for the same JSON: keys in order and once, numbers by their exact decimal value.
pub(super) fn canonical(text: &str) -> Result<String> {
    let value: Value = serde_json::from_str(&with_exact_numbers(text))?;
    Ok(value.to_string())
}

/// Writes each number as a string that begins with `n`, so that reading the text does not round it, and lets each other string
/// begin with `s`.
fn with_exact_numbers(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let length = length_of_string(rest);
                written.push_str("\"s");
                written.push_str(&rest[1..length]);
                length
            }
            '-' | '0'..='9' => {
                let is_part = |character: char| matches!(character, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
                let length = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
                written.push_str("\"n");
                written.push_str(&exact(&rest[..length]));
                written.push('"');
                length
            }
            other => {
                written.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    written
}

/// With both quotation marks.
fn length_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// `-12.50e3` as `-125e2`.
fn exact(number: &str) -> String {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>() else {
        return number.to_owned();
    };
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let exponent = i64::from(exponent)
        .saturating_sub(count(fraction.len()))
        .saturating_add(count(digits.len() - kept.len()));
    match kept.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{sign}{digits}e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_same_json_have_one_form() {
        for (left, right) in [
            (r#"{"b":1,"a":[1.50,"x"]}"#, r#"{"a": [1.5, "x"], "b": 1}"#),
            ("[1e3,-2.5E-3,0.0,-0]", "[1000, -0.0025, 0, 0]"),
            (
                "[1e20,1.2345678901234567e16]",
                "[100000000000000000000, 12345678901234567]",
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            (r#""\u00e4\n\"1\"""#, "\"ä\\n\\\"1\\\"\""),
            (" true ", "true"),
        ] {
            assert_eq!(canonical(left).unwrap(), canonical(right).unwrap(), "{left}");
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (left, right) in [
            ("9007199254740993", "9007199254740992"),
            ("1", "-1"),
            ("1", r#""1""#),
            ("1", r#""n1e0""#),
            ("10", "1"),
            ("0.1", "0.10000000000000000001"),
            ("null", r#""null""#),
            ("[1,2]", "[2,1]"),
            (r#"{"1":1}"#, r#"{"1":"1"}"#),
        ] {
            assert_ne!(canonical(left).unwrap(), canonical(right).unwrap(), "{left}");
        }
        canonical("{").unwrap_err();
    }
}
