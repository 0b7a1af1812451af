//! Follows what other servers on the same database delete, so that nothing of it is given from this one's caches.

use super::{Context, looping::cause};
use std::time::Duration;

/// How often the log is read.
const READ_EVERY: Duration = Duration::from_secs(1);
/// How long a look may take; one that hangs is given up for another.
const MAY_TAKE: Duration = Duration::from_secs(4);

/// Until the server stops. What is at hand is not believed any more a few seconds later.
pub(super) async fn run(context: Context) {
    let mut hears = true;
    loop {
        let outcome = tokio::time::timeout(MAY_TAKE, context.services.follow_evictions()).await;
        let trouble = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(cause(&error)),
            Err(_) => Some("it took too long".to_owned()),
        };
        if let Some(cause) = trouble.as_ref().filter(|_| hears) {
            tracing::warn!(
                cause,
                "what other servers delete cannot be read; no answers are given from the caches until it can"
            );
        }
        hears = trouble.is_none();
        tokio::select! {
            () = tokio::time::sleep(READ_EVERY) => {}
            () = context.stop.cancelled() => return,
        }
    }
}
