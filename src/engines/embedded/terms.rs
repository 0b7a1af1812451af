//! Words as terms of a TF-IDF model: for the likeness of sentences in a summary, and for the linear model of a
//! classifier with many examples.

use crate::text::tokens::{self, FastHash};
use std::collections::HashMap;

/// One text's terms with their weights, in ascending order of term, of unit length (or empty).
pub type SparseVector = Vec<(u32, f32)>;

/// Numbers the distinct terms of a set of texts and counts in how many of them each occurs.
#[derive(Default)]
pub struct Terms {
    /// By the hash of the word: a collision merges two words, one in 10^13 for a book's vocabulary.
    numbers: HashMap<u64, u32, FastHash>,
    /// Texts that contain the term, by number.
    document_frequency: Vec<u32>,
    documents: u32,
}

impl Terms {
    /// Counts one more text; returns its terms with their counts, in ascending order of term.
    pub fn count(&mut self, hashes: &mut [u64]) -> SparseVector {
        let mut counts = Self::tally(hashes, |hash| {
            let next = self.numbers.len() as u32;
            let number = *self.numbers.entry(hash).or_insert(next);
            if number as usize == self.document_frequency.len() {
                self.document_frequency.push(0);
            }
            self.document_frequency[number as usize] += 1;
            Some(number)
        });
        self.documents += 1;
        counts.sort_unstable_by_key(|&(term, _)| term);
        counts
    }

    /// The counts of a text that is not part of the set; terms the set does not have are left out.
    #[must_use]
    pub fn look_up(&self, hashes: &mut [u64]) -> SparseVector {
        let mut counts = Self::tally(hashes, |hash| self.numbers.get(&hash).copied());
        counts.sort_unstable_by_key(|&(term, _)| term);
        counts
    }

    /// Turns counts into weights: `(1 + ln count) · (1 + ln((1 + documents) / (1 + frequency)))`, then unit length.
    /// Sublinear counts and smoothed inverse document frequency, as in scikit-learn's `TfidfVectorizer`.
    pub fn weigh(&self, counts: &mut SparseVector) {
        for (term, weight) in counts.iter_mut() {
            *weight = (1.0 + weight.ln()) * self.inverse_document_frequency(*term);
        }
        let norm = counts.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        if norm > 0.0 {
            for (_, weight) in counts.iter_mut() {
                *weight /= norm;
            }
        }
    }

    /// Distinct terms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.document_frequency.len()
    }

    /// About how many bytes of heap: a map has a byte of its own for each entry.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.numbers.capacity() * (size_of::<(u64, u32)>() + 1) + self.document_frequency.capacity() * size_of::<u32>()
    }

    fn inverse_document_frequency(&self, term: u32) -> f32 {
        let frequency = self.document_frequency[term as usize];
        1.0 + ((1 + self.documents) as f32 / (1 + frequency) as f32).ln()
    }

    fn tally(hashes: &mut [u64], mut number: impl FnMut(u64) -> Option<u32>) -> SparseVector {
        hashes.sort_unstable();
        hashes
            .chunk_by(|left, right| left == right)
            .filter_map(|run| number(run[0]).map(|term| (term, run.len() as f32)))
            .collect()
    }
}

/// The hashes of the words that carry content: of letters or digits, two characters or more unless written without an
/// alphabet, and no function words of English.
pub fn content_words(text: &str, hashes: &mut Vec<u64>) {
    hashes.clear();
    tokens::visit_words(text, |word| {
        if is_content_word(word) {
            hashes.push(tokens::word_hash(word));
        }
    });
}

/// The inner product of two sparse vectors.
#[must_use]
pub fn sparse_dot(left: &[(u32, f32)], right: &[(u32, f32)]) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < left.len() && j < right.len() {
        match left[i].0.cmp(&right[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += left[i].1 * right[j].1;
                i += 1;
                j += 1;
            }
        }
    }
    sum
}

/// Whether a word in lower case says how an English sentence is built rather than what it is about.
#[must_use]
pub fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

