//! Jobs from their beginning to their end, done by the loops of one server or of several, on both databases.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, services, store, taxonomy, write},
};
use std::time::Duration;
use synoptic::{
    config::{Auth, Work},
    db::{Db, Tx},
    domain::{
        Clock, Error,
        answers::SummaryOptions,
        automation::{Recipe, RecipeDraft, Wanted},
        collections::Collection,
        documents::{Document, DocumentFilter, SearchQuery},
        engines::EngineChoice,
        etags::Expected,
        identifiers::JobId,
        jobs::{Job, JobStatus},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
        work::WorkStatus,
    },
    jobs::Workers,
    on,
    repositories::{taxonomies, workers},
    services::{
        Services,
        jobs::{JobWish, NewJob},
        taxonomies::TaxonomyPatch,
    },
    telemetry::metrics::Metrics,
};
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_mins(1);

fn serve(services: &Services) -> Workers {
    let settings = Work {
        poll_milliseconds: 20,
        ..Work::default()
    };
    Workers::start(services, &Metrics::new("test").unwrap(), &Clock::system(), &settings)
}

async fn notes(db: &Db, count: u32) -> (Collection, Vec<Document>) {
    let notes = collection("notes");
    let documents: Vec<Document> = (0..count)
        .map(|number| {
            let text = format!("Note {number}. The parcel came late. I want my money back, please.");
            document(&notes, None, number % 3_000, &text)
        })
        .collect();
    store(db, &notes, &documents.iter().collect::<Vec<_>>()).await;
    (notes, documents)
}

fn summaries(filter: DocumentFilter) -> NewJob {
    NewJob::Analyze {
        filter,
        recipe: Recipe {
            what: Wanted::Summary(SummaryOptions::default()),
            engine: EngineChoice::Embedded,
        },
    }
}

fn classify(name: &str) -> RecipeDraft {
    Recipe {
        what: Wanted::Classification {
            taxonomy: NameOrId::Name(name.to_owned()),
            version: None,
            threshold: None,
            multi_label: false,
            rationale: false,
        },
        engine: EngineChoice::Embedded,
    }
}

async fn begin(services: &Services, new: NewJob) -> Job {
    let notes = NameOrId::Name("notes".to_owned());
    services
        .jobs
        .create(&Actor::operator(), &notes, new, None)
        .await
        .unwrap()
}

