//! A document: a text with what its owners know about it.

use super::{
    Timestamp,
    errors::{Checks, Error, Result},
    identifiers::{CollectionId, DocumentId},
    text_fields::{check_required_text, check_text},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::types::Json;
use std::{fmt, ops::Deref};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The longest text of a document, in characters.
pub const LONGEST_TEXT: usize = 10_000_000;
/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 500;
/// The longest `external_id`, in characters.
pub const LONGEST_EXTERNAL_ID: usize = 200;
/// The most that `attributes` may take as JSON, in bytes.
pub const LARGEST_ATTRIBUTES: usize = 65_536;
/// The most documents in one batch.
pub const LARGEST_BATCH: usize = 1_000;
/// How many characters of the text a list shows.
pub const EXCERPT_LENGTH: i64 = 280;

/// The schemaless part of a document.
pub type Attributes = Map<String, Value>;

/// What every view of a document has.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DocumentHead {
    pub id: DocumentId,
    pub collection_id: CollectionId,
    /// The owner's own id, unique in the collection.
    pub external_id: Option<String>,
    pub title: Option<String>,
    pub attributes: Json<Attributes>,
    /// ISO 639 code, given or detected; `None` when the text is too short to tell.
    pub language: Option<String>,
    /// SHA-256 over title and text, in hexadecimal.
    pub content_hash: String,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A whole document.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Document {
    #[sqlx(flatten)]
    pub head: DocumentHead,
    pub text: String,
}

impl Deref for Document {
    type Target = DocumentHead;

    fn deref(&self) -> &DocumentHead {
        &self.head
    }
}

impl Document {
    /// What a classification reads: the title is part of what a document says.
    #[must_use]
    pub fn title_and_text(&self) -> String {
        match &self.head.title {
            Some(title) => format!("{title}\n\n{}", self.text),
            None => self.text.clone(),
        }
    }
}

/// A document as a list shows it: the beginning of its text, and for a search what matched.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DocumentRow {
    #[sqlx(flatten)]
    pub head: DocumentHead,
    pub excerpt: String,
    /// Characters in the whole text.
    pub characters: i64,
    /// Higher is better; only for a search.
    pub rank: Option<f64>,
    /// The title with [`MATCH_BEGIN`] and [`MATCH_END`] around what matched.
    pub title_match: Option<String>,
    /// The best part of the text, marked likewise.
    pub text_match: Option<String>,
}

/// Private-use characters that a search puts around a match, before it is escaped and marked for a reader.
pub const MATCH_BEGIN: char = '\u{E000}';
/// See [`MATCH_BEGIN`].
pub const MATCH_END: char = '\u{E001}';

/// What an owner may say of a document, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentFields {
    pub external_id: Option<String>,
    pub title: Option<String>,
    pub text: String,
    pub attributes: Attributes,
    /// `None` to have it detected.
    pub language: Option<String>,
}

impl DocumentFields {
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn check(self) -> Result<Self> {
        let mut checks = Checks::default();
        if let Some(external_id) = &self.external_id {
            checks.take("", check_external_id("/external_id", external_id))?;
        }
        if let Some(title) = &self.title {
            checks.take("", check_text("/title", title, LONGEST_TITLE))?;
        }
        checks.take("", check_required_text("/text", &self.text, LONGEST_TEXT))?;
        checks.take("", check_attributes(&self.attributes))?;
        if let Some(language) = &self.language {
            checks.take("", check_language(language))?;
        }
        checks.finish()?;
        Ok(self)
    }
}

/// # Errors
/// `Error::Invalid` at `pointer` when the id is blank, too long or holds a control character.
pub fn check_external_id(pointer: &str, external_id: &str) -> Result<()> {
    check_required_text(pointer, external_id, LONGEST_EXTERNAL_ID)?;
    if external_id.chars().any(char::is_control) {
        return Err(Error::invalid(pointer, "must not contain control characters"));
    }
    Ok(())
}

fn check_language(language: &str) -> Result<()> {
    if matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(Error::invalid(
            "/language",
            "must be an ISO 639 code of two or three lower-case letters, such as `en`",
        ))
    }
}

fn check_attributes(attributes: &Attributes) -> Result<()> {
    let size = serde_json::to_string(attributes).map_err(Error::internal)?.len();
    if size > LARGEST_ATTRIBUTES {
        return Err(Error::invalid(
            "/attributes",
            format!("take {size} bytes as JSON; at most {LARGEST_ATTRIBUTES} are allowed"),
        ));
    }
    attributes.iter().try_for_each(|(key, value)| {
        if key.contains('\0') || has_nul(value) {
            Err(Error::invalid("/attributes", "must not contain the character U+0000"))
        } else {
            Ok(())
        }
    })
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Which documents a list shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentFilter {
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub updated_after: Option<Timestamp>,
    pub updated_before: Option<Timestamp>,
    pub language: Option<String>,
    /// The label of the newest classification, by label id.
    pub label: Option<String>,
    /// Only classifications by this taxonomy count for `label`.
    pub taxonomy_id: Option<super::identifiers::TaxonomyId>,
    /// Path into the attributes, and the value there as text.
    pub attributes: Vec<(Vec<String>, String)>,
    /// Full-text search.
    pub search: Option<SearchQuery>,
}

/// The order of a list of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentSort {
    CreatedAscending,
    CreatedDescending,
    UpdatedAscending,
    UpdatedDescending,
    /// Best match first; only with a search.
    Relevance,
}

