//! Values on their way from one database to another: what they are, whatever each side keeps them as.

use super::json;
use crate::domain::Timestamp;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use sqlx::{Decode, Row as _, Type, ValueRef, postgres::PgRow, sqlite::SqliteRow};
use std::fmt::Write;
use time::{
    Date, Duration, OffsetDateTime,
    macros::{date, datetime},
};
use uuid::Uuid;

/// From where PostgreSQL counts microseconds and days.
const EPOCH: OffsetDateTime = datetime!(2000-01-01 0:00 UTC);
const FIRST_DAY: Date = date!(2000 - 01 - 01);
/// How much of a key is shown.
const LONGEST_SHOWN: usize = 80;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Bytes,
    Text,
    Time,
    Date,
    Json,
    Integer,
    Boolean,
    Real,
}

impl Kind {
    /// By the declared type; `None` for one that no migration uses.
    pub(super) fn of_postgres(declared: &str) -> Option<Self> {
        Some(match declared {
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            "text" => Self::Text,
            "timestamp with time zone" => Self::Time,
            "date" => Self::Date,
            "jsonb" => Self::Json,
            "bigint" => Self::Integer,
            "boolean" => Self::Boolean,
            "double precision" => Self::Real,
            _ => return None,
        })
    }

    /// As SQLite knows it: what a text or a number means is not declared there.
    pub(super) fn of_sqlite(declared: &str) -> Option<Self> {
        Some(match declared {
            "BLOB" => Self::Bytes,
            "TEXT" => Self::Text,
            "INTEGER" => Self::Integer,
            "REAL" => Self::Real,
            _ => return None,
        })
    }

