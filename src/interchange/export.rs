//! Writes documents, each with the newest of what was found in it, so that [`super`]'s readers can read them again.
//!
//! CSV is written as it is: a cell may begin with `=`, and a spreadsheet would take it for a formula (CWE-1236). Programs and a
//! later import need the text unchanged, so only [`Layout::Spreadsheet`] puts an apostrophe before such cells, as OWASP
//! advises.

use crate::domain::{
    Timestamp,
    documents::{Attributes, Document},
    identifiers::DocumentId,
};
use serde::Serialize;
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// How documents are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Ndjson,
    Csv,
    /// CSV for people: with a byte order mark, and no cell that a spreadsheet would take for a formula.
    Spreadsheet,
}

/// A document and what was found in it last.
#[derive(Debug, Clone, Copy)]
pub struct Exported<'a> {
    pub document: &'a Document,
    pub summary: Option<&'a str>,
    pub label: Option<&'a str>,
    /// The probability of the best label, also when it was too low for a label.
    pub confidence: Option<f64>,
}

/// Writes one document after another.
pub enum DocumentWriter<W: Write> {
    Ndjson(W),
    Csv { out: Box<::csv::Writer<W>>, defused: bool },
}

#[derive(Serialize)]
struct Object<'a> {
    external_id: Option<&'a str>,
    title: Option<&'a str>,
    text: &'a str,
    language: Option<&'a str>,
    attributes: &'a Attributes,
    synoptic: Ours<'a>,
}

#[derive(Serialize)]
struct Ours<'a> {
    id: DocumentId,
    version: i64,
    summary: Option<&'a str>,
    label: Option<&'a str>,
    confidence: Option<f64>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const COLUMNS: [&str; 12] = [
    "external_id",
    "title",
    "text",
    "language",
    "attributes",
    "synoptic_id",
    "synoptic_version",
    "synoptic_summary",
    "synoptic_label",
    "synoptic_confidence",
    "synoptic_created_at",
    "synoptic_updated_at",
];

impl<W: Write> DocumentWriter<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(layout: Layout, mut out: W) -> io::Result<Self> {
        if layout == Layout::Ndjson {
            return Ok(Self::Ndjson(out));
        }
        if layout == Layout::Spreadsheet {
            out.write_all(super::lines::BYTE_ORDER_MARK)?;
        }
        let mut writer = Self::after(layout, out);
        if let Self::Csv { out, .. } = &mut writer {
            out.write_record(COLUMNS).map_err(into_io)?;
        }
        Ok(writer)
    }

    /// Goes on with a file that was begun before.
    pub fn after(layout: Layout, out: W) -> Self {
        match layout {
            Layout::Ndjson => Self::Ndjson(out),
            Layout::Csv | Layout::Spreadsheet => Self::Csv {
                out: Box::new(::csv::Writer::from_writer(out)),
                defused: layout == Layout::Spreadsheet,
            },
        }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, exported: &Exported<'_>) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, &exported.object())?;
                out.write_all(b"\n")
            }
            Self::Csv { out, defused } => {
                let cells = exported.cells()?;
                let mut cells = cells
                    .iter()
                    .map(|cell| if *defused { defuse(cell) } else { Cow::Borrowed(&**cell) });
                cells.try_for_each(|cell| out.write_field(&*cell)).map_err(into_io)?;
                out.write_record(None::<&[u8]>).map_err(into_io)
            }
        }
    }

    /// Hands everything over to the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => out.flush(),
            Self::Csv { out, .. } => out.flush(),
        }
    }
}

