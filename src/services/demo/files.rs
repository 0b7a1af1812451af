//! Files of the sample data: an upload of which more is to come, a file that was written, and push URLs.

use super::{COLLECTION, TICKET};
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        collections::Collection,
        documents::{Document, DocumentFilter},
        exports::{Export, ExportFormat, ExportPart, ExportSettings, ExportState},
        identifiers::{JobId, PushUrlId},
        imports::{ImportSettings, RecordFormat, RecordNames, Upload},
        jobs::{Job, JobParameters, JobStatus},
        principal::Actor,
        push_urls::{FieldPointers, PushToken, PushUrlFields},
        text_fields::NameOrId,
    },
    repositories::{exports, jobs, push_urls, uploads},
    services::{Services, export_work::encode_sample},
};
use uuid::Uuid;

/// The upload that examples go on with.
pub const IMPORT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0061);
/// The file that examples download.
pub const EXPORT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0062);
/// What stands in the address at which examples leave documents.
pub const PUSH_TOKEN: &str = "push_sample-token-of-the-sample-data-00000000001";
/// The push URL that examples revoke.
pub const SPARE_PUSH_URL: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0064);
/// How many bytes of the upload are kept: its header.
pub const UPLOAD_OFFSET: i64 = 14;

const PUSH_URL: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0063);
const SPARE_TOKEN: &str = "push_sample-token-of-the-sample-data-00000000002";
const HEADER: &str = "id,title,text\n";

/// Brings back what is not there, or is not as it was.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services, documents: &[Document]) -> Result<()> {
    let operator = Actor::operator();
    let name = NameOrId::Name(COLLECTION.to_owned());
    let collection = services.collections.get(&operator, &name).await?;
    let mut tx = services.db.write().await?;
    put_upload(services, &mut tx, &collection).await?;
    let ticket = documents
        .iter()
        .find(|document| document.external_id.as_deref() == Some(TICKET));
    if let Some(ticket) = ticket {
        put_file(services, &mut tx, &collection, ticket).await?;
    }
    let there = async |tx: &mut Tx, id: Uuid| push_urls::find(tx, collection.id, PushUrlId(id)).await;
    let missing = [
        (
            PUSH_URL,
            PUSH_TOKEN,
            "Contact form",
            there(&mut tx, PUSH_URL).await?.is_none(),
        ),
        (
            SPARE_PUSH_URL,
            SPARE_TOKEN,
            "Spare",
            there(&mut tx, SPARE_PUSH_URL).await?.is_none(),
        ),
    ];
    tx.commit().await?;
    for (id, token, called, is_missing) in missing {
        if is_missing {
            let fields = PushUrlFields::new(called, fields_of_examples())?;
            let token = PushToken::parse(token).ok_or_else(|| Error::internal("the sample's token is none"))?;
            services
                .push_urls
                .create_with(&operator, &name, fields, PushUrlId(id), token)
                .await?;
        }
    }
    Ok(())
}

fn fields_of_examples() -> FieldPointers {
    FieldPointers {
        external_id: Some("/ticket/id".to_owned()),
        title: Some("/ticket/subject".to_owned()),
        text: Some("/ticket/description".to_owned()),
        ..FieldPointers::default()
    }
}

async fn put_upload(services: &Services, tx: &mut Tx, collection: &Collection) -> Result<()> {
    let id = JobId(IMPORT);
    let there = uploads::find(tx, id).await?;
    let open = jobs::find(tx, id).await?.is_some_and(|job| job.status.is_open());
    if open && there.is_some_and(|upload| upload.received == UPLOAD_OFFSET) {
        return Ok(());
    }
    let settings = ImportSettings {
        format: RecordFormat::Csv,
        replace: true,
        delimiter: None,
        names: RecordNames::default(),
    };
    let job = put_job(services, tx, collection, id, JobParameters::Import(settings)).await?;
    debug_assert_eq!(i64::try_from(HEADER.len()), Ok(UPLOAD_OFFSET));
    let upload = Upload {
        job_id: id,
        received: UPLOAD_OFFSET,
        lines: 1,
        records: 0,
        chunks: 0,
        header: Some(HEADER.into()),
        complete: false,
        changed_at: job.created_at,
    };
    uploads::insert(tx, &upload).await
}

async fn put_file(services: &Services, tx: &mut Tx, collection: &Collection, ticket: &Document) -> Result<()> {
    let id = JobId(EXPORT);
    if exports::find(tx, id)
        .await?
        .is_some_and(|export| export.state == ExportState::Ready)
    {
        return Ok(());
    }
    let settings = ExportSettings {
        format: ExportFormat::Ndjson,
        filter: DocumentFilter::default(),
        analyses: false,
        spreadsheet: false,
    };
    let content = encode_sample(&settings, ticket)?;
    let job = put_job(services, tx, collection, id, JobParameters::Export(settings)).await?;
    jobs::planned(tx, id, true, Some(1)).await?;
    jobs::set_status(tx, id, JobStatus::Succeeded, Some(job.created_at)).await?;
    let export = Export {
        job_id: id,
        state: ExportState::Writing,
        size: 0,
        parts: 0,
        documents: 0,
        changed_at: job.created_at,
    };
    exports::insert(tx, &export).await?;
    let written = Export {
        size: i64::try_from(content.len()).unwrap_or(i64::MAX),
        parts: 1,
        documents: 1,
        ..export
    };
    let part = ExportPart {
        number: 1,
        begins_at: 0,
        content,
        footer: None,
        documents: vec![(ticket.created_at, ticket.id)],
    };
    exports::append(tx, &written, &part).await?;
    exports::set_state(tx, id, ExportState::Ready, job.created_at).await
}

/// A job of this id, in the place of one that is there.
async fn put_job(
    services: &Services,
    tx: &mut Tx,
    collection: &Collection,
    id: JobId,
    parameters: JobParameters,
) -> Result<Job> {
    jobs::delete(tx, id).await?;
    let begun = services
        .jobs
        .begin(tx, &Actor::operator(), collection, parameters)
        .await?;
    // Its first piece of work goes, too.
    jobs::delete(tx, begun.id).await?;
    let now: Timestamp = begun.created_at;
    let job = Job {
        id,
        started_at: Some(now),
        status: JobStatus::Running,
        ..begun
    };
    jobs::insert(tx, &job).await?;
    Ok(job)
}