async fn ended(services: &Services, id: JobId) -> Job {
    let waiting = async {
        loop {
            let job = services.jobs.get(&Actor::operator(), id).await.unwrap();
            if !job.status.is_open() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if let Ok(job) = tokio::time::timeout(PATIENCE, waiting).await {
        return job;
    }
    let page = PageRequest { limit: 3, after: None };
    let items = services.jobs.items(&Actor::operator(), id, None, page).await.unwrap();
    panic!("the job does not end: {:?}", items.rows);
}

async fn count(db: &Db, statement: &'static str) -> i64 {
    on!(&mut db.read().await.unwrap(), |c| sqlx::query_scalar(statement)
        .fetch_one(c)
        .await)
    .unwrap()
}

const TWICE: &str = "SELECT COUNT(*) FROM (SELECT document_id FROM analyses GROUP BY document_id, kind, taxonomy_version HAVING COUNT(*) > 1) AS t";

#[tokio::test]
async fn every_document_is_analysed_once_however_many_servers_work() {
    on_both(async |db| {
        notes(db, 1_200).await;
        let tasks = TaskTracker::new();
        let (one, two) = (
            services(db, Auth::default(), &tasks),
            services(db, Auth::default(), &tasks),
        );
        let job = begin(&one, summaries(DocumentFilter::default())).await;
        assert_eq!((job.status, job.total), (JobStatus::Queued, None));
        let workers = [serve(&one), serve(&two)];
        let job = ended(&two, job.id).await;
        assert_eq!(
            (job.status, job.total, job.done, job.unchanged, job.failed),
            (JobStatus::Succeeded, Some(1_200), 1_200, 0, 0)
        );
        assert_eq!(count(db, "SELECT COUNT(*) FROM analyses").await, 1_200);
        assert_eq!(count(db, TWICE).await, 0);
        assert!(job.rate(Clock::system().now()).unwrap().0 > 0.0);
        // A second one finds that nothing is to be done.
        let again = begin(&one, summaries(DocumentFilter::default())).await;
        let again = ended(&one, again.id).await;
        assert_eq!(
            (again.status, again.done, again.unchanged),
            (JobStatus::Succeeded, 1_200, 1_200)
        );
        assert_eq!(count(db, "SELECT COUNT(*) FROM analyses").await, 1_200);
        let servers = one.jobs.workers().await.unwrap();
        assert_eq!(servers.len(), 2);
        for each in workers {
            each.drain(PATIENCE).await;
        }
        assert_eq!(one.jobs.workers().await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_filter_says_which_documents_and_what_arrives_later_is_not_among_them() {
    on_both(async |db| {
        let (notes, documents) = notes(db, 30).await;
        let special = document(
            &notes,
            Some("s"),
            40,
            "A zebra crossed the road. Nobody was hurt. It went home.",
        );
        let mut tx = write(db).await;
        synoptic::repositories::documents::insert(&mut tx, &special)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let services = services(db, Auth::default(), &TaskTracker::new());
        let search = |text: &str| DocumentFilter {
            search: Some(SearchQuery::parse(text).unwrap()),
            ..DocumentFilter::default()
        };
        let workers = serve(&services);
        let zebra = begin(&services, summaries(search("zebra"))).await;
        assert_eq!(ended(&services, zebra.id).await.done, 1);
        let earlier = DocumentFilter {
            created_before: Some(documents[10].created_at),
            ..DocumentFilter::default()
        };
        let job = begin(&services, summaries(earlier)).await;
        assert_eq!(ended(&services, job.id).await.done, 10);
        let none = begin(&services, summaries(search("unicorn"))).await;
        let none = ended(&services, none.id).await;
        assert_eq!((none.status, none.total, none.done), (JobStatus::Succeeded, Some(0), 0));
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn a_backfill_is_about_what_another_version_has_classified() {
    on_both(async |db| {
        notes(db, 20).await;
        let topics = taxonomy("topics");
        let mut tx = write(db).await;
        taxonomies::insert(&mut tx, &topics).await.unwrap();
        tx.commit().await.unwrap();
        let services = services(db, Auth::default(), &TaskTracker::new());
        let workers = serve(&services);
        let backfill = || NewJob::Backfill {
            recipe: classify("topics"),
        };
        // Nothing was classified before.
        let job = begin(&services, backfill()).await;
        assert_eq!(ended(&services, job.id).await.total, Some(0));
        let first = begin(
            &services,
            NewJob::Analyze {
                filter: DocumentFilter::default(),
                recipe: classify("topics"),
            },
        )
        .await;
        assert_eq!(ended(&services, first.id).await.done, 20);
        let name = NameOrId::Name("topics".to_owned());
        let actor = Actor::operator();
        let patch = TaxonomyPatch {
            threshold: Some(Some(0.1)),
            ..TaxonomyPatch::default()
        };
        services
            .taxonomies
            .update(&actor, &name, &Expected::Any, patch)
            .await
            .unwrap();
        let preview = services
            .job_work
            .preview(&actor, &NameOrId::Name("notes".to_owned()), backfill())
            .await
            .unwrap();
        assert_eq!((preview.documents, preview.sample), (20, 20));
        let moves = preview.moves.unwrap();
        assert_eq!(
            moves.stays + moves.moved.iter().map(|(_, count)| count).sum::<i64>(),
            20
        );
        let estimate = preview.estimate.unwrap();
        assert_eq!((estimate.engine.as_str(), estimate.cost.0), ("embedded", 0));
        let job = begin(&services, backfill()).await;
        let job = ended(&services, job.id).await;
        assert_eq!((job.total, job.done, job.unchanged), (Some(20), 20, 0));
        let job = begin(&services, backfill()).await;
        assert_eq!(ended(&services, job.id).await.total, Some(0));
        assert_eq!(count(db, TWICE).await, 0);
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_begins_nothing_more_and_keeps_what_was_done() {
    on_both(async |db| {
        notes(db, 2_000).await;
        let services = services(db, Auth::default(), &TaskTracker::new());
        let job = begin(&services, summaries(DocumentFilter::default())).await;
        let workers = serve(&services);
        let some = async {
            while services.jobs.get(&Actor::operator(), job.id).await.unwrap().done == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, some).await.unwrap();
        services.jobs.cancel(&Actor::operator(), job.id).await.unwrap();
        let job = ended(&services, job.id).await;
        assert_eq!(job.status, JobStatus::Cancelled);
        let refused = services.jobs.cancel(&Actor::operator(), job.id).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        let refused = services.jobs.retry(&Actor::operator(), job.id).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        workers.drain(PATIENCE).await;
        assert_eq!(count(db, "SELECT COUNT(*) FROM analyses").await, job.done);
        assert!(job.done < 2_000, "the test was too slow to cancel anything");
        assert_eq!(count(db, "SELECT COUNT(*) FROM work WHERE due_at IS NOT NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_job_deletes_what_it_is_about_and_nothing_else() {
    on_both(async |db| {
        let (_, documents) = notes(db, 700).await;
        let services = services(db, Auth::default(), &TaskTracker::new());
        let workers = serve(&services);
        let filter = DocumentFilter {
            created_before: Some(documents[450].created_at),
            ..DocumentFilter::default()
        };
        let job = begin(&services, NewJob::Delete { filter }).await;
        let job = ended(&services, job.id).await;
        assert_eq!(
            (job.status, job.total, job.done),
            (JobStatus::Succeeded, Some(450), 450)
        );
        assert_eq!(count(db, "SELECT COUNT(*) FROM documents").await, 250);
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn what_failed_of_a_job_is_listed_and_can_be_tried_again() {
    on_both(async |db| {
        notes(db, 3).await;
        let services = services(db, Auth::default(), &TaskTracker::new());
        let workers = serve(&services);
        let new = NewJob::Analyze {
            filter: DocumentFilter::default(),
            recipe: Recipe {
                what: Wanted::Summary(SummaryOptions::default()),
                engine: EngineChoice::parse("nobody").unwrap(),
            },
        };
        let job = begin(&services, new).await;
        let job = ended(&services, job.id).await;
        assert_eq!((job.status, job.done, job.failed), (JobStatus::Failed, 0, 3));
        let page = PageRequest { limit: 2, after: None };
        let actor = Actor::operator();
        let items = services
            .jobs
            .items(&actor, job.id, Some(WorkStatus::Failed), page)
            .await
            .unwrap();
        assert_eq!(items.rows.len(), 2);
        let rest = PageRequest {
            limit: 2,
            after: items.next,
        };
        assert_eq!(
            services
                .jobs
                .items(&actor, job.id, Some(WorkStatus::Failed), rest)
                .await
                .unwrap()
                .rows
                .len(),
            1
        );
        assert!(
            items.rows[0].reason.as_deref().unwrap().contains("names no engine"),
            "{:?}",
            items.rows[0]
        );
        let alone = services.jobs.retry_failed(&actor, items.rows[0].id).await;
        assert!(matches!(alone, Err(Error::Conflict(_))), "{alone:?}");
        let again = services.jobs.retry(&actor, job.id).await.unwrap();
        assert!(again.status.is_open() && again.failed == 0);
        assert_eq!(ended(&services, job.id).await.failed, 3);
        let wish = JobWish {
            status: Some(JobStatus::Failed),
            ..JobWish::default()
        };
        let page = PageRequest { limit: 2, after: None };
        assert_eq!(services.jobs.list(&actor, wish, page).await.unwrap().rows.len(), 1);
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn regular_work_is_done_by_one_server_when_it_is_due() {
    on_both(async |db| {
        let mut tx = write(db).await;
        workers::schedule(&mut tx, "cleaning", at(10)).await.unwrap();
        workers::schedule(&mut tx, "cleaning", at(20)).await.unwrap();
        let due = async |tx: &mut Tx| workers::schedules(tx).await.unwrap()[0].clone();
        assert_eq!(due(&mut tx).await, ("cleaning".to_owned(), at(10)));
        let latest = at(100);
        let mut take = async |now, until| workers::take(&mut tx, "cleaning", now, until, latest).await.unwrap();
        assert!(!take(at(9), at(39)).await);
        assert!(take(at(10), at(40)).await);
        assert!(!take(at(11), at(41)).await);
        workers::ran(&mut tx, "cleaning", at(60), at(12), 5, "nothing")
            .await
            .unwrap();
        workers::hasten(&mut tx, "cleaning", at(70)).await.unwrap();
        assert_eq!(due(&mut tx).await.1, at(60));
        workers::hasten(&mut tx, "cleaning", at(50)).await.unwrap();
        assert_eq!(due(&mut tx).await.1, at(50));
        // A clock that was ahead has put it off.
        assert!(
            workers::take(&mut tx, "cleaning", at(20), at(30), at(49))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    })
    .await;
}
