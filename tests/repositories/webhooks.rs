//! Webhooks from a fact to its receiver, on both databases: what is told, signed, tried again, given up, forgotten.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, services_sending, store, taxonomy, write},
    receiver::{Received, Receiver},
};
use sqlx::types::Json;
use standardwebhooks::Webhook as Verifier;
use std::time::Duration;
use synoptic::{
    config::{Auth, Webhooks as Settings, Work},
    db::Db,
    domain::{
        Clock, Error,
        answers::SummaryOptions,
        audit::{Action, AuditFilter},
        automation::{Recipe, Wanted},
        deliveries::{Attempt, Delivery, DeliveryStatus},
        documents::{Document, DocumentFilter},
        engines::EngineChoice,
        etags::Expected,
        identifiers::{DeliveryId, WebhookId},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
        webhooks::{Webhook, WebhookEvent, WebhookFields, WebhookSecret},
        work::{NewWork, Queue, WorkKind},
    },
    jobs::Workers,
    repositories::{deliveries, taxonomies, webhooks, work},
    services::{Services, jobs::NewJob, webhooks::WebhookPatch},
    telemetry::metrics::Metrics,
};
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_mins(1);
const TEXT: &str = "The parcel came late and was wet. I want my money back, please. Nobody answers the telephone.";

fn here() -> Settings {
    Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        allow_http: true,
    }
}

fn serve(db: &Db, settings: &Settings) -> (Services, Workers) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let clock = Clock::system();
    let services = services_sending(db, Auth::default(), &TaskTracker::new(), clock.clone(), settings);
    let work = Work {
        poll_milliseconds: 20,
        ..Work::default()
    };
    let workers = Workers::start(&services, &Metrics::new("test").unwrap(), &clock, &work);
    (services, workers)
}

fn notes() -> NameOrId<synoptic::domain::identifiers::CollectionId> {
    NameOrId::Name("notes".to_owned())
}

async fn listen(services: &Services, url: String, events: &[WebhookEvent], confidence_below: Option<f64>) -> Webhook {
    let fields = WebhookFields {
        name: "Hook".to_owned(),
        url,
        events: events.to_vec(),
        confidence_below,
        enabled: true,
    };
    services
        .webhooks
        .create(&Actor::operator(), &notes(), fields)
        .await
        .unwrap()
}

