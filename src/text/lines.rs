//! Sorts the lines of a text into paragraphs, before anybody looks for sentences in them.
//!
//! A newline may be a wrapped line (e-mail, plain-text files), the end of an item, or a boundary of its own. The rules
//! here are the plain-text habits: blank lines, bullets, `>` for quoted mail, `Name: value` headers, `-- ` before a
//! signature.

use std::ops::Range;

/// The part a stretch of text plays. Everything but [`Role::Body`] says little of what the text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Body,
    /// A line of an e-mail somebody replies to.
    Quoted,
    /// `From: …`, `Subject: …`, `On … wrote:`.
    Header,
    /// What follows `-- `.
    Signature,
}

/// Lines that belong together, as bytes of the text without the bullet or quote mark in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    pub range: Range<usize>,
    pub role: Role,
}

/// A signature is short; what stands further below is text again.
const LONGEST_SIGNATURE_IN_LINES: usize = 8;
/// Mail and plain-text files are wrapped at 60 to 80 columns; a line this much shorter than its neighbours ended there
/// because its writer ended it.
const SHARE_OF_A_FULL_LINE: f64 = 0.7;
/// Below this many characters the first line of a paragraph reads as a heading unless it ends in punctuation.
const SHORTEST_WRAPPED_LINE: usize = 45;

/// The paragraphs of `text`, in order.
#[must_use]
pub fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut open: Option<Open> = None;
    let mut signature_lines_left = 0;
    let mut after_header = false;
    for range in lines(text) {
        let line = Line::read(text, range);
        if line.is_signature_mark {
            signature_lines_left = LONGEST_SIGNATURE_IN_LINES;
            close(&mut open, &mut paragraphs);
            continue;
        }
        if line.range.is_empty() {
            after_header = false;
            close(&mut open, &mut paragraphs);
            continue;
        }
        let mut role = line.role;
        if role == Role::Body && signature_lines_left > 0 {
            signature_lines_left -= 1;
            role = Role::Signature;
        } else if role != Role::Body {
            signature_lines_left = 0;
        }
        // A header's folded continuation starts with white space.
        if role == Role::Body && after_header && line.is_indented {
            role = Role::Header;
        }
        after_header = role == Role::Header;
        match &mut open {
            Some(current) if current.continues_with(&line, role) => current.extend(&line),
            _ => {
                close(&mut open, &mut paragraphs);
                open = Some(Open::new(&line, role));
            }
        }
    }
    close(&mut open, &mut paragraphs);
    paragraphs
}

/// The byte ranges of lines, by `\n`, `\r`, `\r\n` and Unicode's line and paragraph separators.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}', '\u{b}', '\u{c}'])
        .filter_map(move |line| {
            let range = start..start + line.len();
            let separator = text[range.end..].chars().next();
            start = range.end + separator.map_or(0, char::len_utf8);
            // The empty "line" between \r and \n is no blank line.
            let inside_pair = line.is_empty() && separator == Some('\n') && text[..range.start].ends_with('\r');
            (!inside_pair).then_some(range)
        })
}

/// One line, looked at on its own.
struct Line<'text> {
    /// What remains without white space, quote marks and bullet.
    range: Range<usize>,
    content: &'text str,
    role: Role,
    is_item: bool,
    is_indented: bool,
    is_signature_mark: bool,
    characters: usize,
}

impl<'text> Line<'text> {
    fn read(text: &'text str, range: Range<usize>) -> Self {
        let whole = &text[range.clone()];
        let is_signature_mark = matches!(whole, "-- " | "--" | "__");
        let unquoted = without_quote_marks(whole);
        let is_quoted = unquoted.len() < whole.trim_start().len();
        let content = unquoted.trim();
        let item = without_bullet(content);
        let is_header = is_mail_header(content);
        let role = match () {
            () if is_header => Role::Header,
            () if is_quoted => Role::Quoted,
            () => Role::Body,
        };
        let start = range.start + (item.as_ptr().addr() - whole.as_ptr().addr());
        Self {
            range: start..start + item.len(),
            content: item,
            role,
            is_item: item.len() < content.len(),
            is_indented: whole.starts_with([' ', '\t']),
            is_signature_mark,
            characters: item.chars().take(200).count(),
        }
    }
}

/// A paragraph that may still grow.
struct Open {
    range: Range<usize>,
    role: Role,
    longest_line: usize,
    last_line: usize,
    last_ends_in_punctuation: bool,
    last_ends_in_colon: bool,
    lines: usize,
}

impl Open {
    fn new(line: &Line<'_>, role: Role) -> Self {
        let mut open = Self {
            range: line.range.clone(),
            role,
            longest_line: 0,
            last_line: 0,
            last_ends_in_punctuation: false,
            last_ends_in_colon: false,
            lines: 0,
        };
        open.extend(line);
        open
    }

    fn extend(&mut self, line: &Line<'_>) {
        self.range.end = line.range.end;
        self.last_line = line.characters;
        self.longest_line = self.longest_line.max(line.characters);
        self.last_ends_in_punctuation = line
            .content
            .ends_with(['.', '!', '?', '…', '。', '！', '？', ')', '"', '”', ',', ';']);
        self.last_ends_in_colon = line.content.ends_with([':', '：']);
        self.lines += 1;
    }

