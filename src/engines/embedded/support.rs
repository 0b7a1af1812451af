//! How far a source supports sentences that somebody else wrote about it.
//!
//! For each written sentence the nearest sentences of the source are looked for, by the cosine of their vectors and by shared
//! words. Its words are then looked up in the best of them, and in up to two more if these have words that the best lacks: a word
//! that is there counts 1, a word that is near one that is there, by the cosine of the two words' vectors, counts that cosine
//! above a floor. The weighted mean over its words is the cover; rare words of the source weigh more. What contradicts lowers it:
//!
//! `support = cover · NUMBER^(numbers not there) · NAME^(names not there) · NEGATION^(denied on one side only) · OPPOSITE^(opposites)`
//!
//! Nothing here was learnt: the constants were set on one half of the statements in
//! `tests/support/statements.json` and measured on the other (`docs/models.md`). Swapped roles ("A paid B") and false causes made
//! of the source's own words are not seen.

use super::facts::Facts;
use super::terms;
use super::vectors::{Encoder, Vector};
use crate::domain::answers::{SourceAnchor, WrittenSentence};
use crate::text::{detect_language, sentences};
use std::collections::HashMap;
use std::ops::Range;

/// From here on a sentence counts as supported.
pub const THRESHOLD: f64 = 0.58;
/// What a number, a name, a negation and an opposite cost that the source does not have; factors.
const NUMBER: f64 = 0.4;
const NAME: f64 = 0.5;
const NEGATION: f64 = 0.5;
const OPPOSITE: f64 = 0.5;
/// So many of the nearest sentences are looked at closely.
const CANDIDATES: usize = 8;
/// At most so many sentences support one.
const MOST_SOURCES: usize = 3;
/// How much more of the words a further sentence must cover.
const WORTH_A_SOURCE: f64 = 0.08;
/// Words less near than this have nothing to do with each other.
const NEAR_WORDS: f64 = 0.35;
/// Against an equal word, at most.
const OF_NEAR_WORDS: f64 = 0.9;
/// In another language only numbers and names can be compared, and how they belong together cannot.
const MOST_IN_ANOTHER_LANGUAGE: f64 = 0.5;

struct Sentence {
    offset: usize,
    length: usize,
    range: Range<usize>,
}

/// The written sentences with their support in `source`, in order.
///
/// Sentences in another language than the source's are never supported: their words cannot be looked up. They are given the
/// source sentences that have their numbers and names, and half the share of these that is there.
#[must_use]
pub fn supported(encoder: &Encoder, source: &str, written: &[String]) -> Vec<WrittenSentence> {
    let places = places(source);
    let weights = Weights::of(source, &places);
    let foreign = in_another_language(source, &written.join(" "));
    let statements: Vec<Statement> = written.iter().map(|text| Statement::of(encoder, text)).collect();
    let nearest = nearest(encoder, source, &places, &statements, foreign);
    let mut found = Vec::with_capacity(written.len());
    for (statement, candidates) in statements.iter().zip(nearest) {
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .map(|place| Candidate::of(encoder, &source[places[place].range.clone()], place))
            .collect();
        let (support, sources) = if foreign {
            by_numbers_and_names(statement, &candidates)
        } else {
            by_words(statement, &candidates, &weights)
        };
        found.push(WrittenSentence {
            text: statement.text.to_owned(),
            support,
            supported: !foreign && support >= THRESHOLD,
            sources: sources
                .into_iter()
                .map(|(place, score)| SourceAnchor {
                    offset: places[place].offset,
                    length: places[place].length,
                    score,
                })
                .collect(),
        });
    }
    found
}

struct Statement<'text> {
    text: &'text str,
    vector: Option<Vector>,
    facts: Facts,
    /// The vector of each content word.
    words: Vec<Option<Vector>>,
}

impl<'text> Statement<'text> {
    fn of(encoder: &Encoder, text: &'text str) -> Self {
        let facts = Facts::of(text, terms::is_function_word);
        Self {
            text,
            vector: encoder.encode(text).map(|found| found.vector),
            words: vectors(encoder, &facts),
            facts,
        }
    }
}

struct Candidate {
    place: usize,
    facts: Facts,
    words: Vec<Option<Vector>>,
    lower: String,
}

