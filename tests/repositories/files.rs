//! `repositories::uploads`, `repositories::exports` and `repositories::push_urls`, by themselves and as imports and exports use them.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, enrol, principal, services_at, store, user, write},
};
use serde_json::json;
use sqlx::types::Json;
use std::sync::Arc;
use synoptic::{
    config::Auth,
    db::Db,
    domain::{
        Clock, Error,
        documents::DocumentFilter,
        exports::{ExportFormat, ExportSettings, ExportState},
        identifiers::{CollectionId, DocumentId, JobId, PushUrlId},
        imports::{ImportSettings, MOST_REFUSALS, RecordFormat, RecordNames, Refusal, Upload, UploadChunk},
        jobs::{Job, JobParameters},
        principal::{Actor, Principal, PrincipalId, Reach},
        push_urls::{FieldPointers, PushUrl},
        text_fields::NameOrId,
        work::{Queue, WorkKind},
    },
    on,
    repositories::{documents, exports, jobs, push_urls, uploads, work_lists},
    services::{Services, imports::Imports},
};
use tokio_util::task::TaskTracker;

fn settings(format: RecordFormat) -> ImportSettings {
    ImportSettings {
        format,
        replace: true,
        delimiter: Some(b';'),
        names: RecordNames {
            text: Some("Text".to_owned()),
            ..RecordNames::default()
        },
    }
}

async fn begun(services: &Services, name: &NameOrId<CollectionId>) -> Job {
    let settings = settings(RecordFormat::Csv);
    let receiving = services
        .imports
        .begin(&Actor::operator(), name, settings)
        .await
        .unwrap();
    receiving.end(false).await.unwrap().0
}

/// Does what waits; says how many pieces that were.
async fn run(services: &Services) -> usize {
    let mut done = 0;
    while let Some(batch) = services.work.claim(Queue::Jobs, 32).await.unwrap() {
        for work in &batch.works {
            done += 1;
            let outcome = match work.kind {
                WorkKind::Import => services.imports.store_chunk(work).await,
                _ => services.exports.write_part(work).await,
            };
            if let Err(error) = outcome {
                services.work.fail(&[(work, &error)]).await.unwrap();
            }
        }
    }
    done
}

async fn ready(db: &Db) -> (Services, NameOrId<CollectionId>, CollectionId) {
    let notes = collection("notes");
    store(db, &notes, &[]).await;
    let services = services_at(db, Auth::default(), &TaskTracker::new(), Clock::fixed(at(100)));
    (services, NameOrId::Id(notes.id), notes.id)
}

