//! A second server over the same database, as behind a load balancer.

use super::{Answer, Request, Server, TestApp, config, send};
use poem::{EndpointExt, http::Method, test::TestClient};
use std::sync::Arc;
use synoptic::{app::App, config::Config};

pub struct Replica {
    client: TestClient<Server>,
    // Closed with it.
    app: App,
}

impl TestApp {
    /// Whatever one of the two changes, the other rechecks after so many seconds.
    pub async fn replica(&self, recheck_seconds: u64) -> Replica {
        self.replica_with(|config| config.auth.recheck_seconds = recheck_seconds)
            .await
    }

    /// With a configuration of its own.
    pub async fn replica_with(&self, change: impl FnOnce(&mut Config)) -> Replica {
        let mut config = config(&self.database);
        change(&mut config);
        let app = App::build(config, self.clock.clone()).await.unwrap();
        let server: Server = Arc::new(app.endpoint().unwrap().boxed());
        Replica {
            client: TestClient::new(server),
            app,
        }
    }
}

impl Replica {
    pub async fn get(&self, token: &str, path: &str) -> Answer {
        send(self.request(token, "GET", path)).await
    }

    /// From now on it believes its caches only for as long as it follows.
    pub async fn listen(&self) {
        self.app.services.cache.listen();
        self.follow().await;
    }

    /// Reads what others on the same database have deleted.
    pub async fn follow(&self) {
        self.app.services.follow_evictions().await.unwrap();
    }

    pub fn request(&self, token: &str, method: &str, path: &str) -> Request<'_> {
        let request = self
            .client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), path);
        request.header("authorization", format!("Bearer {token}"))
    }
}
