//! Why a budget does not hold a call, in words, and which of several reasons is told.

use crate::domain::{
    Error, Timestamp,
    budget_left::BudgetLeft,
    budgets::{Budget, Spent},
};
use std::{cmp::Reverse, time::Duration};
use time::UtcOffset;

/// When to try again where only calls under way are in the way: most are over, and what they did not use is free, within seconds.
const CALLS_TAKE: Duration = Duration::from_secs(5);

/// A budget that does not hold a call.
pub(super) struct Refusal<'a> {
    pub budget: &'a Budget,
    /// What was used of it, and what is set aside.
    pub spent: Spent,
    pub need: i64,
    pub left: i64,
}

impl Refusal<'_> {
    /// Whether it can never hold the call.
    fn is_too_small(&self) -> bool {
        self.need > self.budget.amount
    }

    /// Whether it would hold the call if nothing were set aside for calls under way, which may use less.
    fn is_for_others(&self) -> bool {
        self.spent.spent.saturating_add(self.need) <= self.budget.amount
    }

    /// One that can never hold it comes first; then one that is used up before one in which others are in the way; then the one that
    /// stays in the way longest; then the one with the least share left of what is needed.
    pub fn tightness(&self, now: Timestamp) -> (bool, bool, Timestamp, Reverse<i128>) {
        let share = i128::from(self.left) * 1_000_000_000 / i128::from(self.need.max(1));
        (
            self.is_too_small(),
            !self.is_for_others(),
            self.budget.period.end(now),
            Reverse(share),
        )
    }

    pub fn into_error(self, now: Timestamp) -> Error {
        let resets_at = self.budget.period.end(now);
        let (name, limit) = (&self.budget.name, self.budget.limit());
        let unit = self.budget.unit;
        let (need, left) = (unit.show(self.need), unit.show(self.left));
        let budget = BudgetLeft::new(name.clone(), unit.name(), self.left, resets_at, now);
        let (message, retry_after) = if self.is_too_small() {
            let message = format!(
                "the budget `{name}` ({limit}) can never hold this call, which may take {need}; ask for less, or have the \
                 budget raised"
            );
            (message, None)
        } else if self.is_for_others() {
            let held = unit.show(self.spent.held);
            let message = format!(
                "the budget `{name}` ({limit}) has {left} left while {held} is set aside for calls under way, and this call may \
                 take {need}; try again when they are over"
            );
            (message, Some(CALLS_TAKE.min(budget.resets_in)))
        } else {
            let message = format!(
                "the budget `{name}` ({limit}) has {left} left, and this call may take {need}; it resets at {}",
                resets_at.as_offset_date_time().to_offset(UtcOffset::UTC)
            );
            (message, Some(budget.resets_in))
        };
        Error::OverBudget {
            message,
            retry_after,
            budget,
        }
    }
}
