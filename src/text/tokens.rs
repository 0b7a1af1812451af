//! Word pieces exactly as BERT's uncased tokeniser cuts them, because the word vectors were learnt for those pieces.
//!
//! Two steps. *Normalisation* drops control characters, sets Chinese characters apart, strips accents, lower-cases and
//! isolates punctuation, which leaves plain words ([`visit_words`]). *Word-piece matching* then takes, from the left,
//! the longest vocabulary entry that fits ([`WordPieces`]): `unbelievable` → `un ##bel ##ie ##vable`.
//!
//! The matcher is our own few lines rather than a crate: the ones in use compare every possible substring of a word
//! and allocate for each, so that 5 MB of long nonsense words take about 19 s (`docs/decisions/0014`); here no comparison is longer than the
//! longest piece. A test holds both steps to reference values of the original implementation.

use super::letters;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// The number of a vocabulary entry, which is also the row of its vector.
pub type PieceId = u32;

/// A word with more characters than this has no pieces (BERT's `max_input_chars_per_word`).
const LONGEST_WORD_IN_CHARACTERS: usize = 100;

/// A vocabulary ready for matching. Entries are borrowed from the compiled-in file, so it costs about 2 MB of heap.
pub struct WordPieces {
    /// Pieces that may begin a word.
    beginnings: HashMap<&'static str, PieceId, FastHash>,
    /// Pieces that continue a word, without their `##`.
    continuations: HashMap<&'static str, PieceId, FastHash>,
    longest_piece_in_bytes: usize,
}

impl WordPieces {
    /// Reads a vocabulary file: one entry a line, the line number being the entry's id.
    #[must_use]
    pub fn new(vocabulary: &'static str) -> Self {
        let count = vocabulary.lines().count();
        let mut pieces = Self {
            beginnings: HashMap::with_capacity_and_hasher(count, FastHash),
            continuations: HashMap::with_capacity_and_hasher(count / 4, FastHash),
            longest_piece_in_bytes: 0,
        };
        for (entry, id) in vocabulary.lines().zip(0..) {
            let (map, piece) = match entry.strip_prefix("##") {
                Some(piece) if !piece.is_empty() => (&mut pieces.continuations, piece),
                _ => (&mut pieces.beginnings, entry),
            };
            map.insert(piece, id);
            pieces.longest_piece_in_bytes = pieces.longest_piece_in_bytes.max(piece.len());
        }
        pieces
    }

    /// Calls `visit` with the pieces of one normalised word, in order. A word that cannot be covered with pieces has
    /// none at all, as in BERT, where it becomes the unknown token.
    pub fn visit_pieces(&self, word: &str, visit: &mut impl FnMut(PieceId)) {
        if let Some(&id) = self.beginnings.get(word) {
            return visit(id);
        }
        if word.len() > LONGEST_WORD_IN_CHARACTERS && word.chars().count() > LONGEST_WORD_IN_CHARACTERS {
            return;
        }
        let mut found = [0; LONGEST_WORD_IN_CHARACTERS];
        let mut count = 0;
        let mut start = 0;
        while start < word.len() {
            let entries = if start == 0 {
                &self.beginnings
            } else {
                &self.continuations
            };
            let Some((end, id)) = self.longest_match(entries, word, start) else {
                return;
            };
            found[count] = id;
            count += 1;
            start = end;
        }
        found[..count].iter().copied().for_each(visit);
    }

    /// Calls `visit` with the pieces of a whole text.
    pub fn visit_text(&self, text: &str, mut visit: impl FnMut(PieceId)) {
        visit_words(text, |word| self.visit_pieces(word, &mut visit));
    }

    fn longest_match(
        &self,
        entries: &HashMap<&'static str, PieceId, FastHash>,
        word: &str,
        start: usize,
    ) -> Option<(usize, PieceId)> {
        let farthest = word.len().min(start + self.longest_piece_in_bytes);
        (start + 1..=farthest)
            .rev()
            .filter(|&end| word.is_char_boundary(end))
            .find_map(|end| entries.get(&word[start..end]).map(|&id| (end, id)))
    }
}

/// Calls `visit` with every normalised word of `text`, in order: lower-case, without accents, each punctuation mark and
/// each Chinese character a word of its own.
pub fn visit_words(text: &str, mut visit: impl FnMut(&str)) {
    let mut word = String::new();
    for chunk in text.split(letters::separates_words).filter(|chunk| !chunk.is_empty()) {
        if chunk.is_ascii() {
            visit_ascii_chunk(chunk, &mut word, &mut visit);
        } else {
            visit_unicode_chunk(chunk, &mut word, &mut visit);
        }
    }
}

/// The same as [`visit_unicode_chunk`] for the common case, an order of magnitude faster.
fn visit_ascii_chunk(chunk: &str, word: &mut String, visit: &mut impl FnMut(&str)) {
    if chunk.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return visit(chunk);
    }
    word.clear();
    for (position, byte) in chunk.bytes().enumerate() {
        if byte.is_ascii_punctuation() {
            flush(word, visit);
            visit(&chunk[position..=position]);
        } else if !byte.is_ascii_control() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    flush(word, visit);
}

