//! The word vectors compiled into the binary, and the vector of a text.
//!
//! Each of the 30 522 word pieces of BERT's uncased vocabulary has 256 signed bytes and one scale. They stay where the
//! linker put them: a process that embeds nothing never reads them. `assets/embedded/README.md` says where they are from.

use crate::text::tokens::{self, PieceId, WordPieces};

/// Numbers in a vector.
pub const DIMENSIONS: usize = 256;

static ROWS: &[u8] = include_bytes!("../../../assets/embedded/static-minilm-30522x256.i8");
static SCALES: &[u8] = include_bytes!("../../../assets/embedded/static-minilm-30522.scale.f32le");
static VOCABULARY: &str = include_str!("../../../assets/embedded/vocab.txt");

/// A direction in the space of meanings: unit length.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(pub Box<[f32; DIMENSIONS]>);

/// What the encoder found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The mean of the pieces' vectors, brought to unit length.
    pub vector: Vector,
    /// Words of letters, as opposed to punctuation and numbers, that have a vector. Without one there is no evidence.
    pub known_words: usize,
    /// All words of letters, known or not.
    pub words: usize,
    /// How many of them are function words that no other language writes so.
    pub english_words: usize,
}

/// Turns texts into vectors.
pub struct Encoder {
    pieces: WordPieces,
}

impl Encoder {
    /// Reads the vocabulary; takes some milliseconds.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pieces: WordPieces::new(VOCABULARY),
        }
    }

    /// The vector of `text`, or `None` when no piece of it is known.
    #[must_use]
    pub fn encode(&self, text: &str) -> Option<Encoded> {
        let mut sum = Sum::new();
        let (mut words, mut known_words, mut english_words) = (0, 0, 0);
        tokens::visit_words(text, |word| {
            let before = sum.count;
            self.pieces.visit_pieces(word, &mut |piece| sum.add(piece));
            if is_of_letters(word) {
                words += 1;
                known_words += usize::from(sum.count > before);
                english_words += usize::from(is_english_function_word(word));
            }
        });
        let vector = Vector::unit(&*sum.total()?)?;
        Some(Encoded {
            vector,
            known_words,
            words,
            english_words,
        })
    }
}

#[cfg(test)]
impl Encoder {
    /// One encoder for all tests of the process.
    #[must_use]
    pub fn shared() -> std::sync::Arc<Self> {
        static SHARED: std::sync::LazyLock<std::sync::Arc<Encoder>> = std::sync::LazyLock::new(Default::default);
        std::sync::Arc::clone(&SHARED)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Vector {
    /// Brings a sum of vectors to unit length; `None` for the zero vector.
    #[must_use]
    pub fn unit(numbers: &[f64; DIMENSIONS]) -> Option<Self> {
        let norm = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
        if !norm.is_finite() || norm < f64::MIN_POSITIVE {
            return None;
        }
        let mut unit = Box::new([0.0; DIMENSIONS]);
        for (target, number) in unit.iter_mut().zip(numbers) {
            *target = (number / norm) as f32;
        }
        Some(Self(unit))
    }

    /// The cosine with another vector, -1 to 1.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f64 {
        f64::from(dot(self.0.as_slice(), other.0.as_slice()))
    }
}

/// The inner product, summed in eight lanes so that the compiler can use vector instructions.
#[must_use]
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (left_chunks, right_chunks) = (left.chunks_exact(8), right.chunks_exact(8));
    let tail: f32 = left_chunks
        .remainder()
        .iter()
        .zip(right_chunks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in left_chunks.zip(right_chunks) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + tail
}

/// A single letter of an alphabet says as little as a digit; a single Chinese character is a word.
fn is_of_letters(word: &str) -> bool {
    let mut letters = word.chars().filter(|character| character.is_alphabetic());
    letters
        .next()
        .is_some_and(|first| !first.is_ascii() || letters.next().is_some())
}

fn is_english_function_word(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "and"
            | "of"
            | "to"
            | "for"
            | "that"
            | "with"
            | "this"
            | "from"
            | "are"
            | "have"
            | "has"
            | "been"
            | "their"
            | "they"
            | "you"
            | "your"
            | "not"
            | "by"
            | "be"
            | "it"
            | "its"
            | "said"
            | "will"
            | "would"
            | "which"
    )
}

