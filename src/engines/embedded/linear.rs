//! A linear classifier: one separating plane a label, against all other labels.
//!
//! Each plane minimises `½|w|² + C Σ max(0, 1 - y w·x)²` (support vector machine with squared hinge loss) by coordinate
//! descent on the dual, after Hsieh et al., "A Dual Coordinate Descent Method for Large-scale Linear SVM" (2008). It
//! sees every example in turn for a bounded number of rounds, in a fixed shuffled order, so the result is the same on
//! every machine.

/// An example's features: index and value, each index at most once.
pub type Features = [(u32, f32)];

const MOST_ROUNDS: usize = 60;
/// A round in which no example is violated by more than this ends the descent.
const GOOD_ENOUGH: f32 = 0.02;

/// The planes of all labels.
pub struct Linear {
    /// Weight of feature `f` for label `l` at `f * labels + l`.
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Linear {
    /// Fits planes to `examples` with their label numbers below `labels`. Feature numbers are below `features`.
    /// `softness` is the C of the formula: the larger, the closer the planes follow the examples.
    #[must_use]
    pub fn fit(examples: &[(&Features, usize)], labels: usize, features: usize, softness: f32) -> Self {
        let mut weights = vec![0.0; features * labels];
        let mut biases = vec![0.0; labels];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        shuffle(&mut order);
        for label in 0..labels {
            let (plane, bias) = fit_plane(examples, label, features, softness, &order);
            for (feature, weight) in plane.into_iter().enumerate() {
                weights[feature * labels + label] = weight;
            }
            biases[label] = bias;
        }
        Self { weights, biases }
    }

    /// How far on its own side of each label's plane the text lies.
    #[must_use]
    pub fn scores(&self, features: &Features) -> Vec<f64> {
        let labels = self.biases.len();
        let mut scores = self.biases.clone();
        for &(feature, value) in features {
            let row = &self.weights[feature as usize * labels..][..labels];
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += value * weight;
            }
        }
        scores.into_iter().map(f64::from).collect()
    }

    /// Bytes of heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.weights.len() + self.biases.len()) * size_of::<f32>()
    }
}

fn fit_plane(
    examples: &[(&Features, usize)],
    label: usize,
    features: usize,
    softness: f32,
    order: &[usize],
) -> (Vec<f32>, f32) {
    let slack = 0.5 / softness;
    let mut plane = vec![0.0f32; features];
    let mut bias = 0.0f32;
    let mut multipliers = vec![0.0f32; examples.len()];
    let curvature: Vec<f32> = examples
        .iter()
        .map(|(example, _)| 1.0 + slack + example.iter().map(|(_, value)| value * value).sum::<f32>())
        .collect();
    for _ in 0..MOST_ROUNDS {
        let mut worst = 0.0f32;
        for &index in order {
            let (example, its_label) = examples[index];
            let side = if its_label == label { 1.0 } else { -1.0 };
            let distance = bias
                + example
                    .iter()
                    .map(|&(feature, value)| plane[feature as usize] * value)
                    .sum::<f32>();
            let gradient = side * distance - 1.0 + slack * multipliers[index];
            let violation = if multipliers[index] == 0.0 {
                gradient.min(0.0)
            } else {
                gradient
            };
            worst = worst.max(violation.abs());
            if violation != 0.0 {
                let moved = (multipliers[index] - gradient / curvature[index]).max(0.0);
                let step = (moved - multipliers[index]) * side;
                multipliers[index] = moved;
                bias += step;
                for &(feature, value) in example {
                    plane[feature as usize] += step * value;
                }
            }
        }
        if worst < GOOD_ENOUGH {
            break;
        }
    }
    (plane, bias)
}

/// Fisher and Yates' shuffle with a fixed linear congruential generator (Knuth's MMIX constants).
fn shuffle(order: &mut [usize]) {
    let mut state = 1u64;
    for last in (1..order.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (state >> 33) as usize % (last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_examples_are_separated_the_same_way_every_time() {
        let points: Vec<(Vec<(u32, f32)>, usize)> = (0..30u8)
            .map(|n| {
                (
                    vec![(u32::from(n % 3), 1.0), (3, f32::from(n) / 30.0)],
                    usize::from(n % 3),
                )
            })
            .collect();
        let rows: Vec<(&Features, usize)> = points
            .iter()
            .map(|(features, label)| (features.as_slice(), *label))
            .collect();
        let (first, second) = (Linear::fit(&rows, 3, 4, 1.0), Linear::fit(&rows, 3, 4, 1.0));
        assert_eq!(first.weights, second.weights);
        for (features, label) in rows {
            let scores = first.scores(features);
            assert!(
                (0..3).all(|other| other == label || scores[other] < scores[label]),
                "{scores:?}"
            );
        }
    }

    #[test]
    fn a_label_without_examples_is_never_the_best() {
        let (left, right) = ([(0, 1.0)], [(1, 1.0)]);
        let linear = Linear::fit(&[(&left, 0), (&right, 1)], 3, 2, 1.0);
        assert!(linear.scores(&left)[2] < linear.scores(&left)[0]);
    }
}
