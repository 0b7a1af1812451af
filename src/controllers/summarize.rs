//! `POST /api/summarize`.

use super::{
    Tag,
    asking::{ask, batch},
};
use crate::{
    auth::Caller,
    dto::{
        asking::{Asked, AskedBatch},
        body::Body,
        problem::ApiError,
        summarize::{SummarizeBatchRequest, SummarizeRequest},
    },
    services::Services,
};
use poem::http::HeaderMap;
use poem_openapi::OpenApi;

pub struct SummarizeApi(pub Services);

#[OpenApi(prefix_path = "/api/summarize", tag = "Tag::Ask")]
impl SummarizeApi {
    /// Summarise a text or a stored document
    ///
    /// A model writes the summary, each sentence with the sentences of the source that support it; the embedded engine makes it of
    /// the source's own sentences, each with its place there. The answer is recorded as an analysis.
    #[oai(path = "/", method = "post", operation_id = "summarize")]
    async fn summarize(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: Body<SummarizeRequest>,
    ) -> Result<Asked, ApiError> {
        let (input, order) = body.0.into_domain()?;
        ask(&self.0, &caller, headers, input, &order).await
    }

    /// Summarise up to 96 texts or documents
    ///
    /// Each input has an analysis or an error of its own; one that fails does not touch the others.
    #[oai(path = "/batch", method = "post", operation_id = "summarizeBatch")]
    async fn summarize_batch(&self, caller: Caller, body: Body<SummarizeBatchRequest>) -> Result<AskedBatch, ApiError> {
        let (inputs, order) = body.0.into_domain()?;
        let answers = self.0.analyses.run_batch(caller.actor(), inputs, &order).await?;
        Ok(batch(&self.0, &caller, answers).await)
    }
}
