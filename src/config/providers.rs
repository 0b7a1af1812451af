//! `[[providers]]`: servers of the OpenAI protocol that can be asked, their models and what those cost.

use super::secrets::Secret;
use crate::domain::prices::{Price, Prices};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// The longest of the other times: an hour, in seconds.
const LONGEST: u64 = 60 * 60;
/// The longest that a whole call may take: half of the hour after which what was set aside for it counts as spent, since its end is
/// not expected any more.
const LONGEST_CALL: u64 = 30 * 60;
/// The name of the engine that is always there.
pub const EMBEDDED: &str = "embedded";
/// What stands for the configured route.
pub const AUTO: &str = "auto";

/// One server, with everything that reaching it takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// As requests, answers, metrics and the ledger call it: letters, digits, `-` and `_`.
    pub name: String,
    #[serde(default)]
    pub kind: ProviderKind,
    /// Up to where `/chat/completions` follows: `https://api.openai.com/v1`; for Azure, the resource's address.
    pub base_url: String,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The file that holds the key, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<String>,
    /// The key itself, once it was read from where it is.
    #[serde(skip)]
    pub api_key: Option<Secret>,
    /// For Azure: the version of its API, such as `2024-10-21`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Sent along with every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// How many calls may be under way at once.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// How many calls may begin in a minute; 0 for any number.
    #[serde(default)]
    pub requests_per_minute: u32,
    /// How long a connection may take, in seconds.
    #[serde(default = "default_connect")]
    pub connect_timeout_seconds: u64,
    /// How long the first piece of an answer may take, in seconds.
    #[serde(default = "default_first")]
    pub first_piece_timeout_seconds: u64,
    /// How long an answer may pause, in seconds.
    #[serde(default = "default_silence")]
    pub silence_timeout_seconds: u64,
    /// How long a whole call may take, in seconds.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// How often a call that may be repeated is sent again.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// The longest wait before a call is sent again, in seconds. A provider that asks for more is left alone for that long.
    #[serde(default = "default_wait")]
    pub longest_wait_seconds: u64,
    /// Whether it can stream. Where it cannot, an answer comes in one piece.
    #[serde(default = "yes")]
    pub streaming: bool,
    /// Whether it takes `stream_options.include_usage`, without which tokens of streams are counted here.
    #[serde(default = "yes")]
    pub stream_usage: bool,
    #[serde(default)]
    pub structured_output: StructuredOutput,
    /// Whether it gives the probabilities of tokens, on which the confidence of a classification stands.
    #[serde(default = "yes")]
    pub logprobs: bool,
    #[serde(default)]
    pub models: Vec<Model>,
}

/// In what a provider differs from others of the same protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Ollama, vLLM, llama.cpp and whatever else takes `max_tokens`.
    #[default]
    Compatible,
    /// OpenAI itself, which takes `max_completion_tokens`.
    Openai,
    /// Azure OpenAI: the deployment stands in the address, the key in the header `api-key`.
    Azure,
}

/// How a provider is held to a JSON schema. The answer is checked in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutput {
    /// `response_format: json_schema`.
    #[default]
    JsonSchema,
    /// `response_format: json_object`; the schema stands in the instructions.
    JsonObject,
    /// Only the instructions.
    None,
}

/// One model of a provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As the provider calls it; for Azure, the deployment.
    pub name: String,
    /// How many tokens of input and output together fit.
    pub context_tokens: u32,
    /// How many tokens it may write at most.
    #[serde(default = "default_output")]
    pub max_output_tokens: u32,
    /// Dollars per million tokens of input; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    /// Dollars per million tokens of input that the provider has in its cache; as `input` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Price>,
    /// Dollars per million tokens of output; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
    /// Whether it takes `temperature`; reasoning models do not.
    #[serde(default = "yes")]
    pub temperature: bool,
    /// Whether it gives the probabilities of tokens; as its provider when left out. Reasoning models refuse to be asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
}

impl Model {
    #[must_use]
    pub fn prices(&self) -> Prices {
        let input = self.input.unwrap_or_default();
        Prices {
            input,
            cached_input: self.cached_input.unwrap_or(input),
            output: self.output.unwrap_or_default(),
        }
    }
}

/// The models, with their providers' names, whose prices were probably forgotten: those that leave one out although their provider
/// sends bills or another model has prices. Who means that a model is free says "0".
#[must_use]
pub fn without_prices(providers: &[Provider]) -> Vec<(&str, &str)> {
    let models = || {
        providers
            .iter()
            .flat_map(|provider| provider.models.iter().map(move |model| (provider, model)))
    };
    let some_cost = models().any(|(_, model)| {
        [model.input, model.output]
            .into_iter()
            .flatten()
            .any(|price| price != Price::default())
    });
    models()
        .filter(|(provider, model)| {
            let sends_bills = matches!(provider.kind, ProviderKind::Openai | ProviderKind::Azure);
            (sends_bills || some_cost) && (model.input.is_none() || model.output.is_none())
        })
        .map(|(provider, model)| (provider.name.as_str(), model.name.as_str()))
        .collect()
}

impl Provider {
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    #[must_use]
    pub fn first_piece_timeout(&self) -> Duration {
        Duration::from_secs(self.first_piece_timeout_seconds)
    }

