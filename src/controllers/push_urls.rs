//! `/api/collections/{collection}/push-urls` and `/api/push`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Error, identifiers::PushUrlId, imports::RecordFormat, push_urls::PushUrl as Recognised, text_fields::NameOrId,
    },
    dto::{
        body::Body,
        page::{Question, check_parameters},
        problem::{ApiError, Code, Problem},
        push_urls::{NewPushUrl, PushResult, PushUrl, PushUrlMade, PushUrlPage, PushUrlWithAddress},
        responses::{Deleted, Listed},
        uploads::PushedBody,
    },
    services::push_urls::{PushUrls, Pushed},
};
use poem::{Body as RawBody, Request};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

pub struct PushUrlsApi(pub PushUrls);

#[OpenApi(prefix_path = "/api", tag = "Tag::Imports")]
impl PushUrlsApi {
    /// Create a push URL
    ///
    /// An address at which another system, such as a help desk that calls webhooks, leaves documents without a header of its own.
    /// The answer shows the address this once. Whoever knows it can store documents in the collection, and nothing else.
    #[oai(
        path = "/collections/:collection/push-urls",
        method = "post",
        operation_id = "createPushUrl"
    )]
    async fn create(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        body: Body<NewPushUrl>,
    ) -> Result<PushUrlMade, ApiError> {
        let fields = body.0.into_domain()?;
        let collection = NameOrId::parse(&collection.0);
        let (url, token) = self.0.create(caller.actor(), &collection, fields).await?;
        Ok(PushUrlMade::Created(Json(PushUrlWithAddress {
            address: format!("/api/push/{}", token.reveal()),
            push_url: url.into(),
        })))
    }

    /// List push URLs
    ///
    /// Newest first, without their addresses.
    #[oai(
        path = "/collections/:collection/push-urls",
        method = "get",
        operation_id = "listPushUrls"
    )]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<PushUrlPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self
            .0
            .list(caller.actor(), &NameOrId::parse(&collection.0), page)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(PushUrl::from).collect();
        Ok(Listed::Ok(Json(PushUrlPage { items, next_cursor }), link))
    }

    /// Revoke a push URL
    ///
    /// Nothing can be left there any more; what was stays.
    #[oai(
        path = "/collections/:collection/push-urls/:push_url",
        method = "delete",
        operation_id = "revokePushUrl"
    )]
    async fn revoke(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        #[oai(example = "examples::spare_push_url")] push_url: Path<Uuid>,
    ) -> Result<Deleted, ApiError> {
        let collection = NameOrId::parse(&collection.0);
        self.0
            .revoke(caller.actor(), &collection, PushUrlId(push_url.0))
            .await?;
        Ok(Deleted::Done)
    }

    /// Push documents
    ///
    /// Needs no credential but the token in the address. JSON and forms are one document each, refused as a whole with 422 when it
    /// cannot be accepted; of NDJSON and CSV, lines that cannot be accepted are listed, and the others stored.
    #[oai(path = "/push/:token", method = "post", operation_id = "push")]
    async fn push(
        &self,
        request: &Request,
        /// What stands in the address of the push URL.
        #[oai(example = "examples::push_token")]
        token: Path<String>,
        body: PushedBody,
    ) -> Result<Json<PushResult>, ApiError> {
        check_parameters(request, &[], None)?;
        // The middleware has looked it up, before it read the body.
        let url = match request.extensions().get::<Recognised>() {
            Some(url) => Some(url.clone()),
            None => self.0.recognise(&token.0).await?,
        };
        let url = url.ok_or_else(|| Error::not_found("push URL", "…"))?;
        let pushed = match body {
            PushedBody::Json(body) => Pushed::Json(json(&bytes(body.0).await?)?),
            PushedBody::Form(body) => Pushed::Json(form(&bytes(body.0).await?)?),
            PushedBody::Ndjson(body) => Pushed::Records(RecordFormat::Ndjson, bytes(body.0).await?),
            PushedBody::Csv(body) => Pushed::Records(RecordFormat::Csv, bytes(body.0).await?),
        };
        Ok(Json(self.0.take(&url, pushed).await?.into()))
    }
}

async fn bytes(body: RawBody) -> Result<Vec<u8>, ApiError> {
    let bytes = body.into_vec().await;
    bytes.map_err(|error| malformed(format!("the body was cut off: {error}")))
}

fn json(bytes: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
    serde_json::from_str(text).map_err(|error| malformed(format!("the body is not sound JSON: {error}")))
}

fn form(bytes: &[u8]) -> Result<Value, ApiError> {
    let fields: BTreeMap<String, String> =
        serde_urlencoded::from_bytes(bytes).map_err(|error| malformed(format!("the body is not a form: {error}")))?;
    Ok(Value::Object(
        fields.into_iter().map(|(name, value)| (name, value.into())).collect(),
    ))
}

fn malformed(detail: String) -> ApiError {
    ApiError::BadRequest(Json(Problem::new(Code::MalformedRequest, detail)))
}
