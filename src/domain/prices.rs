//! What tokens cost. Prices are whole micro-dollars for a million tokens, so that no floating-point number ever stands for money.

use super::{money::MicroDollars, usage::Tokens};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Micro-dollars in a dollar, and tokens in what a price is for.
const MILLION: i64 = 1_000_000;

/// What a million tokens cost, in micro-dollars. Written in dollars, with up to six decimals: `"0.15"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(i64);

impl Price {
    /// The highest: a million dollars for a million tokens.
    const HIGHEST: i64 = MILLION * MILLION;

    /// # Errors
    /// When the price is negative or above a million dollars.
    pub fn from_micro_dollars(amount: i64) -> Result<Self, String> {
        if (0..=Self::HIGHEST).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err("a price must be 0 to 1000000 dollars per million tokens".to_owned())
        }
    }

    #[must_use]
    pub fn micro_dollars(self) -> i64 {
        self.0
    }
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || {
            format!("`{text}` is no price: write dollars per million tokens with up to six decimals, such as \"0.15\"")
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || decimals.len() > 6 || !digits(whole) || !digits(decimals) {
            return Err(fault());
        }
        let whole: i64 = whole.parse().map_err(|_| fault())?;
        let decimals: i64 = format!("{decimals:0<6}").parse().map_err(|_| fault())?;
        Self::from_micro_dollars(whole * MILLION + decimals)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / MILLION, self.0 % MILLION);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A price as people write it; a bare number's shortest decimal form is what they wrote.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Whole(i64),
            Decimal(f64),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Whole(number) => number.to_string(),
            Written::Decimal(number) => number.to_string(),
        };
        text.parse().map_err(de::Error::custom)
    }
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prices {
    pub input: Price,
    /// Of input that the provider had in its own cache.
    pub cached_input: Price,
    pub output: Price,
}

impl Prices {
    /// The exact price of a call, rounded up once to a whole micro-dollar, so that no sum of calls is below what they cost.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> MicroDollars {
        let of = |count: i64, price: Price| i128::from(count.max(0)) * i128::from(price.0);
        let cached = tokens.cached_input.clamp(0, tokens.input.max(0));
        let total =
            of(tokens.input - cached, self.input) + of(cached, self.cached_input) + of(tokens.output, self.output);
        let million = i128::from(MILLION);
        MicroDollars(i64::try_from((total + million - 1) / million).unwrap_or(i64::MAX))
    }

    /// The most that a call can cost: all input at the dearer of the two prices.
    #[must_use]
    pub fn worst_cost(&self, input: i64, output: i64) -> MicroDollars {
        let dearer = Self {
            input: self.input.max(self.cached_input),
            ..*self
        };
        dearer.cost(Tokens {
            input,
            cached_input: 0,
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn a_price_is_read_to_the_last_decimal_and_written_as_it_was() {
        for (text, amount) in [
            ("0.15", 150_000),
            ("10", 10_000_000),
            ("0.000001", 1),
            ("0", 0),
            ("2.5", 2_500_000),
        ] {
            assert_eq!(price(text).micro_dollars(), amount);
            assert_eq!(price(text).to_string(), text);
        }
        for text in ["", ".5", "-1", "0.1234567", "1e3", "12 ", "1000000.1", "9999999999"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_call_is_priced_exactly_and_rounded_up_once() {
        let prices = Prices {
            input: price("0.15"),
            cached_input: price("0.075"),
            output: price("0.6"),
        };
        let tokens = |input, cached_input, output| Tokens {
            input,
            cached_input,
            output,
        };
        assert_eq!(prices.cost(tokens(1_000_000, 0, 0)), MicroDollars(150_000));
        // 7 × 0.15 + 3 × 0.075 + 1 × 0.6 = 1.875
        assert_eq!(prices.cost(tokens(10, 3, 1)), MicroDollars(2));
        assert_eq!(prices.cost(tokens(0, 0, 0)), MicroDollars(0));
        // More cached than there is cannot make a call cheaper than all of it cached.
        assert_eq!(prices.cost(tokens(1_000, 9_999, 0)), MicroDollars(75));
        let dear = Prices {
            output: price("600"),
            ..prices
        };
        assert_eq!(dear.worst_cost(i64::MAX, i64::MAX), MicroDollars(i64::MAX));
    }
}