impl<'a> Exported<'a> {
    fn object(&self) -> Object<'a> {
        let document = self.document;
        Object {
            external_id: document.external_id.as_deref(),
            title: document.title.as_deref(),
            text: &document.text,
            language: document.language.as_deref(),
            attributes: &document.attributes.0,
            synoptic: Ours {
                id: document.id,
                version: document.version,
                summary: self.summary,
                label: self.label,
                confidence: self.confidence,
                created_at: document.created_at,
                updated_at: document.updated_at,
            },
        }
    }

    fn cells(&self) -> io::Result<[Cow<'a, str>; COLUMNS.len()]> {
        let document = self.document;
        let or_empty = |text: Option<&'a str>| Cow::Borrowed(text.unwrap_or_default());
        let attributes = &document.attributes.0;
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            serde_json::to_string(attributes)?
        };
        Ok([
            or_empty(document.external_id.as_deref()),
            or_empty(document.title.as_deref()),
            Cow::Borrowed(&document.text),
            or_empty(document.language.as_deref()),
            attributes.into(),
            document.id.to_string().into(),
            document.version.to_string().into(),
            or_empty(self.summary),
            or_empty(self.label),
            self.confidence
                .map(|confidence| confidence.to_string())
                .unwrap_or_default()
                .into(),
            document.created_at.to_string().into(),
            document.updated_at.to_string().into(),
        ])
    }
}

/// OWASP, "CSV Injection": the characters with which a cell may become a formula.
fn defuse(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

fn into_io(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{documents::DocumentHead, identifiers::CollectionId},
        interchange::{CsvReader, NdjsonReader, Record, Row},
    };
    use sqlx::types::Json;

    fn document(text: &str) -> Document {
        let at = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        let attributes = serde_json::json!({"plan": "pro", "nested": {"seats": [1, 2]}});
        let head = DocumentHead {
            id: DocumentId::generate(),
            collection_id: CollectionId::generate(),
            external_id: Some("=1+1".to_owned()),
            title: None,
            attributes: Json(attributes.as_object().unwrap().clone()),
            language: Some("en".to_owned()),
            content_hash: String::new(),
            version: 3,
            created_at: at,
            updated_at: at,
        };
        Document {
            head,
            text: text.to_owned(),
        }
    }

    fn written(layout: Layout, document: &Document) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = DocumentWriter::new(layout, &mut bytes).unwrap();
        let exported = Exported {
            document,
            summary: Some("In short."),
            label: Some("billing"),
            confidence: Some(0.75),
        };
        writer.write(&exported).unwrap();
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    #[test]
    fn what_was_written_can_be_read_again() {
        let document = document("One, \"two\"\r\nthree;\n\n=four\t\u{1F600}\r");
        let csv = written(Layout::Csv, &document);
        let ndjson = written(Layout::Ndjson, &document);
        let from_csv = CsvReader::new(&csv[..], None).unwrap().next().unwrap().unwrap();
        let from_ndjson = NdjsonReader::new(&ndjson[..]).next().unwrap().unwrap();
        for row in [from_csv, from_ndjson] {
            let Row::Record(Record { fields, .. }) = row else {
                panic!("{row:?}")
            };
            assert_eq!(fields.external_id, document.external_id);
            assert_eq!((fields.title.as_ref(), &fields.text), (None, &document.text));
            assert_eq!(
                (&fields.language, &fields.attributes),
                (&document.language, &document.attributes.0)
            );
        }
    }

    #[test]
    fn ndjson_says_what_was_found() {
        let line = written(Layout::Ndjson, &document("a"));
        let object: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(object["synoptic"]["label"], "billing");
        assert_eq!(object["synoptic"]["summary"], "In short.");
        assert_eq!(object["synoptic"]["confidence"], 0.75);
        assert_eq!(line.split(|byte| *byte == b'\n').count(), 2);
    }

    #[test]
    fn only_a_spreadsheet_has_its_formulas_defused() {
        let text = |layout| String::from_utf8(written(layout, &document("@SUM(A1)"))).unwrap();
        assert!(text(Layout::Csv).contains("\n=1+1,,@SUM(A1),en,"));
        assert!(text(Layout::Spreadsheet).starts_with('\u{FEFF}'));
        assert!(text(Layout::Spreadsheet).contains("\n'=1+1,,'@SUM(A1),en,"));
    }
}