fn visit_unicode_chunk(chunk: &str, word: &mut String, visit: &mut impl FnMut(&str)) {
    word.clear();
    let kept = chunk
        .chars()
        .filter(|&character| !letters::is_dropped(character))
        .flat_map(SetApart::new);
    for character in kept.nfd().filter(|&character| !letters::is_accent(character)) {
        for lower in character.to_lowercase() {
            if lower.is_whitespace() {
                flush(word, visit);
            } else if letters::is_punctuation(lower) {
                flush(word, visit);
                visit(lower.encode_utf8(&mut [0; 4]));
            } else {
                word.push(lower);
            }
        }
    }
    flush(word, visit);
}

fn flush(word: &mut String, visit: &mut impl FnMut(&str)) {
    if !word.is_empty() {
        visit(word);
        word.clear();
    }
}

/// A character, with a space on either side when it is a Chinese one.
struct SetApart {
    character: char,
    left: u8,
    chinese: bool,
}

impl SetApart {
    fn new(character: char) -> Self {
        let chinese = letters::is_chinese(character);
        Self {
            character,
            left: if chinese { 3 } else { 1 },
            chinese,
        }
    }
}

impl Iterator for SetApart {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        self.left = self.left.checked_sub(1)?;
        Some(if self.chinese && self.left != 1 {
            ' '
        } else {
            self.character
        })
    }
}

/// FNV-1a (Fowler, Noll, Vo) with 64 bits: for keys of a few bytes faster than the default hash. The keys are ours, not
/// an attacker's, so collisions cannot be provoked in the table.
#[derive(Clone, Copy, Default)]
pub struct FastHash;

impl std::hash::BuildHasher for FastHash {
    type Hasher = FastHasher;

    fn build_hasher(&self) -> FastHasher {
        FastHasher(0xcbf2_9ce4_8422_2325)
    }
}

/// The state of one [`FastHash`].
pub struct FastHasher(u64);

impl std::hash::Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // hashbrown takes its tag from the top bits, which FNV mixes badly for short keys.
        self.0 ^ (self.0 >> 29)
    }
}

/// The 64-bit hash of a word, equal on every machine and in every version.
#[must_use]
pub fn word_hash(word: &str) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = FastHash.build_hasher();
    hasher.write(word.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        visit_words(text, |word| words.push(word.to_owned()));
        words
    }

    fn pieces(vocabulary: &'static str, text: &str) -> Vec<PieceId> {
        let mut pieces = Vec::new();
        WordPieces::new(vocabulary).visit_text(text, |piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn words_are_lower_case_without_accents_and_apart_from_punctuation() {
        assert_eq!(
            words("Café Zürich, DON'T!"),
            ["cafe", "zurich", ",", "don", "'", "t", "!"]
        );
        assert_eq!(words("Ångström İstanbul e\u{301}t"), ["angstrom", "istanbul", "et"]);
        assert_eq!(
            words("state-of-the-art 3.5%"),
            ["state", "-", "of", "-", "the", "-", "art", "3", ".", "5", "%"]
        );
    }

    #[test]
    fn chinese_characters_are_words_of_their_own_and_kana_are_not() {
        assert_eq!(words("東京タワー"), ["東", "京", "タワー"]);
        assert_eq!(words("a中b"), ["a", "中", "b"]);
    }

    #[test]
    fn control_characters_vanish_and_odd_spaces_separate() {
        assert_eq!(words("a\0b\u{200b}c soft\u{ad}hyphen"), ["abc", "softhyphen"]);
        assert_eq!(
            words("tab\tnbsp\u{a0}em\u{2003}line\u{2028}end\u{b}joined"),
            ["tab", "nbsp", "em", "line", "endjoined"]
        );
        assert_eq!(words("\u{fffd}"), [""; 0]);
    }

    #[test]
    fn the_longest_piece_wins_from_the_left() {
        let vocabulary = "[UNK]\nun\n##believ\n##able\n##a\n##b\nunbe";
        assert_eq!(
            pieces(vocabulary, "unbelievable"),
            [0; 0],
            "`unbe` wins over `un`, and `##liev…` is missing"
        );
        assert_eq!(pieces(vocabulary, "unable un UNABAB"), [1, 3, 1, 1, 4, 5, 4, 5]);
    }

    #[test]
    fn a_word_that_cannot_be_covered_has_no_pieces_at_all() {
        assert_eq!(pieces("a\n##b", "ab abz"), [0, 1]);
        let long = "a".repeat(LONGEST_WORD_IN_CHARACTERS);
        assert_eq!(pieces("a\n##a", &long).len(), LONGEST_WORD_IN_CHARACTERS);
        assert_eq!(pieces("a\n##a", &format!("{long}a")).len(), 0);
    }

    #[test]
    fn hostile_words_take_linear_time() {
        let junk = "q".repeat(99) + " ";
        assert_eq!(pieces("q\n##q", &junk.repeat(2_000)).len(), 99 * 2_000);
        assert_eq!(words(&"e\u{301}\u{302}".repeat(100_000)).len(), 1);
    }
}
