//! A delivery: what a webhook is told, how often that was tried, and what came of it.

use super::{
    Timestamp,
    identifiers::{DeliveryId, DocumentId, WebhookId},
    webhooks::WebhookEvent,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::time::Duration;

/// For how long deliveries are kept.
pub const DELIVERIES_LAST: time::Duration = time::Duration::days(30);
/// How many attempts are kept of one delivery, the newest.
pub const MOST_LOGGED: usize = 40;
/// How long the next attempt waits after each that failed; together 28 to 31 hours.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(10),
];
/// How much longer a pause may be than that, so that what failed together is not tried again together.
const LONGEST_SHARE: f64 = 0.1;
/// The longest that a receiver may have us wait.
const LONGEST_WISH: Duration = Duration::from_hours(24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is being tried, or will be again.
    Pending,
    Delivered,
    /// It was tried as often as it may be, or was not to be tried any more.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    pub duration_ms: u64,
    /// Why it failed, in a word; `None` when it did not.
    pub fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    /// What it is about; it goes with the document.
    pub document_id: Option<DocumentId>,
    pub event: WebhookEvent,
    /// Byte for byte as it is sent.
    pub payload: String,
    pub status: DeliveryStatus,
    /// 1, and one more each time it is sent anew.
    pub turn: i64,
    /// Of this turn.
    pub attempts: i64,
    pub log: Json<Vec<Attempt>>,
    pub next_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Delivery {
    /// Notes an attempt.
    pub fn note(&mut self, attempt: Attempt) {
        self.attempts += 1;
        let log = &mut self.log.0;
        log.push(attempt);
        let too_many = log.len().saturating_sub(MOST_LOGGED);
        log.drain(..too_many);
    }
}

/// How long to wait after so many attempts; `None` when there are to be no more. `luck` is 0 to 1.
#[must_use]
pub fn pause_after(attempts: i64, wish: Option<Duration>, luck: f64) -> Option<Duration> {
    let index = usize::try_from(attempts.max(1) - 1).ok()?;
    let pause = PAUSES.get(index)?.mul_f64(1.0 + LONGEST_SHARE * luck);
    Some(pause.max(wish.unwrap_or_default().min(LONGEST_WISH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_over_about_a_day() {
        let pauses: Vec<Duration> = (1..).map_while(|count| pause_after(count, None, 0.0)).collect();
        assert_eq!(pauses.len(), 8);
        assert!(pauses.is_sorted());
        // As docs/webhooks.md has it: 28 to 31 hours.
        let hours = |luck: f64| -> f64 {
            let pauses = (1..).map_while(|count| pause_after(count, None, luck));
            pauses.sum::<Duration>().as_secs_f64() / 3_600.0
        };
        assert!((27.5..28.0).contains(&hours(0.0)) && (30.0..31.0).contains(&hours(1.0)));
        assert_eq!(pause_after(9, Some(Duration::from_secs(1)), 0.5), None);
    }

    #[test]
    fn a_receiver_may_wish_for_a_longer_pause_and_not_for_any() {
        let wish = |seconds| pause_after(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(wish(60), Some(Duration::from_mins(1)));
        assert_eq!(wish(1), Some(Duration::from_secs(5)));
        assert_eq!(wish(u64::MAX), Some(LONGEST_WISH));
        assert!(pause_after(1, None, 1.0).unwrap() <= Duration::from_millis(5_500));
    }
}
