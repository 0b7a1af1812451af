//! `/api/collections/{collection}/exports` and `/api/exports`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{
        Error,
        exports::{ExportSettings, ExportState},
        identifiers::JobId,
        text_fields::NameOrId,
    },
    dto::{
        body::Body,
        exports::{Export, ExportBegun, FileContent, NewExport},
        problem::{ApiError, Code, Problem},
    },
    services::exports::Exports,
};
use futures_util::stream;
use headers::{ETag, Header as _, IfRange, Range};
use poem::{Body as RawBody, Request};
use poem_openapi::{
    OpenApi,
    param::{Header, Path},
    payload::{Binary, Json},
};
use std::{io, ops::Bound};
use uuid::Uuid;

pub struct ExportsApi(pub Exports);

#[OpenApi(prefix_path = "/api", tag = "Tag::Exports")]
impl ExportsApi {
    /// Export documents
    ///
    /// Into a file that is written in the background and kept for seven days. When a document in it is deleted, the file is withdrawn.
    #[oai(
        path = "/collections/:collection/exports",
        method = "post",
        operation_id = "createExport"
    )]
    async fn create(
        &self,
        caller: Caller,
        /// Slug or id.
        #[oai(example = "examples::collection")]
        collection: Path<String>,
        body: Body<NewExport>,
    ) -> Result<ExportBegun, ApiError> {
        let settings = body.0.into_domain()?;
        let collection = NameOrId::parse(&collection.0);
        let job = self.0.create(caller.actor(), &collection, settings).await?;
        let (job, settings, export) = self.0.get(caller.actor(), job.id).await?;
        let export = Export::new(&job, &settings, &export);
        let location = export.location();
        Ok(ExportBegun::Accepted(Json(export), location))
    }

    /// Get an export
    #[oai(path = "/exports/:export", method = "get", operation_id = "getExport")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::export")] export: Path<Uuid>,
    ) -> Result<Json<Export>, ApiError> {
        let (job, settings, export) = self.0.get(caller.actor(), JobId(export.0)).await?;
        Ok(Json(Export::new(&job, &settings, &export)))
    }

    /// Download an exported file
    ///
    /// It is sent as it is read. `Range` asks for a part of it, so that a download that broke off can go on.
    #[oai(path = "/exports/:export/content", method = "get", operation_id = "getExportContent")]
    async fn content(
        &self,
        caller: Caller,
        request: &Request,
        #[oai(example = "examples::export")] export: Path<Uuid>,
        /// One part, such as `bytes=500-` or `bytes=0-499`; of several, the whole file is sent.
        #[oai(name = "Range")]
        _range: Header<Option<String>>,
        /// The `ETag` of the file that was begun: another file is sent whole.
        #[oai(name = "If-Range")]
        _if_range: Header<Option<String>>,
    ) -> Result<FileContent, ApiError> {
        let id = JobId(export.0);
        let (job, settings, export) = self.0.get(caller.actor(), id).await?;
        match export.state {
            ExportState::Ready => {}
            ExportState::Writing if job.status.is_open() => {
                let why = "the file is still being written: ask `GET` without `/content` how far it is";
                return Err(Error::Conflict(why.to_owned()).into());
            }
            ExportState::Writing => return Ok(gone("the file was not written to its end; its job says why")),
            ExportState::Withdrawn => return Ok(gone("a document in the file was deleted, and the file with it")),
            ExportState::Expired => return Ok(gone("the file was kept for seven days, which are over")),
        }
        let size = export.size.unsigned_abs();
        let etag = format!("\"{}-{size:x}\"", id.0.simple());
        let (from, until, whole) = match wanted(request, size, &etag) {
            Wanted::Whole => (0, size, true),
            Wanted::Part(from, until) => (from, until, false),
            Wanted::Nothing => {
                let problem = Problem::new(Code::RangeNotSatisfiable, format!("the file has {size} bytes"));
                return Ok(FileContent::NoSuchPart(Json(problem), format!("bytes */{size}")));
            }
        };
        let body = Binary(self.bytes(id, from, until));
        let kind = settings.format.content_type().to_owned();
        let (length, ranges) = (until - from, "bytes".to_owned());
        let disposition = disposition(&settings, id);
        if whole {
            return Ok(FileContent::Whole(body, kind, length, disposition, ranges, etag));
        }
        let range = format!("bytes {from}-{}/{size}", until - 1);
        Ok(FileContent::Part(body, kind, length, disposition, ranges, etag, range))
    }
}

impl ExportsApi {
    /// The bytes of a file, a part at a time.
    fn bytes(&self, id: JobId, from: u64, until: u64) -> RawBody {
        let exports = self.0.clone();
        let parts = stream::try_unfold(from, move |from| {
            let exports = exports.clone();
            async move {
                if from >= until {
                    return Ok(None);
                }
                let mut bytes = exports.content(id, from).await.map_err(io::Error::other)?;
                if bytes.is_empty() {
                    return Err(io::Error::other("the file was withdrawn while it was sent"));
                }
                bytes.truncate(usize::try_from(until - from).unwrap_or(usize::MAX));
                let next = from + bytes.len() as u64;
                Ok(Some((bytes, next)))
            }
        });
        RawBody::from_bytes_stream(Box::pin(parts))
    }
}

fn gone(why: &str) -> FileContent {
    FileContent::Gone(Json(Problem::new(Code::Gone, why)))
}

fn disposition(settings: &ExportSettings, id: JobId) -> String {
    format!("attachment; filename=\"export-{id}.{}\"", settings.format.extension())
}

/// Which bytes a request asks for.
enum Wanted {
    Whole,
    /// From the first to before the second.
    Part(u64, u64),
    Nothing,
}

/// RFC 9110, section 14.2: what cannot be read as a range is passed over, and so is one of another file.
fn wanted(request: &Request, size: u64, etag: &str) -> Wanted {
    let decode = |name: &headers::HeaderName| request.headers().get_all(name).iter().collect::<Vec<_>>();
    let of_another = IfRange::decode(&mut decode(IfRange::name()).into_iter()).is_ok_and(|condition| {
        let current = etag.parse::<ETag>().ok();
        condition.is_modified(current.as_ref(), None)
    });
    let Ok(range) = Range::decode(&mut decode(Range::name()).into_iter()) else {
        return Wanted::Whole;
    };
    if of_another {
        return Wanted::Whole;
    }
    let mut ranges = range.satisfiable_ranges(size);
    match (ranges.next(), ranges.next()) {
        (None, _) => Wanted::Nothing,
        (Some((from, until)), None) => {
            let from = match from {
                Bound::Included(from) => from,
                Bound::Excluded(from) => from + 1,
                Bound::Unbounded => 0,
            };
            let until = match until {
                Bound::Included(last) => last.saturating_add(1).min(size),
                Bound::Excluded(until) => until.min(size),
                Bound::Unbounded => size,
            };
            if from < until {
                Wanted::Part(from, until)
            } else {
                Wanted::Nothing
            }
        }
        (Some(_), Some(_)) => Wanted::Whole,
    }
}
