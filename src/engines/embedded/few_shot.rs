//! Learns a label set from examples: which of three simple models to trust, how much, and how sure to sound.
//!
//! The three are the nearest label prototype, a linear model on the text vectors and a linear model on TF-IDF. The first
//! is best with few examples, the second on short texts, the third on long ones. Which are used is decided by cross-
//! validation on the examples themselves: each model answers for examples it has not seen, and the mixture that is least
//! surprised by the true labels wins. A set that would take longer than some seconds is learnt from fewer examples.

use super::calibration::{self, log_softmax};
use super::linear::Linear;
use super::prototypes;
use super::terms::{self, SparseVector, Terms};
use super::vectors::{DIMENSIONS, Vector};

/// With fewer examples a label on average, or fewer than two of some label, there is not enough to validate on: then the
/// prototypes are used alone, at the temperature of zero-shot answers.
const FEWEST_EXAMPLES_TO_VALIDATE: usize = 4;
const FEWEST_EXAMPLES_OF_A_LABEL: usize = 2;
/// More examples than this in all are thinned evenly within each label.
const MOST_EXAMPLES: usize = 4000;
/// So are examples whose `work` is more than this. 20 labels with 64 newsgroup posts each stay below it and take about
/// 4 s on one core; the time grows with the work, and so does the memory, to about four bytes a unit.
const MOST_WORK: usize = 12_000_000;
const FOLDS: usize = 5;
/// The C of the linear models.
const SOFTNESS_ON_VECTORS: f32 = 4.0;
const SOFTNESS_ON_TERMS: f32 = 1.0;

/// One example of a label, ready for all three models.
pub struct Example {
    pub label: usize,
    pub vector: Vector,
    /// Hashes of its content words, sorted.
    pub words: Vec<u64>,
}

/// The mixture that won.
pub struct FewShot {
    models: Models,
    /// The temperature of each model that takes part.
    temperatures: [Option<f64>; MODELS],
    /// The temperature of the mixture.
    temperature: f64,
}

const MODELS: usize = 3;

struct Models {
    prototypes: Vec<Option<Vector>>,
    on_vectors: Option<Linear>,
    on_terms: Option<(Terms, Linear)>,
}

impl FewShot {
    /// Fits to `examples`, or to as many of them as there is time for; `words` are the vectors of the labels' names and
    /// descriptions. `None` when those are too few, in all or of some label, to weigh models against each other.
    #[must_use]
    pub fn fit(words: &[Option<Vector>], examples: &[Example]) -> Option<Self> {
        let examples = thinned(examples, words.len());
        if !can_validate(&examples, words.len()) {
            return None;
        }
        let mut held_out: [Vec<(Vec<f64>, usize)>; MODELS] = Default::default();
        for fold in 0..FOLDS {
            let (seen, unseen) = split(&examples, words.len(), fold);
            let models = Models::fit(words, &seen, [true; MODELS]);
            for example in unseen {
                for (model, scores) in models
                    .scores(&example.vector, &mut example.words.clone())
                    .into_iter()
                    .enumerate()
                {
                    held_out[model].push((scores, example.label));
                }
            }
        }
        let (used, temperatures, temperature) = best_mixture(&held_out);
        Some(Self {
            models: Models::fit(words, &examples, used),
            temperatures,
            temperature,
        })
    }

    /// About how many bytes of heap it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let Models {
            prototypes,
            on_vectors,
            on_terms,
        } = &self.models;
        let of_terms = on_terms
            .as_ref()
            .map_or(0, |(terms, linear)| terms.memory() + linear.memory());
        size_of::<Self>() + prototypes::memory(prototypes) + on_vectors.as_ref().map_or(0, Linear::memory) + of_terms
    }

    /// The probability of each label.
    #[must_use]
    pub fn probabilities(&self, vector: &Vector, text: &str) -> Vec<f64> {
        let mut hashes = Vec::new();
        if self.models.on_terms.is_some() {
            terms::content_words(text, &mut hashes);
        }
        let scores = self.models.scores(vector, &mut hashes);
        calibration::softmax(&mixed(&scores, &self.temperatures), self.temperature)
    }
}

impl Models {
    fn fit(words: &[Option<Vector>], examples: &[&Example], used: [bool; MODELS]) -> Self {
        let labels = words.len();
        let [_, use_vectors, use_terms] = used;
        Self {
            prototypes: prototypes::of_labels(words, examples.iter().map(|example| (example.label, &example.vector))),
            on_vectors: use_vectors.then(|| fit_on_vectors(examples, labels)),
            on_terms: use_terms.then(|| fit_on_terms(examples, labels)),
        }
    }

