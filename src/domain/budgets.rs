//! Budgets: what may be used in an hour, a day or a month, by a key, by a person, in a collection, or by all. Windows follow the
//! calendar in UTC.

use super::{
    Error, Result, Timestamp,
    errors::Checks,
    identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
    ledger::Payer,
    money::MicroDollars,
    text_fields::check_required_text,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use time::{Duration, Time, UtcOffset};

/// In characters.
pub const LONGEST_BUDGET_NAME: usize = 120;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BudgetUnit {
    /// Input and output together.
    Tokens,
    Microdollars,
}

impl BudgetUnit {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Microdollars => "microdollars",
        }
    }

    /// An amount in words: `1200 tokens`, `$0.001200`.
    #[must_use]
    pub fn show(self, amount: i64) -> String {
        match self {
            Self::Tokens => format!("{amount} tokens"),
            Self::Microdollars => MicroDollars(amount).to_string(),
        }
    }

    /// Which of the two amounts is counted.
    #[must_use]
    pub fn of(self, tokens: i64, cost: MicroDollars) -> i64 {
        match self {
            Self::Tokens => tokens,
            Self::Microdollars => cost.0,
        }
        .max(0)
    }
}

/// How long a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BudgetPeriod {
    Hour,
    Day,
    Month,
}

impl BudgetPeriod {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The beginning of the window that a time is in.
    #[must_use]
    pub fn start(self, at: Timestamp) -> Timestamp {
        let at = at.as_offset_date_time();
        let hour = match self {
            Self::Hour => at.hour(),
            Self::Day | Self::Month => 0,
        };
        let time = Time::from_hms(hour, 0, 0).unwrap_or(Time::MIDNIGHT);
        let date = match self {
            Self::Hour | Self::Day => at.date(),
            Self::Month => at.date().replace_day(1).unwrap_or(at.date()),
        };
        Timestamp::new(date.with_time(time).assume_offset(UtcOffset::UTC))
    }

    /// The beginning of the next window. At the end of the calendar it is the end.
    #[must_use]
    pub fn end(self, at: Timestamp) -> Timestamp {
        let start = self.start(at).as_offset_date_time();
        let next = match self {
            Self::Hour => start.checked_add(Duration::HOUR),
            Self::Day => start.checked_add(Duration::DAY),
            // No month has more than 31 days, and none begins within four days after.
            Self::Month => start.checked_add(Duration::days(32)),
        };
        next.map_or_else(
            || Timestamp::from_unix_seconds(i64::MAX),
            |next| self.start(Timestamp::new(next)),
        )
    }
}

impl fmt::Display for BudgetPeriod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whose use is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetSubject {
    /// Everybody's, together.
    Server,
    Key(ApiKeyId),
    /// The person's own and that of all keys that they own.
    User(UserId),
    Collection(CollectionId),
}

/// A stored budget.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Budget {
    pub id: BudgetId,
    pub name: String,
    pub api_key_id: Option<ApiKeyId>,
    pub user_id: Option<UserId>,
    pub collection_id: Option<CollectionId>,
    pub unit: BudgetUnit,
    pub amount: i64,
    pub period: BudgetPeriod,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Budget {
    #[must_use]
    pub fn subject(&self) -> BudgetSubject {
        match (self.api_key_id, self.user_id, self.collection_id) {
            (Some(id), _, _) => BudgetSubject::Key(id),
            (_, Some(id), _) => BudgetSubject::User(id),
            (_, _, Some(id)) => BudgetSubject::Collection(id),
            (None, None, None) => BudgetSubject::Server,
        }
    }

    #[must_use]
    pub fn applies_to(&self, payer: &Payer) -> bool {
        match self.subject() {
            BudgetSubject::Server => true,
            BudgetSubject::Key(id) => payer.key == Some(id),
            BudgetSubject::User(id) => payer.user == Some(id),
            BudgetSubject::Collection(id) => payer.collection == Some(id),
        }
    }

    /// The amount and the window in words: `$50.000000 a month`.
    #[must_use]
    pub fn limit(&self) -> String {
        let article = if self.period == BudgetPeriod::Hour { "an" } else { "a" };
        format!("{} {article} {}", self.unit.show(self.amount), self.period)
    }
}

/// What a person may choose about a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetFields {
    pub name: String,
    pub subject: BudgetSubject,
    pub unit: BudgetUnit,
    pub amount: i64,
    pub period: BudgetPeriod,
}

/// Checks a name and an amount.
///
/// # Errors
/// `Error::Invalid` with each that cannot be accepted.
pub fn check_budget(name: &str, amount: i64) -> Result<String> {
    let mut checks = Checks::default();
    checks.take("", check_required_text("/name", name, LONGEST_BUDGET_NAME))?;
    let not_negative = if amount < 0 {
        Err(Error::invalid("/amount", "must be 0 or more"))
    } else {
        Ok(())
    };
    checks.take("", not_negative)?;
    checks.finish()?;
    Ok(name.trim().to_owned())
}

/// What of a budget was used, and is set aside for calls under way, in one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub spent: i64,
    pub held: i64,
}

impl Spent {
    /// What is left of an amount; never less than nothing.
    #[must_use]
    pub fn left_of(self, amount: i64) -> i64 {
        let left = i128::from(amount) - i128::from(self.spent) - i128::from(self.held);
        i64::try_from(left.max(0)).unwrap_or(i64::MAX)
    }
}

/// A budget in its current window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    pub budget: Budget,
    pub spent: Spent,
    pub window_start: Timestamp,
    pub resets_at: Timestamp,
}

impl BudgetState {
    #[must_use]
    pub fn left(&self) -> i64 {
        self.spent.left_of(self.budget.amount)
    }
}

/// What one budget sets aside for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    pub budget: BudgetId,
    pub window: Timestamp,
    pub amount: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn windows_follow_the_calendar() {
        for (period, at, start, end) in [
            (
                BudgetPeriod::Hour,
                "2026-03-01T08:59:59.999999Z",
                "2026-03-01T08:00:00Z",
                "2026-03-01T09:00:00Z",
            ),
            (
                BudgetPeriod::Hour,
                "2026-12-31T23:00:00Z",
                "2026-12-31T23:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                BudgetPeriod::Day,
                "2028-02-29T00:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                BudgetPeriod::Month,
                "2026-02-28T23:59:59Z",
                "2026-02-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                BudgetPeriod::Month,
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:00Z",
                "2026-02-01T00:00:00Z",
            ),
            (
                BudgetPeriod::Month,
                "2026-12-05T00:00:00Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(period.start(time(at)), time(start), "{at}");
            assert_eq!(period.end(time(at)), time(end), "{at}");
        }
        let last = time("9999-12-31T23:59:59Z");
        for period in [BudgetPeriod::Hour, BudgetPeriod::Day, BudgetPeriod::Month] {
            assert_eq!(period.end(last), last);
        }
    }

    #[test]
    fn what_is_left_stays_within_the_numbers() {
        let spent = |spent, held| Spent { spent, held };
        assert_eq!(spent(0, 0).left_of(i64::MAX), i64::MAX);
        assert_eq!(spent(i64::MAX, i64::MAX).left_of(0), 0);
        assert_eq!(spent(3, 4).left_of(10), 3);
    }

    #[test]
    fn a_name_and_an_amount_are_checked_together() {
        let error = check_budget(" ", -1).unwrap_err().to_string();
        assert!(error.contains("`/name`") && error.contains("`/amount`"), "{error}");
        assert_eq!(check_budget(" Größe 予算 ", 0).unwrap(), "Größe 予算");
    }
}
