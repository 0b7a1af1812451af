//! `repositories::work` and what `services::work` makes of it: lanes, leases, ends.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, services_at, store, write},
};
use serde_json::json;
use std::time::Duration;
use synoptic::{
    config::Auth,
    db::Db,
    domain::{
        Clock, Error, Timestamp,
        collections::Collection,
        documents::Document,
        principal::Reach,
        work::{LEASE, MOST_ATTEMPTS, NewWork, Queue, WorkKind, WorkStatus},
    },
    repositories::{work, work_lists},
    services::work::{Done, WorkQueue},
};
use tokio_util::task::TaskTracker;

fn piece(collection: &Collection, document: &Document, rule: Option<&str>, due: Timestamp) -> NewWork {
    NewWork {
        queue: Queue::Arrivals,
        collection: collection.id,
        kind: WorkKind::Analyze,
        job: None,
        document: Some(document.id),
        rule: rule.map(str::to_owned),
        payload: json!({}),
        due_at: due,
    }
}

async fn put(db: &Db, works: &[NewWork]) {
    let mut tx = write(db).await;
    work::insert(&mut tx, works).await.unwrap();
    tx.commit().await.unwrap();
}

fn queue(db: &Db, clock: &Clock) -> WorkQueue {
    services_at(db, Auth::default(), &TaskTracker::new(), clock.clone())
        .work
        .clone()
}

fn later(time: Timestamp, span: time::Duration) -> Timestamp {
    Timestamp::new(time.as_offset_date_time() + span)
}

