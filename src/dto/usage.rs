//! Reports of what was used, as JSON and as CSV.

use crate::{
    domain::{
        Error, Result,
        ledger::{LedgerAmounts, UsageGroup},
    },
    services::usage as service,
};
use poem_openapi::{
    ApiResponse, Enum, Object, ResponseContent,
    payload::{Binary, Json},
};
use std::{borrow::Cow, collections::BTreeSet};
use time::{Date, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum UsageFormat {
    Json,
    /// With a header line; the last line is the total.
    Csv,
}

/// A report.
#[derive(ApiResponse)]
pub enum UsageAnswer {
    /// What was used.
    #[oai(status = 200)]
    Ok(UsageContent),
}

/// A report in the form that was asked for.
#[derive(ResponseContent)]
pub enum UsageContent {
    Json(Json<UsageReport>),
    #[oai(content_type = "text/csv; charset=utf-8")]
    Csv(Binary<Vec<u8>>),
}

/// What calls to models have used.
#[derive(Debug, Clone, Object)]
pub struct UsageReport {
    /// The first day (UTC).
    pub from: String,
    /// The last day (UTC).
    pub to: String,
    /// By what it is summed up.
    pub group_by: Vec<String>,
    pub items: Vec<UsageItem>,
    /// All items together.
    pub total: UsageAmounts,
}

/// A sum. Of what it is not grouped by, nothing is there; nor of a key, a user, a collection where there was none.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UsageItem {
    /// The day (UTC) on which the calls ended, such as `2026-03-01`.
    pub day: Option<String>,
    pub key: Option<UsageOwner>,
    /// The person, or the owner of the key.
    pub user: Option<UsageOwner>,
    pub collection: Option<UsageOwner>,
    /// The provider.
    pub engine: Option<String>,
    pub model: Option<String>,
    #[oai(flatten)]
    pub amounts: UsageAmounts,
}

/// A key, a user or a collection.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UsageOwner {
    pub id: Uuid,
    /// The key's name, the user's e-mail address or the collection's slug; not there when it was deleted.
    pub name: Option<String>,
}

/// What was used and what it cost.
#[derive(Debug, Clone, Object)]
pub struct UsageAmounts {
    /// Calls to the model that used something, answered or not.
    pub calls: i64,
    /// All input, cached or not.
    pub input_tokens: i64,
    /// Of the input, what the provider had in its own cache.
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    /// Millionths of a US dollar.
    pub cost_microdollars: i64,
    /// Of the calls, those whose tokens were counted here, because the provider did not report them.
    pub estimated_calls: i64,
    /// Answers that were given again without a call.
    pub cache_hits: i64,
    /// What these would have cost.
    pub saved_microdollars: i64,
}

impl From<LedgerAmounts> for UsageAmounts {
    fn from(amounts: LedgerAmounts) -> Self {
        Self {
            calls: amounts.calls,
            input_tokens: amounts.input_tokens,
            cached_input_tokens: amounts.cached_input_tokens,
            output_tokens: amounts.output_tokens,
            cost_microdollars: amounts.cost_microdollars,
            estimated_calls: amounts.estimated_calls,
            cache_hits: amounts.cache_hits,
            saved_microdollars: amounts.saved_microdollars,
        }
    }
}

impl From<service::NamedId> for UsageOwner {
    fn from(named: service::NamedId) -> Self {
        Self {
            id: named.id,
            name: named.name,
        }
    }
}

impl UsageReport {
    /// # Errors
    /// `Error::Internal` when a day cannot be written.
    pub fn new(report: service::UsageReport) -> Result<Self> {
        let items = report.lines.into_iter().map(|line| {
            Ok(UsageItem {
                day: line.day.map(show_day).transpose()?,
                key: line.key.map(Into::into),
                user: line.user.map(Into::into),
                collection: line.collection.map(Into::into),
                engine: line.engine,
                model: line.model,
                amounts: line.amounts.into(),
            })
        });
        Ok(Self {
            from: show_day(report.from)?,
            to: show_day(report.to)?,
            group_by: report.groups.iter().map(|group| group.name().to_owned()).collect(),
            items: items.collect::<Result<_>>()?,
            total: report.total.into(),
        })
    }
}

