//! `/api/analyses`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Timestamp,
        analyses::AnalysisFilter,
        identifiers::{AnalysisId, DocumentId},
        text_fields::NameOrId,
    },
    dto::{
        analyses::{Analysis, AnalysisPage, Kind},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Deleted, Listed},
    },
    services::analyses::Analyses,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use time::OffsetDateTime;
use uuid::Uuid;

pub struct AnalysesApi(pub Analyses);

#[OpenApi(prefix_path = "/api/analyses", tag = "Tag::Analyses")]
impl AnalysesApi {
    /// List analyses
    ///
    /// Newest first; filters add up.
    #[oai(path = "/", method = "get", operation_id = "listAnalyses")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id: only analyses of this collection's documents.
        collection: Query<Option<String>>,
        /// Only analyses of the document with this id.
        document_id: Query<Option<Uuid>>,
        kind: Query<Option<Kind>>,
        /// Only classifications with this label id.
        label: Query<Option<String>>,
        /// Slug or id: only classifications by this taxonomy, at any version.
        taxonomy: Query<Option<String>>,
        /// Only answers of this engine, such as `embedded`.
        engine: Query<Option<String>>,
        /// Later than this (RFC 3339).
        created_after: Query<Option<OffsetDateTime>>,
        /// Earlier than this (RFC 3339).
        created_before: Query<Option<OffsetDateTime>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AnalysisPage>, ApiError> {
        check_parameters(request, LIST_PARAMETERS, None)?;
        let filter = AnalysisFilter {
            document_id: document_id.0.map(DocumentId),
            kind: kind.0.map(Into::into),
            label: label.0,
            engine: engine.0,
            created_after: created_after.0.map(Timestamp::new),
            created_before: created_before.0.map(Timestamp::new),
            ..AnalysisFilter::default()
        };
        let question = Question::new(request, &(&filter, &collection.0, &taxonomy.0))?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let collection = collection.0.as_deref().map(NameOrId::parse);
        let taxonomy = taxonomy.0.as_deref().map(NameOrId::parse);
        let page = self
            .0
            .list(
                caller.actor(),
                filter,
                collection.as_ref(),
                taxonomy.as_ref(),
                page_request,
            )
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Analysis::from).collect();
        Ok(Listed::Ok(Json(AnalysisPage { items, next_cursor }), link))
    }

    /// Get an analysis
    #[oai(path = "/:analysis", method = "get", operation_id = "getAnalysis")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::analysis")] analysis: Path<Uuid>,
    ) -> Result<Json<Analysis>, ApiError> {
        Ok(Json(self.0.get(caller.actor(), AnalysisId(analysis.0)).await?.into()))
    }

    /// Delete an analysis
    #[oai(path = "/:analysis", method = "delete", operation_id = "deleteAnalysis")]
    async fn delete(
        &self,
        caller: Caller,
        #[oai(example = "examples::spare_analysis")] analysis: Path<Uuid>,
    ) -> Result<Deleted, ApiError> {
        self.0.delete(caller.actor(), AnalysisId(analysis.0)).await?;
        Ok(Deleted::Done)
    }
}

const LIST_PARAMETERS: &[&str] = &[
    "collection",
    "document_id",
    "kind",
    "label",
    "taxonomy",
    "engine",
    "created_after",
    "created_before",
    "limit",
    "cursor",
];
