//! What the server does for each name of a model. A number at the end of a name is its parameter.

use super::{http, tokens};
use serde_json::{Value, json};
use std::time::Duration;

/// What a model says.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub text: String,
    /// The tokens that `text` consists of, with their probabilities' logarithms; words with -0.1 each when it is empty.
    pub logprobs: Vec<(String, f64)>,
}

/// What the server does next.
pub enum Step {
    Bytes(Vec<u8>),
    /// A piece of the answer's text, and how it is sent.
    Piece(String, Vec<u8>),
    /// From here on the client knows what the call used.
    Report {
        input: i64,
        output: i64,
    },
    /// Sends what there is and waits; a client that goes away ends everything.
    Pause(Duration),
    /// Sends what there is and breaks the connection.
    Reset,
}

const LONG: Duration = Duration::from_hours(1);

impl Reply {
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            logprobs: Vec::new(),
        }
    }

    /// A sentence, or the smallest JSON that fits the schema that the request has.
    pub fn fitting(body: &Value) -> Self {
        match &body["response_format"]["json_schema"]["schema"] {
            Value::Null => Self::text("The answer of the scripted upstream, in a few plain words."),
            schema => Self::text(smallest(schema).to_string()),
        }
    }

    fn tokens(&self) -> Vec<(String, f64)> {
        if !self.logprobs.is_empty() {
            return self.logprobs.clone();
        }
        let words = self.text.split_inclusive(' ');
        words.map(|word| (word.to_owned(), -0.1)).collect()
    }
}

