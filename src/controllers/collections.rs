//! `/api/collections`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{etags::Expected, text_fields::NameOrId},
    dto::{
        body::Body,
        collections::{Collection, CollectionChange, CollectionPage, NewCollection},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
    },
    services::collections::Collections,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

pub struct CollectionsApi(pub Collections);

#[OpenApi(prefix_path = "/api/collections", tag = "Tag::Collections")]
impl CollectionsApi {
    /// Create a collection
    #[oai(path = "/", method = "post", operation_id = "createCollection")]
    async fn create(&self, caller: Caller, body: Body<NewCollection>) -> Result<Created<Collection>, ApiError> {
        let collection = Collection::from(self.0.create(caller.actor(), body.0.into_domain()?).await?);
        let (location, etag) = (collection.location(), collection.etag());
        Ok(Created::Created(Json(collection), location, etag))
    }

    /// List collections
    ///
    /// In the order of creation.
    #[oai(path = "/", method = "get", operation_id = "listCollections")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<CollectionPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = self
            .0
            .list(caller.actor(), question.page(limit.0, cursor.0.as_deref())?)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Collection::from).collect();
        Ok(Listed::Ok(Json(CollectionPage { items, next_cursor }), link))
    }

    /// Get a collection
    #[oai(path = "/:collection", method = "get", operation_id = "getCollection")]
    async fn get(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
    ) -> Result<Versioned<Collection>, ApiError> {
        let collection = Collection::from(self.0.get(caller.actor(), &NameOrId::parse(&collection.0)).await?);
        let etag = collection.etag();
        Ok(Versioned::Ok(Json(collection), etag))
    }

    /// Change a collection
    ///
    /// What the body leaves out stays as it is.
    #[oai(path = "/:collection", method = "patch", operation_id = "updateCollection")]
    async fn update(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<CollectionChange>,
    ) -> Result<Versioned<Collection>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let changed = self
            .0
            .update(
                caller.actor(),
                &NameOrId::parse(&collection.0),
                &expected,
                body.0.into_domain()?,
            )
            .await?;
        let collection = Collection::from(changed);
        let etag = collection.etag();
        Ok(Versioned::Ok(Json(collection), etag))
    }

    /// Delete a collection
    ///
    /// A collection that holds documents is refused with 409, unless `with_documents=true` says that they may go too.
    #[oai(path = "/:collection", method = "delete", operation_id = "deleteCollection")]
    async fn delete(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::spare")]
        collection: Path<String>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Delete its documents and their analyses too.
        with_documents: Query<Option<bool>>,
    ) -> Result<Deleted, ApiError> {
        check_parameters(request, &["with_documents"], None)?;
        let expected = Expected::parse(if_match.0.as_deref())?;
        let with_documents = with_documents.0.unwrap_or(false);
        self.0
            .delete(
                caller.actor(),
                &NameOrId::parse(&collection.0),
                &expected,
                with_documents,
            )
            .await?;
        Ok(Deleted::Done)
    }
}
