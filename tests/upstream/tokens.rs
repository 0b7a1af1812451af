//! How the server counts tokens: for its reports by a rule that has nothing in common with Synoptic's tokenizer, so that a ledger
//! that agrees has taken over what was reported; and, where it reports nothing, as Synoptic should estimate.

use serde_json::Value;
use synoptic::engines::tokenizer;

/// What each message of a request takes beyond its words.
const PER_MESSAGE: i64 = 7;

/// Two for each word.
pub fn reported(text: &str) -> i64 {
    2 * i64::try_from(text.split_whitespace().count()).expect("few words")
}

pub fn reported_input(body: &Value) -> i64 {
    let messages = messages(body);
    messages
        .iter()
        .map(|(_, content)| PER_MESSAGE + reported(content))
        .sum()
}

/// By the very tokenizer that is under test: the most that can be said of what nobody reports is that it was estimated so.
pub fn estimated(text: &str) -> i64 {
    tokenizer::count(text)
}

pub fn estimated_input(body: &Value) -> i64 {
    let messages = messages(body);
    tokenizer::count_messages(messages.iter().map(|(role, content)| (role.as_str(), content.as_str())))
}

/// Role and content of each.
fn messages(body: &Value) -> Vec<(String, String)> {
    let text = |message: &Value, field: &str| message[field].as_str().unwrap_or_default().to_owned();
    let messages = body["messages"].as_array().into_iter().flatten();
    messages
        .map(|message| (text(message, "role"), text(message, "content")))
        .collect()
}