/// The report as CSV: a column for each group, with `_id` and `_name` of keys, users and collections, then the amounts. The last
/// line is the total, whose group columns are empty but for the word `total` in the first.
///
/// # Errors
/// `Error::Internal` when it cannot be written.
pub fn to_csv(report: service::UsageReport) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let groups = report.groups;
    let mut header: Vec<String> = vec!["row".to_owned()];
    for group in &groups {
        match group {
            UsageGroup::Day | UsageGroup::Engine | UsageGroup::Model => header.push(group.name().to_owned()),
            UsageGroup::Key | UsageGroup::User | UsageGroup::Collection => {
                header.extend(["id", "name"].map(|part| format!("{}_{part}", group.name())));
            }
        }
    }
    let columns = header.len();
    header.extend(AMOUNTS.map(str::to_owned));
    writer.write_record(&header).map_err(Error::internal)?;
    for line in report.lines {
        let mut cells = vec!["usage".to_owned()];
        let owner = |owner: Option<service::NamedId>| {
            let (id, name) = owner.map_or((String::new(), None), |owner| (owner.id.to_string(), owner.name));
            [id, defuse(&name.unwrap_or_default()).into_owned()]
        };
        let mut line = line;
        for group in &groups {
            match group {
                UsageGroup::Day => cells.push(line.day.map(show_day).transpose()?.unwrap_or_default()),
                UsageGroup::Key => cells.extend(owner(line.key.take())),
                UsageGroup::User => cells.extend(owner(line.user.take())),
                UsageGroup::Collection => cells.extend(owner(line.collection.take())),
                UsageGroup::Engine => cells.push(defuse(&line.engine.take().unwrap_or_default()).into_owned()),
                UsageGroup::Model => cells.push(defuse(&line.model.take().unwrap_or_default()).into_owned()),
            }
        }
        cells.extend(line.amounts.each().map(|amount| amount.to_string()));
        writer.write_record(&cells).map_err(Error::internal)?;
    }
    let mut total = vec![String::new(); columns];
    if let Some(first) = total.first_mut() {
        "total".clone_into(first);
    }
    total.extend(report.total.each().map(|amount| amount.to_string()));
    writer.write_record(&total).map_err(Error::internal)?;
    writer.into_inner().map_err(|error| Error::internal(error.to_string()))
}

const AMOUNTS: [&str; 8] = [
    "calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "cost_microdollars",
    "estimated_calls",
    "cache_hits",
    "saved_microdollars",
];

/// OWASP, "CSV Injection": what a spreadsheet would take for a formula begins with a quotation mark.
fn defuse(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

fn show_day(day: Date) -> Result<String> {
    day.format(DAY).map_err(Error::internal)
}

/// Reads a day.
///
/// # Errors
/// `Error::Invalid` for the parameter of this name.
pub fn parse_day(parameter: &str, text: Option<&str>) -> Result<Option<Date>> {
    let parsed = text.map(|text| Date::parse(text, DAY)).transpose();
    parsed.map_err(|_| Error::invalid_parameter(parameter, "must be a day such as `2026-03-01`"))
}

/// Reads what to sum up by: names with commas between; by day when nothing is said, and not at all for an empty text.
///
/// # Errors
/// `Error::Invalid` for the parameter `group_by`.
pub fn parse_groups(text: Option<&str>) -> Result<BTreeSet<UsageGroup>> {
    let text = text.unwrap_or("day");
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let groups = names.map(|name| UsageGroup::ALL.into_iter().find(|group| group.name() == name));
    let groups: Option<BTreeSet<UsageGroup>> = groups.collect();
    groups.ok_or_else(|| {
        let all = UsageGroup::ALL.map(UsageGroup::name).join("`, `");
        Error::invalid_parameter("group_by", format!("must name some of `{all}`, with commas between"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn a_cell_is_no_formula() {
        let line = service::UsageLine {
            day: Some(date!(2026 - 03 - 01)),
            key: Some(service::NamedId {
                id: Uuid::nil(),
                name: Some("=1+1".to_owned()),
            }),
            user: None,
            collection: None,
            engine: None,
            model: Some("@model, \"größer\"".to_owned()),
            amounts: LedgerAmounts {
                calls: 3,
                ..LedgerAmounts::default()
            },
        };
        let report = service::UsageReport {
            from: date!(2026 - 03 - 01),
            to: date!(2026 - 03 - 02),
            groups: [UsageGroup::Day, UsageGroup::Key, UsageGroup::Model].into(),
            lines: vec![line.clone()],
            total: line.amounts,
        };
        let text = String::from_utf8(to_csv(report).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("row,day,key_id,key_name,model,calls,"), "{text}");
        let nil = Uuid::nil();
        let expected = format!("usage,2026-03-01,{nil},'=1+1,\"'@model, \"\"größer\"\"\",3,0,0,0,0,0,0,0");
        assert_eq!(lines[1], expected);
        assert_eq!(lines[2], "total,,,,,3,0,0,0,0,0,0,0");
    }

    #[test]
    fn groups_and_days_are_read_or_refused() {
        assert_eq!(parse_groups(None).unwrap(), [UsageGroup::Day].into());
        assert_eq!(parse_groups(Some("")).unwrap(), [].into());
        assert_eq!(
            parse_groups(Some("model, key")).unwrap(),
            [UsageGroup::Key, UsageGroup::Model].into()
        );
        assert!(parse_groups(Some("month")).unwrap_err().to_string().contains("`day`"));
        assert!(parse_day("from", Some("2026-02-30")).is_err() && parse_day("from", None).unwrap().is_none());
    }
}
