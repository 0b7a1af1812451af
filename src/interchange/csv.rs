//! Reads documents from CSV (RFC 4180): a header, then one document a row.

use super::{
    Rejected, Row,
    csv_rows::{CsvRow, CsvRows, split},
    fields::{self, Draft, called, shorten},
    identities::Identities,
    lines::{Lines, useless},
};
use crate::domain::imports::RecordNames;
use ::csv::ByteRecord;
use serde_json::Value;
use std::{
    collections::HashSet,
    io::{self, BufRead},
};

/// What may stand between fields, when it is not said.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The rows of a CSV file. An empty cell is as good as none; other cells are taken as they are.
pub struct CsvReader<R> {
    rows: CsvRows<R>,
    columns: Vec<Column>,
    identities: Identities,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    ExternalId,
    Title,
    Text,
    Language,
    Attributes,
    Attribute(String),
    /// What Synoptic found; it is found anew.
    Ours,
}

impl<R: BufRead> CsvReader<R> {
    /// Reads the header. Without a delimiter, the one that makes the header name a column for the text is taken.
    ///
    /// # Errors
    /// When the file cannot be read, or its header cannot be used; an empty file has no rows.
    pub fn new(input: R, delimiter: Option<u8>) -> io::Result<Self> {
        Self::named(input, delimiter, &RecordNames::default())
    }

    /// The same, where columns are not called as usual.
    ///
    /// # Errors
    /// As for [`CsvReader::new`].
    pub fn named(input: R, delimiter: Option<u8>, names: &RecordNames) -> io::Result<Self> {
        let mut lines = Lines::new(input);
        let Some(first) = lines.next_filled()? else {
            return Ok(Self {
                rows: CsvRows::new(lines, b','),
                columns: Vec::new(),
                identities: Identities::default(),
            });
        };
        let delimiter = delimiter
            .or_else(|| guess_delimiter(first.content(), names))
            .unwrap_or(b',');
        lines.give_back(std::iter::once(first));
        let mut rows = CsvRows::new(lines, delimiter);
        let columns = match rows.next_row()? {
            Some(CsvRow::Fields { fields, .. }) => columns(&fields, names).map_err(useless)?,
            Some(CsvRow::Broken { reason, .. }) => return Err(useless(format!("the header cannot be read: {reason}"))),
            None => Vec::new(),
        };
        rows.set_width(columns.len());
        Ok(Self {
            rows,
            columns,
            identities: Identities::default(),
        })
    }

    /// The rows of a part of the file that begins with this header, after so many lines.
    ///
    /// # Errors
    /// As for [`CsvReader::new`].
    pub fn of_a_part(
        header: &[u8],
        input: R,
        delimiter: Option<u8>,
        names: &RecordNames,
        lines_before: u64,
    ) -> io::Result<Self> {
        let beginning = CsvReader::named(header, delimiter, names)?;
        let mut rows = CsvRows::new(Lines::after(input, lines_before), beginning.rows.delimiter());
        rows.set_width(beginning.columns.len());
        Ok(Self {
            rows,
            columns: beginning.columns,
            identities: Identities::of_a_part(),
        })
    }

    fn read(&mut self, line: u64, fields: &ByteRecord) -> Row {
        match self.draft(fields) {
            Ok(draft) => draft.into_row(line, &mut self.identities),
            Err(reason) => Row::Rejected(Rejected {
                line,
                external_id: self.external_id(fields),
                reason,
            }),
        }
    }

    fn draft(&self, fields: &ByteRecord) -> Result<Draft, String> {
        if fields.len() != self.columns.len() {
            let hint = if fields.len() > self.columns.len() {
                "; a field with the delimiter in it needs quotes"
            } else {
                ""
            };
            return Err(format!(
                "the row has {} fields, the header {}{hint}",
                fields.len(),
                self.columns.len()
            ));
        }
        let mut draft = Draft::default();
        for (number, (column, cell)) in self.columns.iter().zip(fields).enumerate() {
            let cell = std::str::from_utf8(cell).map_err(|error| {
                format!(
                    "field {} is not UTF-8 (at its byte {}); save the file as UTF-8",
                    number + 1,
                    error.valid_up_to() + 1
                )
            })?;
            if cell.is_empty() {
                continue;
            }
            match column {
                Column::ExternalId => draft.external_id = Some(cell.to_owned()),
                Column::Title => draft.title = Some(cell.to_owned()),
                Column::Text => cell.clone_into(&mut draft.text),
                Column::Language => draft.language = Some(cell.to_owned()),
                Column::Attributes => draft.add_attributes(parse_attributes(cell)?)?,
                Column::Attribute(name) => draft.add_attribute(name, Value::String(cell.to_owned()))?,
                Column::Ours => {}
            }
        }
        Ok(draft)
    }

