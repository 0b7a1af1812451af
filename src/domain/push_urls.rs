//! A push URL: an address at which another system leaves documents. Whoever knows its token may store documents in one collection, and
//! nothing else; the token is shown once, and the database has its hash.

use super::{
    Timestamp,
    documents::{Attributes, DocumentFields},
    errors::{Checks, Error, Result},
    identifiers::{ApiKeyId, CollectionId, PushUrlId, UserId},
    text_fields::check_required_text,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use std::{collections::BTreeMap, fmt};

/// With what every token begins, so that people and secret scanners know one when they see it.
pub const TOKEN_PREFIX: &str = "push_";
/// Random bytes in a token: 256 bits, beyond guessing.
const ENTROPY_BYTES: usize = 32;
/// The longest name, in characters.
const LONGEST_NAME: usize = 120;
/// The longest JSON pointer, in characters.
const LONGEST_POINTER: usize = 500;
/// The most attributes that are picked out.
const MOST_ATTRIBUTES: usize = 100;
/// How many push URLs a collection may have.
pub const MOST_PUSH_URLS: i64 = 100;

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct PushUrl {
    pub id: PushUrlId,
    pub collection_id: CollectionId,
    pub name: String,
    pub fields: Json<FieldPointers>,
    pub created_by: Option<ApiKeyId>,
    pub created_by_user: Option<UserId>,
    pub created_at: Timestamp,
}

/// Where in the JSON that another system sends the parts of a document stand: JSON pointers (RFC 6901) such as `/ticket/subject`.
/// Without one for the text, what is sent must be a document as the API takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPointers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Name of the attribute and where its value stands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What may be chosen about a push URL, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PushUrlFields {
    pub name: String,
    pub fields: FieldPointers,
}

impl PushUrlFields {
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn new(name: &str, fields: FieldPointers) -> Result<Self> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/name", name, LONGEST_NAME))?;
        let named = [
            ("/fields/external_id", &fields.external_id),
            ("/fields/title", &fields.title),
            ("/fields/text", &fields.text),
            ("/fields/language", &fields.language),
        ];
        for (place, pointer) in named {
            if let Some(pointer) = pointer {
                checks.take("", check_pointer(place, pointer))?;
            }
        }
        let any = named.iter().any(|(_, pointer)| pointer.is_some()) || !fields.attributes.is_empty();
        if any && fields.text.is_none() {
            let why = "must say where the text stands, such as `/ticket/description`";
            checks.take("", Err::<(), _>(Error::invalid("/fields/text", why)))?;
        }
        if fields.attributes.len() > MOST_ATTRIBUTES {
            let why = format!(
                "has {} attributes; at most {MOST_ATTRIBUTES} are allowed",
                fields.attributes.len()
            );
            checks.take("", Err::<(), _>(Error::invalid("/fields/attributes", why)))?;
        }
        for (name, pointer) in &fields.attributes {
            let place = format!("/fields/attributes/{}", name.replace('~', "~0").replace('/', "~1"));
            checks.take("", check_required_text(&place, name, LONGEST_NAME))?;
            checks.take("", check_pointer(&place, pointer))?;
        }
        checks.finish()?;
        Ok(Self {
            name: name.trim().to_owned(),
            fields,
        })
    }
}

fn check_pointer(place: &str, pointer: &str) -> Result<()> {
    check_required_text(place, pointer, LONGEST_POINTER)?;
    if pointer.starts_with('/') {
        Ok(())
    } else {
        Err(Error::invalid(
            place,
            "must be a JSON pointer, which begins with `/`, such as `/ticket/subject`",
        ))
    }
}

impl FieldPointers {
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.text.is_some()
    }

    /// Takes a document out of what was sent. What is not there, or is `null`, is left out.
    ///
    /// # Errors
    /// `Error::Invalid` when there is no text, or something is not what it should be.
    pub fn pick(&self, sent: &Value) -> Result<DocumentFields> {
        let mut attributes = Attributes::new();
        for (name, pointer) in &self.attributes {
            if let Some(value) = sent.pointer(pointer).filter(|value| !value.is_null()) {
                attributes.insert(name.clone(), value.clone());
            }
        }
        let text = text_at(sent, self.text.as_deref())?;
        let Some(text) = text else {
            let pointer = self.text.as_deref().unwrap_or_default();
            return Err(Error::invalid(
                pointer,
                "must be there: it is where this push URL finds the text",
            ));
        };
        Ok(DocumentFields {
            external_id: text_at(sent, self.external_id.as_deref())?,
            title: text_at(sent, self.title.as_deref())?,
            text,
            attributes,
            language: text_at(sent, self.language.as_deref())?,
        })
    }
}

/// A text; numbers and booleans are written out, as ids often are numbers.
fn text_at(sent: &Value, pointer: Option<&str>) -> Result<Option<String>> {
    let Some(pointer) = pointer else { return Ok(None) };
    match sent.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(value)) => Ok(Some(value.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(Error::invalid(pointer, "must be a text, not a list or an object"))
        }
    }
}

/// A token in clear. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct PushToken(String);

impl PushToken {
    /// Makes a new token from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; ENTROPY_BYTES] = rand::random();
        Self(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Takes what stands in an address, if it can be a token at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = TOKEN_PREFIX.len() + ENTROPY_BYTES.div_ceil(3) * 4 - 1;
        let fits = text.len() == whole && text.starts_with(TOKEN_PREFIX);
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (fits && text.bytes().all(sound)).then(|| Self(text.to_owned()))
    }

    /// SHA-256 of the token: what is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The token in clear, to show it the one time.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PushToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PushToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(fields: Value) -> FieldPointers {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_ticket_of_another_system_becomes_a_document() {
        let fields = pointers(json!({
            "text": "/ticket/description", "title": "/ticket/subject", "external_id": "/ticket/id",
            "attributes": {"plan": "/ticket/requester/plan", "tags": "/ticket/tags", "gone": "/nothing"}
        }));
        let sent = json!({"event": "created", "ticket": {"id": 4711, "subject": null, "description": "It broke.",
            "requester": {"plan": "pro"}, "tags": ["a"]}});
        let document = fields.pick(&sent).unwrap();
        assert_eq!((document.external_id.as_deref(), document.title), (Some("4711"), None));
        assert_eq!(document.text, "It broke.");
        assert_eq!(
            Value::Object(document.attributes),
            json!({"plan": "pro", "tags": ["a"]})
        );
    }

    #[test]
    fn without_a_text_the_pointer_is_named() {
        let fields = pointers(json!({"text": "/ticket/description"}));
        for sent in [
            json!({}),
            json!({"ticket": {"description": null}}),
            json!({"ticket": {"description": ["x"]}}),
        ] {
            let error = fields.pick(&sent).unwrap_err();
            assert!(error.to_string().contains("/ticket/description"), "{error}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for bad in [
            json!({"text": "ticket"}),
            json!({"title": "/t"}),
            json!({"text": "/t", "attributes": {"a": "b"}}),
        ] {
            assert!(PushUrlFields::new("n", pointers(bad.clone())).is_err(), "{bad}");
        }
        assert!(PushUrlFields::new("n", FieldPointers::default()).is_ok());
    }

    #[test]
    fn a_generated_token_parses_and_hides_itself() {
        let token = PushToken::generate();
        assert_eq!(
            PushToken::parse(token.reveal()).map(|token| token.hash()),
            Some(token.hash())
        );
        assert!(!format!("{token:?}").contains(token.reveal()));
        for text in ["", "push_", "syn_x", &format!("{}x", token.reveal())] {
            assert_eq!(PushToken::parse(text), None);
        }
    }
}
