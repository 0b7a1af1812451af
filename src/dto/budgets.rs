//! Bodies of the budget operations.

use super::body::given;
use crate::{
    domain::{Error, Result, budgets as domain, etags::etag_with_state, identifiers::CollectionId},
    services::budgets::{BudgetPatch, ShownBudget, subject_id},
};
use poem_openapi::{Enum, Object, types::Example};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// Whose use a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case", rename = "BudgetSubject")]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Everybody's, together.
    Server,
    /// What one API key uses.
    Key,
    /// What one user uses, and all API keys that they own.
    User,
    /// What is asked about the documents of one collection.
    Collection,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case", rename = "BudgetUnit")]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Input and output together.
    Tokens,
    /// Millionths of a US dollar.
    Microdollars,
}

/// How long a window is. Windows follow the calendar in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case", rename = "BudgetWindow")]
#[serde(rename_all = "snake_case")]
pub enum Window {
    Hour,
    Day,
    Month,
}

/// A limit on what calls to models may use in an hour, a day or a month.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Budget {
    pub id: Uuid,
    pub name: String,
    pub subject: Subject,
    /// The id of the key, the user or the collection; not there for the server.
    pub subject_id: Option<Uuid>,
    /// The key's name, the user's e-mail address or the collection's slug.
    pub subject_name: Option<String>,
    pub unit: Unit,
    /// What may be used in a window, in the unit.
    pub amount: i64,
    pub window: Window,
    /// What was used in the current window, since the budget was made.
    pub spent: i64,
    /// What is set aside for calls under way: the most that they can use.
    pub held: i64,
    /// What is left; never below 0.
    pub left: i64,
    /// When the next window begins.
    pub resets_at: OffsetDateTime,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl From<ShownBudget> for Budget {
    fn from(shown: ShownBudget) -> Self {
        let (state, left) = (&shown.state, shown.state.left());
        let budget = &state.budget;
        Self {
            id: budget.id.0,
            name: budget.name.clone(),
            subject: match budget.subject() {
                domain::BudgetSubject::Server => Subject::Server,
                domain::BudgetSubject::Key(_) => Subject::Key,
                domain::BudgetSubject::User(_) => Subject::User,
                domain::BudgetSubject::Collection(_) => Subject::Collection,
            },
            subject_id: subject_id(budget),
            unit: match budget.unit {
                domain::BudgetUnit::Tokens => Unit::Tokens,
                domain::BudgetUnit::Microdollars => Unit::Microdollars,
            },
            amount: budget.amount,
            window: match budget.period {
                domain::BudgetPeriod::Hour => Window::Hour,
                domain::BudgetPeriod::Day => Window::Day,
                domain::BudgetPeriod::Month => Window::Month,
            },
            spent: state.spent.spent,
            held: state.spent.held,
            left,
            resets_at: state.resets_at.as_offset_date_time(),
            version: budget.version,
            created_at: budget.created_at.as_offset_date_time(),
            updated_at: budget.updated_at.as_offset_date_time(),
            subject_name: shown.subject_name,
        }
    }
}

impl Budget {
    /// Of the version, and of what was used meanwhile, so that nobody takes what they have read before for the current state.
    #[must_use]
    pub fn etag(&self) -> String {
        let state = format!("{:x}-{:x}-{:x}", self.spent, self.held, self.resets_at.unix_timestamp());
        etag_with_state(self.id, self.version, &state)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/budgets/{}", self.id)
    }
}

/// A budget to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewBudget {
    /// Shown to those whom the budget refuses.
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    pub subject: Subject,
    /// The id of the key or the user, the slug or id of the collection; left out for the server.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    pub subject_id: Option<String>,
    pub unit: Unit,
    /// What may be used in a window, in the unit. With 0, nothing that uses any of it is let through.
    #[oai(validator(minimum(value = "0")))]
    pub amount: i64,
    pub window: Window,
}

impl NewBudget {
    /// # Errors
    /// `Error::Invalid` with what cannot be accepted; a collection's id must have been found out before, by its name.
    pub fn into_domain(self, collection: Option<CollectionId>) -> Result<domain::BudgetFields> {
        let subject = match (self.subject, &self.subject_id) {
            (Subject::Server, None) => domain::BudgetSubject::Server,
            (Subject::Server, Some(_)) => {
                return Err(Error::invalid(
                    "/subject_id",
                    "must be left out for a budget on the server",
                ));
            }
            (_, None) => {
                let message = "is needed: the id of the key or the user, the slug or id of the collection";
                return Err(Error::invalid("/subject_id", message));
            }
            (Subject::Key, Some(id)) => domain::BudgetSubject::Key(parse(id)?),
            (Subject::User, Some(id)) => domain::BudgetSubject::User(parse(id)?),
            (Subject::Collection, Some(_)) => {
                let id = collection.ok_or_else(|| Error::invalid("/subject_id", "names no collection"))?;
                domain::BudgetSubject::Collection(id)
            }
        };
        Ok(domain::BudgetFields {
            name: domain::check_budget(&self.name, self.amount)?,
            subject,
            unit: match self.unit {
                Unit::Tokens => domain::BudgetUnit::Tokens,
                Unit::Microdollars => domain::BudgetUnit::Microdollars,
            },
            amount: self.amount,
            period: match self.window {
                Window::Hour => domain::BudgetPeriod::Hour,
                Window::Day => domain::BudgetPeriod::Day,
                Window::Month => domain::BudgetPeriod::Month,
            },
        })
    }

    /// The collection that it is to be on, as the body names it.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        self.subject_id
            .as_deref()
            .filter(|_| self.subject == Subject::Collection)
    }
}

fn parse<Id: std::str::FromStr>(id: &str) -> Result<Id> {
    id.parse()
        .map_err(|_| Error::invalid("/subject_id", "must be an id, a UUID"))
}

impl Example for NewBudget {
    fn example() -> Self {
        Self {
            name: "Tickets".to_owned(),
            subject: Subject::Collection,
            subject_id: Some("tickets".to_owned()),
            unit: Unit::Microdollars,
            amount: 5_000_000,
            window: Window::Day,
        }
    }
}

/// A change to a budget; what is left out stays. What a budget is on, its unit and its window do not change: make another.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct BudgetChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    /// May be less than what is spent: then nothing more is let through until the window ends.
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(minimum(value = "0")))]
    pub amount: Option<i64>,
}

impl From<BudgetChange> for BudgetPatch {
    fn from(change: BudgetChange) -> Self {
        Self {
            name: change.name,
            amount: change.amount,
        }
    }
}

impl Example for BudgetChange {
    fn example() -> Self {
        Self {
            name: None,
            amount: Some(60_000_000),
        }
    }
}

/// A page of budgets, in the order of creation.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct BudgetPage {
    pub items: Vec<Budget>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