/// Adds rows up in single precision, a block at a time so that a long text loses nothing.
struct Sum {
    block: Box<[f32; DIMENSIONS]>,
    in_block: usize,
    total: Box<[f64; DIMENSIONS]>,
    count: usize,
}

impl Sum {
    const BLOCK: usize = 256;

    fn new() -> Self {
        Self {
            block: Box::new([0.0; DIMENSIONS]),
            in_block: 0,
            total: Box::new([0.0; DIMENSIONS]),
            count: 0,
        }
    }

    fn add(&mut self, piece: PieceId) {
        let index = piece as usize;
        let row = ROWS.get(index * DIMENSIONS..(index + 1) * DIMENSIONS);
        let scale = SCALES.get(index * 4..).and_then(<[u8]>::first_chunk::<4>);
        let (Some(row), Some(scale)) = (row, scale) else { return };
        let scale = f32::from_le_bytes(*scale);
        for (sum, &byte) in self.block.iter_mut().zip(row) {
            *sum += f32::from(byte.cast_signed()) * scale;
        }
        self.count += 1;
        self.in_block += 1;
        if self.in_block == Self::BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for (total, block) in self.total.iter_mut().zip(self.block.iter_mut()) {
            *total += f64::from(*block);
            *block = 0.0;
        }
        self.in_block = 0;
    }

    fn total(mut self) -> Option<Box<[f64; DIMENSIONS]>> {
        self.flush();
        (self.count > 0).then_some(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        text: String,
        pieces: Vec<PieceId>,
        vector: Vec<f32>,
    }

    /// Written by `scripts/vectors/reference.py` with the original tokeniser and in double precision.
    fn references() -> Vec<Reference> {
        serde_json::from_str(include_str!("../../../assets/embedded/reference.json")).unwrap()
    }

    #[test]
    fn pieces_are_those_of_the_original_tokeniser() {
        let encoder = Encoder::shared();
        for reference in references() {
            let mut pieces = Vec::new();
            encoder.pieces.visit_text(&reference.text, |piece| pieces.push(piece));
            assert_eq!(pieces, reference.pieces, "{:?}", reference.text);
        }
    }

    #[test]
    fn vectors_are_those_of_the_reference_to_one_in_a_hundred_thousand() {
        let encoder = Encoder::shared();
        for reference in references() {
            let found = encoder.encode(&reference.text).unwrap();
            for (ours, theirs) in found.vector.0.iter().zip(&reference.vector) {
                assert!(
                    (ours - theirs).abs() < 1e-5,
                    "{:?}: {ours} for {theirs}",
                    reference.text
                );
            }
        }
    }

    #[test]
    fn a_long_text_has_the_vector_of_its_parts() {
        let encoder = Encoder::shared();
        let sentence = "The parcel arrived two days late. ";
        let once = encoder.encode(sentence).unwrap().vector;
        let often = encoder.encode(&sentence.repeat(20_000)).unwrap().vector;
        assert!(
            once.0
                .iter()
                .zip(often.0.iter())
                .all(|(left, right)| (left - right).abs() < 1e-5)
        );
    }

    #[test]
    fn only_words_of_letters_are_evidence() {
        let encoder = Encoder::shared();
        let known = |text: &str| encoder.encode(text).map_or(0, |found| found.known_words);
        assert_eq!(known("12 345 .,;:!? 👍 😀 x"), 0);
        assert_eq!(known(""), 0);
        assert_eq!(known("\0 \u{fffd}"), 0);
        assert_eq!(known("refund 12"), 1);
        assert_eq!(known("東京"), 2);
    }

    #[test]
    fn the_assets_belong_together() {
        let entries = VOCABULARY.lines().count();
        assert_eq!(ROWS.len(), entries * DIMENSIONS);
        assert_eq!(SCALES.len(), entries * size_of::<f32>());
        assert!(
            SCALES
                .chunks_exact(4)
                .all(|scale| f32::from_le_bytes([scale[0], scale[1], scale[2], scale[3]]).is_finite())
        );
    }
}
