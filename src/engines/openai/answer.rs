//! What comes back in the words of the protocol: one body for a whole answer, or one for each piece of a stream. Whatever may be
//! missing may be missing, because servers differ; what is not used here is not read.

use crate::{
    domain::usage::Tokens,
    engines::chat::{Finish, TokenLogprob},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole answer, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    #[serde(default, deserialize_with = "null_is_default")]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Value>,
    /// An error inside an answer that began with status 200.
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Choice {
    #[serde(default, deserialize_with = "null_is_default")]
    index: u32,
    /// The text in a stream.
    #[serde(default)]
    delta: Option<Said>,
    /// The text in a whole answer.
    #[serde(default)]
    message: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    /// Why the model will not answer, in place of an answer.
    #[serde(default)]
    refusal: Option<String>,
    /// What a reasoning model thinks before it answers; llama.cpp, vLLM and others show it, under either name or under both.
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Logprobs {
    #[serde(default, deserialize_with = "null_is_default")]
    content: Vec<Logprob>,
}

#[derive(Debug, Deserialize)]
struct Logprob {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    logprob: Option<f64>,
}

impl Logprobs {
    /// `None` when one of them is incomplete: then nothing can be made of the others.
    fn complete(self) -> Option<Vec<TokenLogprob>> {
        let complete = |Logprob { token, logprob }| {
            Some(TokenLogprob {
                token: token?,
                logprob: logprob?,
            })
        };
        self.content.into_iter().map(complete).collect()
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What a provider says that a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    pub tokens: Tokens,
    /// What its total has beyond the input; 0 without a total.
    pub beyond_input: i64,
}

/// What one body said.
#[derive(Debug, Default)]
pub struct Piece {
    pub text: String,
    pub reasoning: String,
    pub refused: bool,
    pub finish: Option<Finish>,
    pub logprobs: Vec<TokenLogprob>,
    /// Whether probabilities came of which nothing can be made.
    pub logprobs_unusable: bool,
    pub usage: Option<Reported>,
    pub error: Option<Value>,
}

impl From<Answer> for Piece {
    fn from(answer: Answer) -> Self {
        let mut piece = Self {
            usage: answer.usage.as_ref().and_then(reported),
            error: answer.error,
            ..Self::default()
        };
        // Only one answer is asked for, so that further ones are no part of it.
        let Some(choice) = answer.choices.into_iter().find(|choice| choice.index == 0) else {
            return piece;
        };
        if let Some(said) = choice.delta.or(choice.message) {
            piece.text = said.content.unwrap_or_default();
            let reasoning = said.reasoning.filter(|reasoning| !reasoning.is_empty());
            piece.reasoning = reasoning.or(said.reasoning_content).unwrap_or_default();
            piece.refused = said.refusal.is_some_and(|refusal| !refusal.is_empty());
        }
        piece.finish = choice.finish_reason.as_deref().and_then(finish);
        match choice.logprobs.unwrap_or_default().complete() {
            Some(logprobs) => piece.logprobs = logprobs,
            None => piece.logprobs_unusable = true,
        }
        piece
    }
}

/// An empty reason is none: some servers send one with every piece. One that is not known ends the answer like any other.
fn finish(reason: &str) -> Option<Finish> {
    match reason {
        "" => None,
        "length" => Some(Finish::Length),
        "content_filter" => Some(Finish::ContentFilter),
        _ => Some(Finish::Stop),
    }
}

/// The tokens of a usage report. One that is incomplete, or in which nothing was sent, is no report. Some providers leave what a model
/// thought out of the output and have it in the total only; it is paid for like the rest.
fn reported(usage: &Value) -> Option<Reported> {
    let count = |value: &Value| value.as_i64().filter(|count| *count >= 0);
    let input = count(&usage["prompt_tokens"]).filter(|input| *input > 0)?;
    let output = count(&usage["completion_tokens"])?;
    let cached_input = count(&usage["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0);
    Some(Reported {
        tokens: Tokens {
            input,
            cached_input: cached_input.min(input),
            output,
        },
        beyond_input: count(&usage["total_tokens"]).map_or(0, |total| (total - input).max(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn piece(body: Value) -> Piece {
        serde_json::from_value::<Answer>(body).unwrap().into()
    }

    #[test]
    fn what_is_missing_or_null_is_nothing() {
        for body in [
            json!({}),
            json!({"choices": null, "usage": null, "error": null}),
            json!({"choices": []}),
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null}, "finish_reason": null, "logprobs": null}]}),
            json!({"choices": [{"delta": {}, "finish_reason": "", "logprobs": {"content": null}}]}),
            json!({"choices": [{"index": 1, "delta": {"content": "another answer"}}]}),
        ] {
            let piece = piece(body);
            assert_eq!((piece.text.as_str(), piece.finish, piece.usage), ("", None, None));
            assert!(piece.error.is_none() && piece.logprobs.is_empty() && !piece.refused);
        }
    }

    #[test]
    fn a_usage_report_is_read_or_none_at_all() {
        let usage = |usage: Value| piece(json!({ "usage": usage })).usage;
        let full = json!({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}});
        let tokens = |input, cached_input, output| {
            let tokens = Tokens {
                input,
                cached_input,
                output,
            };
            Some(Reported {
                tokens,
                beyond_input: 0,
            })
        };
        assert_eq!(usage(full), tokens(9, 3, 4));
        assert_eq!(
            usage(json!({"prompt_tokens": 9, "completion_tokens": 0})),
            tokens(9, 0, 0)
        );
        let too_many =
            json!({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 30}});
        assert_eq!(usage(too_many), tokens(9, 9, 4));
        for (total, beyond_input) in [(json!(399), 390), (json!(5), 0), (json!(-1), 0), (Value::Null, 0)] {
            let report = json!({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": total});
            assert_eq!(usage(report).unwrap().beyond_input, beyond_input, "{total}");
        }
        for broken in [
            json!({"prompt_tokens": 9}),
            json!({"prompt_tokens": 0, "completion_tokens": 0}),
            json!({"prompt_tokens": -1, "completion_tokens": 4}),
            json!({"prompt_tokens": "9", "completion_tokens": 4}),
            json!("much"),
        ] {
            assert_eq!(usage(broken), None);
        }
    }

    #[test]
    fn a_whole_answer_is_read_like_a_piece() {
        let whole = piece(json!({"choices": [{
            "message": {"content": "yes", "reasoning": "hm"},
            "finish_reason": "length",
            "logprobs": {"content": [{"token": "yes", "logprob": -0.5, "bytes": [1], "top_logprobs": []}]}
        }]}));
        assert_eq!((whole.text.as_str(), whole.reasoning.as_str()), ("yes", "hm"));
        assert_eq!(whole.finish, Some(Finish::Length));
        assert_eq!(whole.logprobs.len(), 1);
        assert!(piece(json!({"choices": [{"delta": {"refusal": "I cannot"}}]})).refused);
        assert_eq!(
            piece(json!({"choices": [{"finish_reason": "eos"}]})).finish,
            Some(Finish::Stop)
        );
    }

    #[test]
    fn reasoning_is_read_under_either_name_and_under_both() {
        for (said, wanted) in [
            (json!({"reasoning": "hm"}), "hm"),
            (json!({"reasoning_content": "hm"}), "hm"),
            (json!({"reasoning": "hm", "reasoning_content": "hm"}), "hm"),
            (json!({"reasoning": null, "reasoning_content": "hm"}), "hm"),
            (json!({"reasoning": "", "reasoning_content": "hm"}), "hm"),
            (
                json!({"reasoning": null, "reasoning_content": null, "content": "yes"}),
                "",
            ),
        ] {
            let piece = piece(json!({"choices": [{"index": null, "delta": said}]}));
            assert_eq!(piece.reasoning, wanted, "{said}");
        }
    }

    #[test]
    fn probabilities_that_are_incomplete_are_none() {
        let logprobs = |content: Value| {
            piece(json!({"choices": [{"delta": {"content": "yes"}, "logprobs": {"content": content}}]}))
        };
        for content in [
            json!([{"token": "yes", "logprob": null}]),
            json!([{"token": "yes"}]),
            json!([{"logprob": -0.5}]),
            json!([{"token": "yes", "logprob": -0.5}, {"token": null, "logprob": -0.5}]),
        ] {
            let piece = logprobs(content);
            assert_eq!(piece.text, "yes");
            assert!(piece.logprobs.is_empty() && piece.logprobs_unusable);
        }
        assert!(!logprobs(Value::Null).logprobs_unusable);
    }
}
