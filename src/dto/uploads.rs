//! Bodies that are taken as they come: records for imports, what other systems push; and what can go wrong while they arrive.

use super::problem::{ApiError, Code, Problem};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::{
    ApiRequest, impl_apirequest_for_payload,
    payload::{Json, ParsePayload, Payload},
    registry::{MetaSchema, MetaSchemaRef},
};
use serde_json::{Value, json};
use std::{io, time::Duration};

/// How many bytes an upload may have; the middleware leaves it for the handlers of uploads.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimit(pub u64);

/// What went wrong while a body arrived.
pub struct UploadFault;

impl UploadFault {
    /// Nothing more came for so long.
    #[must_use]
    pub fn late(patience: Duration) -> io::Error {
        let seconds = patience.as_secs();
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing more of the body arrived within {seconds} seconds"),
        )
    }

    /// As a problem.
    #[must_use]
    pub fn problem(error: &io::Error) -> ApiError {
        if error.kind() == io::ErrorKind::TimedOut {
            ApiError::RequestTimeout(Json(Problem::new(Code::RequestTimeout, error.to_string())))
        } else {
            let detail = format!("the body was cut off: {error}; what was whole of it is kept");
            ApiError::BadRequest(Json(Problem::new(Code::MalformedRequest, detail)))
        }
    }

    /// There was more than there may be.
    #[must_use]
    pub fn too_large(most: u64) -> ApiError {
        let detail = format!("the upload is larger than {most} bytes, the limit that `imports.max_bytes` sets");
        ApiError::PayloadTooLarge(Json(Problem::new(Code::PayloadTooLarge, detail)))
    }
}

/// A body of a media type, which a handler reads itself.
macro_rules! raw {
    ($(#[$doc:meta])* $name:ident, $type:literal, [$($other:literal),*], $kind:literal, $example:expr) => {
        $(#[$doc])*
        pub struct $name(pub Body);

        impl Payload for $name {
            const CONTENT_TYPE: &'static str = $type;

            fn check_content_type(content_type: &str) -> bool {
                let essence = content_type.split(';').next().unwrap_or_default().trim();
                [$type, $($other),*].iter().any(|one| essence.eq_ignore_ascii_case(one))
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema {
                    example: Some($example),
                    ..MetaSchema::new($kind)
                }))
            }
        }

        impl ParsePayload for $name {
            const IS_REQUIRED: bool = true;

            async fn from_request(_request: &Request, body: &mut RequestBody) -> Result<Self> {
                Ok(Self(body.take()?))
            }
        }
    };
}

raw!(
    /// Rows with a header.
    CsvBody, "text/csv", [], "string", Value::from(CSV_EXAMPLE)
);
raw!(
    /// One JSON object a line.
    NdjsonBody, "application/x-ndjson", ["application/ndjson", "application/jsonl", "application/x-jsonlines"], "string",
    Value::from(NDJSON_EXAMPLE)
);
raw!(
    /// Whatever JSON another system sends.
    JsonBody, "application/json", [], "object",
    json!({"ticket": {"id": 5001, "subject": "Parcel is late", "description": "It was to be here on Monday."}})
);
raw!(
    /// The fields of a document as a form.
    FormBody, "application/x-www-form-urlencoded", [], "object",
    json!({"external_id": "form-1", "title": "Parcel is late", "text": "It was to be here on Monday."})
);
raw!(
    /// More of an upload.
    PartBody, "application/offset+octet-stream", ["application/octet-stream", "text/csv", "application/x-ndjson"], "string",
    Value::from("I-5003,Where is it?,The tracking page has not changed for six days.\n")
);

impl_apirequest_for_payload!(PartBody);

const CSV_EXAMPLE: &str = "id,title,text,plan\n\
    I-5001,Parcel is late,It was to be here on Monday and has not arrived.,pro\n\
    I-5002,Wrong colour,\"I ordered a \"\"blue\"\" one, and it is green.\",free\n";
const NDJSON_EXAMPLE: &str =
    "{\"id\": \"I-5001\", \"title\": \"Parcel is late\", \"text\": \"It was to be here on Monday.\"}\n";

/// Records, as CSV or NDJSON.
#[derive(ApiRequest)]
pub enum Records {
    Csv(CsvBody),
    Ndjson(NdjsonBody),
}

/// What another system leaves at a push URL.
#[derive(ApiRequest)]
pub enum PushedBody {
    Json(JsonBody),
    Ndjson(NdjsonBody),
    Csv(CsvBody),
    Form(FormBody),
}
