//! `/api/usage`.

use super::Tag;
use crate::{
    auth::Caller,
    dto::{
        page::check_parameters,
        problem::ApiError,
        usage::{UsageAnswer, UsageContent, UsageFormat, UsageReport, parse_day, parse_groups, to_csv},
    },
    services::usage::UsageReports,
};
use poem::{Request, http::header::ACCEPT};
use poem_openapi::{
    OpenApi,
    param::Query,
    payload::{Binary, Json},
};

pub struct UsageApi(pub UsageReports);

#[OpenApi(prefix_path = "/api/usage", tag = "Tag::Usage")]
impl UsageApi {
    /// What was used
    ///
    /// One's own; a person's with that of their keys; everybody's for those who may read users. Calls under way are not in it,
    /// and answers from a cache are within about a second.
    #[oai(path = "/", method = "get", operation_id = "getUsage")]
    async fn report(
        &self,
        caller: Caller,
        request: &Request,
        /// The first day (UTC), such as `2026-03-01`; 29 days before `to` when left out.
        from: Query<Option<String>>,
        /// The last day (UTC); today when left out.
        to: Query<Option<String>>,
        /// Some of `day`, `key`, `user`, `collection`, `engine`, `model`, with commas between; `day` when left out.
        group_by: Query<Option<String>>,
        /// `json` when left out, unless the `Accept` header asks for `text/csv`.
        format: Query<Option<UsageFormat>>,
    ) -> Result<UsageAnswer, ApiError> {
        check_parameters(request, &["from", "to", "group_by", "format"], None)?;
        let from = parse_day("from", from.0.as_deref())?;
        let to = parse_day("to", to.0.as_deref())?;
        let groups = parse_groups(group_by.0.as_deref())?;
        let report = self.0.report(caller.actor(), from, to, groups).await?;
        let content = match format.0.unwrap_or_else(|| accepted(request)) {
            UsageFormat::Json => UsageContent::Json(Json(UsageReport::new(report)?)),
            UsageFormat::Csv => UsageContent::Csv(Binary(to_csv(report)?)),
        };
        Ok(UsageAnswer::Ok(content))
    }
}

fn accepted(request: &Request) -> UsageFormat {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    if first.is_some_and(|media| media.trim().eq_ignore_ascii_case("text/csv")) {
        UsageFormat::Csv
    } else {
        UsageFormat::Json
    }
}
