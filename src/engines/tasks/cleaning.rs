//! What of an answer is for people: not the marks around the data, which small models repeat, not what a model thinks aloud before
//! it answers, and no white space around it. Whole answers and pieces of them are cleaned alike.

use crate::engines::chat::ChatReply;
use std::mem;

/// From so many digits on, the beginning of a mark at the end of an answer is one that was cut off.
const LEAST_DIGITS: usize = 6;
const THOUGHTS_BEGIN: &str = "<think>";
const THOUGHTS_END: &str = "</think>";

/// Cleans an answer piece by piece. It holds back what may turn out to be the beginning of a mark.
#[derive(Debug, Clone)]
pub struct Cleaner {
    forms: Vec<Form>,
    held: String,
    stage: Stage,
    /// White space that is said only if something follows.
    gap: String,
    said_something: bool,
    /// Whether a mark had a line of its own so far, which goes with it.
    after_mark: bool,
}

/// A way in which a mark is written.
#[derive(Debug, Clone)]
struct Form {
    text: String,
    /// Where its digits begin.
    digits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Before,
    Thinking,
    Speaking,
}

impl Cleaner {
    /// For an answer to a request with these marks.
    #[must_use]
    pub fn new(marks: &[String]) -> Self {
        let forms = marks.iter().flat_map(|mark| {
            [
                ("</data-", ">"),
                ("<data-", ">"),
                ("BEGIN ", ""),
                ("END ", ""),
                ("", ""),
            ]
            .map(|(before, after)| Form {
                text: format!("{before}{mark}{after}"),
                digits: before.len(),
            })
        });
        Self {
            forms: forms.collect(),
            held: String::new(),
            stage: Stage::Before,
            gap: String::new(),
            said_something: false,
            after_mark: false,
        }
    }

    /// What can be said now that this has come; may be empty.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut said = String::new();
        if self.stage == Stage::Before {
            let begun = self.held.trim_start();
            if begun.starts_with(THOUGHTS_BEGIN) {
                self.stage = Stage::Thinking;
            } else if !THOUGHTS_BEGIN.starts_with(begun) {
                self.stage = Stage::Speaking;
            }
        }
        if self.stage == Stage::Thinking {
            if let Some(end) = self.held.find(THOUGHTS_END) {
                self.held.drain(..end + THOUGHTS_END.len());
                self.stage = Stage::Speaking;
            } else {
                let kept = self
                    .held
                    .ceil_char_boundary(self.held.len().saturating_sub(THOUGHTS_END.len()));
                self.held.drain(..kept);
            }
        }
        if self.stage == Stage::Speaking {
            self.speak(&mut said);
        }
        said
    }

    /// What was held back and is no mark. Nothing follows.
    #[must_use]
    pub fn finish(mut self) -> String {
        let mut said = String::new();
        if self.stage == Stage::Before {
            self.speak(&mut said);
        }
        let held = mem::take(&mut self.held);
        let cut_off = self
            .forms
            .iter()
            .any(|form| held.len() >= form.digits + LEAST_DIGITS && begins_with(&form.text, &held));
        if self.stage != Stage::Thinking && !cut_off {
            held.chars().for_each(|next| self.say(next, &mut said));
        }
        said
    }

    /// A whole answer.
    #[must_use]
    pub fn all(mut self, text: &str) -> String {
        let mut said = self.push(text);
        said.push_str(&self.finish());
        said
    }

    fn speak(&mut self, said: &mut String) {
        let held = mem::take(&mut self.held);
        let mut rest = held.as_str();
        while let Some(next) = rest.chars().next() {
            if let Some(form) = self.forms.iter().find(|form| begins_with(rest, &form.text)) {
                rest = &rest[form.text.len()..];
                self.after_mark = !self.said_something || self.gap.ends_with('\n');
                continue;
            }
            if self.forms.iter().any(|form| begins_with(&form.text, rest)) {
                break;
            }
            self.say(next, said);
            rest = &rest[next.len_utf8()..];
        }
        rest.clone_into(&mut self.held);
    }

    fn say(&mut self, next: char, said: &mut String) {
        let ends_line_of_mark = mem::take(&mut self.after_mark) && next == '\n';
        if next.is_whitespace() {
            if self.said_something && !ends_line_of_mark {
                self.gap.push(next);
            }
            return;
        }
        said.push_str(&self.gap);
        self.gap.clear();
        said.push(next);
        self.said_something = true;
    }
}

