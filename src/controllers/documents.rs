//! `/api/collections/{collection}/documents`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Timestamp,
        documents::{DocumentFilter, SearchQuery},
        etags::Expected,
        text_fields::NameOrId,
    },
    dto::{
        body::Body,
        document_lists::{ATTRIBUTE_PREFIX, DocumentItem, DocumentPage, Sort, attribute_filters},
        documents::{
            Document, DocumentBatchResult, DocumentChange, NewDocument, NewDocumentBatch, OnConflict, StoredDocument,
        },
        page::{Question, check_parameters, query_pairs},
        problem::ApiError,
        responses::{Deleted, Listed, Stored, Versioned},
    },
    services::{
        documents::{Documents, Outcome},
        taxonomies::Taxonomies,
    },
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use time::OffsetDateTime;

pub struct DocumentsApi(pub Documents, pub Taxonomies);

#[OpenApi(prefix_path = "/api/collections", tag = "Tag::Documents")]
impl DocumentsApi {
    /// Create a document
    ///
    /// With `on_conflict=update`, one whose `external_id` is there already replaces it (status 200) instead of being refused.
    #[oai(path = "/:collection/documents", method = "post", operation_id = "createDocument")]
    async fn create(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// `error` when left out.
        on_conflict: Query<Option<OnConflict>>,
        body: Body<NewDocument>,
    ) -> Result<Stored<Document>, ApiError> {
        check_parameters(request, &["on_conflict"], None)?;
        let choice = on_conflict.0.map(Into::into).unwrap_or_default();
        let stored = self
            .0
            .create(
                caller.actor(),
                &NameOrId::parse(&collection.0),
                body.0.into_domain(),
                choice,
            )
            .await?;
        Ok(answer(&collection.0, stored))
    }

    /// Create many documents
    ///
    /// Up to 1 000, all or nothing: when one cannot be accepted, none is stored and the answer names each bad one.
    #[oai(path = "/:collection/batch", method = "post", operation_id = "createDocuments")]
    async fn create_batch(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// `error` when left out.
        on_conflict: Query<Option<OnConflict>>,
        body: Body<NewDocumentBatch>,
    ) -> Result<Json<DocumentBatchResult>, ApiError> {
        check_parameters(request, &["on_conflict"], None)?;
        let batch = body.0.documents.into_iter().map(NewDocument::into_domain).collect();
        let choice = on_conflict.0.map(Into::into).unwrap_or_default();
        let stored = self
            .0
            .create_batch(caller.actor(), &NameOrId::parse(&collection.0), batch, choice)
            .await?;
        Ok(Json(DocumentBatchResult {
            results: stored.into_iter().map(StoredDocument::from).collect(),
        }))
    }

    /// List and search documents
    ///
    /// Filters add up. Any attribute can be one: `attributes.plan=pro`, and deeper `attributes.customer.country=DE`.
    /// Swagger UI sends them from the object `attributes`, as in `{"attributes.plan": "pro"}`.
    #[oai(path = "/:collection/documents", method = "get", operation_id = "listDocuments")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Full-text search. All words must occur; `"in quotes"` is a phrase, `ship*` a beginning, `-word` must not occur.
        q: Query<Option<String>>,
        /// `-created_at` when left out, or `relevance` in a search.
        sort: Query<Option<Sort>>,
        /// Only documents whose newest classification, of any one taxonomy, has this label id.
        label: Query<Option<String>>,
        /// Slug or id: only this taxonomy's classifications count for `label`.
        taxonomy: Query<Option<String>>,
        /// ISO 639 code such as `en`.
        language: Query<Option<String>>,
        /// Later than this (RFC 3339).
        created_after: Query<Option<OffsetDateTime>>,
        /// Earlier than this (RFC 3339).
        created_before: Query<Option<OffsetDateTime>>,
        /// Later than this (RFC 3339).
        updated_after: Query<Option<OffsetDateTime>>,
        /// Earlier than this (RFC 3339).
        updated_before: Query<Option<OffsetDateTime>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<DocumentPage>, ApiError> {
        check_parameters(request, LIST_PARAMETERS, Some(ATTRIBUTE_PREFIX))?;
        let taxonomy_id = match &taxonomy.0 {
            Some(name) => Some(self.1.get(caller.actor(), &NameOrId::parse(name)).await?.id),
            None => None,
        };
        let filter = DocumentFilter {
            created_after: created_after.0.map(Timestamp::new),
            created_before: created_before.0.map(Timestamp::new),
            updated_after: updated_after.0.map(Timestamp::new),
            updated_before: updated_before.0.map(Timestamp::new),
            language: language.0,
            label: label.0,
            taxonomy_id,
            attributes: attribute_filters(query_pairs(request))?,
            search: q.0.as_deref().map(SearchQuery::parse).transpose()?,
        };
        let sort = Sort::choose(sort.0, filter.search.is_some())?;
        let question = Question::new(request, &(&filter, sort))?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let page = self
            .0
            .list(
                caller.actor(),
                &NameOrId::parse(&collection.0),
                &filter,
                sort,
                page_request,
            )
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(DocumentItem::from).collect();
        Ok(Listed::Ok(Json(DocumentPage { items, next_cursor }), link))
    }

