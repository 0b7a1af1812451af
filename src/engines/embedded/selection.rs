//! Which of the candidates make up a summary: the best ones that do not repeat each other (maximal marginal relevance,
//! Carbonell and Goldstein 1998), for as long as there is room.

use super::candidates::Candidates;
use super::terms;
use crate::domain::answers::SummaryLength;
use std::ops::Range;

/// A summary has no more sentences than this when their number is what was asked for.
const MOST_SENTENCES: usize = 20;

/// A sentence that was taken, perhaps only its beginning.
pub struct Pick {
    pub range: Range<usize>,
    pub score: f64,
}

impl Candidates {
    /// Takes sentences by maximal marginal relevance, for as long as they fit.
    #[must_use]
    pub fn choose(&self, text: &str, length: SummaryLength) -> Vec<Pick> {
        let (most, mut room) = match length {
            SummaryLength::Sentences(count) => (usize::from(count).clamp(1, MOST_SENTENCES), usize::MAX),
            SummaryLength::MaxChars(characters) => (self.segments.len(), characters),
        };
        let characters: Vec<usize> = self
            .segments
            .iter()
            .map(|segment| text[segment.range.clone()].chars().count())
            .collect();
        let mut open: Vec<bool> = vec![true; self.segments.len()];
        let mut likeness = vec![0.0f64; self.segments.len()];
        let mut chosen: Vec<Pick> = Vec::new();
        while chosen.len() < most {
            let gap = usize::from(!chosen.is_empty());
            let fits = |&candidate: &usize| open[candidate] && characters[candidate].saturating_add(gap) <= room;
            let value =
                |candidate: usize| (1.0 - self.novelty) * self.scores[candidate] - self.novelty * likeness[candidate];
            let best = (0..self.segments.len())
                .filter(fits)
                .reduce(|best, next| if value(next) > value(best) { next } else { best });
            let Some(best) = best else { break };
            open[best] = false;
            room = room.saturating_sub(characters[best] + gap);
            for (candidate, likeness) in likeness.iter_mut().enumerate() {
                if open[candidate] {
                    let alike = f64::from(terms::sparse_dot(&self.vectors[candidate], &self.vectors[best]));
                    *likeness = likeness.max(alike);
                }
            }
            chosen.push(Pick {
                range: self.segments[best].range.clone(),
                score: self.scores[best],
            });
        }
        if chosen.is_empty() {
            chosen.extend(self.beginning_of_best(text, room));
        }
        chosen
    }

    /// The best sentence up to the last word within `room` characters.
    fn beginning_of_best(&self, text: &str, room: usize) -> Option<Pick> {
        let best = (0..self.segments.len()).reduce(|best, next| {
            if self.scores[next] > self.scores[best] {
                next
            } else {
                best
            }
        })?;
        let range = &self.segments[best].range;
        let sentence = &text[range.clone()];
        let end = sentence
            .char_indices()
            .nth(room)
            .map_or(sentence.len(), |(offset, _)| offset);
        let whole_words = sentence[..end]
            .rfind(char::is_whitespace)
            .filter(|_| end < sentence.len());
        let in_word = sentence[end..].starts_with(|next: char| !next.is_whitespace());
        let cut = if in_word { whole_words.unwrap_or(end) } else { end };
        let kept = sentence[..cut].trim_end();
        (!kept.is_empty()).then(|| Pick {
            range: range.start..range.start + kept.len(),
            score: self.scores[best],
        })
    }
}
