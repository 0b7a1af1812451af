//! `/api/users`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{etags::Expected, identifiers::UserId, text_fields::NameOrId, users::UserFilter},
    dto::{
        body::Body,
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
        users::{NewUser, PutUser, Role, User, UserChange, UserPage, UserState},
    },
    services::users::Users,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use uuid::Uuid;

pub struct UsersApi(pub Users);

#[OpenApi(prefix_path = "/api/users", tag = "Tag::Users")]
impl UsersApi {
    /// Create a user
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(&self, caller: Caller, body: Body<NewUser>) -> Result<Created<User>, ApiError> {
        let reach = self
            .0
            .resolve_reach(caller.actor(), body.0.collections.as_deref())
            .await?;
        let (fields, password) = body.0.into_domain(reach)?;
        let user = self.0.create(caller.actor(), fields, password.as_deref()).await?;
        let user = self.shown(user).await?;
        let (location, etag) = (user.location(), user.etag());
        Ok(Created::Created(Json(user), location, etag))
    }

    /// List users
    ///
    /// In the order of creation; filters add up.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        _caller: Caller,
        request: &Request,
        /// Part of the e-mail address or of the name, in any case.
        search: Query<Option<String>>,
        role: Query<Option<Role>>,
        state: Query<Option<UserState>>,
        /// Slug or id: only users who know of this collection.
        collection: Query<Option<String>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<UserPage>, ApiError> {
        check_parameters(request, LIST_PARAMETERS, None)?;
        let filter = UserFilter {
            search: search.0.filter(|text| !text.is_empty()),
            role: role.0.map(Into::into),
            state: state.0.map(Into::into),
            collection_id: None,
        };
        let question = Question::new(request, &(&filter, &collection.0))?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let collection = collection.0.as_deref().map(NameOrId::parse);
        let page = self.0.list(filter, collection.as_ref(), page_request).await?;
        let (next_cursor, link) = question.next(&page)?;
        let mut items = Vec::with_capacity(page.rows.len());
        for user in page.rows {
            items.push(self.shown(user).await?);
        }
        Ok(Listed::Ok(Json(UserPage { items, next_cursor }), link))
    }

    /// Get a user
    #[oai(path = "/:user", method = "get", operation_id = "getUser")]
    async fn get(
        &self,
        _caller: Caller,
        #[oai(example = "examples::user")] user: Path<Uuid>,
    ) -> Result<Versioned<User>, ApiError> {
        self.versioned(self.0.get(UserId(user.0)).await?).await
    }

    /// Replace a user
    ///
    /// The password stays as it is.
    #[oai(path = "/:user", method = "put", operation_id = "putUser")]
    async fn put(
        &self,
        caller: Caller,
        #[oai(example = "examples::changeable_user")] user: Path<Uuid>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<PutUser>,
    ) -> Result<Versioned<User>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let reach = self
            .0
            .resolve_reach(caller.actor(), body.0.collections.as_deref())
            .await?;
        let patch = body.0.into_patch(reach);
        self.versioned(self.0.update(caller.actor(), UserId(user.0), &expected, patch).await?)
            .await
    }

    /// Change a user
    ///
    /// What the body leaves out stays as it is. A new password, or being disabled, ends their sessions at once.
    #[oai(path = "/:user", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        caller: Caller,
        #[oai(example = "examples::changeable_user")] user: Path<Uuid>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<UserChange>,
    ) -> Result<Versioned<User>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let reach = match &body.0.collections {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(self.0.resolve_reach(caller.actor(), None).await?),
            MaybeUndefined::Value(names) => Some(self.0.resolve_reach(caller.actor(), Some(names)).await?),
        };
        let patch = body.0.into_patch(reach);
        self.versioned(self.0.update(caller.actor(), UserId(user.0), &expected, patch).await?)
            .await
    }

    /// Delete a user
    ///
    /// Their sessions end, their API keys stop working, and what they did stays in the audit trail. The last admin stays.
    #[oai(path = "/:user", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        caller: Caller,
        #[oai(example = "examples::spare_user")] user: Path<Uuid>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        self.0.delete(caller.actor(), UserId(user.0), &expected).await?;
        Ok(Deleted::Done)
    }
}

impl UsersApi {
    async fn shown(&self, user: crate::domain::users::User) -> Result<User, ApiError> {
        let collections = self.0.slugs(&user.reach).await?;
        Ok(User::new(user, collections))
    }

    async fn versioned(&self, user: crate::domain::users::User) -> Result<Versioned<User>, ApiError> {
        let user = self.shown(user).await?;
        let etag = user.etag();
        Ok(Versioned::Ok(Json(user), etag))
    }
}

const LIST_PARAMETERS: &[&str] = &["search", "role", "state", "collection", "limit", "cursor"];
