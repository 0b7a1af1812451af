//! Work in the background: loops that take up what is due, one file for each kind of work, regular work, and what the server says of
//! itself meanwhile. Stands beside the controllers: it calls services, and nothing calls it but the composition root.

mod analyze;
mod evictions;
mod looping;
mod presence;
mod regular;

use crate::{
    config::Work,
    domain::{Clock, identifiers::WorkerId, work::Queue},
    services::Services,
    telemetry::Metrics,
};
use presence::Presence;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many batches are sent to webhooks at once. Each waits for receivers most of its time; as many slow receivers, in as many
/// collections, hold up the others for some seconds.
const DELIVERING_AT_ONCE: usize = 4;

/// What the loops share.
#[derive(Clone)]
struct Context {
    services: Services,
    metrics: Metrics,
    clock: Clock,
    settings: Work,
    presence: Arc<Presence>,
    stop: CancellationToken,
}

/// The loops of one server.
pub struct Workers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Workers {
    /// Starts everything that the server's role asks for.
    #[must_use]
    pub fn start(services: &Services, metrics: &Metrics, clock: &Clock, settings: &Work) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let context = Context {
            services: services.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            settings: settings.clone(),
            presence: Arc::new(Presence::new(WorkerId::generate(), settings.role, clock)),
            stop: stop.clone(),
        };
        tasks.spawn(presence::run(context.clone()));
        context.services.cache.listen();
        tasks.spawn(evictions::run(context.clone()));
        if settings.role.works() {
            for queue in [Queue::Arrivals, Queue::Jobs] {
                for _ in 0..settings.at_once {
                    tasks.spawn(looping::run(context.clone(), queue));
                }
            }
            for _ in 0..DELIVERING_AT_ONCE {
                tasks.spawn(looping::run(context.clone(), Queue::Deliveries));
            }
            tasks.spawn(regular::run(context));
        }
        Self { stop, tasks }
    }

    /// Once it is cancelled, nothing more is taken up.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Takes nothing more up, and waits so long for what is under way. What does not end in that time is taken over by another
    /// server, or by this one after its next start, when its lease is over.
    pub async fn drain(self, longest: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(longest, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "work in the background was under way when the server stopped; it is begun anew when its lease is over"
            );
        }
    }
}
