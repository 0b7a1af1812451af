//! `/api/prompts`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{etags::Expected, principal::Actor, text_fields::NameOrId},
    dto::{
        body::Body,
        page::{Question, check_parameters},
        problem::ApiError,
        prompt_previews::{PreviewRequest, PromptPreview},
        prompts::{NewPrompt, Prompt, PromptChange, PromptEntry, PromptPage},
        responses::{Created, Deleted, Listed, Versioned},
    },
    services::prompts::{PromptPatch, Prompts},
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

pub struct PromptsApi(pub Prompts);

#[OpenApi(prefix_path = "/api/prompts", tag = "Tag::Prompts")]
impl PromptsApi {
    /// Create a prompt
    #[oai(path = "/", method = "post", operation_id = "createPrompt")]
    async fn create(&self, caller: Caller, body: Body<NewPrompt>) -> Result<Created<Prompt>, ApiError> {
        let (slug, fields) = body.0.into_domain();
        let prompt = Prompt::from(self.0.create(caller.actor(), slug.as_deref(), fields).await?);
        let (location, etag) = (prompt.location(), prompt.etag());
        Ok(Created::Created(Json(prompt), location, etag))
    }

    /// List prompts
    ///
    /// In the order of creation, each at its newest version, without templates and schemas.
    #[oai(path = "/", method = "get", operation_id = "listPrompts")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<PromptPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = self
            .0
            .list(caller.actor(), question.page(limit.0, cursor.0.as_deref())?)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(PromptEntry::from).collect();
        Ok(Listed::Ok(Json(PromptPage { items, next_cursor }), link))
    }

    /// Get a prompt at its newest version
    #[oai(path = "/:prompt", method = "get", operation_id = "getPrompt")]
    async fn get(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::prompt")]
        prompt: Path<String>,
    ) -> Result<Versioned<Prompt>, ApiError> {
        Ok(versioned(
            self.0.get(caller.actor(), &NameOrId::parse(&prompt.0)).await?,
        ))
    }

    /// Replace a prompt by a new version
    ///
    /// What is the same already makes no version.
    #[oai(path = "/:prompt", method = "put", operation_id = "putPrompt")]
    async fn put(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::spare")]
        prompt: Path<String>,
        /// Replace only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<NewPrompt>,
    ) -> Result<Versioned<Prompt>, ApiError> {
        self.change(caller.actor(), &prompt.0, if_match.0.as_deref(), body.0.into_patch())
            .await
    }

    /// Change a prompt, which makes a new version
    ///
    /// What the body leaves out stays. Schemas are given whole.
    #[oai(path = "/:prompt", method = "patch", operation_id = "updatePrompt")]
    async fn update(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::prompt")]
        prompt: Path<String>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<PromptChange>,
    ) -> Result<Versioned<Prompt>, ApiError> {
        self.change(caller.actor(), &prompt.0, if_match.0.as_deref(), body.0.into())
            .await
    }

    /// Delete a prompt with all its versions
    ///
    /// One that was used is refused with 409, unless `with_analyses=true` says that its generated texts may go too.
    #[oai(path = "/:prompt", method = "delete", operation_id = "deletePrompt")]
    async fn delete(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::spare")]
        prompt: Path<String>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Delete the generated texts made with it too.
        with_analyses: Query<Option<bool>>,
    ) -> Result<Deleted, ApiError> {
        check_parameters(request, &["with_analyses"], None)?;
        let expected = Expected::parse(if_match.0.as_deref())?;
        let with_analyses = with_analyses.0.unwrap_or(false);
        self.0
            .delete(caller.actor(), &NameOrId::parse(&prompt.0), &expected, with_analyses)
            .await?;
        Ok(Deleted::Done)
    }

    /// List the versions of a prompt
    ///
    /// Newest first, without templates and schemas.
    #[oai(path = "/:prompt/versions", method = "get", operation_id = "listPromptVersions")]
    async fn list_versions(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::prompt")]
        prompt: Path<String>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<PromptPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let page = self
            .0
            .list_versions(caller.actor(), &NameOrId::parse(&prompt.0), page_request)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(PromptEntry::from).collect();
        Ok(Listed::Ok(Json(PromptPage { items, next_cursor }), link))
    }

    /// Fill a prompt and see the messages
    ///
    /// No model is asked, and nothing is recorded. Texts that are data stand between lines with a marker, another one every time.
    #[oai(path = "/:prompt/preview", method = "post", operation_id = "previewPrompt")]
    async fn preview(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::prompt")]
        prompt: Path<String>,
        body: Body<PreviewRequest>,
    ) -> Result<Json<PromptPreview>, ApiError> {
        let (version, input) = body.0.into_domain()?;
        let name = NameOrId::parse(&prompt.0);
        let (prompt, rendered) = self.0.preview(caller.actor(), &name, version, input).await?;
        Ok(Json(PromptPreview::new(&prompt, rendered)))
    }

    /// Get a prompt at one of its versions
    #[oai(
        path = "/:prompt/versions/:version",
        method = "get",
        operation_id = "getPromptVersion"
    )]
    async fn get_version(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::prompt")]
        prompt: Path<String>,
        /// 1 is the first.
        #[oai(example = "examples::version")]
        version: Path<i64>,
    ) -> Result<Versioned<Prompt>, ApiError> {
        Ok(versioned(
            self.0
                .get_version(caller.actor(), &NameOrId::parse(&prompt.0), version.0)
                .await?,
        ))
    }
}

impl PromptsApi {
    async fn change(
        &self,
        actor: &Actor,
        prompt: &str,
        if_match: Option<&str>,
        patch: PromptPatch,
    ) -> Result<Versioned<Prompt>, ApiError> {
        let expected = Expected::parse(if_match)?;
        Ok(versioned(
            self.0.update(actor, &NameOrId::parse(prompt), &expected, patch).await?,
        ))
    }
}

fn versioned(prompt: crate::domain::prompts::Prompt) -> Versioned<Prompt> {
    let prompt = Prompt::from(prompt);
    let etag = prompt.etag();
    Versioned::Ok(Json(prompt), etag)
}
