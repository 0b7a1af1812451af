//! What a label looks like as a vector: its name and description put into a few phrases, and its examples.

use super::vectors::{DIMENSIONS, Encoder, Vector};
use crate::domain::labels::Label;

/// The phrases around a label's words; `{}` alone counts as one. Averaging over phrases steadies the vector (as prompt
/// ensembles do in Radford et al., CLIP, 2021).
const PHRASES: [(&str, &str); 3] = [("", ""), ("This text is about ", "."), ("news about ", "")];
/// The weight of the label's own words against one example.
const LABEL_WEIGHT: f64 = 4.0;
/// How much of the labels' common direction is taken out: what all labels share tells none of them.
const COMMON_SHARE: f64 = 0.5;

/// The vector of each label's name and description, or `None` where none of its words is known.
#[must_use]
pub fn of_words(encoder: &Encoder, labels: &[Label]) -> Vec<Option<Vector>> {
    let vectors: Vec<Option<Vector>> = labels.iter().map(|label| of_one_label(encoder, label)).collect();
    let known = vectors.iter().flatten().count();
    if known < 2 {
        return vectors;
    }
    let mut common = [0.0; DIMENSIONS];
    for vector in vectors.iter().flatten() {
        add(&mut common, vector, COMMON_SHARE / known as f64);
    }
    vectors
        .into_iter()
        .map(|vector| vector.map(|vector| without(&vector, &common)))
        .collect()
}

/// Each label's words and examples together: the sum of its examples and four times its own vector.
#[must_use]
pub fn of_labels<'example>(
    words: &[Option<Vector>],
    examples: impl Iterator<Item = (usize, &'example Vector)>,
) -> Vec<Option<Vector>> {
    let mut sums = vec![[0.0; DIMENSIONS]; words.len()];
    for (sum, words) in sums.iter_mut().zip(words) {
        if let Some(words) = words {
            add(sum, words, LABEL_WEIGHT);
        }
    }
    for (label, example) in examples {
        add(&mut sums[label], example, 1.0);
    }
    sums.iter().map(Vector::unit).collect()
}

/// The cosine of a text with each label, 0 for a label without a vector.
#[must_use]
pub fn cosines(labels: &[Option<Vector>], text: &Vector) -> Vec<f64> {
    labels
        .iter()
        .map(|label| label.as_ref().map_or(0.0, |label| label.cosine(text)))
        .collect()
}

/// Bytes of heap.
#[must_use]
pub fn memory(labels: &[Option<Vector>]) -> usize {
    size_of_val(labels) + labels.iter().flatten().count() * DIMENSIONS * size_of::<f32>()
}

/// `Name: description` in each phrase.
fn of_one_label(encoder: &Encoder, label: &Label) -> Option<Vector> {
    let (name, description) = (label.name.trim(), label.description.trim());
    let words = match (name.is_empty(), description.is_empty()) {
        (false, false) => format!("{name}: {description}"),
        _ => format!("{name}{description}"),
    };
    encoder.encode(&words).filter(|encoded| encoded.known_words > 0)?;
    let mut sum = [0.0; DIMENSIONS];
    for (before, after) in PHRASES {
        if let Some(encoded) = encoder.encode(&format!("{before}{words}{after}")) {
            add(&mut sum, &encoded.vector, 1.0);
        }
    }
    Vector::unit(&sum)
}

fn without(vector: &Vector, common: &[f64; DIMENSIONS]) -> Vector {
    let mut rest = *common;
    for (rest, number) in rest.iter_mut().zip(vector.0.iter()) {
        *rest = f64::from(*number) - *rest;
    }
    Vector::unit(&rest).unwrap_or_else(|| vector.clone())
}

fn add(sum: &mut [f64; DIMENSIONS], vector: &Vector, weight: f64) {
    for (sum, number) in sum.iter_mut().zip(vector.0.iter()) {
        *sum += f64::from(*number) * weight;
    }
}
