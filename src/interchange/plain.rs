//! Reads documents from plain text: each file is one document, named after the file.

use super::{LARGEST_RECORD, Rejected, Row, fields::Draft, identities::Identities, lines::BYTE_ORDER_MARK};
use std::{
    collections::HashSet,
    io::{self, Read},
};

/// Reads one file after another; no two may have the same name.
#[derive(Default)]
pub struct TextReader {
    identities: Identities,
    names: HashSet<String>,
}

impl TextReader {
    /// The document in one file. The name is its title and external id; without one, the content gives it an id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, name: Option<&str>, input: impl Read) -> io::Result<Row> {
        let mut bytes = Vec::new();
        input.take(LARGEST_RECORD as u64 + 1).read_to_end(&mut bytes)?;
        let external_id = name.map(str::to_owned);
        let refuse = |reason| {
            Ok(Row::Rejected(Rejected {
                line: 1,
                external_id: external_id.clone(),
                reason,
            }))
        };
        if name.is_some_and(|name| self.names.contains(name)) {
            return refuse("another file has the same name, which is the external id".to_owned());
        }
        if bytes.len() > LARGEST_RECORD {
            return refuse(format!("the file takes more than {} MiB", LARGEST_RECORD / 1024 / 1024));
        }
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.names.extend(external_id.clone());
                let draft = Draft {
                    external_id: external_id.clone(),
                    title: external_id,
                    text,
                    ..Draft::default()
                };
                Ok(draft.into_row(1, &mut self.identities))
            }
            Err(error) => refuse(format!(
                "the file is not UTF-8 (at its byte {})",
                error.utf8_error().valid_up_to() + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interchange::Record;

    #[test]
    fn a_file_is_a_document_under_its_name() {
        let mut reader = TextReader::default();
        let row = reader.read(Some("note.md"), &b"\xEF\xBB\xBFIt broke.\r\n"[..]).unwrap();
        let Row::Record(Record { line: 1, fields }) = row else {
            panic!("{row:?}")
        };
        assert_eq!(
            (fields.external_id.as_deref(), fields.title.as_deref()),
            (Some("note.md"), Some("note.md"))
        );
        assert_eq!(fields.text, "It broke.\r\n");
    }

    #[test]
    fn bad_files_are_rejected_and_the_next_is_read() {
        let mut reader = TextReader::default();
        let mut read = |name, bytes: &[u8]| match reader.read(name, bytes).unwrap() {
            Row::Record(record) => record.fields.external_id.unwrap(),
            Row::Rejected(rejected) => rejected.reason,
        };
        assert_eq!(read(Some("a.txt"), b"one"), "a.txt");
        assert_eq!(
            read(Some("a.txt"), b"two"),
            "another file has the same name, which is the external id"
        );
        assert_eq!(read(Some("b.txt"), b" \n"), "`text` must not be empty");
        assert_eq!(read(Some("c.txt"), b"ab\xFF"), "the file is not UTF-8 (at its byte 3)");
        assert!(read(Some("d.txt"), b"a\0b").contains("U+0000"));
        assert!(read(None, b"three").starts_with("auto-"));
    }
}
