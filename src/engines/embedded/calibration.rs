//! From scores to probabilities that mean what they say.

/// The temperatures that are tried, from a hard choice to an even one: 0.01 · 1.12^n, n to 80, so up to about 87.
const TEMPERATURES: i32 = 80;

/// Probabilities from scores: `exp(score / temperature)`, brought to the sum 1.
#[must_use]
pub fn softmax(scores: &[f64], temperature: f64) -> Vec<f64> {
    log_softmax(scores, temperature).into_iter().map(f64::exp).collect()
}

/// The logarithms of [`softmax`].
#[must_use]
pub fn log_softmax(scores: &[f64], temperature: f64) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| ((score - largest) / temperature).exp()).sum();
    let log_sum = sum.ln();
    scores
        .iter()
        .map(|score| (score - largest) / temperature - log_sum)
        .collect()
}

/// The temperature under which the true labels of `held_out` (scores and label) are least surprising, and the mean
/// surprise (negative log-likelihood) that remains. Guo et al., "On Calibration of Modern Neural Networks" (2017).
#[must_use]
pub fn best_temperature(held_out: &[(Vec<f64>, usize)]) -> (f64, f64) {
    (0..=TEMPERATURES)
        .map(|step| 0.01 * 1.12f64.powi(step))
        .map(|temperature| (temperature, surprise(held_out, temperature)))
        .reduce(|best, next| if next.1 < best.1 { next } else { best })
        .unwrap_or((1.0, f64::INFINITY))
}

/// The mean negative log-likelihood, as if each label were also a little true of each text: after n right answers out of n,
/// the next is right with a probability of (n + 1) / (n + 2) (Laplace's rule of succession), not of 1.
fn surprise(held_out: &[(Vec<f64>, usize)], temperature: f64) -> f64 {
    let doubt = 1.0 / (held_out.len() as f64 + 2.0);
    let total: f64 = held_out
        .iter()
        .map(|(scores, label)| {
            let logarithms = log_softmax(scores, temperature);
            let mean = logarithms.iter().sum::<f64>() / logarithms.len().max(1) as f64;
            -((1.0 - doubt) * logarithms[*label] + doubt * mean)
        })
        .sum();
    total / held_out.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_even_for_extreme_scores() {
        for scores in [vec![0.0], vec![1e300, -1e300], vec![-5.0, 0.0, 5.0], vec![0.2; 100]] {
            let probabilities = softmax(&scores, 0.05);
            assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{scores:?}");
            assert!(probabilities.iter().all(|probability| probability.is_finite()));
        }
        assert!(softmax(&[], 1.0).is_empty());
    }

    #[test]
    fn the_temperature_makes_confidence_match_how_often_it_is_right() {
        // Right three times out of four with the same scores: the best probability is three quarters.
        let held_out: Vec<(Vec<f64>, usize)> = (0..400).map(|n| (vec![1.0, 0.0], usize::from(n % 4 == 0))).collect();
        let (temperature, _) = best_temperature(&held_out);
        assert!((softmax(&[1.0, 0.0], temperature)[0] - 0.75).abs() < 0.03);
    }

    #[test]
    fn no_held_out_answers_leave_a_usable_temperature() {
        assert!(best_temperature(&[]).0 > 0.0);
    }
}
