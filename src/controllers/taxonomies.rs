//! `/api/taxonomies`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{etags::Expected, principal::Actor, text_fields::NameOrId},
    dto::{
        body::Body,
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
        taxonomies::{NewTaxonomy, Taxonomy, TaxonomyChange, TaxonomyPage},
    },
    services::taxonomies::{Taxonomies, TaxonomyPatch},
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

pub struct TaxonomiesApi(pub Taxonomies);

#[OpenApi(prefix_path = "/api/taxonomies", tag = "Tag::Taxonomies")]
impl TaxonomiesApi {
    /// Create a taxonomy
    #[oai(path = "/", method = "post", operation_id = "createTaxonomy")]
    async fn create(&self, caller: Caller, body: Body<NewTaxonomy>) -> Result<Created<Taxonomy>, ApiError> {
        let (slug, draft) = body.0.into_domain();
        let taxonomy = Taxonomy::from(self.0.create(caller.actor(), slug.as_deref(), draft).await?);
        let (location, etag) = (taxonomy.location(), taxonomy.etag());
        Ok(Created::Created(Json(taxonomy), location, etag))
    }

    /// List taxonomies
    ///
    /// In the order of creation, each at its newest version.
    #[oai(path = "/", method = "get", operation_id = "listTaxonomies")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<TaxonomyPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = self
            .0
            .list(caller.actor(), question.page(limit.0, cursor.0.as_deref())?)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Taxonomy::from).collect();
        Ok(Listed::Ok(Json(TaxonomyPage { items, next_cursor }), link))
    }

    /// Get a taxonomy at its newest version
    #[oai(path = "/:taxonomy", method = "get", operation_id = "getTaxonomy")]
    async fn get(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::taxonomy")]
        taxonomy: Path<String>,
    ) -> Result<Versioned<Taxonomy>, ApiError> {
        Ok(versioned(
            self.0.get(caller.actor(), &NameOrId::parse(&taxonomy.0)).await?,
        ))
    }

    /// Replace a taxonomy by a new version
    ///
    /// A label keeps its id when the body names the id, or the name it had. What is the same already makes no version.
    #[oai(path = "/:taxonomy", method = "put", operation_id = "putTaxonomy")]
    async fn put(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::spare")]
        taxonomy: Path<String>,
        /// Replace only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<NewTaxonomy>,
    ) -> Result<Versioned<Taxonomy>, ApiError> {
        self.change(caller.actor(), &taxonomy.0, if_match.0.as_deref(), body.0.into_patch())
            .await
    }

    /// Change a taxonomy, which makes a new version
    ///
    /// What the body leaves out stays. Labels are given whole.
    #[oai(path = "/:taxonomy", method = "patch", operation_id = "updateTaxonomy")]
    async fn update(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::taxonomy")]
        taxonomy: Path<String>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<TaxonomyChange>,
    ) -> Result<Versioned<Taxonomy>, ApiError> {
        self.change(caller.actor(), &taxonomy.0, if_match.0.as_deref(), body.0.into())
            .await
    }

    /// Delete a taxonomy with all its versions
    ///
    /// One that was used is refused with 409, unless `with_analyses=true` says that its classifications may go too.
    #[oai(path = "/:taxonomy", method = "delete", operation_id = "deleteTaxonomy")]
    async fn delete(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::spare")]
        taxonomy: Path<String>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Delete the classifications made with it too.
        with_analyses: Query<Option<bool>>,
    ) -> Result<Deleted, ApiError> {
        check_parameters(request, &["with_analyses"], None)?;
        let expected = Expected::parse(if_match.0.as_deref())?;
        let with_analyses = with_analyses.0.unwrap_or(false);
        self.0
            .delete(caller.actor(), &NameOrId::parse(&taxonomy.0), &expected, with_analyses)
            .await?;
        Ok(Deleted::Done)
    }

    /// List the versions of a taxonomy
    ///
    /// Newest first.
    #[oai(path = "/:taxonomy/versions", method = "get", operation_id = "listTaxonomyVersions")]
    async fn list_versions(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::taxonomy")]
        taxonomy: Path<String>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<TaxonomyPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let page = self
            .0
            .list_versions(caller.actor(), &NameOrId::parse(&taxonomy.0), page_request)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Taxonomy::from).collect();
        Ok(Listed::Ok(Json(TaxonomyPage { items, next_cursor }), link))
    }

    /// Get a taxonomy at one of its versions
    #[oai(
        path = "/:taxonomy/versions/:version",
        method = "get",
        operation_id = "getTaxonomyVersion"
    )]
    async fn get_version(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::taxonomy")]
        taxonomy: Path<String>,
        /// 1 is the first.
        #[oai(example = "examples::version")]
        version: Path<i64>,
    ) -> Result<Versioned<Taxonomy>, ApiError> {
        Ok(versioned(
            self.0
                .get_version(caller.actor(), &NameOrId::parse(&taxonomy.0), version.0)
                .await?,
        ))
    }
}

impl TaxonomiesApi {
    async fn change(
        &self,
        actor: &Actor,
        taxonomy: &str,
        if_match: Option<&str>,
        patch: TaxonomyPatch,
    ) -> Result<Versioned<Taxonomy>, ApiError> {
        let expected = Expected::parse(if_match)?;
        Ok(versioned(
            self.0
                .update(actor, &NameOrId::parse(taxonomy), &expected, patch)
                .await?,
        ))
    }
}

fn versioned(taxonomy: crate::domain::taxonomies::Taxonomy) -> Versioned<Taxonomy> {
    let taxonomy = Taxonomy::from(taxonomy);
    let etag = taxonomy.etag();
    Versioned::Ok(Json(taxonomy), etag)
}
