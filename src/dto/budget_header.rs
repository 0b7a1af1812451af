//! The header `Synoptic-Budget`: what is left of budgets, as a structured list (RFC 9651).

use crate::domain::{budget_left::BudgetLeft, errors::seconds};
use std::fmt::Write;

/// The most that an integer of a structured field may be.
const MOST: i64 = 999_999_999_999_999;

/// `"name";left=4200;unit=microdollars;reset=3600`, with a comma between several; `reset` in seconds. A name beyond ASCII is a
/// display string, `%"f%c3%bcnf"`. `None` for no budget.
#[must_use]
pub fn budget_header(left: &[BudgetLeft]) -> Option<String> {
    let mut header = String::new();
    for budget in left {
        let separator = if header.is_empty() { "" } else { ", " };
        let _ = write!(
            header,
            "{separator}{};left={};unit={};reset={}",
            name(&budget.name),
            budget.left.clamp(-MOST, MOST),
            budget.unit,
            seconds(&budget.resets_in)
        );
    }
    (!header.is_empty()).then_some(header)
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
}