    #[must_use]
    pub fn silence_timeout(&self) -> Duration {
        Duration::from_secs(self.silence_timeout_seconds)
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        Duration::from_secs(self.longest_wait_seconds)
    }

    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let name = &self.name;
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 60 || !name.bytes().all(sound) {
            return Some(format!(
                "`providers.name`: `{name}` must be 1 to 60 letters, digits, `-` or `_`"
            ));
        }
        let fault = |what: String| Some(format!("the provider `{name}`: {what}"));
        if name == EMBEDDED || name == AUTO {
            return fault(format!("`{name}` is the name of something else; choose another"));
        }
        let address = url::Url::parse(&self.base_url);
        let address = address
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(address) = address else {
            return fault("`base_url` must be an address that begins with http:// or https://".to_owned());
        };
        if address.password().is_some() || address.query().is_some() || !address.username().is_empty() {
            return fault("`base_url` must hold no password and no query; a key belongs in `api_key_env`".to_owned());
        }
        if self.kind == ProviderKind::Azure && self.api_version.is_none() {
            return fault("`api_version` is missing, such as \"2024-10-21\"".to_owned());
        }
        if self.api_key_env.is_some() && self.api_key_file.is_some() {
            return fault("`api_key_env` and `api_key_file` exclude each other".to_owned());
        }
        let within = [
            ("concurrency", self.concurrency as u64, 1, 10_000),
            ("connect_timeout_seconds", self.connect_timeout_seconds, 1, LONGEST),
            (
                "first_piece_timeout_seconds",
                self.first_piece_timeout_seconds,
                1,
                LONGEST,
            ),
            ("silence_timeout_seconds", self.silence_timeout_seconds, 1, LONGEST),
            ("timeout_seconds", self.timeout_seconds, 1, LONGEST_CALL),
            ("longest_wait_seconds", self.longest_wait_seconds, 0, LONGEST),
            ("retries", self.retries.into(), 0, 10),
        ];
        for (setting, value, least, most) in within {
            if !(least..=most).contains(&value) {
                return fault(format!("`{setting}` must be {least} to {most}, and is {value}"));
            }
        }
        if self.models.is_empty() {
            return fault("has no model: add [[providers.models]]".to_owned());
        }
        for (place, model) in self.models.iter().enumerate() {
            if model.name.is_empty() || model.name.len() > 200 || model.name.chars().any(char::is_control) {
                return fault("a model's `name` must have 1 to 200 characters".to_owned());
            }
            if self.models[..place].iter().any(|other| other.name == model.name) {
                return fault(format!("the model `{}` is there twice", model.name));
            }
            if model.context_tokens < 256 || model.max_output_tokens == 0 {
                return fault(format!(
                    "the model `{}` needs `context_tokens` of at least 256 and `max_output_tokens` of at least 1",
                    model.name
                ));
            }
            if model.max_output_tokens >= model.context_tokens {
                return fault(format!(
                    "of the model `{}`, `max_output_tokens` must be below `context_tokens`",
                    model.name
                ));
            }
        }
        None
    }
}

fn default_concurrency() -> usize {
    8
}

fn default_connect() -> u64 {
    5
}

fn default_first() -> u64 {
    60
}

fn default_silence() -> u64 {
    30
}

fn default_timeout() -> u64 {
    110
}

fn default_retries() -> u32 {
    2
}

fn default_wait() -> u64 {
    10
}

fn default_output() -> u32 {
    1_024
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_without_prices_is_noticed_unless_it_is_said_to_be_free() {
        let provider = |name: &str, kind: &str, prices: serde_json::Value| {
            let mut model = json!({"name": "m", "context_tokens": 8192});
            model
                .as_object_mut()
                .unwrap()
                .extend(prices.as_object().unwrap().clone());
            let settings = json!({"name": name, "kind": kind, "base_url": "http://localhost/v1", "models": [model]});
            serde_json::from_value::<Provider>(settings).unwrap()
        };
        let free = || json!({"input": "0", "output": "0"});
        let local = |name| provider(name, "compatible", json!({}));
        let names = |providers: &[Provider]| {
            let found = without_prices(providers).into_iter();
            found.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[local("a"), local("b")]), [""; 0], "nothing here costs anything");
        assert_eq!(names(&[local("a"), provider("b", "compatible", free())]), [""; 0]);
        assert_eq!(names(&[local("a"), provider("b", "openai", json!({}))]), ["b"]);
        assert_eq!(names(&[provider("a", "azure", json!({"input": "1"}))]), ["a"]);
        assert_eq!(names(&[provider("a", "openai", free())]), [""; 0]);
        let priced = provider("b", "compatible", json!({"input": "0.1", "output": "0"}));
        assert_eq!(names(&[local("a"), priced]), ["a"]);
    }

    #[test]
    fn a_call_ends_long_before_what_was_set_aside_for_it_counts_as_spent() {
        let fault = |seconds: u64| {
            let models = json!([{"name": "m", "context_tokens": 8192}]);
            let settings =
                json!({"name": "p", "base_url": "http://localhost/v1", "timeout_seconds": seconds, "models": models});
            serde_json::from_value::<Provider>(settings).unwrap().fault()
        };
        assert_eq!(fault(1_800), None);
        assert_eq!(
            fault(1_801).unwrap(),
            "the provider `p`: `timeout_seconds` must be 1 to 1800, and is 1801"
        );
    }
}
