//! How central each sentence is: PageRank on the graph of sentences that are alike (Erkan and Radev, "LexRank", 2004).

use super::terms::SparseVector;

/// Sentences less alike than this have no edge between them.
const WEAKEST_EDGE: f32 = 0.05;
/// The share of the walk that follows edges (Brin and Page, 1998).
const DAMPING: f64 = 0.85;
const MOST_ROUNDS: usize = 60;
/// The walk has settled when a round moves no more than this, summed over all sentences.
const SETTLED: f64 = 1e-6;

/// The edges of every sentence.
struct Graph {
    /// Neighbour and likeness, by sentence.
    edges: Vec<Vec<(u32, f32)>>,
}

/// PageRank of each sentence, the largest being 1. `terms` is the number of distinct terms.
#[must_use]
pub fn page_rank(sentences: &[SparseVector], terms: usize) -> Vec<f64> {
    let graph = Graph::of(sentences, terms);
    let count = sentences.len();
    if count == 0 {
        return Vec::new();
    }
    let even = 1.0 / count as f64;
    let strength: Vec<f64> = graph
        .edges
        .iter()
        .map(|edges| edges.iter().map(|&(_, weight)| f64::from(weight)).sum())
        .collect();
    let mut rank = vec![even; count];
    let mut next = vec![0.0; count];
    for _ in 0..MOST_ROUNDS {
        // Sentences without edges spread their rank evenly, so that nothing is lost.
        let loose: f64 = rank
            .iter()
            .zip(&strength)
            .filter(|&(_, &out)| out == 0.0)
            .map(|(rank, _)| rank)
            .sum();
        next.fill((1.0 - DAMPING) * even + DAMPING * loose * even);
        for ((edges, &rank), &out) in graph.edges.iter().zip(&rank).zip(&strength) {
            if out > 0.0 {
                let share = DAMPING * rank / out;
                for &(neighbour, weight) in edges {
                    next[neighbour as usize] += share * f64::from(weight);
                }
            }
        }
        let moved: f64 = rank.iter().zip(&next).map(|(old, new)| (old - new).abs()).sum();
        std::mem::swap(&mut rank, &mut next);
        if moved < SETTLED {
            break;
        }
    }
    let largest = rank.iter().copied().fold(0.0, f64::max);
    for rank in &mut rank {
        *rank /= largest;
    }
    rank
}

impl Graph {
    /// Compares only sentences that share a term, by way of an inverted index.
    fn of(sentences: &[SparseVector], terms: usize) -> Self {
        let mut index: Vec<Vec<(u32, f32)>> = vec![Vec::new(); terms];
        let mut likeness = vec![0.0f32; sentences.len()];
        let mut touched = Vec::new();
        let mut edges = vec![Vec::new(); sentences.len()];
        for (sentence, vector) in sentences.iter().enumerate() {
            for &(term, weight) in vector {
                for &(earlier, earlier_weight) in &index[term as usize] {
                    if likeness[earlier as usize] == 0.0 {
                        touched.push(earlier);
                    }
                    likeness[earlier as usize] += weight * earlier_weight;
                }
            }
            for earlier in touched.drain(..) {
                let weight = std::mem::take(&mut likeness[earlier as usize]);
                if weight > WEAKEST_EDGE {
                    edges[sentence].push((earlier, weight));
                    edges[earlier as usize].push((sentence as u32, weight));
                }
            }
            for &(term, weight) in vector {
                index[term as usize].push((sentence as u32, weight));
            }
        }
        Self { edges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_most_like_the_others_is_the_most_central() {
        let hub = vec![(0, 0.6), (1, 0.6), (2, 0.5)];
        let rank = page_rank(
            &[vec![(0, 1.0)], hub, vec![(1, 1.0)], vec![(2, 1.0)], vec![(3, 1.0)]],
            4,
        );
        assert!((rank[1] - 1.0).abs() < 1e-12);
        assert!(rank[0] > rank[4] && rank.iter().all(|rank| *rank > 0.0 && *rank <= 1.0));
    }

    #[test]
    fn sentences_without_anything_in_common_are_equal() {
        let rank = page_rank(&[vec![], vec![(0, 1.0)], vec![(1, 1.0)]], 2);
        assert!(rank.iter().all(|rank| (rank - 1.0).abs() < 1e-9));
        assert!(page_rank(&[], 0).is_empty());
    }
}
