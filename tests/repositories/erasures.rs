//! Erasures and retention on both databases: what is asked for is nowhere any more.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, services, services_at, store, summary, write},
};
use sqlx::{AssertSqlSafe, types::Json};
use std::collections::BTreeMap;
use synoptic::{
    config::Auth,
    db::{Db, Tx},
    domain::{
        Clock, Error,
        audit::AuditFilter,
        collections::Collection,
        documents::{Document, DocumentFilter},
        erasures::{ErasedBy, ErasureCounts, ErasureStatus},
        identifiers::JobId,
        jobs::{ActsAs, Job, JobKind, JobParameters, JobStatus},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
    },
    on,
    repositories::{analyses, collections, documents, idempotency, jobs},
    services::{Services, idempotency::StoredAnswer},
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const MARK: &str = "xylographquetzal";
const WHO: &str = "customer-7311-wolpertinger";

fn serve(db: &Db) -> Services {
    services(db, Auth::default(), &TaskTracker::new())
}

/// Every place of the database in which the text stands, whatever the table and the column.
async fn places_of(db: &Db, text: &str) -> Vec<String> {
    let mut tx = db.read().await.unwrap();
    let columns = match &tx {
        Tx::Sqlite(_) => {
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' \
             AND m.name NOT LIKE 'documents_fts%' ORDER BY 1, 2"
        }
        Tx::Postgres(_) => {
            "SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY 1, 2"
        }
    };
    let columns: Vec<(String, String)> = on!(&mut tx, |c| sqlx::query_as(columns).fetch_all(c).await).unwrap();
    assert!(columns.len() > 100, "{columns:?}");
    let mut places = Vec::new();
    for (table, column) in columns {
        let what = match &tx {
            Tx::Sqlite(_) => format!("instr(CAST(\"{column}\" AS BLOB), CAST('{text}' AS BLOB)) > 0"),
            // Bytes are written in hexadecimal.
            Tx::Postgres(_) => format!(
                "CAST(\"{column}\" AS TEXT) LIKE '%{text}%' OR CAST(\"{column}\" AS TEXT) LIKE \
                 '%' || encode(convert_to('{text}', 'UTF8'), 'hex') || '%'"
            ),
        };
        let count = format!("SELECT COUNT(*) FROM \"{table}\" WHERE {what}");
        let count: i64 = on!(&mut tx, |c| sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(c).await).unwrap();
        if count > 0 {
            places.push(format!("{table}.{column}"));
        }
    }
    places
}

/// A document with the mark, an answer about it, a kept answer that names it, and a job that was about it.
async fn spread(db: &Db, services: &Services) -> (Collection, Document) {
    let notes = collection("notes");
    let mut theirs = document(&notes, Some(WHO), 1, &format!("A word: {MARK}."));
    theirs.head.attributes.0.insert("customer".to_owned(), WHO.into());
    let other = document(&notes, Some("other"), 2, "Nothing of it.");
    store(db, &notes, &[&theirs, &other]).await;
    let mut answer = summary(Some(&theirs), 3);
    answer.trace_id = Some(MARK.to_owned());
    let mut tx = write(db).await;
    analyses::insert(&mut tx, &answer).await.unwrap();
    jobs::insert(&mut tx, &job_about(&notes, WHO)).await.unwrap();
    jobs::insert(&mut tx, &job_about(&notes, "somebody else"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let owner = Uuid::now_v7();
    services.idempotency.begin(owner, "k", &[1; 32]).await.unwrap();
    let body = serde_json::json!({"results": [
        {"id": theirs.head.id, "external_id": WHO, "version": 1, "outcome": "created"},
        {"id": other.head.id, "external_id": "other", "version": 1, "outcome": "created"},
    ]});
    let kept = StoredAnswer {
        status: 200,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    };
    services.idempotency.complete(owner, "k", &kept).await.unwrap();
    (notes, theirs)
}

fn job_about(notes: &Collection, value: &str) -> Job {
    Job {
        id: JobId::generate(),
        kind: JobKind::Delete,
        collection_id: notes.id,
        status: JobStatus::Succeeded,
        parameters: Json(JobParameters::Delete {
            filter: DocumentFilter {
                attributes: vec![(vec!["customer".to_owned()], value.to_owned())],
                ..DocumentFilter::default()
            },
        }),
        planned: true,
        total: Some(0),
        done: 0,
        unchanged: 0,
        refused: 0,
        failed: 0,
        acts_as: ActsAs::Operator,
        created_by: None,
        created_by_user: None,
        trace_id: None,
        created_at: at(0),
        starts_at: None,
        started_at: Some(at(0)),
        finished_at: Some(at(1)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_is_nowhere_and_the_receipt_can_be_checked() {
    on_both(async |db| {
        let services = serve(db);
        let (notes, _) = spread(db, &services).await;
        let before = places_of(db, WHO).await;
        let expected = [
            "documents.attributes",
            "documents.external_id",
            "idempotency_keys.body",
            "jobs.parameters",
        ];
        assert_eq!(before, expected);
        assert!(places_of(db, MARK).await.contains(&"documents.text".to_owned()));
        let (operator, name) = (Actor::operator(), NameOrId::Id(notes.id));
        let by = ErasedBy::ExternalId(WHO.to_owned());
        let receipt = services
            .erasures
            .create(&operator, Some(&name), by.clone())
            .await
            .unwrap();
        let removed = ErasureCounts {
            documents: 1,
            analyses: 1,
            kept_answers: 1,
            work_items: 0,
            jobs: 1,
            exports: 0,
            upload_chunks: 0,
            cache_subjects: 1,
        };
        assert_eq!((receipt.status, receipt.removed.0), (ErasureStatus::Done, removed));
        assert!(receipt.pending.is_none() && receipt.finished_at.is_some());
        for text in [WHO, MARK] {
            assert_eq!(places_of(db, text).await, [""; 0], "{text}");
        }
        // What belongs to others is there.
        assert!(!places_of(db, "somebody else").await.is_empty());
        assert_eq!(places_of(db, "\"other\"").await, ["idempotency_keys.body"]);
        let checked = services
            .erasures
            .check(&operator, receipt.id, Some(&name), by.clone())
            .await
            .unwrap();
        assert_eq!(checked.found.map(|found| found.0), Some(ErasureCounts::default()));
        assert!(checked.checked_at.is_some());
        let otherwise = [
            (Some(&name), ErasedBy::ExternalId("other".to_owned())),
            (None, by.clone()),
        ];
        for (collection, by) in otherwise {
            let refused = services.erasures.check(&operator, receipt.id, collection, by).await;
            assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        }
        // Somebody stores it anew: the check says so.
        let again = document(&notes, Some(WHO), 9, "Again.");
        let mut tx = write(db).await;
        assert!(documents::insert(&mut tx, &again).await.unwrap());
        tx.commit().await.unwrap();
        let checked = services
            .erasures
            .check(&operator, receipt.id, Some(&name), by)
            .await
            .unwrap();
        assert_eq!(checked.found.map(|found| found.0.documents), Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_an_attribute_everything_goes_however_much_it_is_and_wherever() {
    on_both(async |db| {
        let services = serve(db);
        let mut kept = 0;
        for name in ["letters", "memos"] {
            let one = collection(name);
            let mut all: Vec<Document> = (0..450)
                .map(|second| document(&one, None, second, "A letter."))
                .collect();
            for (number, document) in all.iter_mut().enumerate() {
                let whose = if number % 3 == 0 { "somebody" } else { WHO };
                kept += usize::from(number % 3 == 0);
                document
                    .head
                    .attributes
                    .0
                    .insert("from".to_owned(), serde_json::json!({"id": whose}));
            }
            store(db, &one, &all.iter().collect::<Vec<_>>()).await;
        }
        let by = ErasedBy::Attribute {
            path: vec!["from".to_owned(), "id".to_owned()],
            value: WHO.to_owned(),
        };
        let receipt = services
            .erasures
            .create(&Actor::operator(), None, by.clone())
            .await
            .unwrap();
        assert_eq!(
            (receipt.status, receipt.removed.0.documents),
            (ErasureStatus::Done, 600)
        );
        let left: i64 = on!(&mut db.read().await.unwrap(), |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM documents").fetch_one(c).await
        })
        .unwrap();
        assert_eq!(left, i64::try_from(kept).unwrap());
        assert_eq!(places_of(db, WHO).await, [""; 0]);
        let checked = services
            .erasures
            .check(&Actor::operator(), receipt.id, None, by)
            .await
            .unwrap();
        assert_eq!(checked.found.map(|found| found.0), Some(ErasureCounts::default()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_document_and_a_deleted_collection_are_named_by_no_kept_answer() {
    on_both(async |db| {
        let services = serve(db);
        let operator = Actor::operator();
        let (notes, theirs) = spread(db, &services).await;
        let name = NameOrId::Id(notes.id);
        let any = synoptic::domain::etags::Expected::Any;
        services
            .documents
            .delete(&operator, &name, &theirs.head.id.to_string(), &any)
            .await
            .unwrap();
        // A job says what it was about until it is forgotten.
        assert_eq!(places_of(db, WHO).await, ["jobs.parameters"]);
        services.collections.delete(&operator, &name, &any, true).await.unwrap();
        assert_eq!(places_of(db, "\"other\"").await, [""; 0]);
        // An answer that is kept after its document is gone names it no more.
        let owner = Uuid::now_v7();
        services.idempotency.begin(owner, "late", &[1; 32]).await.unwrap();
        let body = serde_json::json!({"results": [{"id": theirs.head.id, "external_id": WHO}]});
        let kept = StoredAnswer {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        services.idempotency.complete(owner, "late", &kept).await.unwrap();
        assert_eq!(places_of(db, WHO).await, [""; 0]);
        let kept = idempotency::find(&mut write(db).await, owner, "late")
            .await
            .unwrap()
            .unwrap();
        assert!(
            String::from_utf8(kept.body.unwrap())
                .unwrap()
                .contains(&theirs.head.id.to_string())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_for_long_enough_goes_and_a_clock_that_jumped_deletes_nothing() {
    on_both(async |db| {
        let (mut kept, open) = (collection("kept"), collection("open"));
        kept.retention_days = Some(30);
        let mut old: Vec<Document> = (0..250).map(|second| document(&kept, None, second, "Old.")).collect();
        let now = Clock::system().now();
        let mut young = document(&kept, None, 0, "Young.");
        (young.head.created_at, young.head.updated_at) = (now, now);
        old.push(young.clone());
        store(db, &kept, &old.iter().collect::<Vec<_>>()).await;
        store(db, &open, &[&document(&open, None, 0, "Stays.")]).await;
        let stored = collections::find(&mut write(db).await, &NameOrId::Id(kept.id))
            .await
            .unwrap();
        assert_eq!(stored.unwrap().retention_days, Some(30));
        let in_2036 = synoptic::domain::Timestamp::parse("2036-01-01T00:00:00Z").unwrap();
        let jumped = services_at(db, Auth::default(), &TaskTracker::new(), Clock::fixed(in_2036));
        let refused = jumped.erasures.retain().await;
        assert!(matches!(refused, Err(Error::Internal { .. })), "{refused:?}");
        let services = serve(db);
        assert_eq!(services.erasures.retain().await.unwrap(), "250 documents deleted");
        assert_eq!(services.erasures.retain().await.unwrap(), "0 documents deleted");
        let mut tx = db.read().await.unwrap();
        let left = documents::walk(&mut tx, kept.id, None, 10).await.unwrap();
        assert_eq!(left.iter().map(|one| one.head.id).collect::<Vec<_>>(), [young.head.id]);
        assert_eq!(documents::walk(&mut tx, open.id, None, 10).await.unwrap().len(), 1);
        let page = PageRequest { limit: 10, after: None };
        let trail = services.audit.list(&AuditFilter::default(), page).await.unwrap().rows;
        let told: BTreeMap<_, _> = trail
            .iter()
            .map(|row| (row.target_name.as_deref(), row.detail.as_deref()))
            .collect();
        assert_eq!(
            (trail.len(), told),
            (1, BTreeMap::from([(Some("kept"), Some("documents: 250"))]))
        );
    })
    .await;
}