impl Candidate {
    fn of(encoder: &Encoder, text: &str, place: usize) -> Self {
        let facts = Facts::of(text, terms::is_function_word);
        Self {
            place,
            words: vectors(encoder, &facts),
            facts,
            lower: text.to_lowercase(),
        }
    }
}

fn vectors(encoder: &Encoder, facts: &Facts) -> Vec<Option<Vector>> {
    facts
        .words
        .iter()
        .map(|(_, word)| encoder.encode(word).map(|found| found.vector))
        .collect()
}

fn places(source: &str) -> Vec<Sentence> {
    let (mut bytes, mut offset) = (0, 0);
    sentences(source)
        .into_iter()
        .map(|range| {
            offset += source[bytes..range.start].chars().count();
            bytes = range.start;
            let length = source[range.clone()].chars().count();
            Sentence { offset, length, range }
        })
        .collect()
}

/// How much each word of the source weighs: `1 + ln((1 + sentences) / (1 + sentences with the word))`.
struct Weights {
    frequency: HashMap<String, usize>,
    sentences: usize,
}

impl Weights {
    fn of(source: &str, places: &[Sentence]) -> Self {
        let mut frequency = HashMap::new();
        for place in places {
            for (stem, _) in Facts::of(&source[place.range.clone()], terms::is_function_word).words {
                *frequency.entry(stem).or_insert(0) += 1;
            }
        }
        Self {
            frequency,
            sentences: places.len(),
        }
    }

    /// A word that the source does not have weighs what an ordinary one of it does: it may be a word of the summary's own.
    fn of_word(&self, stem: &str) -> f64 {
        let frequency = self.frequency.get(stem).copied().unwrap_or(self.sentences.div_ceil(3));
        1.0 + ((1 + self.sentences) as f64 / (1 + frequency) as f64).ln()
    }
}

/// The places of the sentences nearest each statement, nearest first.
fn nearest(
    encoder: &Encoder,
    source: &str,
    places: &[Sentence],
    statements: &[Statement],
    foreign: bool,
) -> Vec<Vec<usize>> {
    let mut best: Vec<Vec<(f64, usize)>> = vec![Vec::new(); statements.len()];
    for (place, sentence) in places.iter().enumerate() {
        let text = &source[sentence.range.clone()];
        let vector = encoder.encode(text).map(|found| found.vector);
        let facts = Facts::of(text, terms::is_function_word);
        for (statement, best) in statements.iter().zip(&mut best) {
            let alike = if foreign {
                shared_figures(statement, &facts)
            } else {
                let by_meaning = match (&statement.vector, &vector) {
                    (Some(left), Some(right)) => left.cosine(right).max(0.0),
                    _ => 0.0,
                };
                by_meaning + shared_words(&statement.facts, &facts)
            };
            if alike > 0.0 {
                let rank = best.partition_point(|(other, _)| *other >= alike);
                best.insert(rank, (alike, place));
                best.truncate(CANDIDATES);
            }
        }
    }
    best.into_iter()
        .map(|best| best.into_iter().map(|(_, place)| place).collect())
        .collect()
}

fn shared_words(statement: &Facts, sentence: &Facts) -> f64 {
    let shared = statement
        .words
        .iter()
        .filter(|(stem, _)| sentence.words.iter().any(|(other, _)| other == stem))
        .count();
    shared as f64 / statement.words.len().max(1) as f64
}

fn shared_figures(statement: &Statement, sentence: &Facts) -> f64 {
    let numbers = statement.facts.numbers.intersection(&sentence.numbers).count();
    let names = statement.facts.names.intersection(&sentence.names).count();
    (numbers + names) as f64
}

