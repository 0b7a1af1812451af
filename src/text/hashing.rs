//! Names for contents: SHA-256, in hexadecimal where people see it.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// SHA-256 of some bytes.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a text, in hexadecimal.
#[must_use]
pub fn hash_text(text: &str) -> String {
    hexadecimal(&hash_bytes(text.as_bytes()))
}

/// SHA-256 of a document's title and text, in hexadecimal. A title that is not there differs from an empty one.
#[must_use]
pub fn hash_document(title: Option<&str>, text: &str) -> String {
    let mut hasher = Sha256::new();
    if let Some(title) = title {
        hasher.update(title.as_bytes());
        hasher.update([0]);
    }
    hasher.update(text.as_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    hexadecimal(&hash)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_standard_one() {
        assert_eq!(
            hash_text("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn title_and_text_do_not_run_into_each_other() {
        assert_ne!(hash_document(Some("ab"), "c"), hash_document(Some("a"), "bc"));
        assert_ne!(hash_document(Some(""), "x"), hash_document(None, "x"));
    }
}
