//! Lists of things as aligned columns, and what stands in them.

use super::summarize::{on_one_line, quietly_when_closed};
use crate::domain::Timestamp;
use anyhow::Result;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Writes a header and a row for each thing to standard output.
pub(super) fn print<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    quietly_when_closed(write(&mut out, header, rows))
}

fn write<const COLUMNS: usize>(
    out: &mut impl Write,
    header: [&str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
) -> io::Result<()> {
    let mut lines = vec![header.map(str::to_owned)];
    // Names are anybody's text.
    lines.extend(rows.into_iter().map(|row| row.map(|cell| on_one_line(&cell))));
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    for line in lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let padding = width - cell.chars().count() + 2;
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', padding));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    out.flush()
}

/// A time to the minute; for one that there is not, a word.
pub(super) fn minute(time: Option<Timestamp>, none: &str) -> String {
    match time.map(|time| time.to_string()) {
        Some(text) => format!("{}Z", text.get(.."2026-01-01T00:00".len()).unwrap_or(&text)),
        None => none.to_owned(),
    }
}

/// The collections within reach, by their slugs.
pub(super) fn collections(slugs: Option<Vec<String>>) -> String {
    match slugs {
        None => "all".to_owned(),
        Some(slugs) if slugs.is_empty() => "none".to_owned(),
        Some(slugs) => slugs.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_hold_no_control_characters() {
        let mut out = Vec::new();
        let rows = vec![
            ["a".to_owned(), "née\u{1b}[2J".to_owned(), "x".to_owned()],
            ["abcd".to_owned(), "b".to_owned(), String::new()],
        ];
        write(&mut out, ["ID", "NAME", "STATE"], rows).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(shown, "ID    NAME     STATE\na     née\u{fffd}[2J  x\nabcd  b\n");
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        let time = Timestamp::parse("2026-03-01T12:00:59.5Z").unwrap();
        assert_eq!(minute(Some(time), "never"), "2026-03-01T12:00Z");
        assert_eq!(minute(None, "never"), "never");
    }
}