    /// Whether the next line is the same paragraph, wrapped.
    fn continues_with(&self, line: &Line<'_>, role: Role) -> bool {
        if role != Role::Body || self.role != Role::Body || line.is_item || self.last_ends_in_colon {
            return false;
        }
        let starts_low = line.content.starts_with(|first: char| first.is_lowercase());
        if starts_low {
            return true;
        }
        let enough = (self.longest_line.max(line.characters) as f64 * SHARE_OF_A_FULL_LINE) as usize;
        self.last_line >= SHORTEST_WRAPPED_LINE.max(enough) && self.last_line <= 120
    }
}

fn close(open: &mut Option<Open>, paragraphs: &mut Vec<Paragraph>) {
    if let Some(done) = open.take() {
        paragraphs.push(Paragraph {
            range: done.range,
            role: done.role,
        });
    }
}

/// Takes `> > ` off the front; a lone `>` inside a line stays.
fn without_quote_marks(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(inner) = rest.strip_prefix(['>', '|']) {
        rest = inner.trim_start();
    }
    rest
}

/// Takes a bullet or an item number off the front: `- `, `• `, `3. `, `(b) `.
fn without_bullet(line: &str) -> &str {
    let after_mark = line
        .strip_prefix(['-', '*', '+', '•', '‣', '◦', '▪', '●', '·', '–', '—', '#'])
        .map(|rest| rest.trim_start_matches('#'));
    if let Some(rest) = after_mark {
        return if rest.starts_with([' ', '\t']) {
            rest.trim_start()
        } else {
            line
        };
    }
    let unbracketed = line.strip_prefix('(').unwrap_or(line);
    let digits = unbracketed.bytes().take_while(u8::is_ascii_digit).count();
    let letters = unbracketed.bytes().take_while(u8::is_ascii_alphabetic).count();
    let width = if (1..=3).contains(&digits) {
        digits
    } else if letters == 1 {
        1
    } else {
        return line;
    };
    let closing: &[char] = if letters == 1 || unbracketed.len() < line.len() {
        &[')']
    } else {
        &[')', '.']
    };
    match unbracketed[width..].strip_prefix(closing) {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    }
}

/// Headers that mail programs put into the text of a reply or a forwarded message, in a few languages.
fn is_mail_header(line: &str) -> bool {
    const NAMES: &[&str] = &[
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "sent",
        "reply-to",
        "message-id",
        "received",
        "return-path",
        "delivered-to",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "in-reply-to",
        "references",
        "importance",
        "von",
        "an",
        "betreff",
        "gesendet",
        "datum",
        "de",
        "para",
        "asunto",
        "enviado",
        "objet",
        "à",
        "envoyé",
    ];
    if let Some((name, rest)) = line.split_once(':')
        && name.len() <= 26
        && (rest.starts_with(' ') || rest.is_empty())
        && (NAMES.contains(&name.to_lowercase().as_str()) || name.starts_with("X-") || name.starts_with("List-"))
    {
        return true;
    }
    let wrote = line.ends_with("wrote:")
        || line.ends_with("schrieb:")
        || line.ends_with("a écrit :")
        || line.ends_with("escribió:");
    wrote
        || line.starts_with("-----Original Message")
        || line.starts_with("---------- Forwarded message")
        || line.starts_with("Begin forwarded message")
}

#[cfg(test)]
mod tests {
    use super::Role::{Body, Header, Quoted, Signature};
    use super::*;

    fn read(text: &str) -> Vec<(&str, Role)> {
        paragraphs(text)
            .into_iter()
            .map(|paragraph| (&text[paragraph.range], paragraph.role))
            .collect()
    }

    #[test]
    fn wrapped_lines_are_one_paragraph_and_blank_lines_part_them() {
        let text = "The first line of a paragraph that was wrapped at about seventy\nColumns goes on here.\r\n\r\nAnother one.";
        assert_eq!(read(text).len(), 2);
        assert_eq!(read(text)[1], ("Another one.", Body));
    }

    #[test]
    fn headings_and_short_lines_stand_alone() {
        assert_eq!(read("Release notes\nWe fixed it.\nThanks").len(), 3);
    }

    #[test]
    fn bullets_and_numbers_are_taken_off() {
        let text =
            "- one thing\n* another thing\n  • a third\n2. a fourth\n(b) a fifth\n3.5 is a number\n-not a bullet";
        let items: Vec<&str> = read(text).into_iter().map(|(item, _)| item).collect();
        assert_eq!(
            items[..5],
            ["one thing", "another thing", "a third", "a fourth", "a fifth"]
        );
        assert_eq!(items[5], "3.5 is a number");
    }

    #[test]
    fn an_e_mail_thread_comes_apart() {
        let text = "From: Ann <ann@example.org>\nSubject: Printer\n\nIt works again.\n\nOn Monday Bob wrote:\n> It is broken.\n>> Since when?\n-- \nAnn\nExample Ltd";
        let roles: Vec<Role> = read(text).into_iter().map(|(_, role)| role).collect();
        assert_eq!(
            roles,
            [Header, Header, Body, Header, Quoted, Quoted, Signature, Signature]
        );
        assert_eq!(read(text)[4].0, "It is broken.");
    }
}