    /// The scores of each model; a model that was not fitted has none.
    fn scores(&self, vector: &Vector, hashes: &mut [u64]) -> [Vec<f64>; MODELS] {
        let on_vectors = self
            .on_vectors
            .as_ref()
            .map(|linear| linear.scores(&dense(vector)))
            .unwrap_or_default();
        let on_terms = self.on_terms.as_ref().map(|(terms, linear)| {
            let mut weights = terms.look_up(hashes);
            terms.weigh(&mut weights);
            linear.scores(&weights)
        });
        [
            prototypes::cosines(&self.prototypes, vector),
            on_vectors,
            on_terms.unwrap_or_default(),
        ]
    }
}

fn fit_on_vectors(examples: &[&Example], labels: usize) -> Linear {
    let features: Vec<SparseVector> = examples.iter().map(|example| dense(&example.vector)).collect();
    let rows: Vec<(&[(u32, f32)], usize)> = features
        .iter()
        .zip(examples)
        .map(|(features, example)| (features.as_slice(), example.label))
        .collect();
    Linear::fit(&rows, labels, DIMENSIONS, SOFTNESS_ON_VECTORS)
}

fn fit_on_terms(examples: &[&Example], labels: usize) -> (Terms, Linear) {
    let mut terms = Terms::default();
    let mut features: Vec<SparseVector> = examples
        .iter()
        .map(|example| terms.count(&mut example.words.clone()))
        .collect();
    for weights in &mut features {
        terms.weigh(weights);
    }
    let rows: Vec<(&[(u32, f32)], usize)> = features
        .iter()
        .zip(examples)
        .map(|(features, example)| (features.as_slice(), example.label))
        .collect();
    let linear = Linear::fit(&rows, labels, terms.len(), SOFTNESS_ON_TERMS);
    (terms, linear)
}

fn dense(vector: &Vector) -> SparseVector {
    (0..).zip(vector.0.iter().copied()).collect()
}

/// The mean of the models' log-probabilities, each at its own temperature.
fn mixed(scores: &[Vec<f64>; MODELS], temperatures: &[Option<f64>; MODELS]) -> Vec<f64> {
    let mut sum: Vec<f64> = Vec::new();
    let mut count = 0.0;
    for (scores, temperature) in scores.iter().zip(temperatures) {
        let Some(temperature) = temperature else { continue };
        let logarithms = log_softmax(scores, *temperature);
        sum.resize(logarithms.len(), 0.0);
        for (sum, logarithm) in sum.iter_mut().zip(logarithms) {
            *sum += logarithm;
        }
        count += 1.0;
    }
    sum.into_iter().map(|sum| sum / count).collect()
}

/// Tries every choice of models on the held-out answers.
fn best_mixture(held_out: &[Vec<(Vec<f64>, usize)>; MODELS]) -> ([bool; MODELS], [Option<f64>; MODELS], f64) {
    let own: [f64; MODELS] = std::array::from_fn(|model| calibration::best_temperature(&held_out[model]).0);
    let mut best = ([true, false, false], [Some(own[0]), None, None], 1.0);
    let mut least_surprise = f64::INFINITY;
    for choice in 1..(1usize << MODELS) {
        let used: [bool; MODELS] = std::array::from_fn(|model| choice & (1 << model) != 0);
        let temperatures: [Option<f64>; MODELS] = std::array::from_fn(|model| used[model].then_some(own[model]));
        let mixtures: Vec<(Vec<f64>, usize)> = (0..held_out[0].len())
            .map(|index| {
                let scores = std::array::from_fn(|model| held_out[model][index].0.clone());
                (mixed(&scores, &temperatures), held_out[0][index].1)
            })
            .collect();
        let (temperature, surprise) = calibration::best_temperature(&mixtures);
        if surprise < least_surprise {
            least_surprise = surprise;
            best = (used, temperatures, temperature);
        }
    }
    best
}

/// The examples outside and inside a fold; every label is spread over all folds.
fn split<'example>(
    examples: &[&'example Example],
    labels: usize,
    fold: usize,
) -> (Vec<&'example Example>, Vec<&'example Example>) {
    let mut seen_of_label = vec![0; labels];
    examples.iter().partition(|example| {
        seen_of_label[example.label] += 1;
        seen_of_label[example.label] % FOLDS != fold
    })
}

fn can_validate(examples: &[&Example], labels: usize) -> bool {
    let mut of_label = vec![0; labels];
    for example in examples {
        of_label[example.label] += 1;
    }
    labels > 1
        && examples.len() >= FEWEST_EXAMPLES_TO_VALIDATE * labels
        && of_label.iter().all(|&count| count >= FEWEST_EXAMPLES_OF_A_LABEL)
}

