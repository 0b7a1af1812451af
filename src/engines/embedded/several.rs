//! Which labels fit, when more than one may.
//!
//! The engine's probabilities are over one true label and add up to 1, so labels that fit equally well share what one alone would
//! have. Named are the best label and each that has at least half of its probability and a quarter more than an even share. How
//! sure that is, is the best one's probability against the labels that are not named: what it shares with other named ones does
//! not speak against it.

use crate::domain::answers::{AbstainReason, Classification};

/// The share of the best label's probability from which on another fits as well.
const OF_THE_BEST: f64 = 0.5;
/// Against an even share: below it a text says nothing for the label.
const OF_AN_EVEN_SHARE: f64 = 1.25;

/// The same answer with every label that fits. With two labels never both are named: one that is sure of neither cannot be told
/// from one that is sure of both.
#[must_use]
pub fn with_all_labels(mut answer: Classification) -> Classification {
    let Some(best) = answer.scores.first() else {
        return answer;
    };
    let least = (best.score * OF_THE_BEST).max(OF_AN_EVEN_SHARE / answer.scores.len() as f64);
    let named = 1 + answer.scores[1..]
        .iter()
        .take_while(|label| label.score >= least)
        .count();
    let others: f64 = answer.scores[named..].iter().map(|label| label.score).sum();
    let doubtful = matches!(answer.abstained, None | Some(AbstainReason::BelowThreshold));
    // A single label's score says nothing; its confidence stands.
    if doubtful && answer.scores.len() > 1 {
        let confidence = best.score / (best.score + others).max(f64::MIN_POSITIVE);
        answer.confidence = Some(confidence);
        answer.abstained = (confidence < answer.threshold).then_some(AbstainReason::BelowThreshold);
    }
    if answer.abstained.is_none() {
        answer.label = Some(best.label.clone());
        answer.labels = answer.scores[..named].iter().map(|score| score.label.clone()).collect();
    } else {
        answer.label = None;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        answers::{ConfidenceSource, LabelScore},
        labels::LabelId,
    };

    fn named(scores: &[f64], threshold: f64, abstained: Option<AbstainReason>) -> (usize, f64) {
        let scores: Vec<LabelScore> = scores
            .iter()
            .enumerate()
            .map(|(number, &score)| LabelScore {
                label: LabelId(number.to_string()),
                score,
            })
            .collect();
        let answer = with_all_labels(Classification {
            label: None,
            labels: Vec::new(),
            confidence: Some(scores[0].score),
            confidence_source: ConfidenceSource::Embedded,
            scores,
            threshold,
            abstained,
            rationale: None,
        });
        assert_eq!(answer.label.as_ref(), answer.labels.first());
        assert_eq!(answer.label.is_none(), answer.abstained.is_some());
        (
            answer.labels.len(),
            (answer.confidence.unwrap() * 1000.0).round() / 1000.0,
        )
    }

    #[test]
    fn labels_that_share_the_probability_are_all_named() {
        assert_eq!(
            named(&[0.45, 0.43, 0.06, 0.06], 0.5, Some(AbstainReason::BelowThreshold)),
            (2, 0.789)
        );
        assert_eq!(named(&[0.9, 0.05, 0.05], 0.5, None), (1, 0.9));
        assert_eq!(named(&[0.5, 0.3, 0.2], 0.5, None), (1, 0.5));
    }

    #[test]
    fn what_is_even_names_nothing() {
        assert_eq!(named(&[0.1; 10], 0.5, Some(AbstainReason::BelowThreshold)), (0, 0.1));
        assert_eq!(named(&[0.55, 0.45], 0.5, None), (1, 0.55));
        assert_eq!(
            named(&[0.55, 0.45], 0.6, Some(AbstainReason::BelowThreshold)),
            (0, 0.55)
        );
        assert_eq!(
            named(&[0.6, 0.2, 0.2], 0.5, Some(AbstainReason::UnsupportedLanguage)),
            (0, 0.6)
        );
        assert_eq!(named(&[1.0], 0.5, Some(AbstainReason::BelowThreshold)), (0, 1.0));
    }
}
