//! The sentences of a summary as one text, in the form that is wanted.

use crate::domain::answers::SummaryStyle;

/// A paragraph has a space between sentences, except after a full stop of Chinese or Japanese. Bullets are lines after `- `. A
/// headline is the first sentence without its full stop.
#[must_use]
pub fn styled(sentences: &[String], style: SummaryStyle) -> String {
    match style {
        SummaryStyle::Paragraph | SummaryStyle::Tldr => joined(sentences),
        SummaryStyle::Headline => sentences
            .first()
            .map_or("", |first| without_full_stop(first))
            .to_owned(),
        SummaryStyle::Bullets => {
            let lines: Vec<String> = sentences
                .iter()
                .map(|sentence| format!("- {}", sentence.split_whitespace().collect::<Vec<_>>().join(" ")))
                .collect();
            lines.join("\n")
        }
    }
}

/// How many characters that text has.
#[must_use]
pub fn styled_length(sentences: &[String], style: SummaryStyle) -> usize {
    styled(sentences, style).chars().count()
}

/// Whether the style is one sentence, however many are asked for.
#[must_use]
pub fn is_one_sentence(style: SummaryStyle) -> bool {
    matches!(style, SummaryStyle::Headline | SummaryStyle::Tldr)
}

fn joined(sentences: &[String]) -> String {
    let mut text = String::new();
    for sentence in sentences {
        if !text.is_empty() && !text.ends_with(['。', '！', '？', '」', '』', '）']) {
            text.push(' ');
        }
        text.push_str(sentence);
    }
    text
}

/// `…` and `e.g.` stay.
fn without_full_stop(sentence: &str) -> &str {
    match sentence.strip_suffix(['.', '。']) {
        Some(rest) if !rest.split_whitespace().next_back().unwrap_or_default().contains('.') => rest,
        _ => sentence,
    }
}
