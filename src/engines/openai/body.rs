//! What a request is in the words of the protocol.

use super::strict;
use crate::{
    config::{Provider, ProviderKind, StructuredOutput},
    engines::chat::{ChatFormat, ChatRequest, ChatRole},
};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// The body of `POST /chat/completions`.
#[derive(Debug, Serialize)]
pub struct Body<'a> {
    model: &'a str,
    pub messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u8>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize)]
pub struct Message<'a> {
    pub role: &'static str,
    pub content: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema { json_schema: JsonSchema<'a> },
    JsonObject,
}

#[derive(Debug, Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a Value,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// The body for this provider and model. `takes_temperature` says whether the model knows the field.
pub fn of<'a>(provider: &Provider, model: &'a str, takes_temperature: bool, request: &'a ChatRequest) -> Body<'a> {
    let mut messages: Vec<Message> = request
        .messages
        .iter()
        .map(|message| Message {
            role: role_name(message.role),
            content: Cow::Borrowed(message.content.as_str()),
        })
        .collect();
    let response_format = match (&request.format, provider.structured_output) {
        (ChatFormat::Text, _) => None,
        (ChatFormat::Json { name, schema }, StructuredOutput::JsonSchema) => Some(ResponseFormat::JsonSchema {
            json_schema: JsonSchema {
                name,
                strict: strict::takes(schema),
                schema,
            },
        }),
        (ChatFormat::Json { schema, .. }, StructuredOutput::JsonObject) => {
            instruct(&mut messages, schema);
            Some(ResponseFormat::JsonObject)
        }
        (ChatFormat::Json { schema, .. }, StructuredOutput::None) => {
            instruct(&mut messages, schema);
            None
        }
    };
    let most = Some(request.max_output_tokens);
    let (max_tokens, max_completion_tokens) = match provider.kind {
        ProviderKind::Compatible => (most, None),
        ProviderKind::Openai | ProviderKind::Azure => (None, most),
    };
    let logprobs = request.logprobs && provider.logprobs;
    Body {
        model,
        messages,
        max_tokens,
        max_completion_tokens,
        temperature: request.temperature.filter(|_| takes_temperature),
        response_format,
        logprobs: logprobs.then_some(true),
        // Left out, llama.cpp gives the 20 most likely ones with every token; with 0 it gives no probability at all.
        top_logprobs: logprobs.then_some(1),
        stream: provider.streaming,
        stream_options: (provider.streaming && provider.stream_usage).then_some(StreamOptions { include_usage: true }),
    }
}

pub fn role_name(role: ChatRole) -> &'static str {
    match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
    }
}

/// Adds the schema to the instructions, for providers that take no schema.
fn instruct(messages: &mut Vec<Message>, schema: &Value) {
    const SENTENCE: &str = "Answer with one JSON object that fits this JSON schema, and with nothing else:";
    if let Some(system) = messages.first_mut().filter(|message| message.role == "system") {
        let content = system.content.to_mut();
        *content = format!("{content}\n\n{SENTENCE}\n{schema}");
    } else {
        let system = Message {
            role: "system",
            content: Cow::Owned(format!("{SENTENCE}\n{schema}")),
        };
        messages.insert(0, system);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::chat::ChatMessage;
    use serde_json::json;
    use std::sync::Arc;

    fn provider(settings: &Value) -> Provider {
        let mut all = json!({"name": "p", "base_url": "http://localhost/v1", "models": []});
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn request() -> ChatRequest {
        ChatRequest {
            messages: vec![
                ChatMessage {
                    role: ChatRole::System,
                    content: "Be brief.".to_owned(),
                },
                ChatMessage {
                    role: ChatRole::User,
                    content: "Why?".to_owned(),
                },
            ],
            max_output_tokens: 7,
            temperature: Some(0.2),
            format: ChatFormat::Json {
                name: "answer",
                schema: Arc::new(json!({"type": "object"})),
            },
            logprobs: true,
            marks: Vec::new(),
        }
    }

    fn written(settings: &Value, takes_temperature: bool, request: &ChatRequest) -> Value {
        serde_json::to_value(of(&provider(settings), "m", takes_temperature, request)).unwrap()
    }

    #[test]
    fn a_compatible_server_is_held_to_the_schema_and_streams_with_usage() {
        let body = written(&json!({}), true, &request());
        let wanted = json!({
            "model": "m",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
            "max_tokens": 7,
            "temperature": 0.2_f32,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": false, "schema": {"type": "object"}}
            },
            "logprobs": true,
            "top_logprobs": 1,
            "stream": true,
            "stream_options": {"include_usage": true}
        });
        assert_eq!(body, wanted);
        let text = serde_json::to_string(&of(&provider(&json!({})), "m", true, &request())).unwrap();
        assert!(text.contains("\"temperature\":0.2,"), "{text}");
    }

    #[test]
    fn only_a_schema_that_strict_mode_takes_is_sent_as_strict() {
        let mut request = request();
        let schema = json!({
            "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false
        });
        request.format = ChatFormat::Json {
            name: "answer",
            schema: Arc::new(schema),
        };
        let body = written(&json!({}), true, &request);
        assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    }

    #[test]
    fn a_provider_is_sent_only_what_it_takes() {
        let settings =
            json!({"kind": "openai", "streaming": false, "logprobs": false, "structured_output": "json_object"});
        let body = written(&settings, false, &request());
        let system = "Be brief.\n\nAnswer with one JSON object that fits this JSON schema, and with nothing else:\n{\"type\":\"object\"}";
        let wanted = json!({
            "model": "m",
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": "Why?"}],
            "max_completion_tokens": 7,
            "response_format": {"type": "json_object"},
            "stream": false
        });
        assert_eq!(body, wanted);
    }

    #[test]
    fn a_schema_without_a_system_message_gets_one() {
        let mut request = request();
        request.messages.remove(0);
        let body = written(
            &json!({"structured_output": "none", "stream_usage": false}),
            true,
            &request,
        );
        assert_eq!(body["messages"][0]["role"], "system");
        assert_eq!(body["messages"][1]["content"], "Why?");
        assert_eq!(body.get("response_format"), None);
        assert_eq!(body.get("stream_options"), None);
    }
}
