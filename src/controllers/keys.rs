//! `/api/keys`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        api_keys as domain,
        etags::Expected,
        identifiers::{ApiKeyId, UserId},
        principal::Actor,
    },
    dto::{
        body::Body,
        keys::{ApiKey, KeyChange, KeyPage, KeyRotation, KeyWithSecret, NewKey},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
    },
    services::api_keys::ApiKeys,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use uuid::Uuid;

pub struct KeysApi(pub ApiKeys);

#[OpenApi(prefix_path = "/api/keys", tag = "Tag::Keys")]
impl KeysApi {
    /// Create an API key
    ///
    /// The answer shows the secret this once. A key of yours can do no more than you, and ends with your account.
    #[oai(path = "/", method = "post", operation_id = "createKey")]
    async fn create(&self, caller: Caller, body: Body<NewKey>) -> Result<Created<KeyWithSecret>, ApiError> {
        let actor = caller.actor();
        let reach = self.0.resolve_reach(actor, body.0.collections.as_deref()).await?;
        let fields = body.0.into_domain(actor.principal.scopes, reach, self.0.now())?;
        let (key, secret) = self.0.create(actor, fields).await?;
        let key = self.shown(actor, key).await?;
        let (location, etag) = (key.location(), key.etag());
        Ok(Created::Created(Json(KeyWithSecret::new(&secret, key)), location, etag))
    }

    /// List API keys
    ///
    /// In the order of creation: one's own, or everybody's for an admin.
    #[oai(path = "/", method = "get", operation_id = "listKeys")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Only keys of the user with this id.
        owner_id: Query<Option<Uuid>>,
        /// Those that were revoked too.
        revoked: Query<Option<bool>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<KeyPage>, ApiError> {
        check_parameters(request, &["owner_id", "revoked", "limit", "cursor"], None)?;
        let question = Question::new(request, &(&owner_id.0, &revoked.0))?;
        let page_request = question.page(limit.0, cursor.0.as_deref())?;
        let (owner, revoked) = (owner_id.0.map(UserId), revoked.0.unwrap_or(false));
        let actor = caller.actor();
        let page = self.0.list(actor, owner, revoked, page_request).await?;
        let (next_cursor, link) = question.next(&page)?;
        let mut items = Vec::with_capacity(page.rows.len());
        for key in page.rows {
            items.push(self.shown(actor, key).await?);
        }
        Ok(Listed::Ok(Json(KeyPage { items, next_cursor }), link))
    }

    /// Get an API key
    #[oai(path = "/:key", method = "get", operation_id = "getKey")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::key")] key: Path<Uuid>,
    ) -> Result<Versioned<ApiKey>, ApiError> {
        let actor = caller.actor();
        self.versioned(actor, self.0.get(actor, ApiKeyId(key.0)).await?).await
    }

    /// Change an API key
    ///
    /// What the body leaves out stays as it is. It takes effect at once.
    #[oai(path = "/:key", method = "patch", operation_id = "updateKey")]
    async fn update(
        &self,
        caller: Caller,
        #[oai(example = "examples::key")] key: Path<Uuid>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<KeyChange>,
    ) -> Result<Versioned<ApiKey>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let actor = caller.actor();
        let reach = match &body.0.collections {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(self.0.resolve_reach(actor, None).await?),
            MaybeUndefined::Value(names) => Some(self.0.resolve_reach(actor, Some(names)).await?),
        };
        let patch = body.0.into_patch(reach)?;
        self.versioned(actor, self.0.update(actor, ApiKeyId(key.0), &expected, patch).await?)
            .await
    }

    /// Rotate an API key
    ///
    /// Gives it another secret, shown this once. The one it has now goes on working for the overlap, so that programs can be
    /// moved over one by one.
    #[oai(path = "/:key/rotate", method = "post", operation_id = "rotateKey")]
    async fn rotate(
        &self,
        caller: Caller,
        #[oai(example = "examples::key")] key: Path<Uuid>,
        /// Rotate only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<KeyRotation>,
    ) -> Result<Versioned<KeyWithSecret>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let overlap = time::Duration::seconds(body.0.overlap_seconds.into());
        let actor = caller.actor();
        let (key, secret) = self.0.rotate(actor, ApiKeyId(key.0), &expected, overlap).await?;
        let key = self.shown(actor, key).await?;
        let etag = key.etag();
        Ok(Versioned::Ok(Json(KeyWithSecret::new(&secret, key)), etag))
    }

    /// Revoke an API key
    ///
    /// It stops working at once, for good.
    #[oai(path = "/:key", method = "delete", operation_id = "revokeKey")]
    async fn revoke(
        &self,
        caller: Caller,
        #[oai(example = "examples::spare_key")] key: Path<Uuid>,
        /// Revoke only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        self.0.revoke(caller.actor(), ApiKeyId(key.0), &expected).await?;
        Ok(Deleted::Done)
    }
}

impl KeysApi {
    async fn shown(&self, actor: &Actor, key: domain::ApiKey) -> Result<ApiKey, ApiError> {
        let collections = self.0.slugs(actor, &key.reach).await?;
        Ok(ApiKey::new(key, collections))
    }

    async fn versioned(&self, actor: &Actor, key: domain::ApiKey) -> Result<Versioned<ApiKey>, ApiError> {
        let key = self.shown(actor, key).await?;
        let etag = key.etag();
        Ok(Versioned::Ok(Json(key), etag))
    }
}