    /// The kind of what a column holds on both sides; `None` when they do not fit.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        if self == other || self.in_sqlite() == other {
            Some(self)
        } else {
            (other.in_sqlite() == self).then_some(other)
        }
    }

    fn in_sqlite(self) -> Self {
        match self {
            Self::Uuid | Self::Bytes => Self::Bytes,
            Self::Text | Self::Time | Self::Date | Self::Json => Self::Text,
            Self::Integer | Self::Boolean => Self::Integer,
            Self::Real => Self::Real,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Uuid(Uuid),
    Bytes(Vec<u8>),
    Text(String),
    Time(Timestamp),
    Date(Date),
    /// As the side that it comes from writes it.
    Json(String),
    Integer(i64),
    Boolean(bool),
    Real(f64),
}

impl Value {
    pub(super) fn of_sqlite(row: &SqliteRow, place: usize, kind: Kind) -> Result<Self> {
        let value = match kind {
            Kind::Boolean => match get(row, place)? {
                None => None,
                Some(0_i64) => Some(Self::Boolean(false)),
                Some(1) => Some(Self::Boolean(true)),
                Some(other) => bail!("{other} is neither 0 nor 1"),
            },
            Kind::Uuid => get(row, place)?.map(Self::Uuid),
            Kind::Bytes => get(row, place)?.map(Self::Bytes),
            Kind::Text => get(row, place)?.map(Self::Text),
            Kind::Time => get(row, place)?.map(Self::Time),
            Kind::Date => get(row, place)?.map(Self::Date),
            Kind::Json => get(row, place)?.map(Self::Json),
            Kind::Integer => get(row, place)?.map(Self::Integer),
            Kind::Real => get(row, place)?.map(Self::Real),
        };
        Ok(value.unwrap_or(Self::Null))
    }

    pub(super) fn of_postgres(row: &PgRow, place: usize, kind: Kind) -> Result<Self> {
        let value = match kind {
            Kind::Uuid => get(row, place)?.map(Self::Uuid),
            Kind::Bytes => get(row, place)?.map(Self::Bytes),
            Kind::Text => get(row, place)?.map(Self::Text),
            Kind::Json => get(row, place)?.map(Self::Json),
            Kind::Integer => get(row, place)?.map(Self::Integer),
            Kind::Boolean => get(row, place)?.map(Self::Boolean),
            Kind::Real => get(row, place)?.map(Self::Real),
            // The driver panics at times that no calendar has, such as `infinity`.
            Kind::Time => {
                let micros = bytes_of(row, place)?.map(i64::from_be_bytes);
                micros.map(time_at).transpose()?.map(Self::Time)
            }
            Kind::Date => {
                let days = bytes_of(row, place)?.map(i32::from_be_bytes);
                days.map(date_at).transpose()?.map(Self::Date)
            }
        };
        Ok(value.unwrap_or(Self::Null))
    }

    /// About how much memory it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) | Self::Json(text) => text.len(),
            _ => 16,
        }
    }

    /// Adds it to a hash in a form that does not depend on the database.
    pub(super) fn absorb(&self, hash: &mut Sha256) -> Result<()> {
        let mut add = |tag: u8, bytes: &[u8]| {
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        match self {
            Self::Null => add(0, &[]),
            Self::Uuid(id) => add(1, id.as_bytes()),
            Self::Bytes(bytes) => add(2, bytes),
            Self::Text(text) => add(3, text.as_bytes()),
            Self::Time(time) => add(4, &micros_of(*time).to_be_bytes()),
            Self::Date(date) => add(5, &days_of(*date).to_be_bytes()),
            Self::Json(text) => add(6, json::canonical(text)?.as_bytes()),
            Self::Integer(number) => add(7, &number.to_be_bytes()),
            Self::Boolean(yes) => add(8, &[u8::from(*yes)]),
            // SQLite has no negative zero.
            Self::Real(number) if *number == 0.0 => add(9, &0_u64.to_be_bytes()),
            Self::Real(number) => add(9, &number.to_bits().to_be_bytes()),
        }
        Ok(())
    }

    /// As a field of `COPY … (FORMAT binary)`.
    pub(super) fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let mut field = |head: &[u8], bytes: &[u8]| {
            let length = i32::try_from(head.len() + bytes.len()).context("it is larger than PostgreSQL takes")?;
            out.extend(length.to_be_bytes());
            out.extend(head);
            out.extend(bytes);
            anyhow::Ok(())
        };
        match self {
            Self::Null => {
                out.extend((-1_i32).to_be_bytes());
                Ok(())
            }
            Self::Uuid(id) => field(&[], id.as_bytes()),
            Self::Bytes(bytes) => field(&[], bytes),
            Self::Text(text) => field(&[], text.as_bytes()),
            Self::Time(time) => field(&[], &micros_of(*time).to_be_bytes()),
            Self::Date(date) => field(&[], &days_of(*date).to_be_bytes()),
            // The version of the format of `jsonb`.
            Self::Json(text) => field(&[1], text.as_bytes()),
            Self::Integer(number) => field(&[], &number.to_be_bytes()),
            Self::Boolean(yes) => field(&[], &[u8::from(*yes)]),
            Self::Real(number) => field(&[], &number.to_be_bytes()),
        }
    }

    /// For a person, on one line. Only keys are ever shown.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Uuid(id) => id.to_string(),
            Self::Bytes(bytes) => hexadecimal(bytes),
            Self::Text(text) | Self::Json(text) => {
                let shown = text.chars().take(LONGEST_SHOWN);
                shown
                    .map(|character| if character.is_control() { '\u{FFFD}' } else { character })
                    .collect()
            }
            Self::Time(time) => time.to_string(),
            Self::Date(date) => date.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(yes) => yes.to_string(),
            Self::Real(number) => number.to_string(),
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn get<'r, R, T>(row: &'r R, place: usize) -> Result<Option<T>>
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    Option<T>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(row.try_get(place)?)
}

/// The bytes of a value of fixed width, as PostgreSQL sends them.
fn bytes_of<const WIDTH: usize>(row: &PgRow, place: usize) -> Result<Option<[u8; WIDTH]>> {
    let value = row.try_get_raw(place)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(|error| anyhow::anyhow!(error))?;
    Ok(Some(bytes.try_into().context("it has another width")?))
}

fn time_at(micros: i64) -> Result<Timestamp> {
    EPOCH
        .checked_add(Duration::microseconds(micros))
        .filter(|time| time.year() >= 0)
        .map(Timestamp::new)
        .context("the time is outside of the years 0 to 9999")
}

fn date_at(days: i32) -> Result<Date> {
    FIRST_DAY
        .checked_add(Duration::days(days.into()))
        .filter(|date| date.year() >= 0)
        .context("the date is outside of the years 0 to 9999")
}

fn micros_of(time: Timestamp) -> i64 {
    // Ten thousand years of microseconds are far from the bounds.
    (time.as_offset_date_time() - EPOCH).whole_microseconds() as i64
}

fn days_of(date: Date) -> i32 {
    date.to_julian_day() - FIRST_DAY.to_julian_day()
}
