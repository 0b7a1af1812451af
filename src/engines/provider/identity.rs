//! What tells one model from another: everything configured that changes what it answers. Its server, what it is asked for and how
//! much it may say.

use crate::{config, text::hash_text};

/// The same text for the same model, asked in the same way.
pub(super) fn of(server: &config::Provider, of_model: &config::Model) -> String {
    let config::Provider {
        base_url,
        kind,
        structured_output,
        api_version,
        headers,
        ..
    } = server;
    // A header may choose a project or a tier of the server. Only its hash is part of the identity, as its value may be a secret.
    let headers = headers.iter().fold(String::new(), |mut all, (name, value)| {
        all.extend([name.as_str(), "\0", value.reveal(), "\0"]);
        all
    });
    format!(
        "{}/{} at {base_url} {kind:?} {} {structured_output:?} {} {} {} {} {}\n",
        server.name,
        of_model.name,
        api_version.as_deref().unwrap_or_default(),
        of_model.context_tokens,
        of_model.max_output_tokens,
        of_model.temperature,
        of_model.logprobs.unwrap_or(server.logprobs),
        hash_text(&headers),
    )
}
