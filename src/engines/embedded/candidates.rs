//! The sentences that a summary may be made of, each with how much it says of its text.
//!
//! Centrality is what counts most (`centrality`); short sentences count less, early ones a little more, quoted mail,
//! headers and signatures little. A query draws the scores towards the sentences that are near it.

use super::centrality;
use super::terms::{self, SparseVector, Terms};
use super::vectors::Encoder;
use crate::domain::answers::{SummaryOptions, SummaryPreset};
use crate::text::sentences::{self, Role, Segment};

/// More sentences than this are first thinned out, to the ones nearest the text's mean: comparing all pairs of a book's
/// sentences would take minutes.
const MOST_CANDIDATES: usize = 800;
/// The first sentences, which are never thinned out.
const OPENING: usize = 20;
/// Sentences with fewer content words are marked down in proportion, at most to the share below.
const FEWEST_CONTENT_WORDS: f64 = 8.0;
const SHORTEST_SHARE: f64 = 0.05;
/// The weight of an early place, against centrality. A place is worth one over its number, as the opening sentence
/// says most and the difference between the tenth and the eleventh is none.
const EARLY_PLACE: f64 = 0.2;
/// The same for news, where the opening is the summary.
const EARLY_PLACE_IN_NEWS: f64 = 0.9;
/// The weight of likeness to what is already taken, against the score.
const NOVELTY: f64 = 0.5;
const NOVELTY_IN_NEWS: f64 = 0.1;
/// The weight of likeness to the query, against the score without one.
const QUERY: f64 = 0.75;
/// Quoted mail, headers and signatures, against the text's own words.
const QUOTED_SHARE: f64 = 0.3;

/// The sentences a summary may be made of, with what is known of each.
pub struct Candidates {
    pub segments: Vec<Segment>,
    pub vectors: Vec<SparseVector>,
    /// 0 to 1, the best being 1.
    pub scores: Vec<f64>,
    /// The weight of likeness to what is already taken.
    pub novelty: f64,
}

impl Candidates {
    /// Splits `text` and scores its sentences.
    #[must_use]
    pub fn of(encoder: &Encoder, text: &str, options: &SummaryOptions) -> Self {
        Self::with(encoder, text, options, &[])
    }

    /// The same; the sentences of these numbers are among them however long the text is.
    #[must_use]
    pub fn with(encoder: &Encoder, text: &str, options: &SummaryOptions, kept: &[usize]) -> Self {
        let mut segments = sentences::segments(text);
        let mut hashes = Vec::new();
        let mut all_terms = Terms::default();
        let mut counts: Vec<SparseVector> = Vec::with_capacity(segments.len());
        for segment in &segments {
            terms::content_words(&text[segment.range.clone()], &mut hashes);
            counts.push(all_terms.count(&mut hashes));
        }
        let lengths: Vec<f64> = counts
            .iter()
            .map(|terms| f64::from(terms.iter().map(|(_, count)| count).sum::<f32>()))
            .collect();
        let mut vectors = counts;
        for vector in &mut vectors {
            all_terms.weigh(vector);
        }

        let wanted_words = options.focus.as_deref().map(|query| query_words(query, &all_terms));
        let mut places: Vec<usize> = (0..segments.len()).collect();
        if segments.len() > MOST_CANDIDATES {
            places = nearest_to_mean(&vectors, &lengths, all_terms.len(), wanted_words.as_ref(), kept);
            segments = places.iter().map(|&place| segments[place].clone()).collect();
            vectors = places
                .iter()
                .map(|&place| std::mem::take(&mut vectors[place]))
                .collect();
        }

        let (early_place, novelty) = match options.preset {
            SummaryPreset::General => (EARLY_PLACE, NOVELTY),
            SummaryPreset::News => (EARLY_PLACE_IN_NEWS, NOVELTY_IN_NEWS),
        };
        let central = centrality::page_rank(&vectors, all_terms.len());
        let wanted = options
            .focus
            .as_deref()
            .and_then(|query| query_likeness(encoder, text, query, wanted_words.as_ref()?, &segments, &vectors));
        let mut scores: Vec<f64> = Vec::with_capacity(segments.len());
        for (candidate, segment) in segments.iter().enumerate() {
            let place = 1.0 / (1.0 + places[candidate] as f64);
            let mut score = central[candidate] * (1.0 - early_place) + place * early_place;
            score *= (lengths[places[candidate]] / FEWEST_CONTENT_WORDS).clamp(SHORTEST_SHARE, 1.0);
            if let Some(wanted) = &wanted {
                score = score * (1.0 - QUERY) + wanted[candidate] * QUERY;
            }
            if segment.role != Role::Body {
                score *= QUOTED_SHARE;
            }
            scores.push(score);
        }
        let best = scores.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        for score in &mut scores {
            *score = (*score / best).clamp(0.0, 1.0);
        }
        Self {
            segments,
            vectors,
            scores,
            novelty,
        }
    }
}

