//! A second server over the same database, as behind a load balancer.

use super::{Answer, Server, TestApp, config, send};
use poem::{EndpointExt, http::Method, test::TestClient};
use std::sync::Arc;
use synoptic::app::App;

pub struct Replica {
    client: TestClient<Server>,
    // Closed with it.
    _app: App,
}

impl TestApp {
    /// Whatever one of the two changes, the other rechecks after so many seconds.
    pub async fn replica(&self, recheck_seconds: u64) -> Replica {
        let mut config = config(&self.folder.0.join("synoptic.db"));
        config.auth.recheck_seconds = recheck_seconds;
        let app = App::build(config, self.clock.clone()).await.unwrap();
        let server: Server = Arc::new(app.endpoint().unwrap().boxed());
        Replica {
            client: TestClient::new(server),
            _app: app,
        }
    }
}

impl Replica {
    pub async fn get(&self, token: &str, path: &str) -> Answer {
        let request = self.client.request(Method::GET, path);
        send(request.header("authorization", format!("Bearer {token}"))).await
    }
}