    /// Get a document
    ///
    /// With how far the rules of its collection's automation have come with it.
    #[oai(
        path = "/:collection/documents/:document",
        method = "get",
        operation_id = "getDocument"
    )]
    async fn get(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Id or `external_id`.
        #[oai(example = "examples::document")]
        document: Path<String>,
    ) -> Result<Versioned<Document>, ApiError> {
        let (document, states) = self
            .0
            .get_with_progress(caller.actor(), &NameOrId::parse(&collection.0), &document.0)
            .await?;
        let document = Document::from(document).with_automation(states);
        let etag = document.etag();
        Ok(Versioned::Ok(Json(document), etag))
    }

    /// Replace a document, or create it under an external id
    ///
    /// Fields that the body leaves out are empty afterwards. An address that is a UUID must name a document that is there.
    #[oai(
        path = "/:collection/documents/:document",
        method = "put",
        operation_id = "putDocument"
    )]
    async fn put(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Id or `external_id`.
        #[oai(example = "examples::new_document")]
        document: Path<String>,
        /// Replace only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<NewDocument>,
    ) -> Result<Stored<Document>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let fields = body.0.into_domain();
        let stored = self
            .0
            .put(
                caller.actor(),
                &NameOrId::parse(&collection.0),
                &document.0,
                &expected,
                fields,
            )
            .await?;
        Ok(answer(&collection.0, stored))
    }

    /// Change a document
    ///
    /// A JSON merge patch: what the body leaves out stays, `null` takes away. A new text has its language detected again.
    #[oai(
        path = "/:collection/documents/:document",
        method = "patch",
        operation_id = "updateDocument"
    )]
    async fn update(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Id or `external_id`.
        #[oai(example = "examples::document")]
        document: Path<String>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<DocumentChange>,
    ) -> Result<Versioned<Document>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let collection = NameOrId::parse(&collection.0);
        let document = Document::from(
            self.0
                .update(caller.actor(), &collection, &document.0, &expected, body.0.into())
                .await?,
        );
        let etag = document.etag();
        Ok(Versioned::Ok(Json(document), etag))
    }

    /// Delete a document
    ///
    /// Its analyses go with it.
    #[oai(
        path = "/:collection/documents/:document",
        method = "delete",
        operation_id = "deleteDocument"
    )]
    async fn delete(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// Id or `external_id`.
        #[oai(example = "examples::spare_document")]
        document: Path<String>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        self.0
            .delete(caller.actor(), &NameOrId::parse(&collection.0), &document.0, &expected)
            .await?;
        Ok(Deleted::Done)
    }
}

const LIST_PARAMETERS: &[&str] = &[
    "q",
    "sort",
    "label",
    "taxonomy",
    "language",
    "created_after",
    "created_before",
    "updated_after",
    "updated_before",
    "limit",
    "cursor",
];

fn answer(collection: &str, (document, outcome): (crate::domain::documents::Document, Outcome)) -> Stored<Document> {
    let document = Document::from(document);
    let etag = document.etag();
    match outcome {
        Outcome::Created => {
            let location = document.location(collection);
            Stored::Created(Json(document), location, etag)
        }
        Outcome::Updated | Outcome::Unchanged => Stored::Replaced(Json(document), etag),
    }
}
