//! The values that Swagger UI fills in. With the sample data (`serve --demo`) each of them works as it stands.

use crate::services::demo;
use uuid::Uuid;

pub(super) fn collection() -> String {
    demo::COLLECTION.to_owned()
}

pub(super) fn spare() -> String {
    demo::SPARE.to_owned()
}

pub(super) fn document() -> String {
    demo::TICKET.to_owned()
}

pub(super) fn new_document() -> String {
    "T-2001".to_owned()
}

pub(super) fn spare_document() -> String {
    demo::SPARE_TICKET.to_owned()
}

pub(super) fn taxonomy() -> String {
    demo::TAXONOMY_SLUG.to_owned()
}

pub(super) fn prompt() -> String {
    demo::PROMPT.to_owned()
}

pub(super) fn version() -> i64 {
    1
}

pub(super) fn analysis() -> Uuid {
    demo::ANALYSIS
}

pub(super) fn spare_analysis() -> Uuid {
    demo::SPARE_ANALYSIS
}

pub(super) fn user() -> Uuid {
    demo::VIEWER
}

pub(super) fn changeable_user() -> Uuid {
    demo::CHANGEABLE_USER
}

pub(super) fn spare_user() -> Uuid {
    demo::SPARE_USER
}

pub(super) fn session() -> Uuid {
    demo::SPARE_SESSION
}

pub(super) fn key() -> Uuid {
    demo::KEY
}

pub(super) fn spare_key() -> Uuid {
    demo::SPARE_KEY
}

pub(super) fn job() -> Uuid {
    demo::JOB
}

pub(super) fn spare_job() -> Uuid {
    demo::SPARE_JOB
}

pub(super) fn failed_job() -> Uuid {
    demo::FAILED_JOB
}

pub(super) fn failed_work() -> Uuid {
    demo::FAILED_WORK
}

pub(super) fn budget() -> Uuid {
    demo::BUDGET
}

pub(super) fn spare_budget() -> Uuid {
    demo::SPARE_BUDGET
}

pub(super) fn webhook() -> Uuid {
    demo::WEBHOOK
}

pub(super) fn spare_webhook() -> Uuid {
    demo::SPARE_WEBHOOK
}

pub(super) fn delivery() -> Uuid {
    demo::DELIVERY
}

pub(super) fn import() -> Uuid {
    demo::IMPORT
}

pub(super) fn upload_offset() -> i64 {
    demo::UPLOAD_OFFSET
}

pub(super) fn export() -> Uuid {
    demo::EXPORT
}

pub(super) fn spare_push_url() -> Uuid {
    demo::SPARE_PUSH_URL
}

pub(super) fn push_token() -> String {
    demo::PUSH_TOKEN.to_owned()
}

pub(super) fn erasure() -> Uuid {
    demo::ERASURE
}
