//! By when the request under way must be answered, counted from the moment when it came, for whoever shares the time out.

use std::future::Future;
use tokio::time::Instant;

tokio::task_local! {
    static CURRENT: Instant;
}

/// Runs a future as part of a request that must be answered by then.
pub async fn scope<F: Future>(deadline: Instant, future: F) -> F::Output {
    CURRENT.scope(deadline, future).await
}

/// The same future as part of the request under way, wherever it is run.
pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let deadline = current();
    async move {
        match deadline {
            Some(deadline) => scope(deadline, future).await,
            None => future.await,
        }
    }
}

/// `None` outside of a request: nobody waits with a watch in hand.
#[must_use]
pub fn current() -> Option<Instant> {
    CURRENT.try_with(Clone::clone).ok()
}
