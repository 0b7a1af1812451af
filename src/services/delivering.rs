//! Sends what webhooks are told. Of one webhook, one batch is sent at a time in this process, and for a few seconds only: a receiver that
//! is slow stands in nobody's way but its own. An attempt and what follows from it are stored in one transaction with the end of
//! its piece of work; a server that is killed in between sends it once more, under the same id.

use super::{
    acting::automation_of,
    audit,
    deliveries::current,
    webhooks::event,
    work::{Done, Ends, WorkQueue, after},
};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result, Timestamp,
        audit::Action,
        deliveries::{Attempt, Delivery, DeliveryStatus, pause_after},
        identifiers::{DeliveryId, WebhookId},
        webhooks::{MOST_GIVEN_UP, Webhook, WebhookEvent},
        work::Claimed,
    },
    outbound::{Outcome, Sender},
    repositories::{deliveries, webhooks, work},
    telemetry::metrics::Metrics,
};
use futures_util::{
    StreamExt,
    future::{BoxFuture, join_all},
    stream,
};
use poem::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde::Deserialize;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many requests to one webhook are under way at once.
const AT_ONCE: usize = 4;
/// After how long no more of a batch is begun for one webhook.
const MAY_TAKE: Duration = Duration::from_secs(5);
/// How long what was not begun waits.
const LATER: time::Duration = time::Duration::seconds(1);

/// What a piece of work says.
#[derive(Deserialize)]
struct Order {
    delivery: DeliveryId,
    turn: i64,
}

#[derive(Clone)]
pub struct Delivering {
    db: Db,
    clock: Clock,
    work: WorkQueue,
    sender: Sender,
    metrics: Metrics,
    busy: Arc<Mutex<HashSet<WebhookId>>>,
}

/// The right to send to a webhook.
struct Turn {
    busy: Arc<Mutex<HashSet<WebhookId>>>,
    webhook: WebhookId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.webhook);
    }
}

type Failed<'a> = Vec<(&'a Claimed, Error)>;

impl Delivering {
    #[must_use]
    pub fn new(db: Db, clock: Clock, work: WorkQueue, sender: Sender, metrics: Metrics) -> Self {
        Self {
            db,
            clock,
            work,
            sender,
            metrics,
            busy: Arc::default(),
        }
    }

