//! Money in whole micro-dollars, a millionth of a US dollar each. No floating-point number ever stands for money.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Sub},
};

/// Micro-dollars in a dollar.
const MILLION: i64 = 1_000_000;

/// An amount of money: whole micro-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct MicroDollars(pub i64);

impl MicroDollars {
    pub const ZERO: Self = Self(0);
}

impl Add for MicroDollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for MicroDollars {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for MicroDollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for MicroDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// In dollars, as `$0.000150`.
impl fmt::Display for MicroDollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let million = MILLION.unsigned_abs();
        write!(formatter, "{sign}${}.{:06}", amount / million, amount % million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_in_dollars() {
        assert_eq!(MicroDollars(1_500_042).to_string(), "$1.500042");
        assert_eq!(MicroDollars(-1).to_string(), "-$0.000001");
    }
}
