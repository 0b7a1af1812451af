//! `/api/collections/{collection}/imports` and `/api/imports`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Error,
        identifiers::JobId,
        imports::{ImportSettings, RecordFormat, RecordNames},
        text_fields::NameOrId,
    },
    dto::{
        documents::OnConflict,
        imports::{Delimiter, Import, ImportAt, Refusal, RefusalPage, Taken},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::Listed,
        uploads::{PartBody, Records, UploadFault, UploadLimit},
    },
    services::imports::{Imports, Receiving},
};
use futures_util::StreamExt;
use poem::{Body, Request};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

pub struct ImportsApi(pub Imports);

#[OpenApi(prefix_path = "/api", tag = "Tag::Imports")]
impl ImportsApi {
    /// Import documents
    ///
    /// CSV with a header, or NDJSON, of any size up to `imports.max_bytes`. It is taken as it comes and stored in the background; a
    /// record that cannot be accepted does not stop the others. To be able to go on after a lost connection, begin with an
    /// empty body and `complete=false`, and send the records to the answer's `Location` with PATCH.
    #[oai(
        path = "/collections/:collection/imports",
        method = "post",
        operation_id = "createImport"
    )]
    async fn create(
        &self,
        caller: Caller,
        request: &Request,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        /// What becomes of a document whose `external_id` is there already: `update` replaces it, `error` refuses the record; `update`
        /// when left out.
        on_conflict: Query<Option<OnConflict>>,
        /// Between the fields of CSV; found from the header when left out.
        delimiter: Query<Option<Delimiter>>,
        /// The column or field with the owner's own id, when it is not `external_id` or `id`.
        external_id: Query<Option<String>>,
        /// The one with the title, when it is not `title` or `subject`.
        title: Query<Option<String>>,
        /// The one with the text, when it is not `text`, `body` or `content`.
        text: Query<Option<String>>,
        /// The one with the language, when it is not `language`.
        language: Query<Option<String>>,
        /// Whether nothing more is to come; `true` when left out.
        complete: Query<Option<bool>>,
        body: Records,
    ) -> Result<Taken, ApiError> {
        check_parameters(request, CREATE_PARAMETERS, None)?;
        let (format, body) = match body {
            Records::Csv(body) => (RecordFormat::Csv, body.0),
            Records::Ndjson(body) => (RecordFormat::Ndjson, body.0),
        };
        let settings = ImportSettings {
            format,
            replace: on_conflict.0 != Some(OnConflict::Error),
            delimiter: delimiter.0.map(Delimiter::byte),
            names: RecordNames {
                external_id: external_id.0,
                title: title.0,
                text: text.0,
                language: language.0,
            },
        };
        let collection = NameOrId::parse(&collection.0);
        let receiving = self.0.begin(caller.actor(), &collection, settings).await?;
        let import = receive(receiving, request, body, complete.0.unwrap_or(true)).await?;
        let (location, received) = (import.location(), import.received);
        Ok(Taken::Accepted(Json(import), location, received))
    }

    /// Get an import
    ///
    /// `Upload-Offset` says how many bytes are kept; `HEAD` will do for that.
    #[oai(path = "/imports/:import", method = "get", operation_id = "getImport")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::import")] import: Path<Uuid>,
    ) -> Result<ImportAt, ApiError> {
        let (job, upload) = self.0.get(caller.actor(), JobId(import.0)).await?;
        Ok(ImportAt::Ok(Json(Import::new(&job, &upload)), upload.received))
    }

    /// Go on with an upload
    ///
    /// The body is what follows the first `Upload-Offset` bytes of the upload, in the format that it began in. When the connection is
    /// lost, `GET` says how much is kept.
    #[oai(path = "/imports/:import", method = "patch", operation_id = "resumeImport")]
    async fn resume(
        &self,
        caller: Caller,
        request: &Request,
        #[oai(example = "examples::import")] import: Path<Uuid>,
        /// Where the upload is: what `GET` says.
        #[oai(name = "Upload-Offset", example = "examples::upload_offset")]
        offset: Header<i64>,
        /// Whether nothing more is to come; `true` when left out.
        complete: Query<Option<bool>>,
        body: PartBody,
    ) -> Result<ImportAt, ApiError> {
        check_parameters(request, &["complete"], None)?;
        if offset.0 < 0 {
            return Err(Error::invalid_parameter("Upload-Offset", "must be 0 or more").into());
        }
        let receiving = self.0.resume(caller.actor(), JobId(import.0), offset.0).await?;
        let import = receive(receiving, request, body.0, complete.0.unwrap_or(true)).await?;
        let received = import.received;
        Ok(ImportAt::Ok(Json(import), received))
    }

    /// List what an import refused
    ///
    /// In the order of lines, the first 1 000 that were found.
    #[oai(
        path = "/imports/:import/refusals",
        method = "get",
        operation_id = "listImportRefusals"
    )]
    async fn refusals(
        &self,
        caller: Caller,
        request: &Request,
        #[oai(example = "examples::import")] import: Path<Uuid>,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<RefusalPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self.0.refusals(caller.actor(), JobId(import.0), page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Refusal::from).collect();
        Ok(Listed::Ok(Json(RefusalPage { items, next_cursor }), link))
    }
}

const CREATE_PARAMETERS: &[&str] = &[
    "on_conflict",
    "delimiter",
    "external_id",
    "title",
    "text",
    "language",
    "complete",
];

/// Hands a body on as it comes.
async fn receive(mut receiving: Receiving, request: &Request, body: Body, complete: bool) -> Result<Import, ApiError> {
    let most = request.extensions().get::<UploadLimit>().map_or(0, |limit| limit.0);
    let mut arriving = body.into_bytes_stream();
    while let Some(bytes) = arriving.next().await {
        let bytes = bytes.map_err(|error| UploadFault::problem(&error))?;
        if receiving.taken() + bytes.len() as u64 > most {
            return Err(UploadFault::too_large(most));
        }
        receiving.push(&bytes).await?;
    }
    let (job, upload) = receiving.end(complete).await?;
    Ok(Import::new(&job, &upload))
}
