//! A JSON request body, read strictly. poem-openapi's own reader takes numbers for texts, and says of an error neither the
//! field nor the place; this one reads with serde, so that a wrong type is refused and named by its JSON pointer.

use super::problem::{Code, Problem, into_poem_error};
use crate::domain::Error;
use poem::{Request, RequestBody};
use poem_openapi::{
    impl_apirequest_for_payload,
    payload::{Json, ParsePayload, Payload},
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;
use serde_path_to_error::Segment;
use std::{fmt, marker::PhantomData};

/// The body as a `T`, whose schema is the one that poem-openapi derives.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + DeserializeOwned> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(_request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes().await.map_err(|error| {
            into_poem_error(Problem::new(
                Code::MalformedRequest,
                format!("the body was cut off: {error}"),
            ))
        })?;
        parse(&bytes).map(Self).map_err(into_poem_error)
    }
}

impl_apirequest_for_payload!(Body<T>, T: Type + DeserializeOwned);

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(
            Code::MalformedRequest,
            "the body is empty; this operation takes JSON",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(
            Code::MalformedRequest,
            format!("the body is not UTF-8 from byte {} on", error.valid_up_to()),
        )
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let FromObject(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| refuse(&error, text))?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Reads a list of objects, for fields that hold one.
pub(super) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<FromObject<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|FromObject(value)| value).collect())
}

/// Like [`objects`], for fields that may be left out.
pub(super) fn some_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let objects = Option::<Vec<FromObject<T>>>::deserialize(deserializer)?;
    Ok(objects.map(|objects| objects.into_iter().map(|FromObject(value)| value).collect()))
}

/// Reads an object that may be left out.
pub(super) fn some_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let object = Option::<FromObject<T>>::deserialize(deserializer)?;
    Ok(object.map(|FromObject(value)| value))
}

/// Reads a field that may be left out but is not `null` when it is there.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Like [`objects`] and [`given`].
pub(super) fn given_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    objects(deserializer).map(Some)
}

/// A struct that is read from an object only; serde would take a list of its fields' values too.
struct FromObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FromObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>, text: &str) -> Problem {
    // First of all it must be JSON: serde stops at the first thing it cannot take, and a client hears of the worst.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return malformed(&error);
    }
    let message = match error.inner().classify() {
        Category::Data => in_words(&error.inner().to_string()),
        // serde_json takes a number in the place of a word for a syntax error.
        Category::Syntax | Category::Eof | Category::Io => {
            "invalid type, expected one of the words that the documentation lists".to_owned()
        }
    };
    let pointer: String = error.path().iter().filter_map(pointer_part).collect();
    Error::invalid(pointer, message).into()
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedRequest, format!("the body is not sound JSON: {error}"))
}

/// One step of a JSON pointer, escaped (RFC 6901, section 3).
fn pointer_part(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// serde's message, cut to a bearable length, without "at line 1 column 5", which the pointer says better, and without the
/// value itself: what is in a document must not turn up in an error.
fn in_words(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let message = match (message.find("string \""), message.rfind(", expected")) {
        (Some(from), Some(to)) if from < to => format!("{}string{}", &message[..from], &message[to..]),
        _ => message.to_owned(),
    };
    let message = NUMBERS
        .iter()
        .fold(message, |message, (rust, words)| match message.strip_suffix(rust) {
            Some(beginning) => format!("{beginning}{words}"),
            None => message,
        });
    message.chars().take(300).collect()
}

/// What serde calls the numbers that it expects, and what a reader of JSON does.
const NUMBERS: [(&str, &str); 5] = [
    (" expected u8", " expected a whole number from 0 to 255"),
    (" expected usize", " expected a whole number from 0 on"),
    (" expected u64", " expected a whole number from 0 on"),
    (" expected i64", " expected a whole number"),
    (" expected f64", " expected a number"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "labels", deserialize_with = "objects")]
        _labels: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "name")]
        _name: String,
    }

    fn problem(json: &[u8]) -> Problem {
        parse::<Outer>(json).unwrap_err()
    }

    #[test]
    fn a_wrong_type_is_named_by_its_pointer() {
        let problem = problem(br#"{"labels": [{"name": "a"}, {"name": 5}]}"#);
        assert_eq!(
            (problem.status, problem.errors[0].pointer.as_deref()),
            (422, Some("/labels/1/name"))
        );
        assert_eq!(problem.errors[0].detail, "invalid type: integer `5`, expected a string");
    }

    #[test]
    fn a_list_of_values_is_no_object() {
        assert!(
            problem(b"[[]]")
                .detail
                .contains("invalid type: sequence, expected an object")
        );
        assert_eq!(
            problem(br#"{"labels": [["a"]]}"#).errors[0].pointer.as_deref(),
            Some("/labels/0")
        );
    }

    #[test]
    fn unknown_and_missing_fields_are_named() {
        assert!(problem(br#"{"label": []}"#).detail.contains("unknown field `label`"));
        assert!(problem(b"{}").detail.contains("missing field `labels`"));
    }

    #[test]
    fn a_value_is_not_repeated_in_the_error() {
        let problem = problem(br#"{"labels": "my secret text"}"#);
        assert!(!problem.detail.contains("secret"), "{}", problem.detail);
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(10_000);
        for bad in [
            b"".as_slice(),
            b"{",
            b"{} x",
            b"\xff\xfe",
            deep.as_bytes(),
            br#"{"labels": [] "#,
        ] {
            assert_eq!(problem(bad).status, 400, "{:?}", &bad[..bad.len().min(20)]);
        }
    }
}
