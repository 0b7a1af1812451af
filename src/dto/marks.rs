//! What a search found, made fit for a page: escaped, with `<mark>` around each match.

use crate::domain::documents::{MATCH_BEGIN, MATCH_END};

/// Escapes a text for HTML and turns the marks of a search into `<mark>`. A mark without its other half leaves no tag open.
pub(super) fn mark(text: &str) -> String {
    let mut marked = String::with_capacity(text.len() + 16);
    let mut open = false;
    for character in text.chars() {
        match character {
            MATCH_BEGIN if !open => {
                marked.push_str("<mark>");
                open = true;
            }
            MATCH_END if open => {
                marked.push_str("</mark>");
                open = false;
            }
            MATCH_BEGIN | MATCH_END => {}
            '&' => marked.push_str("&amp;"),
            '<' => marked.push_str("&lt;"),
            '>' => marked.push_str("&gt;"),
            '"' => marked.push_str("&quot;"),
            '\'' => marked.push_str("&#39;"),
            other => marked.push(other),
        }
    }
    if open {
        marked.push_str("</mark>");
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_marked_and_the_rest_is_escaped() {
        let text = format!("<b>{MATCH_BEGIN}refund{MATCH_END}</b> & \"more\"");
        assert_eq!(
            mark(&text),
            "&lt;b&gt;<mark>refund</mark>&lt;/b&gt; &amp; &quot;more&quot;"
        );
    }

    #[test]
    fn no_tag_is_left_open() {
        assert_eq!(
            mark(&format!("a{MATCH_END}b{MATCH_BEGIN}c{MATCH_BEGIN}d")),
            "ab<mark>cd</mark>"
        );
    }
}
