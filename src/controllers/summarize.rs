//! `POST /api/summarize`.

use super::Tag;
use crate::{
    auth::Caller,
    dto::{
        analyses::{Analysis, AnalysisBatchResult},
        body::Body,
        problem::ApiError,
        responses::Recorded,
        summarize::{SummarizeBatchRequest, SummarizeRequest},
    },
    services::{analyses::Analyses, analysis_tasks::Task},
};
use poem_openapi::{OpenApi, payload::Json};

pub struct SummarizeApi(pub Analyses);

#[OpenApi(prefix_path = "/api/summarize", tag = "Tag::Ask")]
impl SummarizeApi {
    /// Summarise a text or a stored document
    ///
    /// The summary is made of the source's own sentences, each with its place there. The answer is recorded as an analysis.
    #[oai(path = "/", method = "post", operation_id = "summarize")]
    async fn summarize(&self, caller: Caller, body: Body<SummarizeRequest>) -> Result<Recorded<Analysis>, ApiError> {
        let (input, options) = body.0.into_domain()?;
        let answer = self.0.run(caller.actor(), input, &Task::Summary(options)).await?;
        let analysis = Analysis::from(answer);
        let location = analysis.location();
        Ok(Recorded::Ok(Json(analysis), location))
    }

    /// Summarise up to 96 texts or documents
    ///
    /// Each input has an analysis or an error of its own; one that fails does not touch the others.
    #[oai(path = "/batch", method = "post", operation_id = "summarizeBatch")]
    async fn summarize_batch(
        &self,
        caller: Caller,
        body: Body<SummarizeBatchRequest>,
    ) -> Result<Json<AnalysisBatchResult>, ApiError> {
        let (inputs, options) = body.0.into_domain()?;
        let answers = self
            .0
            .run_batch(caller.actor(), inputs, &Task::Summary(options))
            .await?;
        Ok(Json(answers.into()))
    }
}
