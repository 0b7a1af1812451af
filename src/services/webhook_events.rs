//! What webhooks are told: a delivery for each webhook that wants it, and a piece of work that sends it, in the transaction that stores
//! the fact. No text of a document and none that was written about one is in a payload.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        analyses::{Analysis, AnalysisOutput},
        deliveries::{Delivery, DeliveryStatus},
        identifiers::{CollectionId, DeliveryId, DocumentId},
        jobs::{Job, JobStatus},
        webhooks::{Webhook, WebhookEvent},
        work::{Claimed, NewWork, Queue, WorkKind},
    },
    repositories::{deliveries, documents, webhooks, work},
};
use serde_json::{Value, json};
use sqlx::types::Json;
use std::collections::{BTreeMap, HashMap, btree_map::Entry};

/// Tells of answers about documents; says whether anybody is told.
pub(super) async fn tell_of_analyses(tx: &mut Tx, analyses: &[&Analysis], now: Timestamp) -> Result<bool> {
    let documents: Vec<DocumentId> = analyses.iter().filter_map(|analysis| analysis.document_id).collect();
    if documents.is_empty() {
        return Ok(false);
    }
    let places: HashMap<DocumentId, CollectionId> = webhooks::of_documents(tx, &documents).await?.into_iter().collect();
    let mut listeners: BTreeMap<CollectionId, Vec<Webhook>> = BTreeMap::new();
    let mut told = Vec::new();
    for analysis in analyses {
        let place = analysis.document_id.and_then(|id| places.get(&id).copied());
        let Some(collection) = place else {
            continue;
        };
        let listening = match listeners.entry(collection) {
            Entry::Vacant(unknown) => unknown.insert(webhooks::enabled(tx, collection).await?),
            Entry::Occupied(known) => known.into_mut(),
        };
        for webhook in listening.iter() {
            for event in [WebhookEvent::AnalysisDone, WebhookEvent::LowConfidence] {
                let applies = event == WebhookEvent::AnalysisDone || is_doubtful(analysis, webhook.confidence_below);
                if applies && webhook.wants(event) {
                    let data = of_analysis(analysis, collection, webhook, event);
                    told.push((collection, delivery(webhook, event, analysis.document_id, &data, now)));
                }
            }
        }
    }
    send(tx, told, now).await
}

/// Below what the webhook says; without one, when no label was given for that reason.
fn is_doubtful(analysis: &Analysis, threshold: Option<f64>) -> bool {
    let AnalysisOutput::Classification(answer) = &analysis.output.0 else {
        return false;
    };
    match (threshold, answer.confidence) {
        (Some(threshold), Some(confidence)) => confidence < threshold,
        _ => answer.abstained.is_some(),
    }
}

fn of_analysis(analysis: &Analysis, collection: CollectionId, webhook: &Webhook, event: WebhookEvent) -> Value {
    let mut data = json!({
        "collection_id": collection,
        "document_id": analysis.document_id,
        "document_version": analysis.document_version,
        "analysis_id": analysis.id,
        "kind": analysis.kind,
        "engine": analysis.engine,
        "model": analysis.model,
        "degraded": analysis.degraded,
    });
    if let AnalysisOutput::Classification(answer) = &analysis.output.0 {
        data["taxonomy_id"] = json!(analysis.taxonomy_id);
        data["taxonomy_version"] = json!(analysis.taxonomy_version);
        data["label"] = json!(answer.label);
        data["labels"] = json!(answer.labels);
        data["confidence"] = json!(answer.confidence);
        data["abstained"] = json!(answer.abstained);
        if event == WebhookEvent::LowConfidence {
            data["confidence_below"] = json!(webhook.confidence_below.unwrap_or(answer.threshold));
        }
    }
    data
}

/// Who is to be told when this piece has failed for good. Whoever is to be told of a document holds it from here on, before the piece, as
/// whoever deletes it does.
pub(super) async fn listeners_to_failure(tx: &mut Tx, claimed: &Claimed) -> Result<Vec<Webhook>> {
    let (Some(collection), WorkKind::Analyze) = (claimed.collection, claimed.kind) else {
        return Ok(Vec::new());
    };
    let mut listeners = webhooks::enabled(tx, collection).await?;
    listeners.retain(|webhook| webhook.wants(WebhookEvent::AnalysisFailed));
    if let (false, Some(document)) = (listeners.is_empty(), claimed.document_id)
        && !documents::hold(tx, document).await?
    {
        listeners.clear();
    }
    Ok(listeners)
}

/// Tells them that it has failed.
pub(super) async fn tell_of_failure(
    tx: &mut Tx,
    listeners: &[Webhook],
    claimed: &Claimed,
    code: &str,
    now: Timestamp,
) -> Result<bool> {
    let told = listeners.iter().map(|webhook| {
        let data = json!({
            "collection_id": webhook.collection_id,
            "document_id": claimed.document_id,
            "job_id": claimed.job_id,
            "rule": claimed.rule,
            "work_id": claimed.id,
            "code": code,
        });
        let event = WebhookEvent::AnalysisFailed;
        (
            webhook.collection_id,
            delivery(webhook, event, claimed.document_id, &data, now),
        )
    });
    send(tx, told.collect(), now).await
}

/// Tells that a job has ended.
pub(super) async fn tell_of_job(tx: &mut Tx, job: &Job, status: JobStatus, now: Timestamp) -> Result<bool> {
    let listeners = webhooks::enabled(tx, job.collection_id).await?;
    let event = WebhookEvent::JobFinished;
    let told = listeners.iter().filter(|webhook| webhook.wants(event)).map(|webhook| {
        let data = json!({
            "collection_id": job.collection_id,
            "job_id": job.id,
            "kind": job.kind,
            "status": status,
            "total": job.total,
            "done": job.done,
            "unchanged": job.unchanged,
            "refused": job.refused,
            "failed": job.failed,
        });
        (job.collection_id, delivery(webhook, event, None, &data, now))
    });
    send(tx, told.collect(), now).await
}

/// Something to be told to a webhook.
pub(super) fn delivery(
    webhook: &Webhook,
    event: WebhookEvent,
    document_id: Option<DocumentId>,
    data: &Value,
    now: Timestamp,
) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        webhook_id: webhook.id,
        document_id,
        event,
        payload: json!({"type": event, "timestamp": now, "data": data}).to_string(),
        status: DeliveryStatus::Pending,
        turn: 1,
        attempts: 0,
        log: Json(Vec::new()),
        next_at: Some(now),
        created_at: now,
        ended_at: None,
    }
}

/// Stores deliveries and the work of sending them; says whether there are any.
pub(super) async fn send(tx: &mut Tx, told: Vec<(CollectionId, Delivery)>, now: Timestamp) -> Result<bool> {
    if told.is_empty() {
        return Ok(false);
    }
    let works: Vec<NewWork> = told
        .iter()
        .map(|(collection, delivery)| work_of(*collection, delivery, now))
        .collect();
    let rows: Vec<Delivery> = told.into_iter().map(|(_, delivery)| delivery).collect();
    deliveries::insert(tx, &rows).await?;
    work::insert(tx, &works).await?;
    Ok(true)
}

/// The piece of work that sends a delivery. It knows the turn: when the delivery is sent anew meanwhile, it does nothing.
pub(super) fn work_of(collection: CollectionId, delivery: &Delivery, due_at: Timestamp) -> NewWork {
    NewWork {
        queue: Queue::Deliveries,
        collection,
        kind: WorkKind::Deliver,
        job: None,
        document: None,
        rule: None,
        payload: json!({"delivery": delivery.id, "turn": delivery.turn}),
        due_at,
    }
}