    fn external_id(&self, fields: &ByteRecord) -> Option<String> {
        let place = self.columns.iter().position(|column| *column == Column::ExternalId)?;
        let cell = std::str::from_utf8(fields.get(place)?).ok()?;
        (!cell.is_empty()).then(|| shorten(cell))
    }
}

impl<R: BufRead> Iterator for CsvReader<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next_row().transpose()?;
        Some(row.map(|row| match row {
            CsvRow::Fields { line, fields } => self.read(line, &fields),
            CsvRow::Broken { line, reason } => Row::Rejected(Rejected {
                line,
                external_id: None,
                reason,
            }),
        }))
    }
}

/// The delimiter with which the header names a column for the text.
pub(super) fn guess_delimiter(header: &[u8], names: &RecordNames) -> Option<u8> {
    let wanted = called(names.text.as_ref(), fields::TEXT);
    let names_text = |delimiter: &u8| {
        split(header, *delimiter).is_ok_and(|names| {
            let names: Vec<_> = names
                .iter()
                .map(|name| name.trim_ascii().to_ascii_lowercase())
                .collect();
            wanted
                .iter()
                .any(|text| names.iter().any(|name| *name == text.to_ascii_lowercase().as_bytes()))
        })
    };
    DELIMITERS.into_iter().find(names_text)
}

fn columns(header: &ByteRecord, said: &RecordNames) -> Result<Vec<Column>, String> {
    let mut names = Vec::with_capacity(header.len());
    for name in header {
        names.push(
            std::str::from_utf8(name)
                .map_err(|_| "the header is not UTF-8; save the file as UTF-8")?
                .trim(),
        );
    }
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !name.is_empty() && !seen.insert(**name)) {
        return Err(format!("the header has the column `{twice}` twice"));
    }
    let place = |aliases: &[&str]| {
        aliases
            .iter()
            .find_map(|alias| names.iter().position(|name| name.eq_ignore_ascii_case(alias)))
    };
    let mut columns: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(index, name)| other_column(index, name))
        .collect();
    let known = [
        (said.external_id.as_ref(), fields::EXTERNAL_ID, Column::ExternalId),
        (said.title.as_ref(), fields::TITLE, Column::Title),
        (said.text.as_ref(), fields::TEXT, Column::Text),
        (said.language.as_ref(), fields::LANGUAGE, Column::Language),
        (None, fields::ATTRIBUTES, Column::Attributes),
    ];
    for (name, usual, column) in known {
        match place(&called(name, usual)) {
            Some(place) => columns[place] = column,
            None if name.is_some() => {
                let name = name.map(|name| shorten(name)).unwrap_or_default();
                return Err(format!(
                    "the header has no column `{name}`, which was named for a part of the documents"
                ));
            }
            None => {}
        }
    }
    if columns.contains(&Column::Text) {
        return Ok(columns);
    }
    let shown: Vec<_> = names
        .iter()
        .take(20)
        .map(|name| format!("`{}`", shorten(name)))
        .collect();
    Err(format!(
        "the header has no column for the text: it must name one `text`, `body` or `content`; it has {}",
        shown.join(", ")
    ))
}

fn other_column(index: usize, name: &str) -> Column {
    if name.starts_with(fields::OUR_PREFIX) {
        Column::Ours
    } else if name.is_empty() {
        Column::Attribute(format!("column_{}", index + 1))
    } else {
        Column::Attribute(name.to_owned())
    }
}

fn parse_attributes(cell: &str) -> Result<Value, String> {
    if cell.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(cell).map_err(|error| format!("`attributes` is not JSON: {error}"))
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
