//! `POST /api/classify`.

use super::{
    Tag,
    asking::{answer_whole, batch},
};
use crate::{
    auth::Caller,
    domain::Result as Outcome,
    dto::{
        asking::{Asked, AskedBatch},
        body::Body,
        classify::{Classify, ClassifyBatchRequest, ClassifyRequest},
        problem::ApiError,
    },
    services::{
        Services,
        analysis_tasks::{Order, Task},
    },
};
use poem_openapi::OpenApi;

pub struct ClassifyApi(pub Services);

#[OpenApi(prefix_path = "/api/classify", tag = "Tag::Ask")]
impl ClassifyApi {
    /// Classify a text or a stored document
    ///
    /// The answer is a label of the set or none: an engine that is not sure enough abstains and says why. It is recorded as
    /// an analysis.
    #[oai(path = "/", method = "post", operation_id = "classify")]
    async fn classify(&self, caller: Caller, body: Body<ClassifyRequest>) -> Result<Asked, ApiError> {
        let (input, order) = self.order(&caller, body.0.into_domain()?).await?;
        answer_whole(&self.0, &caller, input, &order).await
    }

    /// Classify up to 96 texts or documents
    ///
    /// Each input has an analysis or an error of its own; one that fails does not touch the others.
    #[oai(path = "/batch", method = "post", operation_id = "classifyBatch")]
    async fn classify_batch(&self, caller: Caller, body: Body<ClassifyBatchRequest>) -> Result<AskedBatch, ApiError> {
        let (inputs, order) = self.order(&caller, body.0.into_domain()?).await?;
        let answers = self.0.analyses.run_batch(caller.actor(), inputs, &order).await?;
        Ok(batch(&self.0, &caller, answers).await)
    }
}

impl ClassifyApi {
    /// Looks the labels up.
    async fn order<Inputs>(&self, caller: &Caller, asked: Classify<Inputs>) -> Outcome<(Inputs, Order)> {
        let Classify {
            inputs,
            labels,
            wish,
            engine,
            cache,
        } = asked;
        let task = self.0.analyses.classification(caller.actor(), labels, wish).await?;
        let task = Task::Classification(task);
        Ok((inputs, Order { task, engine, cache }))
    }
}
