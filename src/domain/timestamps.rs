//! A point in time in microseconds, the finest both databases keep. SQLite stores it as text of one fixed width, so that
//! the order of the texts is the order of the times; PostgreSQL stores it as `timestamptz`.

use serde::{Deserialize, Serialize, Serializer};
use sqlx::{Database, Decode, Encode, Postgres, Sqlite, Type, encode::IsNull, error::BoxDynError};
use std::fmt;
use time::{
    OffsetDateTime, UtcOffset,
    format_description::well_known::Rfc3339,
    macros::{datetime, format_description},
};

/// UTC, whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

const FIXED_WIDTH: &[time::format_description::BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

impl Timestamp {
    /// Cuts to microseconds, because PostgreSQL would.
    #[must_use]
    pub fn new(time: OffsetDateTime) -> Self {
        // At the ends of the calendar a time may lie beyond it in UTC. Nothing is stored there; the edge does as well, and
        // keeps the width of the text.
        let time = match time.checked_to_offset(UtcOffset::UTC) {
            Some(time) if time.year() >= 0 => time,
            _ if time.year() > 0 => datetime!(9999-12-31 23:59:59.999_999 UTC),
            _ => datetime!(0000-01-01 0:00 UTC),
        };
        let micros = time.microsecond();
        Self(time.replace_microsecond(micros).unwrap_or(time))
    }

    /// Parses RFC 3339 (`2026-03-01T12:00:00Z`), years 0 to 9999.
    ///
    /// # Errors
    /// When the text is not such a time.
    pub fn parse(text: &str) -> Result<Self, time::error::Parse> {
        OffsetDateTime::parse(text, &Rfc3339).map(Self::new)
    }

    /// From seconds since 1970, cut to the calendar.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let end = if seconds < 0 {
            datetime!(0000-01-01 0:00 UTC)
        } else {
            datetime!(9999-12-31 23:59:59 UTC)
        };
        Self::new(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(end))
    }

    #[must_use]
    pub fn as_offset_date_time(self) -> OffsetDateTime {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.format(FIXED_WIDTH).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Type<Sqlite> for Timestamp {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }

    fn compatible(info: &<Sqlite as Database>::TypeInfo) -> bool {
        <String as Type<Sqlite>>::compatible(info)
    }
}

impl Encode<'_, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Sqlite>>::encode(self.to_string(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Timestamp {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::parse(&<String as Decode<'_, Sqlite>>::decode(value)?)?)
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }

    fn compatible(info: &<Postgres as Database>::TypeInfo) -> bool {
        <OffsetDateTime as Type<Postgres>>::compatible(info)
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <OffsetDateTime as Encode<'_, Postgres>>::encode(self.0, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Timestamp {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <OffsetDateTime as Decode<'_, Postgres>>::decode(value).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_as_the_times_do() {
        let early = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let late = Timestamp::parse("2026-01-01T00:00:00.5Z").unwrap();
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string(), "2026-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_time_that_leaves_the_calendar_in_utc_stays_at_its_edge() {
        for (text, edge) in [
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), edge);
        }
    }

    #[test]
    fn an_offset_becomes_utc_and_nanoseconds_are_cut() {
        let time = Timestamp::parse("2026-01-01T01:00:00.123456789+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.123456Z");
        assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
    }
}
