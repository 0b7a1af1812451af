//! A clock that jumps while a server runs: work is taken up again, and nothing is forgotten before its time.

use crate::{
    databases::on_both,
    fixtures::{collection, document, services_at, store, write},
};
use serde_json::json;
use synoptic::{
    config::Auth,
    db::Db,
    domain::{
        Clock, Timestamp,
        answers::SummaryOptions,
        automation::{Recipe, Wanted},
        collections::Collection,
        documents::{Document, DocumentFilter},
        engines::EngineChoice,
        identifiers::{CollectionId, WorkId},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
        work::{LEASE, NewWork, Queue, WorkKind},
    },
    repositories::{documents, work, workers},
    services::{
        Services,
        jobs::{JobWish, NewJob},
    },
};
use tokio_util::task::TaskTracker;

fn later(time: Timestamp, span: time::Duration) -> Timestamp {
    Timestamp::new(time.as_offset_date_time() + span)
}

fn piece(collection: &Collection, document: &Document, due: Timestamp) -> NewWork {
    NewWork {
        queue: Queue::Arrivals,
        collection: collection.id,
        kind: WorkKind::Analyze,
        job: None,
        document: Some(document.id),
        rule: Some("summary".to_owned()),
        payload: json!({}),
        due_at: due,
    }
}

async fn put(db: &Db, work: NewWork) {
    let mut tx = write(db).await;
    work::insert(&mut tx, &[work]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claimed(services: &Services, queue: Queue) -> Vec<WorkId> {
    let batch = services.work.claim(queue, 10).await.unwrap();
    batch.map_or_else(Vec::new, |batch| batch.works.iter().map(|one| one.id).collect())
}

fn notes() -> NameOrId<CollectionId> {
    NameOrId::Name("notes".to_owned())
}

fn summaries() -> NewJob {
    NewJob::Analyze {
        filter: DocumentFilter::default(),
        recipe: Recipe {
            what: Wanted::Summary(SummaryOptions::default()),
            engine: EngineChoice::Embedded,
        },
    }
}

/// A server whose regular work was done once.
async fn running(db: &Db, clock: &Clock) -> Services {
    let services = services_at(db, Auth::default(), &TaskTracker::new(), clock.clone());
    for _ in 0..2 {
        services.regular.run_due().await.unwrap();
    }
    services
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_when_the_clock_jumps_back() {
    for jump in [time::Duration::hours(1), time::Duration::days(365)] {
        on_both(async |db| {
            let now = Clock::system().now();
            let clock = Clock::fixed(later(now, jump));
            let notes = collection("notes");
            let (held, waiting) = (document(&notes, None, 0, "Held."), document(&notes, None, 1, "Waits."));
            store(db, &notes, &[&held, &waiting]).await;
            let services = running(db, &clock).await;
            put(db, piece(&notes, &held, clock.now())).await;
            let first = claimed(&services, Queue::Arrivals).await;
            assert_eq!(first.len(), 1);
            put(db, piece(&notes, &waiting, clock.now())).await;
            // A job that was put off by somebody stays put off.
            let planned = services
                .jobs
                .create(
                    &Actor::operator(),
                    &crate::clocks::notes(),
                    summaries(),
                    Some(later(clock.now(), time::Duration::days(2))),
                )
                .await
                .unwrap();

            clock.set(now);
            let due = async || workers::schedules(&mut db.read().await.unwrap()).await.unwrap();
            assert!(due().await.iter().any(|(_, due)| *due > later(now, jump / 2)));
            services.regular.run_due().await.unwrap();
            let schedules = due().await;
            assert!(
                schedules
                    .iter()
                    .all(|(_, due)| *due <= later(now, time::Duration::hours(1) + time::Duration::minutes(16))),
                "{schedules:?}"
            );
            let second = claimed(&services, Queue::Arrivals).await;
            assert_eq!(second.len(), 1);
            assert_ne!(first, second);
            // Whoever held the first is given the time to say that they are still at it.
            clock.set(later(now, LEASE - time::Duration::SECOND));
            assert!(claimed(&services, Queue::Arrivals).await.is_empty());
            clock.set(later(now, LEASE));
            let again = claimed(&services, Queue::Arrivals).await;
            assert!(again.contains(&first[0]), "{again:?}");
            assert!(claimed(&services, Queue::Jobs).await.is_empty());
            services.jobs.cancel(&Actor::operator(), planned.id).await.unwrap();
            services.readiness.check().await.unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_for_its_age_while_the_clock_is_a_year_ahead() {
    on_both(async |db| {
        let now = Clock::system().now();
        let clock = Clock::fixed(now);
        let mut notes_kept = collection("notes");
        notes_kept.retention_days = Some(30);
        let mut young = document(&notes_kept, None, 0, "Young.");
        (young.head.created_at, young.head.updated_at) = (now, now);
        store(db, &notes_kept, &[&young]).await;
        let services = running(db, &clock).await;
        let actor = Actor::operator();
        let job = services.jobs.create(&actor, &notes(), summaries(), None).await.unwrap();
        services.jobs.cancel(&actor, job.id).await.unwrap();

        clock.set(later(now, time::Duration::days(365)));
        services.regular.run_due().await.unwrap();
        let mut arrived = document(&notes_kept, None, 1, "Arrived meanwhile.");
        (arrived.head.created_at, arrived.head.updated_at) = (clock.now(), clock.now());
        let mut tx = write(db).await;
        assert!(documents::insert(&mut tx, &arrived).await.unwrap());
        tx.commit().await.unwrap();
        put(db, piece(&notes_kept, &arrived, clock.now())).await;

        clock.set(later(now, time::Duration::minutes(1)));
        services.regular.run_due().await.unwrap();
        let mut tx = db.read().await.unwrap();
        let left = documents::walk(&mut tx, notes_kept.id, None, 10).await.unwrap();
        assert!(left.iter().any(|one| one.head.id == young.head.id));
        drop(tx);
        let page = PageRequest { limit: 10, after: None };
        let jobs = services.jobs.list(&actor, JobWish::default(), page).await.unwrap();
        assert_eq!(jobs.rows.iter().map(|one| one.id).collect::<Vec<_>>(), [job.id]);
        assert_eq!(claimed(&services, Queue::Arrivals).await.len(), 1);
    })
    .await;
}