fn is_content_word(word: &str) -> bool {
    let first = word.as_bytes()[0];
    if first.is_ascii() {
        return word.len() > 1 && first.is_ascii_alphanumeric() && !is_function_word(word);
    }
    word.chars().any(char::is_alphanumeric)
}

/// English words that say how a sentence is built rather than what it is about, in ascending order. A list of our own:
/// articles, pronouns, prepositions, conjunctions, auxiliaries, common adverbs, and the rests of `don't`, `we'll`.
#[rustfmt::skip]
const FUNCTION_WORDS: &[&str] = &[
    "about", "above", "across", "after", "again", "against", "all", "almost", "alone", "along", "already", "also",
    "although", "always", "am", "among", "an", "and", "another", "any", "anybody", "anyone", "anything", "anyway",
    "are", "aren", "around", "as", "at", "away", "be", "became", "because", "become", "becomes", "been", "before",
    "behind", "being", "below", "beside", "besides", "between", "beyond", "both", "but", "by", "can", "cannot",
    "could", "couldn", "did", "didn", "do", "does", "doesn", "doing", "don", "done", "down", "during", "each",
    "either", "else", "enough", "etc", "even", "ever", "every", "everybody", "everyone", "everything", "everywhere",
    "except", "few", "for", "from", "further", "get", "gets", "give", "given", "go", "got", "had", "hadn", "has",
    "hasn", "have", "haven", "having", "he", "hence", "her", "here", "hers", "herself", "him", "himself", "his",
    "how", "however", "if", "in", "indeed", "instead", "into", "is", "isn", "it", "its", "itself", "just", "keep",
    "least", "less", "let", "ll", "made", "make", "many", "may", "maybe", "me", "might", "mine", "more", "moreover",
    "most", "mostly", "much", "must", "mustn", "my", "myself", "namely", "neither", "never", "nevertheless", "next",
    "no", "nobody", "none", "nor", "not", "nothing", "now", "nowhere", "of", "off", "often", "on", "once", "one",
    "only", "onto", "or", "other", "others", "otherwise", "our", "ours", "ourselves", "out", "over", "own", "per",
    "perhaps", "please", "put", "quite", "rather", "re", "really", "same", "say", "see", "seem", "seemed", "seems",
    "several", "shall", "she", "should", "shouldn", "since", "so", "some", "somebody", "somehow", "someone",
    "something", "sometimes", "somewhere", "still", "such", "take", "than", "that", "the", "their", "theirs", "them",
    "themselves", "then", "there", "therefore", "these", "they", "this", "those", "though", "through", "throughout",
    "thus", "to", "together", "too", "toward", "towards", "under", "until", "up", "upon", "us", "used", "using", "ve",
    "very", "via", "was", "wasn", "we", "well", "were", "weren", "what", "whatever", "when", "whenever", "where",
    "whereas", "wherever", "whether", "which", "while", "who", "whoever", "whole", "whom", "whose", "why", "will",
    "with", "within", "without", "won", "would", "wouldn", "yet", "you", "your", "yours", "yourself", "yourselves",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> usize {
        let mut hashes = Vec::new();
        content_words(text, &mut hashes);
        hashes.len()
    }

    #[test]
    fn the_list_of_function_words_can_be_searched() {
        assert!(FUNCTION_WORDS.is_sorted());
    }

    #[test]
    fn punctuation_letters_and_function_words_carry_no_content() {
        assert_eq!(content("The parcel, and it was late! a 5 …"), 2);
        assert_eq!(content("東京へ"), 3);
        assert_eq!(content(""), 0);
    }

    #[test]
    fn rare_terms_weigh_more_and_vectors_have_unit_length() {
        let mut terms = Terms::default();
        let mut first = terms.count(&mut [1, 2]);
        terms.count(&mut [1, 3]);
        terms.weigh(&mut first);
        assert!(first[1].1 > first[0].1);
        assert!((sparse_dot(&first, &first) - 1.0).abs() < 1e-6);
        let mut unseen = terms.look_up(&mut [99]);
        terms.weigh(&mut unseen);
        assert!(unseen.is_empty());
    }
}
