//! What a search found in a row of a list, marked.

use crate::{
    domain::documents::{DocumentRow, MATCH_BEGIN, MATCH_END, SearchQuery, SearchTerm},
    text::matches::{self, Part, Phrase},
};

/// Words of the part of a text that is shown.
const PART_WORDS: usize = 32;

/// Marks the title, and turns the text that the database gave into its best part.
pub(super) fn mark(row: &mut DocumentRow, search: &SearchQuery) {
    let phrases: Vec<Phrase> = search.wanted.iter().map(phrase).collect();
    if let Some(title) = &row.head.title {
        let title = unmarked(title);
        row.title_match = Some(marked(&title, &matches::all(&title, &phrases)));
    }
    if let Some(text) = &row.text_match {
        let text = unmarked(text);
        let part = matches::best_part(&text, &phrases, PART_WORDS);
        let cut = |is_cut| if is_cut { "…" } else { "" };
        let (before, after) = (cut(part.range.start > 0), cut(part.range.end < text.len()));
        row.text_match = Some(format!("{before}{}{after}", marked(&text, &part)));
    }
}

/// The words of a term as both databases tell them apart.
pub(super) fn phrase(term: &SearchTerm) -> Phrase {
    Phrase {
        words: matches::words(&term.text),
        prefix: term.prefix,
    }
}

/// Nobody marks a text but a search.
fn unmarked(text: &str) -> String {
    text.replace([MATCH_BEGIN, MATCH_END], " ")
}

fn marked(text: &str, part: &Part) -> String {
    let (mut marked, mut done) = (String::new(), part.range.start);
    for found in &part.matches {
        marked.push_str(&text[done..found.start]);
        marked.push(MATCH_BEGIN);
        marked.push_str(&text[found.clone()]);
        marked.push(MATCH_END);
        done = found.end;
    }
    marked.push_str(&text[done..part.range.end]);
    marked
}
