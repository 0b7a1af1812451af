//! `POST /api/generate`.

use super::{
    Tag,
    asking::{followed, wants_stream, whole},
};
use crate::{
    auth::Caller,
    dto::{asking::Asked, body::Body, generate::GenerateRequest, problem::ApiError},
    services::Services,
};
use poem::http::HeaderMap;
use poem_openapi::OpenApi;

pub struct GenerateApi(pub Services);

#[OpenApi(prefix_path = "/api/generate", tag = "Tag::Ask")]
impl GenerateApi {
    /// Write a text after a prompt
    ///
    /// A prompt is filled with the variables and, if there is one, the text or document that it is about, and a model answers it: with
    /// text, or with JSON that fits the prompt's schema. Where no model answers, sentences of the text stand in for it, marked as
    /// degraded. The answer is recorded as an analysis; what the variables said is not.
    #[oai(path = "/", method = "post", operation_id = "generate")]
    async fn generate(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: Body<GenerateRequest>,
    ) -> Result<Asked, ApiError> {
        let commission = body.0.into_domain()?;
        let generations = &self.0.generations;
        if wants_stream(headers)? {
            let follow = generations.follow(caller.actor(), commission).await?;
            return Ok(followed(&self.0, &caller, follow).await);
        }
        let given = generations.run(caller.actor(), commission).await?;
        Ok(whole(&self.0, &caller, given).await)
    }
}
