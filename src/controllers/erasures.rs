//! `/api/erasures`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{identifiers::ErasureId, text_fields::NameOrId},
    dto::{
        body::Body,
        erasures::{Erased, Erasure, ErasurePage, ErasureRequest},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::Listed,
    },
    services::erasures::Erasures,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

pub struct ErasuresApi(pub Erasures);

#[OpenApi(prefix_path = "/api/erasures", tag = "Tag::Erasures")]
impl ErasuresApi {
    /// Erase everything that belongs to somebody
    ///
    /// Deletes every document that has the external id or the attribute value, wherever anything of it is kept: the search index,
    /// analyses, caches of every server, kept answers, pieces of work, jobs whose filter names the value. The receipt counts what was
    /// removed and keeps what was asked for only as a keyed hash. 202 when there is more than one request does.
    #[oai(path = "/", method = "post", operation_id = "createErasure")]
    async fn create(&self, caller: Caller, body: Body<ErasureRequest>) -> Result<Erased, ApiError> {
        let (collection, by) = body.0.into_domain()?;
        let erasure = self.0.create(caller.actor(), collection.as_ref(), by).await?;
        Ok(Erasure::from(erasure).into())
    }

    /// List receipts of erasures
    ///
    /// Newest first. Those of a collection are for who reaches it, those of all collections for who reaches all.
    #[oai(path = "/", method = "get", operation_id = "listErasures")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        collection: Query<Option<String>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ErasurePage>, ApiError> {
        check_parameters(request, &["collection", "limit", "cursor"], None)?;
        let question = Question::new(request, &collection.0)?;
        let name = collection.0.as_deref().map(NameOrId::parse);
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self.0.list(caller.actor(), name.as_ref(), page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Erasure::from).collect();
        Ok(Listed::Ok(Json(ErasurePage { items, next_cursor }), link))
    }

    /// Get the receipt of an erasure
    #[oai(path = "/:erasure", method = "get", operation_id = "getErasure")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::erasure")] erasure: Path<Uuid>,
    ) -> Result<Json<Erasure>, ApiError> {
        let erasure = self.0.get(caller.actor(), ErasureId(erasure.0)).await?;
        Ok(Json(erasure.into()))
    }

    /// Check an erasure
    ///
    /// Looks everywhere again and notes in the receipt how much is there: nothing, unless somebody has stored it anew. Send what the
    /// erasure was asked for with; 409 when that was something else.
    #[oai(path = "/:erasure/check", method = "post", operation_id = "checkErasure")]
    async fn check(
        &self,
        caller: Caller,
        #[oai(example = "examples::erasure")] erasure: Path<Uuid>,
        body: Body<ErasureRequest>,
    ) -> Result<Json<Erasure>, ApiError> {
        let (collection, by) = body.0.into_domain()?;
        let checked = self
            .0
            .check(caller.actor(), ErasureId(erasure.0), collection.as_ref(), by)
            .await?;
        Ok(Json(checked.into()))
    }
}