async fn waited(receiver: &Receiver, path: &'static str, count: usize) -> Vec<Received> {
    let waiting = async {
        loop {
            let found = receiver.at(path);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("{} of {count} came to {path}", receiver.at(path).len()))
}

/// Waits until nothing is on its way to a webhook.
async fn settled(services: &Services, webhook: &Webhook, count: usize) -> Vec<Delivery> {
    let waiting = async {
        loop {
            let rows = all(services, webhook).await;
            if rows.len() >= count && rows.iter().all(|row| row.status != DeliveryStatus::Pending) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it settles")
}

async fn all(services: &Services, webhook: &Webhook) -> Vec<Delivery> {
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let page = services
        .webhooks
        .deliveries(&Actor::operator(), &notes(), webhook.id, None, page)
        .await;
    page.unwrap().rows
}

fn verify(secret: &WebhookSecret, received: &Received) {
    let verifier = Verifier::new(secret.reveal()).unwrap();
    verifier.verify(received.body.as_bytes(), &received.headers).unwrap();
    assert!(verifier.verify(b"{}", &received.headers).is_err());
}

async fn one_note(db: &Db) -> Document {
    let notes = collection("notes");
    let note = document(&notes, Some("n1"), 1, TEXT);
    store(db, &notes, &[&note]).await;
    let mut tx = write(db).await;
    taxonomies::insert(&mut tx, &taxonomy("topics")).await.unwrap();
    tx.commit().await.unwrap();
    note
}

fn classify() -> NewJob {
    NewJob::Analyze {
        filter: DocumentFilter::default(),
        recipe: Recipe {
            what: Wanted::Classification {
                taxonomy: NameOrId::Name("topics".to_owned()),
                version: None,
                threshold: None,
                multi_label: false,
                rationale: false,
            },
            engine: EngineChoice::Embedded,
        },
    }
}

fn summarize(engine: EngineChoice) -> NewJob {
    NewJob::Analyze {
        filter: DocumentFilter::default(),
        recipe: Recipe {
            what: Wanted::Summary(SummaryOptions::default()),
            engine,
        },
    }
}

async fn begin(services: &Services, new: NewJob) {
    let operator = Actor::operator();
    services.jobs.create(&operator, &notes(), new, None).await.unwrap();
}

#[tokio::test]
async fn what_happens_is_told_signed_and_told_again_until_it_is_taken() {
    on_both(async |db| {
        let note = one_note(db).await;
        let receiver = Receiver::start();
        let (services, workers) = serve(db, &here());
        let all_events = [
            WebhookEvent::AnalysisDone,
            WebhookEvent::LowConfidence,
            WebhookEvent::JobFinished,
        ];
        let hook = listen(&services, receiver.url("/all"), &all_events, Some(1.0)).await;
        let failing = listen(
            &services,
            receiver.url("/failed"),
            &[WebhookEvent::AnalysisFailed],
            None,
        )
        .await;
        let flaky = listen(&services, receiver.url("/flaky"), &[WebhookEvent::JobFinished], None).await;
        begin(&services, classify()).await;
        let came = waited(&receiver, "/all", 3).await;
        let mut kinds: Vec<String> = came
            .iter()
            .map(|one| one.json()["type"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        assert_eq!(kinds, ["analysis.done", "analysis.low_confidence", "job.finished"]);
        for one in &came {
            verify(&hook.secret, one);
            assert!(!one.body.contains("parcel"), "{}", one.body);
            assert_eq!(one.header("content-type"), "application/json");
        }
        let done = came.iter().find(|one| one.json()["type"] == "analysis.done").unwrap();
        let done = done.json();
        assert_eq!(done["data"]["document_id"], note.head.id.to_string());
        assert_eq!(done["data"]["kind"], "classification");
        let job = came.iter().find(|one| one.json()["type"] == "job.finished").unwrap();
        let job = job.json();
        assert_eq!(
            (&job["data"]["status"], &job["data"]["done"]),
            (&"succeeded".into(), &1.into())
        );
        // The second attempt is the first one again.
        let tries = waited(&receiver, "/flaky", 2).await;
        assert_eq!(tries[0].header("webhook-id"), tries[1].header("webhook-id"));
        assert_eq!(tries[0].body, tries[1].body);
        verify(&flaky.secret, &tries[1]);
        let rows = settled(&services, &flaky, 1).await;
        assert_eq!(rows[0].status, DeliveryStatus::Delivered);
        let statuses: Vec<_> = rows[0]
            .log
            .iter()
            .map(|one| (one.status, one.fault.as_deref()))
            .collect();
        assert_eq!(statuses, [(Some(500), Some("http_status")), (Some(200), None)]);
        // What fails is told, too.
        begin(&services, summarize(EngineChoice::parse("nobody").unwrap())).await;
        let told = waited(&receiver, "/failed", 1).await;
        verify(&failing.secret, &told[0]);
        assert_eq!(told[0].json()["type"], "analysis.failed");
        assert_eq!(told[0].json()["data"]["document_id"], note.head.id.to_string());
        // With the document goes what was told of it.
        settled(&services, &hook, 4).await;
        let about = async || {
            let rows = all(&services, &hook).await;
            rows.iter().filter(|row| row.document_id.is_some()).count()
        };
        assert_eq!(about().await, 2);
        services
            .documents
            .delete(&Actor::operator(), &notes(), &note.head.id.to_string(), &Expected::Any)
            .await
            .unwrap();
        assert_eq!(about().await, 0);
        assert!(all(&services, &hook).await.len() >= 2);
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn two_secrets_sign_after_one_was_made_anew() {
    on_both(async |db| {
        one_note(db).await;
        let receiver = Receiver::start();
        let (services, workers) = serve(db, &here());
        let operator = Actor::operator();
        let hook = listen(&services, receiver.url("/hook"), &[WebhookEvent::JobFinished], None).await;
        let rotated = services
            .webhooks
            .rotate(&operator, &notes(), hook.id, &Expected::Any)
            .await
            .unwrap();
        assert_ne!(rotated.secret, hook.secret);
        services.webhooks.test(&operator, &notes(), hook.id).await.unwrap();
        let came = waited(&receiver, "/hook", 1).await;
        assert_eq!(came[0].header("webhook-signature").split(' ').count(), 2);
        verify(&rotated.secret, &came[0]);
        verify(&hook.secret, &came[0]);
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_it_is_enabled() {
    on_both(async |db| {
        one_note(db).await;
        let receiver = Receiver::start();
        let (services, workers) = serve(db, &here());
        let operator = Actor::operator();
        let hook = listen(&services, receiver.url("/gone"), &[WebhookEvent::JobFinished], None).await;
        services.webhooks.test(&operator, &notes(), hook.id).await.unwrap();
        let rows = settled(&services, &hook, 1).await;
        assert_eq!(rows[0].status, DeliveryStatus::Failed);
        let disabled = services.webhooks.get(&operator, &notes(), hook.id).await.unwrap();
        assert!(!disabled.enabled && disabled.version == 2);
        assert!(disabled.disabled_reason.unwrap().contains("410"));
        let page = PageRequest { limit: 10, after: None };
        let filter = AuditFilter {
            action: Some(Action::WebhookDisabled),
            ..AuditFilter::default()
        };
        let trail = services.audit.list(&filter, page).await.unwrap().rows;
        assert_eq!((trail.len(), trail[0].actor_name.as_str()), (1, "automation"));
        let refused = services.webhooks.replay(&operator, &notes(), hook.id, rows[0].id).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        // At another address it is delivered, under the same id.
        let patch = WebhookPatch {
            enabled: Some(true),
            url: Some(receiver.url("/moved")),
            ..WebhookPatch::default()
        };
        services
            .webhooks
            .update(&operator, &notes(), hook.id, &Expected::Any, patch)
            .await
            .unwrap();
        let again = services
            .webhooks
            .replay_failed(&operator, &notes(), hook.id, at(0))
            .await
            .unwrap();
        assert_eq!(again, 1);
        let came = waited(&receiver, "/moved", 1).await;
        assert_eq!(came[0].header("webhook-id"), rows[0].id.to_string());
        let rows = settled(&services, &hook, 1).await;
        assert_eq!(rows[0].status, DeliveryStatus::Delivered);
        assert_eq!(
            rows[0].log.iter().map(|one| one.status).collect::<Vec<_>>(),
            [Some(410), Some(200)]
        );
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn a_webhook_is_disabled_when_five_in_a_row_were_given_up() {
    on_both(async |db| {
        one_note(db).await;
        let receiver = Receiver::start();
        let (services, workers) = serve(db, &here());
        let operator = Actor::operator();
        let hook = listen(&services, receiver.url("/broken"), &[WebhookEvent::JobFinished], None).await;
        // Each has one attempt left.
        let last = |seconds| Delivery {
            attempts: 8,
            ..delivery(&hook, DeliveryStatus::Pending, seconds)
        };
        let send = async |rows: Vec<Delivery>| {
            let works: Vec<NewWork> = rows
                .iter()
                .map(|row| NewWork {
                    queue: Queue::Deliveries,
                    collection: hook.collection_id,
                    kind: WorkKind::Deliver,
                    job: None,
                    document: None,
                    rule: None,
                    payload: serde_json::json!({"delivery": row.id, "turn": row.turn}),
                    due_at: at(0),
                })
                .collect();
            let mut tx = write(db).await;
            deliveries::insert(&mut tx, &rows).await.unwrap();
            work::insert(&mut tx, &works).await.unwrap();
            tx.commit().await.unwrap();
        };
        send((1..=4).map(last).collect()).await;
        let rows = settled(&services, &hook, 4).await;
        assert!(
            rows.iter()
                .all(|row| row.status == DeliveryStatus::Failed && row.next_at.is_none())
        );
        let four = services.webhooks.get(&operator, &notes(), hook.id).await.unwrap();
        assert_eq!((four.enabled, four.given_up), (true, 4));
        send(vec![last(5)]).await;
        settled(&services, &hook, 5).await;
        let five = services.webhooks.get(&operator, &notes(), hook.id).await.unwrap();
        assert_eq!((five.enabled, five.given_up), (false, 5));
        assert!(five.disabled_reason.unwrap().contains("5 deliveries in a row"));
        // What was still waiting is not sent, and counts for nothing.
        send(vec![last(6)]).await;
        let rows = settled(&services, &hook, 6).await;
        let newest = rows.iter().find(|row| row.created_at == at(6)).unwrap();
        assert_eq!(newest.log.last().unwrap().fault.as_deref(), Some("disabled"));
        assert_eq!(receiver.at("/broken").len(), 5);
        let patch = WebhookPatch {
            enabled: Some(true),
            ..WebhookPatch::default()
        };
        let again = services
            .webhooks
            .update(&operator, &notes(), hook.id, &Expected::Any, patch)
            .await
            .unwrap();
        assert_eq!((again.enabled, again.given_up, again.disabled_reason), (true, 0, None));
        workers.drain(PATIENCE).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_to_this_machine_and_no_redirect_is_followed() {
    on_both(async |db| {
        one_note(db).await;
        let receiver = Receiver::start();
        let (strict, workers) = serve(db, &Settings::default());
        let operator = Actor::operator();
        let fields = |url: String| WebhookFields {
            name: "Hook".to_owned(),
            url,
            events: vec![WebhookEvent::JobFinished],
            confidence_below: None,
            enabled: true,
        };
        for (url, word) in [
            (receiver.url("/x"), "https"),
            ("https://127.0.0.1/".to_owned(), "no public address"),
            ("https://[::ffff:127.0.0.1]/".to_owned(), "no public address"),
            ("https://169.254.169.254/".to_owned(), "no public address"),
        ] {
            let refused = strict.webhooks.create(&operator, &notes(), fields(url)).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("/url") && refused.contains(word), "{refused}");
        }
        // A name shows what it means when it is resolved.
        let local = format!("https://localhost:{}/x", receiver.address.port());
        let hook = strict
            .webhooks
            .create(&operator, &notes(), fields(local))
            .await
            .unwrap();
        strict.webhooks.test(&operator, &notes(), hook.id).await.unwrap();
        let first = async {
            loop {
                if let Some(attempt) = all(&strict, &hook).await[0].log.first() {
                    return attempt.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let attempt = tokio::time::timeout(PATIENCE, first).await.unwrap();
        assert_eq!(
            (attempt.status, attempt.fault.as_deref()),
            (None, Some("address_refused"))
        );
        workers.drain(PATIENCE).await;
        let (services, workers) = serve(db, &here());
        // Where this machine is allowed, its name leads to the port that was given.
        let named = format!("http://localhost:{}/named", receiver.address.port());
        let hook = listen(&services, named, &[WebhookEvent::JobFinished], None).await;
        services.webhooks.test(&operator, &notes(), hook.id).await.unwrap();
        waited(&receiver, "/named", 1).await;
        let hook = listen(&services, receiver.url("/redirect"), &[WebhookEvent::JobFinished], None).await;
        services.webhooks.test(&operator, &notes(), hook.id).await.unwrap();
        waited(&receiver, "/redirect", 1).await;
        let logged = async {
            while all(&services, &hook).await[0].log.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, logged).await.unwrap();
        let row = all(&services, &hook).await.remove(0);
        assert_eq!(row.log[0].fault.as_deref(), Some("redirect"));
        assert_eq!(row.status, DeliveryStatus::Pending);
        assert_eq!(receiver.at("/redirected").len() + receiver.at("/x").len(), 0);
        workers.drain(PATIENCE).await;
    })
    .await;
}

fn webhook(of: synoptic::domain::identifiers::CollectionId) -> Webhook {
    Webhook {
        id: WebhookId::generate(),
        collection_id: of,
        name: "Ümläüte, 漢字 & 'quotes'".to_owned(),
        url: "https://hooks.example/ü".to_owned(),
        events: Json(vec![WebhookEvent::AnalysisDone, WebhookEvent::JobFinished]),
        confidence_below: Some(0.25),
        secret: WebhookSecret::generate(),
        old_secret: Some(WebhookSecret::generate()),
        old_secret_until: Some(at(9)),
        enabled: true,
        disabled_reason: None,
        given_up: 0,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn delivery(webhook: &Webhook, status: DeliveryStatus, seconds: u32) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        webhook_id: webhook.id,
        document_id: None,
        event: WebhookEvent::JobFinished,
        payload: r#"{"b": 1,  "a": "ß"}"#.to_owned(),
        status,
        turn: 1,
        attempts: 1,
        log: Json(vec![Attempt {
            at: at(seconds),
            status: Some(503),
            duration_ms: 12,
            fault: Some("http_status".to_owned()),
        }]),
        next_at: (status == DeliveryStatus::Pending).then(|| at(seconds)),
        created_at: at(seconds),
        ended_at: None,
    }
}

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let hook = webhook(notes.id);
        let mut tx = write(db).await;
        assert!(webhooks::insert(&mut tx, &hook).await.unwrap());
        assert!(!webhooks::insert(&mut tx, &hook).await.unwrap());
        assert_eq!(webhooks::find(&mut tx, hook.id).await.unwrap().as_ref(), Some(&hook));
        assert_eq!(webhooks::count(&mut tx, notes.id).await.unwrap(), 1);
        let next = Webhook {
            version: 2,
            confidence_below: None,
            old_secret: None,
            old_secret_until: None,
            ..hook.clone()
        };
        assert!(webhooks::update(&mut tx, &next).await.unwrap());
        assert!(!webhooks::update(&mut tx, &next).await.unwrap());
        assert_eq!(
            webhooks::list(&mut tx, notes.id, None, 5).await.unwrap(),
            std::slice::from_ref(&next)
        );
        assert_eq!(webhooks::list(&mut tx, notes.id, Some(hook.id), 5).await.unwrap(), []);
        assert_eq!(webhooks::gave_up(&mut tx, hook.id).await.unwrap(), Some(1));
        assert_eq!(webhooks::gave_up(&mut tx, hook.id).await.unwrap(), Some(2));
        webhooks::succeeded(&mut tx, hook.id).await.unwrap();
        assert_eq!(webhooks::gave_up(&mut tx, hook.id).await.unwrap(), Some(1));
        assert_eq!(webhooks::gave_up(&mut tx, WebhookId::generate()).await.unwrap(), None);
        assert_eq!(webhooks::enabled(&mut tx, notes.id).await.unwrap().len(), 1);
        assert!(webhooks::disable(&mut tx, hook.id, "why", at(6)).await.unwrap());
        assert!(!webhooks::disable(&mut tx, hook.id, "why", at(6)).await.unwrap());
        assert_eq!(webhooks::enabled(&mut tx, notes.id).await.unwrap(), []);
        let old = delivery(&hook, DeliveryStatus::Failed, 1);
        let new = delivery(&hook, DeliveryStatus::Pending, 100);
        deliveries::insert(&mut tx, &[old.clone(), new.clone()]).await.unwrap();
        assert_eq!(deliveries::find(&mut tx, old.id).await.unwrap().as_ref(), Some(&old));
        assert_eq!(deliveries::lock(&mut tx, new.id).await.unwrap().as_ref(), Some(&new));
        let listed = deliveries::list(&mut tx, hook.id, None, None, 5).await.unwrap();
        assert_eq!(listed, [new.clone(), old.clone()]);
        let failed = Some(DeliveryStatus::Failed);
        assert_eq!(
            deliveries::list(&mut tx, hook.id, failed, None, 5).await.unwrap(),
            std::slice::from_ref(&old)
        );
        assert_eq!(
            deliveries::list(&mut tx, hook.id, None, Some(new.id), 5).await.unwrap(),
            std::slice::from_ref(&old)
        );
        assert_eq!(
            deliveries::failed_since(&mut tx, hook.id, at(1), 5).await.unwrap(),
            std::slice::from_ref(&old)
        );
        assert_eq!(deliveries::failed_since(&mut tx, hook.id, at(2), 5).await.unwrap(), []);
        let again = Delivery { turn: 2, ..old.clone() };
        assert!(deliveries::update(&mut tx, &again, 1).await.unwrap());
        assert!(!deliveries::update(&mut tx, &again, 1).await.unwrap());
        assert_eq!(deliveries::abandon(&mut tx, at(100), at(200)).await.unwrap(), 0);
        assert_eq!(deliveries::abandon(&mut tx, at(101), at(200)).await.unwrap(), 1);
        assert_eq!(deliveries::forget(&mut tx, at(50), 10).await.unwrap(), 1);
        webhooks::delete(&mut tx, hook.id).await.unwrap();
        assert_eq!(deliveries::find(&mut tx, new.id).await.unwrap(), None);
        tx.commit().await.unwrap();
    })
    .await;
}
