//! What a provider's refusal means: its status, its `Retry-After` and the code in its error object.

use crate::engines::chat::FailureKind;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use std::{fmt, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FailureKind,
    /// What it was, without texts: a message may quote the request or the key.
    pub detail: String,
    /// Whether the provider refused it before it did any work, so that it costs nothing.
    pub free: bool,
}

impl Fault {
    /// One after which the provider may have worked on the call.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            free: false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}

/// What this status with this body means.
pub fn by_status(status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
    let error = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let error = error_object(&error);
    let kind = match status {
        429 if is_out_of_quota(error) => FailureKind::OutOfQuota,
        429 => FailureKind::RateLimited {
            retry_after: retry_after(headers),
        },
        401 | 403 => FailureKind::Unauthorized,
        // With 408, a server says that it has given the request up, so that it does not work on it any more.
        408 | 500..=599 => FailureKind::ServerError {
            status,
            retry_after: retry_after(headers),
        },
        _ if exceeds_context(error) => FailureKind::ContextExceeded,
        _ => FailureKind::Refused { status },
    };
    Fault {
        kind,
        detail: format!("it answered {status}{}", in_brackets(error)),
        free: true,
    }
}

/// What an error object inside an answer with status 200 means: what the status would have said, where it names one.
pub fn inside_answer(error: &Value) -> Fault {
    let status = [&error["code"], &error["status"], &error["status_code"]]
        .into_iter()
        .find_map(|code| {
            code.as_u64()
                .or_else(|| code.as_str()?.parse().ok())
                .and_then(|code| u16::try_from(code).ok())
        })
        .filter(|status| (400..600).contains(status));
    let kind = match status {
        _ if exceeds_context(error) => FailureKind::ContextExceeded,
        None | Some(429) if is_out_of_quota(error) => FailureKind::OutOfQuota,
        Some(429) => FailureKind::RateLimited { retry_after: None },
        Some(401 | 403) => FailureKind::Unauthorized,
        Some(status @ (400..=407 | 409..500)) => FailureKind::Refused { status },
        Some(status) => FailureKind::ServerError {
            status,
            retry_after: None,
        },
        None => FailureKind::Broken,
    };
    Fault::new(
        kind,
        format!("it sent an error inside its answer{}", in_brackets(error)),
    )
}

/// `{"error": {…}}` as OpenAI writes it, or the object itself as others do.
fn error_object(body: &Value) -> &Value {
    if body["error"].is_object() {
        &body["error"]
    } else {
        body
    }
}

/// The names and phrases by which servers say that a text is too long: OpenAI's code, llama.cpp's type, and what vLLM, LM Studio
/// and older versions of llama.cpp say in words.
fn exceeds_context(error: &Value) -> bool {
    const NAMES: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
    const PHRASES: [&str; 3] = [
        "maximum context length",
        "exceeds the available context size",
        "greater than the context length",
    ];
    let named = [&error["code"], &error["type"]]
        .into_iter()
        .filter_map(Value::as_str)
        .any(|name| NAMES.contains(&name));
    let message = error["message"].as_str().unwrap_or_default().to_lowercase();
    named || PHRASES.iter().any(|phrase| message.contains(phrase))
}

/// OpenAI's name for an account whose money or monthly limit is spent; others have taken it over.
fn is_out_of_quota(error: &Value) -> bool {
    error["code"] == "insufficient_quota" || error["type"] == "insufficient_quota"
}

/// The error's code and type, if they look like names rather than text. Names have no digits; keys have.
fn in_brackets(error: &Value) -> String {
    let sound = |name: &&str| {
        (1..=60).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let names: Vec<&str> = [&error["type"], &error["code"]]
        .into_iter()
        .filter_map(Value::as_str)
        .filter(sound)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}

/// How long the provider asks to wait: seconds, or until a date. A date is taken against the answer's own `Date`, so that the two
/// clocks need not agree; without one it says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // Some providers send fractions, which the standard does not know.
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |value: &HeaderValue| OffsetDateTime::parse(value.to_str().ok()?, &Rfc2822).ok();
    let until = date(headers.get(RETRY_AFTER)?)?;
    let now = date(headers.get(DATE)?)?;
    Some((until - now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |pairs: &[(&'static str, &'static str)]| retry_after(&headers(pairs));
        assert_eq!(after(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[("retry-after", "0.25")]), Some(Duration::from_millis(250)));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(
            after(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            after(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), date]),
            Some(Duration::ZERO)
        );
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), None);
        for odd in ["soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(after(&[("retry-after", odd)]), None, "{odd}");
        }
    }

    #[test]
    fn a_status_and_a_code_say_what_it_is() {
        let kind = |status, body: Value| by_status(status, &HeaderMap::new(), body.to_string().as_bytes()).kind;
        assert_eq!(kind(401, json!({})), FailureKind::Unauthorized);
        assert_eq!(kind(403, json!({})), FailureKind::Unauthorized);
        assert_eq!(kind(404, json!({})), FailureKind::Refused { status: 404 });
        assert_eq!(kind(302, json!({})), FailureKind::Refused { status: 302 });
        assert_eq!(kind(429, json!({})), FailureKind::RateLimited { retry_after: None });
        for error in [
            json!({"code": "insufficient_quota"}),
            json!({"type": "insufficient_quota"}),
        ] {
            assert_eq!(kind(429, json!({"error": error.clone()})), FailureKind::OutOfQuota);
            assert_eq!(inside_answer(&error).kind, FailureKind::OutOfQuota);
        }
        let gave_up = FailureKind::ServerError {
            status: 408,
            retry_after: None,
        };
        assert_eq!(kind(408, json!({})), gave_up);
        assert_eq!(inside_answer(&json!({"code": 408})).kind, gave_up);
        for body in [
            json!({"error": {"code": "context_length_exceeded"}}),
            json!({"error": {"code": 400, "type": "exceed_context_size_error"}}),
            json!({"message": "This model's maximum context length is 4096 tokens.", "code": 400}),
        ] {
            assert_eq!(kind(400, body), FailureKind::ContextExceeded);
        }
    }

    #[test]
    fn a_refusal_quotes_no_text() {
        let body = json!({"error": {"message": "Incorrect API key provided: sk-secret", "type": "invalid_request_error",
                                    "code": "Text of the request"}});
        let refusal = by_status(401, &HeaderMap::new(), body.to_string().as_bytes());
        assert_eq!(refusal.detail, "it answered 401 (invalid_request_error)");
        let body = json!({"error": {"code": "0f3c9a7be1d24c58a6b07d9e2f41c835", "type": "Sk-secret"}});
        let refusal = by_status(401, &HeaderMap::new(), body.to_string().as_bytes());
        assert_eq!(
            refusal.detail, "it answered 401",
            "a key of letters and digits is no name"
        );
        assert_eq!(
            by_status(500, &HeaderMap::new(), b"<html>secret").detail,
            "it answered 500"
        );
    }

    #[test]
    fn an_error_inside_an_answer_is_what_its_code_says() {
        assert_eq!(
            inside_answer(&json!({"code": 429})).kind,
            FailureKind::RateLimited { retry_after: None }
        );
        assert_eq!(inside_answer(&json!({"code": "401"})).kind, FailureKind::Unauthorized);
        assert_eq!(inside_answer(&json!({"message": "?"})).kind, FailureKind::Broken);
        assert_eq!(
            inside_answer(&json!({"code": 503, "type": "server_error"})),
            Fault::new(
                FailureKind::ServerError {
                    status: 503,
                    retry_after: None
                },
                "it sent an error inside its answer (server_error)"
            )
        );
    }
}
