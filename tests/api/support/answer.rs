//! What the server said, with the checks that every answer of a kind must pass.

use poem::{Response, http::HeaderMap};
use serde_json::Value;

/// A whole answer; `body` is `null` when it is not JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let text = body.into_string().await.expect("answers are UTF-8");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            text,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("headers are ASCII"))
    }

    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.expect(200)
    }

    #[track_caller]
    pub fn created(&self) -> &Self {
        self.expect(201)
    }

    /// Deleted: 204 without a body.
    #[track_caller]
    pub fn gone(&self) -> &Self {
        assert_eq!(self.text, "", "a 204 has no body");
        self.expect(204)
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }

    /// Problem details of this type with everything that they promise; returns them.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        let problem = &self.body;
        assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for words in ["title", "detail"] {
            assert!(
                problem[words].as_str().is_some_and(|words| !words.trim().is_empty()),
                "no {words}: {problem}"
            );
        }
        assert_eq!(problem["trace_id"].as_str(), self.header("x-trace-id"), "{problem}");
        problem
    }

    /// A 422 that names exactly these JSON pointers in the body.
    #[track_caller]
    pub fn invalid_at(&self, pointers: &[&str]) -> &Value {
        let problem = self.problem(422, "invalid");
        assert_eq!(fields(problem, "pointer"), pointers, "{problem}");
        problem
    }

    /// A 422 that names this parameter.
    #[track_caller]
    pub fn invalid_parameter(&self, name: &str) -> &Value {
        let problem = self.problem(422, "invalid");
        assert_eq!(fields(problem, "parameter"), [name], "{problem}");
        problem
    }

    /// The items of a list.
    #[track_caller]
    pub fn items(&self) -> &Vec<Value> {
        self.ok().body["items"].as_array().expect("a list has items")
    }

    /// One field of every item of a list, as text.
    #[track_caller]
    pub fn each(&self, field: &str) -> Vec<String> {
        let text = |item: &Value| {
            item[field]
                .as_str()
                .map_or_else(|| item[field].to_string(), str::to_owned)
        };
        self.items().iter().map(text).collect()
    }
}

fn fields<'a>(problem: &'a Value, name: &str) -> Vec<&'a str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for error in errors {
        assert!(
            error["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{problem}"
        );
    }
    errors.iter().filter_map(|error| error[name].as_str()).collect()
}
