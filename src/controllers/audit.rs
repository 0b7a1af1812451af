//! `/api/audit`.

use super::Tag;
use crate::{
    auth::Caller,
    domain::{Timestamp, audit::AuditFilter},
    dto::{
        audit::{Action, AuditEntry, AuditPage, AuditResult},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::Listed,
    },
    services::audit::Audit,
};
use poem::Request;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use time::OffsetDateTime;
use uuid::Uuid;

pub struct AuditApi(pub Audit);

#[OpenApi(prefix_path = "/api/audit", tag = "Tag::Audit")]
impl AuditApi {
    /// List the audit trail
    ///
    /// Newest first; filters add up. Rows are never changed or deleted.
    #[oai(path = "/", method = "get", operation_id = "listAudit")]
    async fn list(
        &self,
        _caller: Caller,
        request: &Request,
        action: Query<Option<Action>>,
        /// The id of a user or an API key: only what they did.
        actor_id: Query<Option<Uuid>>,
        /// Only what was done to the thing with this id.
        target_id: Query<Option<String>>,
        result: Query<Option<AuditResult>>,
        /// Later than this (RFC 3339).
        after: Query<Option<OffsetDateTime>>,
        /// Earlier than this (RFC 3339).
        before: Query<Option<OffsetDateTime>>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AuditPage>, ApiError> {
        check_parameters(request, LIST_PARAMETERS, None)?;
        let filter = AuditFilter {
            action: action.0.map(Into::into),
            actor_id: actor_id.0,
            target_id: target_id.0,
            result: result.0.map(Into::into),
            after: after.0.map(Timestamp::new),
            before: before.0.map(Timestamp::new),
        };
        let question = Question::new(request, &filter)?;
        let page = self
            .0
            .list(&filter, question.page(limit.0, cursor.0.as_deref())?)
            .await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(AuditEntry::from).collect();
        Ok(Listed::Ok(Json(AuditPage { items, next_cursor }), link))
    }
}

const LIST_PARAMETERS: &[&str] = &[
    "action",
    "actor_id",
    "target_id",
    "result",
    "after",
    "before",
    "limit",
    "cursor",
];
