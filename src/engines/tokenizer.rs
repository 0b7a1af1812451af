//! Counts tokens where a provider does not, and bounds them before it can.

use super::chat::{ChatFormat, ChatRequest};
use std::io::{self, Write};

/// What a chat template adds to each message: its role and the marks around it, as OpenAI documents it for its models.
const PER_MESSAGE: i64 = 4;
/// What begins the answer.
const PER_REQUEST: i64 = 3;
/// The most bytes that a message's role and the marks around it can stand for.
const MOST_PER_MESSAGE: usize = 64;
/// What a template may add to a request, such as a system message of the model's own, and the sentence before a schema.
const MOST_PER_REQUEST: usize = 512;

/// Of a text that is only about to be counted, so many bytes are.
const LONGEST_BEGINNING: usize = 16 * 1024;

/// How many tokens a text has in `o200k_base`, the vocabulary of OpenAI's current models. Other models' counts differ by some
/// tenths, which is why a count from here is an estimate.
#[must_use]
pub fn count(text: &str) -> i64 {
    i64::try_from(bpe_openai::o200k_base().count(text)).unwrap_or(i64::MAX)
}

/// About how many tokens a text has: of a long one the beginning is counted and taken for the rest, too, which takes no time.
#[must_use]
pub fn rough_count(text: &str) -> i64 {
    let beginning = &text[..text.floor_char_boundary(LONGEST_BEGINNING)];
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    if beginning.len() == text.len() {
        return count(text);
    }
    count(beginning).saturating_mul(length(text)) / length(beginning).max(1)
}

/// How many tokens of input messages are, as `(role, content)`.
pub fn count_messages<'a>(messages: impl IntoIterator<Item = (&'a str, &'a str)>) -> i64 {
    messages.into_iter().fold(PER_REQUEST, |total, (role, content)| {
        total + PER_MESSAGE + count(role) + count(content)
    })
}

/// How many tokens of input a request has at most. A byte-level vocabulary has a token for every byte, and every token stands for
/// at least one byte, so no text has more tokens than bytes; what the chat template adds is bounded by the slack. The schema counts
/// because some providers show it to the model.
#[must_use]
pub fn upper_bound(request: &ChatRequest) -> i64 {
    let messages: usize = request
        .messages
        .iter()
        .map(|message| message.content.len() + MOST_PER_MESSAGE)
        .sum();
    let schema = match &request.format {
        ChatFormat::Text => 0,
        ChatFormat::Json { name, schema } => name.len() + written_length(schema),
    };
    i64::try_from(messages + schema + MOST_PER_REQUEST).unwrap_or(i64::MAX)
}

/// How many bytes a value has as JSON.
fn written_length(value: &serde_json::Value) -> usize {
    struct Counter(usize);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A value can always be written, and the counter takes everything.
    drop(serde_json::to_writer(&mut counter, value));
    counter.0
}

#[cfg(test)]
mod tests {
    use super::{super::chat::*, *};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn tokens_are_counted_as_the_vocabulary_has_them() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        assert_eq!(
            count_messages([("user", "hello world")]),
            PER_REQUEST + PER_MESSAGE + 1 + 2
        );
    }

    #[test]
    fn a_rough_count_is_about_right_and_takes_no_time() {
        let short = "A parcel is late. ".repeat(20);
        assert_eq!(rough_count(&short), count(&short));
        let long = "Päckchen 1 kam spät. ".repeat(20_000);
        let (rough, exact) = (rough_count(&long) as f64, count(&long) as f64);
        assert!((rough / exact - 1.0).abs() < 0.01, "{rough} for {exact}");
        // Were it counted as a whole, it would take 25 times as long as the other.
        let huge = long.repeat(25);
        let took = |count: fn(&str) -> i64, text: &str| {
            let began = std::time::Instant::now();
            let _ = count(text);
            began.elapsed()
        };
        let (rough, exact) = (took(rough_count, &huge), took(count, &long));
        assert!(rough < exact, "{rough:?} and {exact:?}");
    }

    #[test]
    fn a_schema_counts() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert_eq!(written_length(&schema), schema.to_string().len());
        let mut request = ChatRequest {
            messages: Vec::new(),
            max_output_tokens: 1,
            temperature: None,
            format: ChatFormat::Text,
            logprobs: false,
            marks: Vec::new(),
        };
        let bare = upper_bound(&request);
        request.format = ChatFormat::Json {
            name: "answer",
            schema: Arc::new(schema.clone()),
        };
        assert!(upper_bound(&request) >= bare + count(&schema.to_string()));
    }

    proptest! {
        #[test]
        fn no_request_has_more_tokens_than_its_bound(contents in proptest::collection::vec(".{0,200}", 0..5)) {
            let messages: Vec<ChatMessage> = contents
                .into_iter()
                .map(|content| ChatMessage { role: ChatRole::Assistant, content })
                .collect();
            let counted = count_messages(messages.iter().map(|message| ("assistant", message.content.as_str())));
            let request = ChatRequest {
                messages,
                max_output_tokens: 1,
                temperature: None,
                format: ChatFormat::Text,
                logprobs: false,
            marks: Vec::new(),
            };
            prop_assert!(counted <= upper_bound(&request));
        }
    }
}
