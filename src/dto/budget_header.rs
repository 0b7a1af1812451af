//! The header `Synoptic-Budget`: what is left of budgets, as a structured list (RFC 9651).

use crate::domain::{budget_left::BudgetLeft, errors::seconds};
use std::{borrow::Cow, fmt::Write};

/// The most that an integer of a structured field may be.
const MOST: i64 = 999_999_999_999_999;

/// How many budgets are told of, and in how many characters of their names: the header stays within what clients and proxies take.
const MOST_BUDGETS: usize = 10;
const LONGEST_NAME: usize = 40;

/// `"name";left=4200;unit=microdollars;reset=3600`, with a comma between several; `reset` in seconds. A name beyond ASCII is a
/// display string, `%"f%c3%bcnf"`. Of more than ten budgets, those with the least left, the least first; of a long name, the beginning.
/// `None` for no budget.
#[must_use]
pub fn budget_header(left: &[BudgetLeft]) -> Option<String> {
    let mut shown: Vec<&BudgetLeft> = left.iter().collect();
    if shown.len() > MOST_BUDGETS {
        shown.sort_by_key(|budget| budget.left);
        shown.truncate(MOST_BUDGETS);
    }
    let mut header = String::new();
    for budget in shown {
        let separator = if header.is_empty() { "" } else { ", " };
        let _ = write!(
            header,
            "{separator}{};left={};unit={};reset={}",
            name(&shortened(&budget.name)),
            budget.left.clamp(-MOST, MOST),
            budget.unit,
            seconds(&budget.resets_in)
        );
    }
    (!header.is_empty()).then_some(header)
}

fn shortened(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => Cow::Owned(format!("{}...", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

fn name(name: &str) -> String {
    if name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let mut written = "%\"".to_owned();
    for byte in name.bytes() {
        match byte {
            b'%' | b'"' | 0..b' ' | 0x7f.. => {
                let _ = write!(written, "%{byte:02x}");
            }
            _ => written.push(char::from(byte)),
        }
    }
    written + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn left(name: &str, left: i64) -> BudgetLeft {
        let at = |text| Timestamp::parse(text).unwrap();
        BudgetLeft::new(
            name.to_owned(),
            "tokens",
            left,
            at("2026-03-02T00:00:00Z"),
            at("2026-03-01T23:59:58.5Z"),
        )
    }

    #[test]
    fn it_is_a_structured_list_whatever_the_name() {
        assert_eq!(budget_header(&[]), None);
        let written = budget_header(&[left("All \\ \"of\" us", 7), left("fünf %", i64::MAX)]);
        assert_eq!(
            written.unwrap(),
            r#""All \\ \"of\" us";left=7;unit=tokens;reset=2, %"f%c3%bcnf %25";left=999999999999999;unit=tokens;reset=2"#
        );
    }

    #[test]
    fn of_many_it_tells_the_tightest_within_bounds() {
        let long = "🦀".repeat(120);
        let many: Vec<BudgetLeft> = (0..96).map(|number| left(&long, 1_000 - number)).collect();
        let written = budget_header(&many).unwrap();
        assert_eq!(written.matches(";left=").count(), 10);
        assert!(
            written.contains(";left=905;") && !written.contains(";left=915;"),
            "{written}"
        );
        assert!(written.contains("...\";left=905;"), "{written}");
        assert!(written.len() < 7_000, "{}", written.len());
        let name = "a".repeat(40);
        let written = budget_header(&[left(&name, 1)]).unwrap();
        assert!(written.starts_with(&format!("\"{name}\";")), "{written}");
    }
}