/// A reply without marks. One that has none stays as it is, to the byte, as its tokens' probabilities belong to its text.
#[must_use]
pub fn without_marks(reply: ChatReply, marks: &[String]) -> ChatReply {
    let lower = reply.text.to_ascii_lowercase();
    if !marks.iter().any(|mark| lower.contains(mark.as_str())) {
        return reply;
    }
    let text = Cleaner::new(marks).all(&reply.text);
    ChatReply { text, ..reply }
}

/// In small letters or large ones.
fn begins_with(text: &str, beginning: &str) -> bool {
    text.as_bytes()
        .get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> [String; 2] {
        ["f0e1d2c3b4a5968778695a4b3c2d1e0f", "0123456789abcdef0123456789abcdef"].map(str::to_owned)
    }

    /// Whole, in pieces of every length, and in large letters, it comes to the same.
    fn check(said: &str, wanted: &str) {
        let marks = marks();
        let [begin, data] = &marks;
        let said = said.replace("{m}", begin).replace("{d}", data);
        assert_eq!(Cleaner::new(&marks).all(&said), wanted, "{said:?}");
        let letters: Vec<char> = said.chars().collect();
        for length in 1..=letters.len().max(1) {
            let mut cleaner = Cleaner::new(&marks);
            let mut pieces = String::new();
            for piece in letters.chunks(length) {
                pieces.push_str(&cleaner.push(&piece.iter().collect::<String>()));
                assert!(!pieces.contains(&begin[..8]) && !pieces.contains(&data[..8]));
            }
            pieces.push_str(&cleaner.finish());
            assert_eq!(pieces, wanted, "{said:?} in pieces of {length}");
        }
        let large = said.replace(begin, &begin.to_uppercase());
        assert_eq!(Cleaner::new(&marks).all(&large), wanted, "{large:?}");
    }

    #[test]
    fn marks_go_and_the_rest_stays() {
        check("BEGIN {m}\nThe text.\nEND {m}", "The text.");
        check("One.\nEND {m}\nTwo.", "One.\nTwo.");
        check("One END {m} two", "One  two");
        check("<data-{d}>\nYes.\n</data-{d}>\n", "Yes.");
        check("{m}{d}x{m}", "x");
        check(
            "  BEGIN the END <data-x> <b>ok</b> \n\n EN",
            "BEGIN the END <data-x> <b>ok</b> \n\n EN",
        );
        check(
            "END ffffffffffffffffffffffffffffffff",
            "END ffffffffffffffffffffffffffffffff",
        );
        check("", "");
        check(" \n ", "");
        check("żółw 🐢 <da", "żółw 🐢 <da");
    }

    #[test]
    fn what_a_model_thinks_is_not_said() {
        check(" <think>Let me {m} see</think>\n\nYes.", "Yes.");
        check("<think>without end", "");
        check("<thin", "<thin");
        check("A <think>b</think>", "A <think>b</think>");
    }

    #[test]
    fn a_mark_that_was_cut_off_goes_too() {
        let marks = marks();
        let [begin, data] = &marks;
        let cleaned = |text: String| Cleaner::new(&marks).all(&text);
        assert_eq!(cleaned(format!("Yes.\nEND {}", &begin[..6])), "Yes.");
        assert_eq!(cleaned(format!("Yes. </data-{}", &data[..31])), "Yes.");
        assert_eq!(cleaned(format!("Yes. </data-{data}")), "Yes.");
        assert_eq!(cleaned("Yes.\nEND ".to_owned()), "Yes.\nEND");
    }

    #[test]
    fn only_a_reply_with_a_mark_is_touched() {
        let marks = marks();
        let [begin, _] = &marks;
        let reply = |text: &str| ChatReply {
            text: text.to_owned(),
            finish: crate::engines::chat::Finish::Stop,
            used: crate::engines::chat::Used::default(),
            logprobs: Vec::new(),
            first_piece_after: None,
        };
        assert_eq!(without_marks(reply(" {\"a\": 1}\n"), &marks), reply(" {\"a\": 1}\n"));
        let marked = reply(&format!("{{\"why\": \"it says {begin}\"}}"));
        assert_eq!(without_marks(marked, &marks).text, "{\"why\": \"it says \"}");
    }
}