/// Where in a list of documents a page ended: the value it is sorted by, then the id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentPosition {
    pub at: Option<Timestamp>,
    pub rank: Option<f64>,
    pub id: DocumentId,
}

/// Words to search for. All must occur; `"in quotes"` is a phrase, `word*` a beginning, `-word` must not occur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchQuery {
    pub wanted: Vec<SearchTerm>,
    pub unwanted: Vec<SearchTerm>,
}

/// One word or phrase of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchTerm {
    pub text: String,
    /// Whether the last word may go on.
    pub prefix: bool,
}

/// The most terms of one search; more would make a query that nobody can answer quickly.
const MOST_TERMS: usize = 32;
/// The longest word that is looked for: PostgreSQL takes 2 046 bytes.
const LONGEST_WORD: usize = 500;

/// What both databases make words of.
fn is_of_word(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Letter
        || character.general_category() == GeneralCategory::DecimalNumber
}

impl SearchQuery {
    /// # Errors
    /// `Error::Invalid` for the parameter `q` when there is nothing to look for.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid_parameter("q", why));
        if text.chars().count() > 1_000 {
            return refuse("is too long: at most 1000 characters are allowed");
        }
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (negative, after_sign) = match rest.strip_prefix('-') {
                Some(after) => (true, after),
                None => (false, rest),
            };
            let (term, prefix, after) = next_term(after_sign);
            rest = after.trim_start();
            if term.split_whitespace().any(|word| word.chars().count() > LONGEST_WORD) {
                return refuse("has a word of more than 500 characters");
            }
            // Punctuation alone matches nothing in either database, nor do marks without a letter.
            if term.chars().any(is_of_word) {
                let term = SearchTerm {
                    text: term.replace('\0', " "),
                    prefix,
                };
                if negative {
                    unwanted.push(term);
                } else {
                    wanted.push(term);
                }
            }
        }
        if wanted.is_empty() {
            return refuse(
                "needs at least one word to look for, such as `refund`, `\"late delivery\"` or `refund -invoice`",
            );
        }
        if wanted.len() + unwanted.len() > MOST_TERMS {
            return refuse("has too many words: at most 32 are allowed");
        }
        Ok(Self { wanted, unwanted })
    }
}

/// As a person would write it.
impl fmt::Display for SearchQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted.iter().map(|term| ("", term));
        let unwanted = self.unwanted.iter().map(|term| ("-", term));
        for (index, (sign, SearchTerm { text, prefix })) in wanted.chain(unwanted).enumerate() {
            let space = if index == 0 { "" } else { " " };
            let is_word = !text.starts_with(['-', '"']) && !text.ends_with('*') && !text.contains(char::is_whitespace);
            match (is_word, prefix) {
                (_, true) => write!(formatter, "{space}{sign}{text}*")?,
                (true, false) => write!(formatter, "{space}{sign}{text}")?,
                (false, false) => write!(formatter, "{space}{sign}\"{text}\"")?,
            }
        }
        Ok(())
    }
}

/// Takes one word or quoted phrase, whether it ended in `*`, and what follows.
fn next_term(text: &str) -> (&str, bool, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find('"').unwrap_or(quoted.len());
        let after = quoted.get(end + 1..).unwrap_or("");
        return (&quoted[..end], false, after);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    match word.strip_suffix('*') {
        Some(beginning) => (beginning, true, after),
        None => (word, false, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> DocumentFields {
        DocumentFields {
            external_id: None,
            title: None,
            text: text.to_owned(),
            attributes: Attributes::new(),
            language: None,
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        for nothing in ["", "…!", "-refund", "\u{93e}", "🅰", "½", "\"\u{301}\""] {
            SearchQuery::parse(nothing).unwrap_err();
        }
        SearchQuery::parse(&"x".repeat(501)).unwrap_err();
        SearchQuery::parse(&"x".repeat(500)).unwrap();
        assert_eq!(
            SearchQuery::parse("x \u{93e}").unwrap(),
            SearchQuery::parse("x").unwrap()
        );
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let error = DocumentFields {
            external_id: Some("a\nb".into()),
            title: Some("x".repeat(501)),
            language: Some("english".into()),
            ..fields(" ")
        }
        .check()
        .unwrap_err();
        let Error::Invalid(violations) = error else {
            panic!("{error:?}")
        };
        let named: Vec<_> = violations.iter().map(|violation| violation.field.to_string()).collect();
        assert_eq!(named, ["`/external_id`", "`/title`", "`/text`", "`/language`"]);
    }

    #[test]
    fn a_nul_deep_in_the_attributes_is_refused() {
        let attributes = serde_json::json!({"a": [{"b": "x\0"}]});
        let attributes = attributes.as_object().unwrap().clone();
        assert!(
            DocumentFields {
                attributes,
                ..fields("x")
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn a_search_knows_words_phrases_beginnings_and_exclusions() {
        let query = SearchQuery::parse(r#"refund "late delivery" ship* -invoice -"#).unwrap();
        let texts: Vec<_> = query
            .wanted
            .iter()
            .map(|term| (term.text.as_str(), term.prefix))
            .collect();
        assert_eq!(texts, [("refund", false), ("late delivery", false), ("ship", true)]);
        assert_eq!(query.unwanted.len(), 1);
        assert_eq!(query.to_string(), r#"refund "late delivery" ship* -invoice"#);
        for nothing in ["", "   ", "-x", "\"\"", "***", "\" "] {
            assert!(SearchQuery::parse(nothing).is_err(), "{nothing:?}");
        }
    }
}