/// The support and the sentences it comes from, best first.
fn by_words(statement: &Statement, candidates: &[Candidate], weights: &Weights) -> (f64, Vec<(usize, f64)>) {
    let words: Vec<f64> = statement
        .facts
        .words
        .iter()
        .map(|(stem, _)| weights.of_word(stem))
        .collect();
    let total: f64 = words.iter().sum();
    if total <= 0.0 {
        return (0.0, Vec::new());
    }
    let covers: Vec<Vec<f64>> = candidates
        .iter()
        .map(|candidate| covers(statement, candidate))
        .collect();
    let cover = |found: &[f64]| {
        found
            .iter()
            .zip(&words)
            .map(|(found, weight)| found * weight)
            .sum::<f64>()
            / total
    };
    let mut found = vec![0.0; words.len()];
    let mut taken: Vec<usize> = Vec::new();
    while taken.len() < MOST_SOURCES {
        let with = |candidate: usize| -> Vec<f64> {
            found
                .iter()
                .zip(&covers[candidate])
                .map(|(left, right): (&f64, &f64)| left.max(*right))
                .collect()
        };
        let best = (0..candidates.len())
            .filter(|candidate| !taken.contains(candidate))
            .map(|candidate| (cover(&with(candidate)), candidate))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let least = if taken.is_empty() { 0.0 } else { WORTH_A_SOURCE };
        let Some((reached, best)) = best.filter(|(reached, _)| reached - cover(&found) > least) else {
            break;
        };
        let _ = reached;
        found = with(best);
        taken.push(best);
    }
    let mut sources: Vec<(usize, f64)> = taken
        .iter()
        .map(|&candidate| (candidates[candidate].place, cover(&covers[candidate])))
        .collect();
    sources.sort_by(|left, right| right.1.total_cmp(&left.1));
    let used: Vec<&Candidate> = taken.iter().map(|&candidate| &candidates[candidate]).collect();
    let support = cover(&found) * doubt(statement, &used);
    (support.clamp(0.0, 1.0), sources)
}

/// How far each word of the statement is in the candidate, 0 to 1.
fn covers(statement: &Statement, candidate: &Candidate) -> Vec<f64> {
    statement
        .facts
        .words
        .iter()
        .zip(&statement.words)
        .map(|((stem, _), vector)| {
            if candidate.facts.words.iter().any(|(other, _)| other == stem) {
                return 1.0;
            }
            let Some(vector) = vector else { return 0.0 };
            let nearest = candidate
                .words
                .iter()
                .flatten()
                .map(|other| vector.cosine(other))
                .fold(0.0, f64::max);
            ((nearest - NEAR_WORDS) / (1.0 - NEAR_WORDS)).max(0.0).sqrt() * OF_NEAR_WORDS
        })
        .collect()
}

/// The factor for what speaks against the statement in the sentences it stands on.
fn doubt(statement: &Statement, used: &[&Candidate]) -> f64 {
    let facts: Vec<&Facts> = used.iter().map(|candidate| &candidate.facts).collect();
    let missing_numbers = statement
        .facts
        .numbers
        .iter()
        .filter(|number| !facts.iter().any(|facts| facts.numbers.contains(*number)))
        .count();
    let missing_names = statement
        .facts
        .names
        .iter()
        .filter(|name| !used.iter().any(|candidate| candidate.lower.contains(name.as_str())))
        .count();
    let denied = facts.iter().any(|facts| facts.is_negative);
    let mut factor = power(NUMBER, missing_numbers) * power(NAME, missing_names);
    if denied != statement.facts.is_negative {
        factor *= NEGATION;
    }
    if statement.facts.opposes(&facts) {
        factor *= OPPOSITE;
    }
    factor
}

fn power(factor: f64, times: usize) -> f64 {
    factor.powi(i32::try_from(times).unwrap_or(i32::MAX))
}

fn by_numbers_and_names(statement: &Statement, candidates: &[Candidate]) -> (f64, Vec<(usize, f64)>) {
    let all = statement.facts.numbers.len() + statement.facts.names.len();
    if all == 0 {
        return (0.0, Vec::new());
    }
    let found = |facts: &[&Facts]| {
        let numbers = statement
            .facts
            .numbers
            .iter()
            .filter(|number| facts.iter().any(|facts| facts.numbers.contains(*number)));
        let names = statement
            .facts
            .names
            .iter()
            .filter(|name| facts.iter().any(|facts| facts.names.contains(*name)));
        (numbers.count() + names.count()) as f64 / all as f64 * MOST_IN_ANOTHER_LANGUAGE
    };
    let used = &candidates[..candidates.len().min(MOST_SOURCES)];
    let facts: Vec<&Facts> = used.iter().map(|candidate| &candidate.facts).collect();
    let sources = used
        .iter()
        .map(|candidate| (candidate.place, found(&[&candidate.facts])))
        .collect();
    (found(&facts), sources)
}

fn in_another_language(source: &str, written: &str) -> bool {
    match (detect_language(source), detect_language(written)) {
        (Some(source), Some(written)) if source.code != written.code => {
            let sure = |language: &crate::text::Language| language.reliable || !language.uses_latin_letters();
            sure(&source) && sure(&written)
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "support_tests.rs"]
mod tests;
