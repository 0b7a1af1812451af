//! From a list's parameters to a page request, and from a page to its `Link` header.

use crate::domain::{
    Error, Result,
    paging::{DEFAULT_LIMIT, MOST_PER_PAGE, Page, PageRequest, decode_cursor, encode_cursor},
};
use poem::Request;
use serde::{Serialize, de::DeserializeOwned};

/// A question to a list: its name, the filters and the order, so that a cursor serves only the list it came from.
pub struct Question<'a> {
    request: &'a Request,
    text: String,
}

impl<'a> Question<'a> {
    /// `filters` is everything that decides which rows there are and in which order.
    ///
    /// # Errors
    /// `Error::Internal` when the filters cannot be written as JSON.
    pub fn new(request: &'a Request, filters: &impl Serialize) -> Result<Self> {
        let filters = serde_json::to_vec(&(request.uri().path(), filters)).map_err(Error::internal)?;
        let hash = crate::text::hash_text(&String::from_utf8_lossy(&filters));
        Ok(Self {
            request,
            text: hash.chars().take(16).collect(),
        })
    }

    /// # Errors
    /// `Error::Invalid` for a limit out of bounds or a cursor from elsewhere.
    pub fn page<Position: DeserializeOwned>(
        &self,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<PageRequest<Position>> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MOST_PER_PAGE).contains(&limit) {
            return Err(Error::invalid_parameter(
                "limit",
                format!("must be 1 to {MOST_PER_PAGE}"),
            ));
        }
        let after = cursor.map(|cursor| decode_cursor(cursor, &self.text)).transpose()?;
        Ok(PageRequest { limit, after })
    }

    /// The cursor of the next page and the `Link` header that leads there; both `None` on the last page.
    ///
    /// # Errors
    /// `Error::Internal` when the position cannot be written.
    pub fn next<Row, Position: Serialize>(
        &self,
        page: &Page<Row, Position>,
    ) -> Result<(Option<String>, Option<String>)> {
        let Some(position) = &page.next else {
            return Ok((None, None));
        };
        let cursor = encode_cursor(position, &self.text)?;
        let kept = query_pairs(self.request)
            .into_iter()
            .filter(|(name, _)| name != "cursor");
        let query = serde_urlencoded::to_string(
            kept.chain([("cursor".to_owned(), cursor.clone())])
                .collect::<Vec<(String, String)>>(),
        )
        .map_err(Error::internal)?;
        let link = format!("<{}?{query}>; rel=\"next\"", self.request.uri().path());
        Ok((Some(cursor), Some(link)))
    }
}

/// Refuses parameters that the operation does not have, because a typing error would silently show everything.
///
/// # Errors
/// `Error::Invalid` with the first unknown or repeated parameter.
pub fn check_parameters(request: &Request, known: &[&str], prefix: Option<&str>) -> Result<()> {
    let pairs = query_pairs(request);
    for (index, (name, value)) in pairs.iter().enumerate() {
        let expected = known.contains(&name.as_str()) || prefix.is_some_and(|prefix| name.starts_with(prefix));
        if !expected {
            let shown: String = name.chars().take(100).collect();
            let known = known
                .iter()
                .map(|name| (*name).to_owned())
                .chain(prefix.map(|prefix| format!("{prefix}…")));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(Error::invalid_parameter(
                shown,
                format!("is not a parameter of this operation, which has: {known}"),
            ));
        }
        if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(Error::invalid_parameter(name.clone(), "is given twice"));
        }
        if value.contains('\0') {
            return Err(Error::invalid_parameter(
                name.clone(),
                "must not contain the character U+0000",
            ));
        }
    }
    Ok(())
}

/// The query string, decoded, in its order.
#[must_use]
pub fn query_pairs(request: &Request) -> Vec<(String, String)> {
    request
        .uri()
        .query()
        .and_then(|query| serde_urlencoded::from_str(query).ok())
        .unwrap_or_default()
}
