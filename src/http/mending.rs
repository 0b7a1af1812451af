//! What the middleware adds to the operations of the OpenAPI document and takes from them.

use super::idempotency::keeps_nothing;
use serde_json::{Map, Value, json};

/// A field of another type is written as all of that type and of a description, which a client takes for something of no type, and an
/// example for a string. The description stands beside it, too.
pub fn mend_references(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(all) = fields.get_mut("allOf").and_then(Value::as_array_mut) {
                all.retain(|one| {
                    one.as_object()
                        .is_none_or(|one| one.keys().any(|key| key != "description"))
                });
            }
            fields.values_mut().for_each(mend_references);
        }
        Value::Array(items) => items.iter_mut().for_each(mend_references),
        _ => {}
    }
}

/// Adds what middleware understands, and takes away answers that an operation cannot give.
pub fn mend(route: &str, method: &str, operation: &mut Map<String, Value>) {
    let is_public = operation.get("security").is_none();
    let signs_in = route.starts_with("/api/auth");
    let asks = ASKING.iter().any(|path| route.starts_with(path));
    let is_health = matches!(route, "/livez" | "/readyz");
    let has_body = operation.contains_key("requestBody");
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    let mut named: Vec<String> = Vec::new();
    if let Some(parameters) = parameters.as_array_mut() {
        if method == "post" && !keeps_nothing(route) {
            parameters.push(idempotency_key());
        }
        named.extend(
            parameters
                .iter()
                .filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())),
        );
        if named.iter().any(|name| name == "q") {
            parameters.push(attribute_filters());
        }
        for parameter in parameters.iter_mut() {
            lift_example(parameter);
        }
    }
    let has = |name: &str| named.iter().any(|named| named == name);
    let conflicts = method != "get" && !(method == "delete" && !has("with_documents") && !has("with_analyses"));
    let reads_nothing = !has_body && named.is_empty();
    let finds_nothing =
        (is_public && !has("token")) || !named.iter().any(|name| CAN_BE_MISSING.contains(&name.as_str())) && !has_body;
    let impossible: Vec<&str> = [
        (!has_body, "400"),
        (is_public && !signs_in, "401"),
        (is_public, "403"),
        (is_health, "429"),
        (finds_nothing, "404"),
        (!conflicts, "409"),
        (!has("If-Match"), "412"),
        (!has_body, "408"),
        (!has_body, "413"),
        (!has_body, "415"),
        (reads_nothing, "422"),
        (!asks, "502"),
        (method == "get", "507"),
    ]
    .into_iter()
    .filter_map(|(never, status)| never.then_some(status))
    .collect();
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.retain(|status, _| !impossible.contains(&status.as_str()));
        let has_etag = responses
            .get("200")
            .is_some_and(|answer| answer["headers"].get("ETAG").is_some());
        if method == "get" && has_etag {
            responses.insert(
                "304".to_owned(),
                json!({"description": "It is still the version that `If-None-Match` names."}),
            );
        }
        for answer in responses.values_mut().filter(|answer| answer["description"] == "") {
            answer["description"] = "The answer.".into();
        }
        if asks {
            mend_answers(route, responses);
        } else {
            mend_events(responses);
            take_header(responses, "429", "SYNOPTIC-BUDGET");
        }
        if has_body && let Some(malformed) = responses.get("400").cloned() {
            let mut late = malformed;
            late["description"] = "The body did not arrive in time.".into();
            responses.insert("408".to_owned(), late);
        }
    }
}

/// A stream of events is written as a list; each event has one of its members.
fn mend_events(responses: &mut Map<String, Value>) {
    if let Some(schema) = responses
        .get_mut("200")
        .and_then(|answer| answer.pointer_mut("/content/text~1event-stream/schema"))
        && let Some(items) = schema.get("items").cloned()
    {
        *schema = items;
    }
}

/// What the answers of an operation that may ask a provider are: whole or, of some, a stream too.
fn mend_answers(route: &str, responses: &mut Map<String, Value>) {
    if let Some(refused) = responses.get_mut("429") {
        refused["description"] =
            "Too many requests (`rate-limited`), or a budget does not hold this one (`over-budget`).".into();
    }
    let Some(answer) = responses.get_mut("200") else {
        return;
    };
    // An answer that is given again for its `Idempotency-Key` does not say where the first one came from.
    make_optional(answer, "CACHE-STATUS");
    if STREAMING.contains(&route) {
        make_optional(answer, "LOCATION");
        answer["content"]["text/event-stream"] = json!({"schema": {"$ref": "#/components/schemas/AnswerEvent"}});
        answer["description"] = STREAMED.into();
    } else if let Some(content) = answer["content"].as_object_mut() {
        content.remove("text/event-stream");
    }
}

const STREAMED: &str = "The answer. With `Accept: text/event-stream`, a stream of events without `Location`: `delta`, any number of \
                        times, whose data is an object with more of the answer's `text`; then `analysis`, whose data is what is \
                        answered otherwise, or `problem`, whose data is a problem.";

fn make_optional(answer: &mut Value, header: &str) {
    if let Some(header) = answer.pointer_mut(&format!("/headers/{header}")) {
        header["required"] = false.into();
    }
}

fn take_header(responses: &mut Map<String, Value>, status: &str, header: &str) {
    let answer = responses.get_mut(status);
    let headers = answer.and_then(|answer| answer.get_mut("headers")?.as_object_mut());
    headers.map(|headers| headers.remove(header));
}

/// An example belongs to the parameter, where tools look for it, and not only to its schema.
fn lift_example(parameter: &mut Value) {
    if let Some(example) = parameter["schema"].get("example").cloned() {
        parameter["example"] = example;
    }
}

/// Operations that may ask a provider.
const ASKING: [&str; 3] = ["/api/summarize", "/api/classify", "/api/generate"];

/// Operations whose answer can be followed while it comes about.
const STREAMING: [&str; 2] = ["/api/summarize", "/api/generate"];

/// Parameters that name something that may not be there.
const CAN_BE_MISSING: [&str; 17] = [
    "erasure",
    "job",
    "work",
    "import",
    "export",
    "push_url",
    "token",
    "budget",
    "collection",
    "document",
    "taxonomy",
    "prompt",
    "version",
    "analysis",
    "user",
    "key",
    "session",
];

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Any text of 1 to 255 characters, such as a UUID. Sent again within 24 hours with the same key, the \
                        request is answered as the first time and done only once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255}
    })
}

fn attribute_filters() -> Value {
    json!({
        "name": "attributes",
        "in": "query",
        "required": false,
        "description": "Attributes that a document must have, by path: `{\"attributes.plan\": \"pro\"}` is sent as \
                        `attributes.plan=pro`. At most 10.",
        "style": "form",
        "explode": true,
        "example": {"attributes.plan": "pro"},
        "schema": {"type": "object", "additionalProperties": {"type": "string"}}
    })
}
