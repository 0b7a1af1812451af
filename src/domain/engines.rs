//! Which engine is to answer, as requests name it.

use super::errors::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name of an engine, in characters.
pub const LONGEST_ENGINE: usize = 260;

/// What a request says about the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EngineChoice {
    /// As the configured route says.
    #[default]
    Auto,
    /// The engine inside of the program.
    Embedded,
    /// A configured provider, with its first model unless one is named.
    Provider { name: String, model: Option<String> },
}

impl EngineChoice {
    /// Reads `auto`, `embedded`, `provider` or `provider/model`. A model's own name may hold further slashes.
    ///
    /// # Errors
    /// `Error::Invalid` at `/engine`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() || text.chars().count() > LONGEST_ENGINE || text.chars().any(char::is_control) {
            return Err(Error::invalid(
                "/engine",
                "must be `auto`, `embedded`, the name of a provider, or `provider/model`",
            ));
        }
        Ok(match text {
            "auto" => Self::Auto,
            "embedded" => Self::Embedded,
            _ => {
                let (name, model) = text
                    .split_once('/')
                    .map_or((text, None), |(name, model)| (name, Some(model.to_owned())));
                Self::Provider {
                    name: name.to_owned(),
                    model,
                }
            }
        })
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Embedded => formatter.write_str("embedded"),
            Self::Provider { name, model: None } => formatter.write_str(name),
            Self::Provider {
                name,
                model: Some(model),
            } => write!(formatter, "{name}/{model}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_read_and_written_alike() {
        for text in ["auto", "embedded", "openai", "local/meta-llama/Llama-3.2-1B"] {
            assert_eq!(EngineChoice::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            EngineChoice::parse("vllm/a/b").unwrap(),
            EngineChoice::Provider {
                name: "vllm".to_owned(),
                model: Some("a/b".to_owned())
            }
        );
        for text in ["", "a\nb", &"x".repeat(LONGEST_ENGINE + 1)] {
            assert!(EngineChoice::parse(text).is_err(), "{text:?}");
        }
    }
}