fn smallest(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"].get(0).or_else(|| schema["oneOf"].get(0)) {
        return smallest(first);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties
                .map(|(name, schema)| (name.clone(), smallest(schema)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Some("array") => json!([smallest(&schema["items"])]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!("words"),
    }
}

/// What a model is in this call of it (the how manieth, from 0).
pub fn in_call(model: &str, call: i64) -> &str {
    match parameter(model) {
        ("every-few-resets", number) if call % number == 0 => "reset-midway",
        _ => model,
    }
}

/// `stall-after-3` is `stall-after` and 3.
pub fn parameter(model: &str) -> (&str, i64) {
    model
        .rsplit_once('-')
        .and_then(|(name, number)| Some((name, number.parse().ok()?)))
        .unwrap_or((model, 0))
}

/// What a request is answered with.
pub fn steps(model: &str, body: &Value, reply: &Reply, input: i64) -> Vec<Step> {
    let (name, number) = parameter(model);
    match name {
        "hang" => return vec![Step::Pause(LONG)],
        "reset-before" => return vec![Step::Reset],
        // The others of this model say a few words and then nothing more.
        "unwell-after" if body["messages"].to_string().contains("UNWELL") => {
            return vec![Step::Pause(Duration::from_secs(1)), Step::Reset];
        }
        _ => {}
    }
    let answer = Answer::new((name, number), body, reply, input);
    if body["stream"] == true && name != "not-a-stream" {
        answer.streamed(name, number)
    } else {
        answer.whole(name)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Usual,
    /// The report says that the answer took nothing.
    SaysZero,
    /// It is the model's refusal, in a field of its own.
    Refusal,
    /// Fields are null, and said under two names.
    OddFields,
}

/// An answer that is about to be sent.
struct Answer {
    tokens: Vec<(String, f64)>,
    finish: &'static str,
    input: i64,
    with_logprobs: bool,
    with_usage: bool,
    /// What the model thought, in tokens that only the total of a report has.
    hidden: i64,
    /// In which form it is said.
    form: Form,
    /// Whether the request says `poison`.
    is_poisoned: bool,
}

impl Answer {
    fn new((name, number): (&str, i64), body: &Value, reply: &Reply, input: i64) -> Self {
        let most = [&body["max_tokens"], &body["max_completion_tokens"]]
            .into_iter()
            .find_map(Value::as_i64)
            .unwrap_or(i64::MAX);
        let reply = match name {
            "wrong-label" => &Reply::text(json!({"label": "no-such-label"}).to_string()),
            "overlong" => &Reply::text("far too much of this ".repeat(400)),
            "long-tokens" => &Reply::text("of a larger vocabulary ".repeat(60)),
            "split-utf8" => &Reply::text("zażółć 🦀 gęślą 🇵🇱 jaźń"),
            _ => reply,
        };
        let mut tokens = reply.tokens();
        let mut finish = if name == "content-filter" {
            "content_filter"
        } else {
            "stop"
        };
        // A text has at most as many tokens as bytes, so that most need no counting.
        if !matches!(name, "overlong" | "long-tokens")
            && i64::try_from(reply.text.len()).is_ok_and(|length| length > most)
        {
            let text = |tokens: &[(String, f64)]| tokens.iter().map(|(token, _)| token.as_str()).collect::<String>();
            // By the estimate too, which is never more than could be set aside.
            while tokens::reported(&text(&tokens)).max(tokens::estimated(&text(&tokens))) > most {
                tokens.pop();
                finish = "length";
            }
        }
        Self {
            tokens,
            finish,
            input,
            with_logprobs: body["logprobs"] == true,
            hidden: if name == "hidden-reasoning" { number } else { 0 },
            form: match name {
                "usage-says-zero" => Form::SaysZero,
                "refusal" => Form::Refusal,
                "odd-fields" => Form::OddFields,
                _ => Form::Usual,
            },
            with_usage: (body["stream"] != true || body["stream_options"]["include_usage"] == true)
                && !matches!(name, "no-usage" | "long-tokens" | "overlong"),
            is_poisoned: body["messages"].to_string().contains("poison"),
        }
    }

    fn text(&self) -> String {
        self.tokens.iter().map(|(token, _)| token.as_str()).collect()
    }

    fn usage(&self, output: i64) -> Value {
        let output = if self.form == Form::SaysZero { 0 } else { output };
        json!({"prompt_tokens": self.input, "completion_tokens": output,
               "total_tokens": self.input + output + self.hidden,
               "prompt_tokens_details": {"cached_tokens": 0}})
    }

    /// That usage was sent. Output of which a report says that it was none is left to be estimated.
    fn report(&self, text: &str) -> Step {
        let output = if self.form == Form::SaysZero {
            tokens::estimated(text)
        } else {
            tokens::reported(text)
        };
        let input = self.input;
        Step::Report { input, output }
    }

    fn said(&self, text: &str) -> Value {
        if self.form == Form::Refusal {
            json!({"role": "assistant", "content": null, "refusal": text})
        } else if self.form == Form::OddFields {
            json!({"role": "assistant", "content": text, "reasoning": null, "reasoning_content": null})
        } else {
            json!({"role": "assistant", "content": text})
        }
    }

    fn index(&self) -> Value {
        if self.form == Form::OddFields {
            Value::Null
        } else {
            json!(0)
        }
    }

    fn logprobs(&self, tokens: &[(String, f64)]) -> Value {
        if !self.with_logprobs {
            return Value::Null;
        }
        let content: Vec<Value> = tokens
            .iter()
            .map(|(token, logprob)| {
                let logprob = if self.form == Form::OddFields {
                    Value::Null
                } else {
                    json!(logprob)
                };
                json!({"token": token, "logprob": logprob, "bytes": token.as_bytes(), "top_logprobs": []})
            })
            .collect();
        json!({ "content": content })
    }

    fn whole(self, name: &str) -> Vec<Step> {
        let text = self.text();
        let choice = json!({"index": self.index(), "message": self.said(&text),
                            "finish_reason": self.finish, "logprobs": self.logprobs(&self.tokens)});
        let mut body =
            json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "scripted", "choices": [choice]});
        let mut report = None;
        if self.with_usage {
            body["usage"] = self.usage(tokens::reported(&text));
            report = Some(self.report(&text));
        }
        let body = body.to_string();
        match name {
            "truncated-json" => vec![Step::Piece(text, http::whole(200, &[], &body[..body.len() / 2]))],
            "reset-midway" => {
                let mut bytes = http::whole(200, &[], &body);
                bytes.truncate(bytes.len() - body.len() / 2);
                vec![Step::Piece(text, bytes), Step::Reset]
            }
            "overlong" => vec![Step::Piece(
                text,
                http::whole(200, &[], &format!("{body}{}", " ".repeat(4 << 20))),
            )],
            _ => {
                let answer = Step::Piece(text, http::whole(200, &[], &body));
                report.into_iter().chain([answer]).collect()
            }
        }
    }

    fn streamed(self, name: &str, number: i64) -> Vec<Step> {
        let mut steps = vec![Step::Bytes(http::stream_head())];
        let event = |value: &Value| http::event(&value.to_string());
        let of_choices = |choices: Value| {
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
                   "choices": choices})
        };
        let first = json!({"role": "assistant", "content": null});
        if name == "empty-choices" {
            steps.push(Step::Bytes(event(&of_choices(json!([])))));
        }
        steps.push(Step::Bytes(event(&of_choices(
            json!([{"index": 0, "delta": first, "finish_reason": null}]),
        ))));
        let mut said = String::new();
        let fault = self.tokens.len().saturating_sub(1).min(2);
        for (place, token) in self.tokens.iter().enumerate() {
            said.push_str(&token.0);
            let mut chunk = of_choices(json!([{
                "index": self.index(), "delta": self.said(&token.0), "finish_reason": null,
                "logprobs": self.logprobs(std::slice::from_ref(token))
            }]));
            if name == "usage-everywhere" {
                chunk["usage"] = self.usage(tokens::reported(&said));
                steps.push(self.report(&said));
            }
            match name {
                "stall-after" | "unwell-after" if i64::try_from(place) == Ok(number) => {
                    steps.push(Step::Pause(LONG));
                    return steps;
                }
                "drip" => steps.push(Step::Pause(Duration::from_millis(number as u64))),
                "keepalive" => steps.push(Step::Bytes(http::chunk(
                    b": still there\n\nevent: keepalive\ndata: {}\n\n",
                ))),
                "reset-midway" if place == 3 => {
                    steps.push(Step::Reset);
                    return steps;
                }
                "truncated-json" if place == 3 => {
                    steps.push(Step::Bytes(http::event("{\"choices\":[{\"delta\":{\"conte")));
                    break;
                }
                "error-in-stream" if place == 3 => {
                    let error =
                        json!({"error": {"message": "A message that quotes.", "type": "server_error", "code": 503}});
                    steps.push(Step::Bytes(event(&error)));
                    break;
                }
                "context-in-stream" if place == 3 => {
                    let error = json!({"error": {"message": "A message that quotes.", "type": "invalid_request_error",
                                                 "code": "context_length_exceeded"}});
                    steps.push(Step::Bytes(event(&error)));
                    break;
                }
                // Those that stop in the middle have come that far when the other one fails.
                "poisoned" if place == fault && self.is_poisoned => {
                    let error =
                        json!({"error": {"message": "A message that quotes.", "type": "server_error", "code": 503}});
                    steps.push(Step::Pause(Duration::from_millis(500)));
                    steps.push(Step::Bytes(event(&error)));
                    break;
                }
                "poisoned" if place == fault => {
                    steps.push(Step::Pause(LONG));
                    return steps;
                }
                "no-finish" if place == 3 => break,
                "endless-line" if place == 3 => {
                    steps.push(Step::Bytes(http::chunk(&vec![b'x'; 4 << 20])));
                    steps.push(Step::Pause(LONG));
                    return steps;
                }
                _ => {}
            }
            if name == "split-utf8" {
                // Every byte comes in a packet of its own.
                let bytes = format!("data: {chunk}\n\n").into_bytes();
                steps.push(Step::Piece(token.0.clone(), Vec::new()));
                for byte in bytes {
                    steps.push(Step::Bytes(http::chunk(&[byte])));
                    if !byte.is_ascii() {
                        steps.push(Step::Pause(Duration::from_millis(1)));
                    }
                }
                continue;
            }
            steps.push(Step::Piece(token.0.clone(), event(&chunk)));
            if name == "duplicate-chunks" {
                steps.push(Step::Bytes(event(&chunk)));
            }
        }
        self.ending(name, &said, &mut steps, of_choices);
        steps
    }

    fn ending(&self, name: &str, said: &str, steps: &mut Vec<Step>, of_choices: impl Fn(Value) -> Value) {
        let mut report = None;
        let mut add = |data: &str| {
            steps.push(Step::Bytes(http::event(data)));
            if name == "duplicate-chunks" {
                steps.push(Step::Bytes(http::event(data)));
            }
        };
        if !matches!(
            name,
            "truncated-json" | "error-in-stream" | "context-in-stream" | "poisoned" | "no-finish"
        ) {
            add(&of_choices(json!([{"index": 0, "delta": {}, "finish_reason": self.finish}])).to_string());
            if self.with_usage {
                let mut chunk = of_choices(json!([]));
                chunk["usage"] = self.usage(tokens::reported(said));
                add(&chunk.to_string());
                report = Some(self.report(said));
            }
        }
        if name != "no-done" {
            add("[DONE]");
        }
        steps.extend(report);
        steps.push(Step::Bytes(http::LAST_CHUNK.to_vec()));
    }
}