/// What a round of fitting costs: each plane, one a label, meets each number of each example.
fn work(examples: &[&Example], labels: usize) -> usize {
    let numbers: usize = examples.iter().map(|example| DIMENSIONS + example.words.len()).sum();
    numbers * labels
}

/// As many of the examples as there is time for, evenly within each label; none when those would be too few.
fn thinned(examples: &[Example], labels: usize) -> Vec<&Example> {
    let mut kept: Vec<&Example> = examples.iter().collect();
    let mut share = 1.0;
    loop {
        let surplus = (kept.len() as f64 / MOST_EXAMPLES as f64).max(work(&kept, labels) as f64 / MOST_WORK as f64);
        if surplus <= 1.0 {
            return kept;
        }
        if share * (examples.len() as f64) < 1.0 {
            return Vec::new();
        }
        // Examples differ in length and the first few of a label are always kept, so one step may not be enough.
        share /= surplus.max(1.01);
        kept = spread(examples, labels, share);
    }
}

/// The first few of every label, then every n-th.
fn spread(examples: &[Example], labels: usize, share: f64) -> Vec<&Example> {
    let mut seen = vec![0usize; labels];
    let is_kept = |example: &&Example| {
        let count = seen[example.label] as f64;
        seen[example.label] += 1;
        count < FEWEST_EXAMPLES_TO_VALIDATE as f64 || (count * share).floor() < ((count + 1.0) * share).floor()
    };
    examples.iter().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::super::vectors::Encoder;
    use super::*;

    fn example(encoder: &Encoder, label: usize, text: &str) -> Example {
        let mut words = Vec::new();
        terms::content_words(text, &mut words);
        Example {
            label,
            vector: encoder.encode(text).unwrap().vector,
            words,
        }
    }

    #[test]
    fn words_that_only_the_examples_know_decide() {
        let encoder = Encoder::shared();
        let colours = ["red", "blue", "green", "grey", "black", "white", "brown", "pink"];
        let examples: Vec<Example> = colours
            .iter()
            .flat_map(|colour| {
                [(0, "vosk"), (1, "tarn")]
                    .map(|(label, word)| example(&encoder, label, &format!("the {colour} {word} on the table")))
            })
            .collect();
        let model = FewShot::fit(&[None, None], &examples).unwrap();
        for (label, text) in [(0, "a yellow vosk"), (1, "a yellow tarn")] {
            let probabilities = model.probabilities(&encoder.encode(text).unwrap().vector, text);
            assert!(probabilities[label] > 0.6, "{text}: {probabilities:?}");
            assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn too_many_examples_are_thinned_within_each_label() {
        let encoder = Encoder::shared();
        let text = example(&encoder, 0, "refund");
        let copy = |label| Example {
            label,
            vector: text.vector.clone(),
            words: text.words.clone(),
        };
        let examples: Vec<Example> = (0..5_010).map(|number| copy(usize::from(number >= 5_000))).collect();
        let kept = thinned(&examples, 2);
        assert!(kept.len() <= MOST_EXAMPLES && kept.len() > MOST_EXAMPLES - 50);
        assert!(kept.iter().filter(|example| example.label == 1).count() >= 8);
    }

    /// `count` examples a label, of `words` words each that no other example has.
    fn long_examples(labels: usize, count: usize, words: usize) -> Vec<Example> {
        let vector = Encoder::shared().encode("refund").unwrap().vector;
        let example = |number: usize| Example {
            label: number % labels,
            vector: vector.clone(),
            words: (0..words).map(|word| (number * words + word) as u64).collect(),
        };
        (0..labels * count).map(example).collect()
    }

    #[test]
    fn the_work_is_bounded_by_learning_from_fewer_examples() {
        // The largest of the measured sets: 20 labels, 64 newsgroup posts each.
        assert_eq!(thinned(&long_examples(20, 64, 200), 20).len(), 1280);
        for (labels, count, words, expected) in [
            (20, 64, 600, 700),
            (20, 500, 200, 1_300),
            (50, 20, 900, 200),
            (30, 200, 1, 1_530),
            (2, 500, 2_500, 1_000),
        ] {
            let examples = long_examples(labels, count, words);
            let kept = thinned(&examples, labels);
            assert!(work(&kept, labels) <= MOST_WORK);
            assert!(can_validate(&kept, labels));
            assert_eq!(
                kept.len(),
                expected,
                "{labels} labels, {count} examples of {words} words"
            );
        }
    }

    #[test]
    fn a_set_that_cannot_be_learnt_in_time_is_left_to_the_prototypes() {
        let examples = long_examples(200, 20, 600);
        assert_eq!(thinned(&examples, 200).len(), 0);
        assert!(FewShot::fit(&vec![None; 200], &examples).is_none());
    }
}
