//! `POST /api/classify`.

use super::Tag;
use crate::{
    auth::Caller,
    dto::{
        analyses::{Analysis, AnalysisBatchResult},
        body::Body,
        classify::{ClassifyBatchRequest, ClassifyRequest},
        problem::ApiError,
        responses::Recorded,
    },
    services::{analyses::Analyses, analysis_tasks::Task},
};
use poem_openapi::{OpenApi, payload::Json};

pub struct ClassifyApi(pub Analyses);

#[OpenApi(prefix_path = "/api/classify", tag = "Tag::Ask")]
impl ClassifyApi {
    /// Classify a text or a stored document
    ///
    /// The answer is a label of the set or none: an engine that is not sure enough abstains and says why. It is recorded as
    /// an analysis.
    #[oai(path = "/", method = "post", operation_id = "classify")]
    async fn classify(&self, caller: Caller, body: Body<ClassifyRequest>) -> Result<Recorded<Analysis>, ApiError> {
        let (input, labels, threshold) = body.0.into_domain()?;
        let task = Task::Classification(self.0.classification(caller.actor(), labels, threshold).await?);
        let analysis = Analysis::from(self.0.run(caller.actor(), input, &task).await?);
        let location = analysis.location();
        Ok(Recorded::Ok(Json(analysis), location))
    }

    /// Classify up to 96 texts or documents
    ///
    /// Each input has an analysis or an error of its own; one that fails does not touch the others.
    #[oai(path = "/batch", method = "post", operation_id = "classifyBatch")]
    async fn classify_batch(
        &self,
        caller: Caller,
        body: Body<ClassifyBatchRequest>,
    ) -> Result<Json<AnalysisBatchResult>, ApiError> {
        let (inputs, labels, threshold) = body.0.into_domain()?;
        let task = Task::Classification(self.0.classification(caller.actor(), labels, threshold).await?);
        let answers = self.0.run_batch(caller.actor(), inputs, &task).await?;
        Ok(Json(answers.into()))
    }
}
