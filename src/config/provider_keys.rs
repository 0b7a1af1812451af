//! Reads the keys of providers from where the configuration says that they are.

use super::{Provider, Secret};
use anyhow::{Context, Result, bail};

/// The provider's key, if it has one.
///
/// # Errors
/// When the variable is not set, the file cannot be read, or there is nothing in it. The message never holds the key.
pub(super) fn read(provider: &Provider) -> Result<Option<Secret>> {
    let name = &provider.name;
    let (key, place) = if let Some(variable) = &provider.api_key_env {
        let key = variable_of_environment(variable)
            .with_context(|| format!("the provider `{name}`: the environment variable `{variable}` is not set"))?;
        (key, format!("the environment variable `{variable}`"))
    } else if let Some(file) = &provider.api_key_file {
        let key = std::fs::read_to_string(file)
            .with_context(|| format!("the provider `{name}`: the file `{file}` cannot be read"))?;
        (key, format!("the file `{file}`"))
    } else {
        return Ok(None);
    };
    let key = key.trim();
    // What cannot stand in a header is no key.
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the provider `{name}`: {place} must hold the key and nothing else");
    }
    Ok(Some(Secret::new(key)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration is the one part that reads the environment"
)]
fn variable_of_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