#[tokio::test]
async fn a_small_collection_does_not_wait_for_a_large_one() {
    on_both(async |db| {
        let clock = Clock::fixed(at(100));
        let (large, small) = (collection("large"), collection("small"));
        let many: Vec<Document> = (0..50).map(|second| document(&large, None, second, "x")).collect();
        store(db, &large, &many.iter().collect::<Vec<_>>()).await;
        let few = document(&small, None, 60, "x");
        store(db, &small, &[&few]).await;
        let works: Vec<NewWork> = many
            .iter()
            .map(|one| piece(&large, one, Some("a"), one.created_at))
            .collect();
        put(db, &works).await;
        put(db, &[piece(&small, &few, Some("a"), at(60))]).await;
        let queue = queue(db, &clock);
        let mut order = Vec::new();
        while let Some(batch) = queue.claim(Queue::Arrivals, 10).await.unwrap() {
            let documents: Vec<_> = batch.works.iter().map(|one| one.document_id.unwrap()).collect();
            assert!(
                batch
                    .works
                    .iter()
                    .all(|one| one.collection == batch.works[0].collection)
            );
            order.push(documents);
            clock.set(later(clock.now(), time::Duration::seconds(1)));
            for one in &batch.works {
                assert_eq!(queue.end(&[(one.claim(), Done::default())]).await.unwrap(), [true]);
            }
        }
        // The first ten of the large one, then the small one's, then the rest; each collection in order of arrival.
        assert_eq!(order[1], [few.id]);
        let of_large: Vec<_> = order.into_iter().flatten().filter(|id| *id != few.id).collect();
        assert_eq!(of_large, many.iter().map(|one| one.id).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_over_cannot_be_ended_by_whoever_was_late() {
    on_both(async |db| {
        let clock = Clock::fixed(at(100));
        let notes = collection("notes");
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        put(db, &[piece(&notes, &note, Some("a"), at(0))]).await;
        let queue = queue(db, &clock);
        let first = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert!(queue.claim(Queue::Arrivals, 10).await.unwrap().is_none(), "it is held");
        // Whoever renews keeps it.
        clock.set(later(at(100), LEASE - time::Duration::SECOND));
        assert_eq!(queue.renew(first.lease).await.unwrap(), 1);
        clock.set(later(at(100), LEASE + time::Duration::SECOND));
        assert!(queue.claim(Queue::Arrivals, 10).await.unwrap().is_none());
        clock.set(later(clock.now(), LEASE));
        let second = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert_eq!((second.works[0].id, second.works[0].attempts), (first.works[0].id, 2));
        assert_eq!(queue.renew(first.lease).await.unwrap(), 0);
        assert_eq!(
            queue.end(&[(first.works[0].claim(), Done::default())]).await.unwrap(),
            [false]
        );
        assert_eq!(
            queue.end(&[(second.works[0].claim(), Done::default())]).await.unwrap(),
            [true]
        );
        assert_eq!(
            queue.end(&[(second.works[0].claim(), Done::default())]).await.unwrap(),
            [false]
        );
        let states = work_lists::rule_states(&mut db.read().await.unwrap(), &[note.id])
            .await
            .unwrap();
        assert_eq!(
            states.iter().map(|one| one.status).collect::<Vec<_>>(),
            [WorkStatus::Done]
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_has_a_rule_begin_anew_and_the_old_attempt_is_void() {
    on_both(async |db| {
        let clock = Clock::fixed(at(100));
        let notes = collection("notes");
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        put(
            db,
            &[
                piece(&notes, &note, Some("a"), at(0)),
                piece(&notes, &note, Some("b"), at(0)),
            ],
        )
        .await;
        let queue = queue(db, &clock);
        let first = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert_eq!(first.works.len(), 2);
        put(db, &[piece(&notes, &note, Some("a"), at(100))]).await;
        let ended: Vec<_> = first.works.iter().map(|one| (one.claim(), Done::default())).collect();
        let held = queue.end(&ended).await.unwrap();
        let is_a: Vec<bool> = first.works.iter().map(|one| one.rule.as_deref() == Some("a")).collect();
        assert_eq!(held, is_a.iter().map(|a| !a).collect::<Vec<_>>());
        let again = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert_eq!((again.works.len(), again.works[0].attempts), (1, 1));
        // Giving back costs no attempt.
        queue.give_back(&again.works).await.unwrap();
        let again = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert_eq!(again.works[0].attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn what_passes_is_tried_again_later_and_what_does_not_is_listed_with_the_reason() {
    on_both(async |db| {
        let clock = Clock::fixed(at(100));
        let (notes, other) = (collection("notes"), collection("other"));
        let (one, two) = (document(&notes, None, 0, "x"), document(&notes, None, 1, "x"));
        store(db, &notes, &[&one, &two]).await;
        store(db, &other, &[]).await;
        put(
            db,
            &[
                piece(&notes, &one, Some("a"), at(0)),
                piece(&notes, &two, Some("a"), at(1)),
            ],
        )
        .await;
        let queue = queue(db, &clock);
        let passing = Error::Upstream {
            message: "the model is away".into(),
            retry_after: Some(Duration::from_secs(30)),
        };
        let lasting = Error::invalid("/engine", "names no engine");
        let batch = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        queue
            .fail(&[(&batch.works[0], &passing), (&batch.works[1], &lasting)])
            .await
            .unwrap();
        assert!(queue.claim(Queue::Arrivals, 10).await.unwrap().is_none());
        let failed = async || {
            let mut tx = db.read().await.unwrap();
            work_lists::failed(&mut tx, &Reach::Everything, None, None, 10)
                .await
                .unwrap()
        };
        let listed = failed().await;
        assert_eq!(
            (listed.len(), listed[0].document_id, listed[0].code.as_deref()),
            (1, Some(two.id), Some("invalid"))
        );
        assert!(listed[0].reason.as_deref().unwrap().contains("names no engine"));
        let mut tx = db.read().await.unwrap();
        for (reach, within, count) in [
            (Reach::only([other.id]), None, 0),
            (Reach::only([notes.id]), None, 1),
            (Reach::Everything, Some(other.id), 0),
            (Reach::Everything, Some(notes.id), 1),
        ] {
            let listed = work_lists::failed(&mut tx, &reach, within, None, 10).await.unwrap();
            assert_eq!(listed.len(), count);
        }
        drop(tx);
        // As long as the provider said, and each time longer, up to the last attempt.
        for attempt in 2..=MOST_ATTEMPTS {
            clock.set(later(clock.now(), time::Duration::minutes(11)));
            let batch = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
            assert_eq!(batch.works[0].attempts, attempt);
            queue.fail(&[(&batch.works[0], &passing)]).await.unwrap();
        }
        assert_eq!(failed().await.len(), 2);
        let mut tx = write(db).await;
        assert!(work::retry(&mut tx, batch.works[0].id, clock.now()).await.unwrap());
        assert!(!work::retry(&mut tx, batch.works[0].id, clock.now()).await.unwrap());
        tx.commit().await.unwrap();
        let batch = queue.claim(Queue::Arrivals, 10).await.unwrap().unwrap();
        assert_eq!((batch.works.len(), batch.works[0].attempts), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_crashes_whoever_takes_it_up_is_given_up_in_the_end() {
    on_both(async |db| {
        let clock = Clock::fixed(at(100));
        let notes = collection("notes");
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        put(db, &[piece(&notes, &note, Some("a"), at(0))]).await;
        let queue = queue(db, &clock);
        for _ in 0..MOST_ATTEMPTS {
            assert!(queue.claim(Queue::Arrivals, 1).await.unwrap().is_some());
            clock.set(later(clock.now(), LEASE + time::Duration::SECOND));
        }
        assert!(queue.claim(Queue::Arrivals, 1).await.unwrap().is_none());
        let states = work_lists::rule_states(&mut db.read().await.unwrap(), &[note.id])
            .await
            .unwrap();
        assert_eq!(
            (states[0].status, states[0].code.as_deref()),
            (WorkStatus::Failed, Some("abandoned"))
        );
        // The server's own trouble is no attempt.
        let mut tx = write(db).await;
        let listed = work_lists::failed(&mut tx, &Reach::Everything, None, None, 1)
            .await
            .unwrap();
        work::retry(&mut tx, listed[0].id, clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let away = Error::Unavailable {
            message: "away".into(),
            source: None,
        };
        for _ in 0..3 * MOST_ATTEMPTS {
            let batch = queue.claim(Queue::Arrivals, 1).await.unwrap().unwrap();
            assert_eq!(batch.works[0].attempts, 1);
            queue.fail(&[(&batch.works[0], &away)]).await.unwrap();
            clock.set(later(clock.now(), time::Duration::minutes(11)));
        }
        let depth = queue.depth().await.unwrap();
        let arrivals = depth.iter().find(|(queue, ..)| *queue == Queue::Arrivals).unwrap();
        assert_eq!(arrivals.1, 1);
    })
    .await;
}
