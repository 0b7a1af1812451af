//! Regular work without cron: the database says what is due, and whoever is first does it.

use super::{Context, looping::cause};
use std::time::Duration;

/// How often to look what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Until the server stops.
pub(super) async fn run(context: Context) {
    let regular = &context.services.regular;
    loop {
        if let Err(error) = regular.run_due().await {
            tracing::warn!(cause = %cause(&error), "regular work could not be looked for");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = context.stop.cancelled() => return,
        }
    }
}