/// The candidates nearest the mean of all sentences, in source order. The opening is always among them, and so are
/// those of the numbers `kept` and what shares words with the query.
fn nearest_to_mean(
    vectors: &[SparseVector],
    lengths: &[f64],
    terms: usize,
    wanted_words: Option<&SparseVector>,
    kept: &[usize],
) -> Vec<usize> {
    let mut mean = vec![0.0f32; terms];
    for vector in vectors {
        for &(term, weight) in vector {
            mean[term as usize] += weight;
        }
    }
    let nearness = |place: usize| {
        if place < OPENING || kept.contains(&place) {
            return f64::INFINITY;
        }
        let vector = &vectors[place];
        let alike: f32 = vector.iter().map(|&(term, weight)| weight * mean[term as usize]).sum();
        let wanted = wanted_words.map_or(0.0, |words| terms::sparse_dot(vector, words));
        // No sentence is nearer the mean than their number, so the query goes first.
        f64::from(alike) * (lengths[place] / FEWEST_CONTENT_WORDS).min(1.0) + f64::from(wanted) * vectors.len() as f64
    };
    let mut places: Vec<(usize, f64)> = (0..vectors.len()).map(|place| (place, nearness(place))).collect();
    places.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    let mut kept: Vec<usize> = places
        .into_iter()
        .take(MOST_CANDIDATES)
        .map(|(place, _)| place)
        .collect();
    kept.sort_unstable();
    kept
}

/// The query as a TF-IDF vector in the text's own terms.
fn query_words(query: &str, all_terms: &Terms) -> SparseVector {
    let mut hashes = Vec::new();
    terms::content_words(query, &mut hashes);
    let mut words = all_terms.look_up(&mut hashes);
    all_terms.weigh(&mut words);
    words
}

/// How near each sentence is to the query, by shared words and by meaning; the nearest has 1. `None` when the query has
/// nothing to compare.
fn query_likeness(
    encoder: &Encoder,
    text: &str,
    query: &str,
    words: &SparseVector,
    segments: &[Segment],
    vectors: &[SparseVector],
) -> Option<Vec<f64>> {
    let meaning = encoder.encode(query);
    if words.is_empty() && meaning.is_none() {
        return None;
    }
    let mut likeness: Vec<f64> = Vec::with_capacity(segments.len());
    for (segment, vector) in segments.iter().zip(vectors) {
        let by_words = f64::from(terms::sparse_dot(vector, words));
        let sentence = encoder.encode(&text[segment.range.clone()]);
        let by_meaning = match (&meaning, &sentence) {
            (Some(query), Some(sentence)) => query.vector.cosine(&sentence.vector).max(0.0),
            _ => 0.0,
        };
        likeness.push(by_words + by_meaning);
    }
    let best = likeness.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    for likeness in &mut likeness {
        *likeness /= best;
    }
    Some(likeness)
}
