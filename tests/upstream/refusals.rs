//! The refusals among the answers that names of models ask for.

use super::{http, script::parameter};
use serde_json::{Value, json};

/// The refusal that the name asks for, if this call (the how manieth of this model, from 0) is refused.
pub fn refusal(model: &str, call: i64) -> Option<Vec<u8>> {
    let error = |status, kind: &str, code: Value, headers: &[(&str, String)]| {
        let body = json!({"error": {"message": "A message that quotes the request.", "type": kind, "code": code}});
        Some(http::whole(status, headers, &body.to_string()))
    };
    let (name, number) = parameter(model);
    match name {
        "rate-limited" if call < number => error(429, "rate_limit_error", Value::Null, &[]),
        "retry-after" if call == 0 => {
            let headers = [("retry-after", number.to_string())];
            error(429, "rate_limit_error", Value::Null, &headers)
        }
        "retry-after-date" if call == 0 => {
            let headers = [
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
                ("retry-after", "Sun, 06 Nov 1994 08:49:38 GMT".to_owned()),
            ];
            error(429, "rate_limit_error", Value::Null, &headers)
        }
        "every-few-429" if call % number == 0 => error(429, "rate_limit_error", Value::Null, &[]),
        "every-few-500" if call % number == 0 => error(500, "server_error", Value::Null, &[]),
        "busy-for" => error(
            429,
            "rate_limit_error",
            Value::Null,
            &[("retry-after", number.to_string())],
        ),
        "down-for" => error(503, "server_error", Value::Null, &[("retry-after", number.to_string())]),
        "failing" if call < number => error(500, "server_error", Value::Null, &[]),
        "status" => error(number as u16, "some_error", Value::Null, &[]),
        "out-of-quota" => error(429, "insufficient_quota", json!("insufficient_quota"), &[]),
        "unauthorized" => error(401, "invalid_request_error", json!("invalid_api_key"), &[]),
        "context-exceeded" => error(400, "invalid_request_error", json!("context_length_exceeded"), &[]),
        "context-exceeded-llama" => error(400, "exceed_context_size_error", json!(400), &[]),
        "redirect" => error(
            307,
            "moved",
            Value::Null,
            &[("location", "http://127.0.0.1:9/".to_owned())],
        ),
        "endless-refusal" => Some(http::whole(500, &[], &"x".repeat(1024 * 1024))),
        _ => None,
    }
}
