//! Sees to it that every record of an input has an external id of its own.

use super::{Record, Rejected, Row};
use crate::{
    domain::documents::DocumentFields,
    text::{hash_bytes, hash_document},
};
use std::collections::{HashMap, hash_map::Entry};

/// How many hexadecimal digits of the content's hash name it.
const DIGITS: usize = 16;

/// The external ids of an input so far. It keeps 16 bytes of hash and a line number for each, not the ids.
#[derive(Default)]
pub(super) struct Identities {
    first_lines: HashMap<[u8; 16], u64>,
    /// How many records without an id had this content already.
    repeats: HashMap<String, u64>,
    /// Whether what comes before the input is not known.
    of_a_part: bool,
}

impl Identities {
    /// Of a part of an input, which is read by itself: the same id or the same content again is the same document.
    pub fn of_a_part() -> Self {
        Self {
            of_a_part: true,
            ..Self::default()
        }
    }

    /// Takes the record's id, or makes one: `auto-` and the beginning of the content's hash, then `-2`, `-3` for the same
    /// content again. It depends only on the records before it, so the same file gives the same ids every time.
    pub fn claim(&mut self, line: u64, mut fields: DocumentFields) -> Row {
        if self.of_a_part {
            let made = || format!("auto-{}", short_hash(&fields));
            fields.external_id = Some(fields.external_id.clone().unwrap_or_else(made));
            return Row::Record(Record { line, fields });
        }
        match &fields.external_id {
            Some(external_id) => {
                if let Some(first) = self.take(external_id, line) {
                    let reason = format!("the external id is also that of line {first}");
                    return Row::Rejected(Rejected {
                        line,
                        external_id: Some(external_id.clone()),
                        reason,
                    });
                }
            }
            None => fields.external_id = Some(self.make(line, &fields)),
        }
        Row::Record(Record { line, fields })
    }

    fn make(&mut self, line: u64, fields: &DocumentFields) -> String {
        let hash = short_hash(fields);
        loop {
            let repeats = self.repeats.entry(hash.clone()).or_default();
            *repeats += 1;
            let external_id = if *repeats == 1 {
                format!("auto-{hash}")
            } else {
                format!("auto-{hash}-{repeats}")
            };
            if self.take(&external_id, line).is_none() {
                return external_id;
            }
        }
    }

    /// The line of the record that has the id already, or else the id is taken now.
    fn take(&mut self, external_id: &str, line: u64) -> Option<u64> {
        let hash = first_half(hash_bytes(external_id.as_bytes()));
        match self.first_lines.entry(hash) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(free) => {
                free.insert(line);
                None
            }
        }
    }
}

fn short_hash(fields: &DocumentFields) -> String {
    let mut hash = hash_document(fields.title.as_deref(), &fields.text);
    hash.truncate(DIGITS);
    hash
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|index| hash[index])
}