#[tokio::test]
async fn an_upload_goes_on_from_where_it_is_and_once() {
    on_both(async |db| {
        let (services, name, _) = ready(db).await;
        let job = begun(&services, &name).await;
        assert_eq!(job.parameters.0, JobParameters::Import(settings(RecordFormat::Csv)));
        let mut tx = write(db).await;
        let found = uploads::find(&mut tx, job.id).await.unwrap().unwrap();
        let further = Upload {
            received: 10,
            lines: 3,
            records: 2,
            chunks: 1,
            header: Some(b"id;Text\n".to_vec()),
            changed_at: at(200),
            ..found.clone()
        };
        assert!(uploads::advance(&mut tx, 0, &further).await.unwrap());
        assert!(
            !uploads::advance(&mut tx, 0, &further).await.unwrap(),
            "it is not there any more"
        );
        assert_eq!(uploads::find(&mut tx, job.id).await.unwrap(), Some(further.clone()));
        let done = Upload {
            complete: true,
            ..further
        };
        assert!(uploads::advance(&mut tx, 10, &done).await.unwrap());
        assert!(!uploads::advance(&mut tx, 10, &done).await.unwrap(), "it is complete");
        let chunk = UploadChunk {
            job_id: job.id,
            number: 1,
            lines_before: 1,
            content: vec![0, 255, b'\n'],
        };
        uploads::insert_chunk(&mut tx, &chunk).await.unwrap();
        assert_eq!(
            uploads::find_chunk(&mut tx, job.id, 1).await.unwrap(),
            Some(chunk.clone())
        );
        assert_eq!(uploads::take_chunk(&mut tx, job.id, 1).await.unwrap(), Some(3));
        assert_eq!(uploads::take_chunk(&mut tx, job.id, 1).await.unwrap(), None);
        let many: Vec<Refusal> = (1..=MOST_REFUSALS + 5)
            .map(|line| Refusal {
                line,
                reason: "ä".to_owned(),
            })
            .collect();
        uploads::insert_refusals(&mut tx, job.id, &many).await.unwrap();
        uploads::insert_refusals(&mut tx, job.id, &many).await.unwrap();
        let rows = uploads::refusals(&mut tx, job.id, 2, 10_000).await.unwrap();
        assert_eq!(
            (i64::try_from(rows.len()).unwrap(), rows[0].line),
            (MOST_REFUSALS - 2, 3)
        );
        assert_eq!(uploads::waiting_since(&mut tx, at(300), 10).await.unwrap(), []);
        tx.commit().await.unwrap();
        let other = begun(&services, &name).await;
        let mut tx = write(db).await;
        assert_eq!(uploads::waiting_since(&mut tx, at(300), 10).await.unwrap(), [other.id]);
        jobs::delete(&mut tx, job.id).await.unwrap();
        assert_eq!(uploads::find(&mut tx, job.id).await.unwrap(), None);
        assert_eq!(uploads::delete_left_over(&mut tx).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_document_is_taken_out_of_what_waits() {
    on_both(async |db| {
        let (services, name, notes) = ready(db).await;
        let mut receiving = services
            .imports
            .begin(&Actor::operator(), &name, settings(RecordFormat::Csv))
            .await
            .unwrap();
        receiving
            .push("id;Text\na;\"Wort\neins\"\nb;zwei\na;drei\n".as_bytes())
            .await
            .unwrap();
        let (job, upload) = receiving.end(true).await.unwrap();
        assert_eq!((upload.records, upload.chunks), (3, 1));
        let mut tx = write(db).await;
        assert_eq!(Imports::erase(&mut tx, notes, "c").await.unwrap(), 0);
        assert_eq!(Imports::erase(&mut tx, notes, "a").await.unwrap(), 1);
        assert_eq!(Imports::erase(&mut tx, notes, "a").await.unwrap(), 0);
        assert_eq!(Imports::erase(&mut tx, CollectionId::generate(), "b").await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(run(&services).await, 1);
        let mut tx = write(db).await;
        assert_eq!(documents::find_by_external_id(&mut tx, notes, "a").await.unwrap(), None);
        let left = documents::find_by_external_id(&mut tx, notes, "b")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(left.text, "zwei");
        let job = jobs::find(&mut tx, job.id).await.unwrap().unwrap();
        assert_eq!((job.done, job.refused, job.status.is_open()), (1, 0, false));
    })
    .await;
}

#[tokio::test]
async fn two_who_send_the_same_part_have_it_kept_once() {
    on_both(async |db| {
        let (services, name, notes) = ready(db).await;
        let job = begun(&services, &name).await;
        let operator = Actor::operator();
        let mut one = services.imports.resume(&operator, job.id, 0).await.unwrap();
        let mut other = services.imports.resume(&operator, job.id, 0).await.unwrap();
        one.push(b"id;Text\n1;eins\n").await.unwrap();
        other.push(b"id;Text\n1;eins\n").await.unwrap();
        one.end(true).await.unwrap();
        let refused = other.end(true).await.unwrap_err();
        assert!(matches!(refused, Error::Conflict(_)), "{refused:?}");
        assert_eq!(run(&services).await, 1);
        let mut tx = write(db).await;
        assert_eq!(documents::walk(&mut tx, notes, None, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_file_is_withdrawn_with_any_document_in_it_and_no_other() {
    on_both(async |db| {
        let notes = collection("notes");
        // Two of the same moment, and one that is in no file.
        let all = [
            document(&notes, Some("a"), 1, "first"),
            document(&notes, Some("b"), 1, "second"),
            document(&notes, Some("c"), 2, "third"),
        ];
        store(db, &notes, &all.each_ref()).await;
        let services = services_at(db, Auth::default(), &TaskTracker::new(), Clock::fixed(at(100)));
        let name = NameOrId::Id(notes.id);
        let written = async |created_after| {
            let settings = ExportSettings {
                format: ExportFormat::Ndjson,
                filter: DocumentFilter {
                    created_after,
                    ..DocumentFilter::default()
                },
                analyses: true,
                spreadsheet: false,
            };
            let job = services
                .exports
                .create(&Actor::operator(), &name, settings)
                .await
                .unwrap();
            run(&services).await;
            job.id
        };
        let (everything, late) = (written(None).await, written(Some(at(1))).await);
        let state = async |tx: &mut synoptic::db::Tx, id: JobId| {
            let export = exports::find(tx, id).await.unwrap().unwrap();
            (export.state, export.documents)
        };
        let mut tx = write(db).await;
        assert_eq!(state(&mut tx, everything).await, (ExportState::Ready, 3));
        assert_eq!(state(&mut tx, late).await, (ExportState::Ready, 1));
        let (begins_at, bytes) = exports::content_at(&mut tx, everything, 7).await.unwrap().unwrap();
        assert_eq!(begins_at, 0);
        assert_eq!(
            bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .count(),
            3
        );
        assert!(exports::part(&mut tx, everything, 1).await.unwrap().is_some());
        let nobody = [DocumentId::generate()];
        assert_eq!(exports::withdraw(&mut tx, &nobody, at(101)).await.unwrap(), []);
        assert_eq!(exports::withdraw(&mut tx, &[], at(101)).await.unwrap(), []);
        let withdrawn = exports::withdraw(&mut tx, &[all[1].id, nobody[0]], at(101))
            .await
            .unwrap();
        assert_eq!(withdrawn, [everything]);
        assert_eq!(state(&mut tx, everything).await.0, ExportState::Withdrawn);
        assert_eq!(state(&mut tx, late).await.0, ExportState::Ready);
        assert_eq!(exports::content_at(&mut tx, everything, 0).await.unwrap(), None);
        assert_eq!(exports::withdraw(&mut tx, &[all[0].id], at(101)).await.unwrap(), []);
        let old = exports::older_than(&mut tx, ExportState::Ready, at(101), 10)
            .await
            .unwrap();
        assert_eq!(old, [late]);
        assert_eq!(exports::never_ready(&mut tx, 10).await.unwrap(), []);
        assert_eq!(exports::withdraw(&mut tx, &[all[2].id], at(102)).await.unwrap(), [late]);
    })
    .await;
}

#[tokio::test]
async fn a_push_url_is_found_by_its_token_and_goes_with_its_collection() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let fields: FieldPointers =
            serde_json::from_value(json!({"text": "/täxt", "attributes": {"a": "/b"}})).unwrap();
        let url = |name: &str| PushUrl {
            id: PushUrlId::generate(),
            collection_id: notes.id,
            name: name.to_owned(),
            fields: Json(fields.clone()),
            created_by: None,
            created_by_user: None,
            created_at: at(3),
        };
        let (one, two) = (url("eins"), url("zwei"));
        let mut tx = write(db).await;
        push_urls::insert(&mut tx, &one, &[1; 32]).await.unwrap();
        push_urls::insert(&mut tx, &two, &[2; 32]).await.unwrap();
        assert_eq!(
            push_urls::find_by_token(&mut tx, &[2; 32]).await.unwrap(),
            Some(two.clone())
        );
        assert_eq!(push_urls::find_by_token(&mut tx, &[3; 32]).await.unwrap(), None);
        assert_eq!(
            push_urls::find(&mut tx, notes.id, one.id).await.unwrap(),
            Some(one.clone())
        );
        assert_eq!(
            push_urls::list(&mut tx, notes.id, None, 1).await.unwrap(),
            std::slice::from_ref(&two)
        );
        assert_eq!(
            push_urls::list(&mut tx, notes.id, Some(two.id), 5).await.unwrap(),
            std::slice::from_ref(&one)
        );
        assert_eq!(push_urls::count(&mut tx, notes.id).await.unwrap(), 2);
        assert!(push_urls::delete(&mut tx, notes.id, one.id).await.unwrap());
        assert!(!push_urls::delete(&mut tx, notes.id, one.id).await.unwrap());
        synoptic::repositories::collections::delete(&mut tx, notes.id)
            .await
            .unwrap();
        assert_eq!(push_urls::find_by_token(&mut tx, &[2; 32]).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn whoever_may_not_store_any_more_has_nothing_stored_in_their_name() {
    on_both(async |db| {
        let (services, name, notes) = ready(db).await;
        let ada = user("Ada");
        enrol(db, &[&ada]).await;
        let principal = Principal {
            user_id: Some(ada.id),
            scopes: ada.role.scopes(),
            ..principal(PrincipalId::User(ada.id), Reach::Everything)
        };
        let actor = Actor::new(Arc::new(principal), None);
        let settings = settings(RecordFormat::Csv);
        let mut receiving = services.imports.begin(&actor, &name, settings).await.unwrap();
        receiving.push(b"id;Text\na;one\n").await.unwrap();
        let (job, _) = receiving.end(true).await.unwrap();
        let mut tx = write(db).await;
        on!(&mut tx, |c| sqlx::query("UPDATE users SET role = 'viewer'")
            .execute(c)
            .await
            .map(drop))
        .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(run(&services).await, 1);
        let mut tx = write(db).await;
        assert_eq!(documents::walk(&mut tx, notes, None, 5).await.unwrap(), []);
        let failed = work_lists::of_job(&mut tx, job.id, None, None, 5).await.unwrap();
        assert_eq!(failed[0].code.as_deref(), Some("forbidden"));
    })
    .await;
}

#[tokio::test]
async fn many_documents_are_stored_together_and_each_for_itself() {
    on_both(async |db| {
        let (services, name, notes) = ready(db).await;
        let import = async |replace, file: &str| {
            let settings = ImportSettings {
                replace,
                ..settings(RecordFormat::Csv)
            };
            let mut receiving = services
                .imports
                .begin(&Actor::operator(), &name, settings)
                .await
                .unwrap();
            receiving.push(b"id;Text\n").await.unwrap();
            receiving.push(file.as_bytes()).await.unwrap();
            let (job, _) = receiving.end(true).await.unwrap();
            run(&services).await;
            let mut tx = write(db).await;
            let job = jobs::find(&mut tx, job.id).await.unwrap().unwrap();
            (job.done, job.unchanged, job.refused)
        };
        let many = (0..450)
            .map(|number| format!("n{number};x {number}\n"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(import(true, &many).await, (450, 0, 0));
        assert_eq!(import(true, &many).await, (450, 450, 0));
        // What is there, what is new, what comes again, and what has no id, in one.
        let mixed = "n1;new\na;one\na;two\nn2;x 2\n;without\n;without\nn1;newer\n";
        assert_eq!(import(true, mixed).await, (7, 2, 0));
        assert_eq!(import(false, "n3;y\nb;one\nb;two\n").await, (1, 0, 2));
        let mut tx = write(db).await;
        let text = async |tx: &mut synoptic::db::Tx, id: &str| {
            let found = documents::find_by_external_id(tx, notes, id).await.unwrap();
            found.unwrap().text
        };
        for (id, expected) in [("n1", "newer"), ("a", "two"), ("n3", "x 3"), ("b", "one")] {
            assert_eq!(text(&mut tx, id).await, expected);
        }
        assert_eq!(documents::walk(&mut tx, notes, None, 1_000).await.unwrap().len(), 453);
    })
    .await;
}
