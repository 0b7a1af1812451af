//! Keyset paging: a page starts after the last row of the one before it, so that rows added or removed meanwhile move
//! nothing twice. The cursor that a client carries is opaque; this is what stands in it.

use super::errors::{Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How many rows a list returns when it is not told.
pub const DEFAULT_LIMIT: u32 = 50;
/// How many rows a list returns at most.
pub const MOST_PER_PAGE: u32 = 200;

/// How many rows, and after which.
#[derive(Debug, Clone)]
pub struct PageRequest<Position> {
    pub limit: u32,
    pub after: Option<Position>,
}

/// Rows, and the position of the last one when there are more.
#[derive(Debug, Clone)]
pub struct Page<Row, Position> {
    pub rows: Vec<Row>,
    pub next: Option<Position>,
}

impl<Row, Position> Page<Row, Position> {
    /// Makes a page of up to `limit + 1` fetched rows: one row too many shows that there is a next page.
    pub fn from_overfetched(mut rows: Vec<Row>, limit: u32, position: impl Fn(&Row) -> Position) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(position) } else { None };
        Self { rows, next }
    }

    pub fn map<Other>(self, change: impl FnMut(Row) -> Other) -> Page<Other, Position> {
        Page {
            rows: self.rows.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Token<Position> {
    /// Which question the position answers; a cursor is of no use for another one.
    q: String,
    p: Position,
}

/// Writes a position as the text that a client hands back. `question` names the list and its filters.
///
/// # Errors
/// [`Error::Internal`] when the position cannot be written as JSON.
pub fn encode_cursor<Position: Serialize>(position: &Position, question: &str) -> Result<String> {
    let token = Token {
        q: question.to_owned(),
        p: position,
    };
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).map_err(Error::internal)?))
}

/// Reads a position back.
///
/// # Errors
/// [`Error::Invalid`] for a text that is no cursor, or one that belongs to other filters.
pub fn decode_cursor<Position: DeserializeOwned>(text: &str, question: &str) -> Result<Position> {
    let refused = || {
        Error::invalid_parameter(
            "cursor",
            "is not a cursor of this list: take it from `next_cursor` of the page before",
        )
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let token: Token<Position> = serde_json::from_slice(&bytes).map_err(|_| refused())?;
    if token.q != question {
        return Err(Error::invalid_parameter(
            "cursor",
            "belongs to a list with other filters or another order; leave it out to start anew",
        ));
    }
    Ok(token.p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_only_for_its_own_question() {
        let cursor = encode_cursor(&("a".to_owned(), 1.5_f64), "documents").unwrap();
        assert_eq!(
            decode_cursor::<(String, f64)>(&cursor, "documents").unwrap(),
            ("a".to_owned(), 1.5)
        );
        assert!(decode_cursor::<(String, f64)>(&cursor, "analyses").is_err());
        assert!(decode_cursor::<(String, f64)>("§", "documents").is_err());
    }

    #[test]
    fn one_row_too_many_makes_a_next_page() {
        let page = Page::from_overfetched(vec![1, 2, 3], 2, |row| *row);
        assert_eq!((page.rows, page.next), (vec![1, 2], Some(2)));
        assert_eq!(Page::from_overfetched(vec![1, 2], 2, |row: &i32| *row).next, None);
    }
}