    /// Sends what these pieces are about; returns those that could not be ended, each with its error.
    pub async fn deliver<'a>(&self, works: &'a [Claimed]) -> Failed<'a> {
        let mut failed = Vec::new();
        let mut of_webhooks: BTreeMap<WebhookId, Vec<(&Claimed, Delivery)>> = BTreeMap::new();
        for work in works {
            match self.look_up(work).await {
                Ok(Some(delivery)) => of_webhooks
                    .entry(delivery.webhook_id)
                    .or_default()
                    .push((work, delivery)),
                Ok(None) => failed.extend(self.end(work).await.err().map(|error| (work, error))),
                Err(error) => failed.push((work, error)),
            }
        }
        let each: Vec<_> = of_webhooks
            .into_iter()
            .map(|(id, some)| self.to_one(id, some))
            .collect();
        failed.extend(join_all(each).await.into_iter().flatten());
        failed
    }

    /// The delivery, if it is still to be sent.
    async fn look_up(&self, work: &Claimed) -> Result<Option<Delivery>> {
        let order = order(work)?;
        let found = deliveries::find(&mut self.db.glance().await?, order.delivery).await?;
        Ok(found.filter(|found| found.turn == order.turn && found.status == DeliveryStatus::Pending))
    }

    async fn end(&self, work: &Claimed) -> Result<()> {
        self.work.end(&[(work.claim(), Done::default())]).await.map(drop)
    }

    fn take_turn(&self, webhook: WebhookId) -> Option<Turn> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(webhook).then(|| Turn {
            busy: Arc::clone(&self.busy),
            webhook,
        })
    }

    fn to_one<'s, 'a: 's>(&'s self, id: WebhookId, some: Vec<(&'a Claimed, Delivery)>) -> BoxFuture<'s, Failed<'a>> {
        Box::pin(async move {
            let turn = self.take_turn(id);
            let until = turn.is_some().then(|| Instant::now() + MAY_TAKE);
            let attempts: Vec<_> = some
                .into_iter()
                .map(|(work, delivery)| self.one(work, delivery, until))
                .collect();
            let outcomes: Vec<_> = stream::iter(attempts).buffer_unordered(AT_ONCE).collect().await;
            drop(turn);
            outcomes.into_iter().flatten().collect()
        })
    }

    /// Sends one, if it is not too late for that.
    fn one<'s, 'a: 's>(
        &'s self,
        work: &'a Claimed,
        delivery: Delivery,
        until: Option<Instant>,
    ) -> BoxFuture<'s, Option<(&'a Claimed, Error)>> {
        Box::pin(async move {
            let outcome = if until.is_some_and(|until| Instant::now() < until) {
                self.attempt(work, delivery).await
            } else {
                self.later(work).await
            };
            outcome.err().map(|error| (work, error))
        })
    }

    async fn later(&self, work: &Claimed) -> Result<()> {
        let due = after(self.clock.now(), LATER);
        let mut tx = self.db.write_soon().await?;
        work::put_back(&mut tx, work.claim(), due, None, false, None).await?;
        tx.commit().await
    }

    async fn attempt(&self, work: &Claimed, delivery: Delivery) -> Result<()> {
        let webhook = current(&mut self.db.glance().await?, delivery.webhook_id).await?;
        let Some(webhook) = webhook else {
            return self.end(work).await;
        };
        let at = self.clock.now();
        if !webhook.enabled && delivery.event != WebhookEvent::Test {
            let outcome = Outcome {
                status: None,
                fault: Some("disabled"),
                retry_after: None,
                took: Duration::ZERO,
            };
            return self.record(work, &webhook, &delivery, at, &outcome).await;
        }
        let headers = headers(&webhook, &delivery, at)?;
        let outcome = self.sender.post(&webhook.url, headers, delivery.payload.clone()).await;
        self.record(work, &webhook, &delivery, at, &outcome).await
    }

    /// Stores what came of an attempt, and what follows from it. Rows are locked in the order of whoever deletes a webhook: the webhook
    /// first.
    async fn record(
        &self,
        work: &Claimed,
        webhook: &Webhook,
        sent: &Delivery,
        at: Timestamp,
        outcome: &Outcome,
    ) -> Result<()> {
        let now = self.clock.now();
        let was_tried = outcome.fault != Some("disabled");
        let mut tx = self.db.write().await?;
        let again = match outcome.fault {
            Some("disabled" | "gone") | None => None,
            Some(_) => pause_after(sent.attempts + 1, outcome.retry_after, rand::random()),
        };
        let given_up = match outcome.fault {
            None => {
                webhooks::succeeded(&mut tx, webhook.id).await?;
                None
            }
            Some(_) if was_tried && again.is_none() => webhooks::gave_up(&mut tx, webhook.id).await?,
            Some(_) => None,
        };
        let Some(mut delivery) = deliveries::lock(&mut tx, sent.id).await? else {
            drop(tx);
            return self.end(work).await;
        };
        if delivery.turn != sent.turn {
            drop(tx);
            return self.end(work).await;
        }
        delivery.note(Attempt {
            at,
            status: outcome.status,
            duration_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            fault: outcome.fault.map(str::to_owned),
        });
        let disabling = disabling(webhook, outcome, given_up);
        let due = again.map(|pause| after(now, time::Duration::try_from(pause).unwrap_or(LATER)));
        delivery.next_at = due;
        delivery.ended_at = due.is_none().then_some(now);
        let (status, outcome_name) = match (outcome.fault, due) {
            (None, _) => (DeliveryStatus::Delivered, "delivered"),
            (Some(_), Some(_)) => (DeliveryStatus::Pending, "retried"),
            (Some(_), None) => (DeliveryStatus::Failed, "failed"),
        };
        delivery.status = status;
        deliveries::update(&mut tx, &delivery, sent.turn).await?;
        if let Some(reason) = disabling
            && webhooks::disable(&mut tx, webhook.id, &reason, now).await?
        {
            tracing::warn!(webhook = %webhook.id, reason, "a webhook was disabled");
            let disabled = Webhook {
                disabled_reason: Some(reason),
                ..webhook.clone()
            };
            let actor = automation_of(webhook.collection_id);
            let event = event(Action::WebhookDisabled, &disabled);
            audit::record(&mut tx, &self.clock, &actor, event).await?;
        }
        let mut ends = Ends::default();
        let held = match due {
            Some(due) => work::put_back(&mut tx, work.claim(), due, None, false, None).await?,
            None => ends.end(&mut tx, work.claim(), Done::default(), now).await?,
        };
        // Whoever has taken it over tells what comes of their own attempt.
        if held {
            tx.commit().await?;
        }
        self.metrics.webhooks().attempted(outcome_name, outcome.took);
        Ok(())
    }
}

fn order(work: &Claimed) -> Result<Order> {
    Order::deserialize(&work.payload.0).map_err(Error::internal)
}

/// Why no more is to be sent to a webhook, if that is so.
fn disabling(webhook: &Webhook, outcome: &Outcome, given_up: Option<i64>) -> Option<String> {
    if outcome.fault == Some("gone") {
        return Some("the receiver answered 410 Gone".to_owned());
    }
    let given_up = given_up.filter(|_| webhook.enabled)?;
    (given_up >= MOST_GIVEN_UP).then(|| format!("{given_up} deliveries in a row were given up"))
}

/// The headers of Standard Webhooks: a signature for each secret that is valid.
fn headers(webhook: &Webhook, delivery: &Delivery, at: Timestamp) -> Result<HeaderMap> {
    let id = delivery.id.to_string();
    let seconds = at.as_offset_date_time().unix_timestamp();
    let mut signatures = Vec::new();
    for secret in webhook.secrets(at) {
        signatures.push(sign(secret.reveal(), &id, seconds, &delivery.payload)?);
    }
    let value = |text: &str| HeaderValue::from_str(text).map_err(Error::internal);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HEADER_WEBHOOK_ID, value(&id)?);
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, value(&seconds.to_string())?);
    headers.insert(HEADER_WEBHOOK_SIGNATURE, value(&signatures.join(" "))?);
    Ok(headers)
}

fn sign(secret: &str, id: &str, seconds: i64, payload: &str) -> Result<String> {
    let signer = Signer::new(secret).map_err(|_| Error::internal("a webhook's secret is not base64"))?;
    let signature = signer.sign(id, seconds, payload.as_bytes());
    signature.map_err(|_| Error::internal("a payload cannot be signed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_the_standard_publishes() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
