//! The harness: [`TestApp`] is a server over a database of its own, [`Answer`] what it says, [`spec`] the OpenAPI document as
//! tests walk it, [`schema`] a check of an answer against it.

pub mod access;
pub mod answer;
pub mod background;
pub mod database;
pub mod forge;
pub mod replica;
pub mod schema;
pub mod spec;
pub mod world;

pub use answer::Answer;

use database::{Database, Stored};
use poem::{
    Body, Endpoint, EndpointExt, Response,
    endpoint::BoxEndpoint,
    http::Method,
    test::{TestClient, TestRequestBuilder},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use synoptic::{
    app::App,
    config::{Config, DatabaseUrl},
    domain::{Clock, Timestamp, api_keys::ApiKeyFields, permissions::Scopes, principal::Actor},
    services::{
        Services, demo,
        sign_in::{Credential, Origin, Wanted},
    },
};
use tokio::sync::OnceCell;

/// When tests take place, until they let time go on.
const MORNING: &str = "2026-03-01T08:00:00Z";

pub type Server = Arc<BoxEndpoint<'static, Response>>;
pub type Request<'a> = TestRequestBuilder<'a, Server>;

/// A server in process over a database file of its own, with a key that it accepts. The clock stands until it is told to go on.
pub struct TestApp {
    pub services: Services,
    pub key: String,
    /// The access token of an admin.
    pub token: String,
    pub clock: Clock,
    pub server: Server,
    client: TestClient<Server>,
    // Closed before its database goes.
    app: Box<App>,
    database: Database,
}

impl TestApp {
    /// An empty server.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// An empty server whose configuration is changed first.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        static EMPTY: OnceCell<Template> = OnceCell::const_new();
        let template = EMPTY.get_or_init(|| Box::pin(Template::make(false))).await;
        Self::over(template.copy().await, change).await
    }

    /// A server with the sample data of `serve --demo`.
    pub async fn demo() -> Self {
        static DEMO: OnceCell<Template> = OnceCell::const_new();
        let template = DEMO.get_or_init(|| Box::pin(Template::make(true))).await;
        Self::over(template.copy().await, |_| {}).await
    }

    async fn over(template: Template, change: impl FnOnce(&mut Config)) -> Self {
        let Template { database, key, token } = template;
        let mut config = config(&database);
        change(&mut config);
        let clock = Clock::fixed(time(MORNING));
        let app = Box::new(Box::pin(App::build(config, clock.clone())).await.unwrap());
        let server = Arc::new(app.endpoint().unwrap().boxed());
        let client = TestClient::new(Arc::clone(&server));
        let services = app.services.clone();
        Self {
            services,
            key,
            token,
            clock,
            server,
            client,
            app,
            database,
        }
    }

    /// A request with the key; [`send`] sends it.
    pub fn request(&self, method: &str, path: impl AsRef<str>) -> Request<'_> {
        self.anonymous(method, path)
            .header("authorization", format!("Bearer {}", self.key))
    }

    /// A request of an admin who is signed in.
    pub fn as_admin(&self, method: &str, path: impl AsRef<str>) -> Request<'_> {
        self.with_token(&self.token, method, path)
    }

    /// A request with another access token or API key.
    pub fn with_token(&self, token: &str, method: &str, path: impl AsRef<str>) -> Request<'_> {
        self.anonymous(method, path)
            .header("authorization", format!("Bearer {token}"))
    }

    /// A request without a key.
    pub fn anonymous(&self, method: &str, path: impl AsRef<str>) -> Request<'_> {
        self.client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), path.as_ref())
    }

    pub async fn get(&self, path: impl AsRef<str>) -> Answer {
        send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: impl AsRef<str>) -> Answer {
        send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: impl AsRef<str>, body: Value) -> Answer {
        send(self.request("POST", path).body_json(&body)).await
    }

    pub async fn put(&self, path: impl AsRef<str>, body: Value) -> Answer {
        send(self.request("PUT", path).body_json(&body)).await
    }

    pub async fn patch(&self, path: impl AsRef<str>, body: Value) -> Answer {
        send(self.request("PATCH", path).body_json(&body)).await
    }

    /// A POST whose body is taken as it is.
    pub async fn post_raw(&self, path: impl AsRef<str>, body: impl Into<Body>) -> Answer {
        send(self.request("POST", path).content_type("application/json").body(body)).await
    }

    /// Lets one second go by.
    pub fn tick(&self) {
        self.clock.set(Timestamp::new(
            self.clock.now().as_offset_date_time() + Duration::from_secs(1),
        ));
    }

    /// Makes the collection `notes`.
    pub async fn with_notes() -> Self {
        let app = Self::new().await;
        app.post("/api/collections", serde_json::json!({"name": "Notes"}))
            .await
            .created();
        app
    }

    /// Stores a document in `notes` and returns it.
    pub async fn note(&self, body: Value) -> Value {
        self.post("/api/collections/notes/documents", body)
            .await
            .created()
            .body
            .clone()
    }

    /// What another process would find after this one: nothing in memory, the same database.
    pub fn restart(self) -> impl Future<Output = Self> {
        self.restart_with(|_| {})
    }

    /// The same with a changed configuration.
    pub fn restart_with(self, change: impl FnOnce(&mut Config)) -> impl Future<Output = Self> {
        Box::pin(async move {
            let Self {
                app,
                key,
                token,
                database,
                server,
                client,
                services,
                ..
            } = self;
            // Closing waits for everything that can still ask for work to be done.
            drop((server, client, services));
            Box::pin(app.close()).await;
            Self::over(Template { database, key, token }, change).await
        })
    }

    /// Takes the database away from under the server, which must not have read from it before.
    pub async fn lose_database(&self) {
        self.database.lose().await;
    }

    /// Changes the database behind the server's back.
    pub async fn execute(&self, statement: &str) {
        self.try_execute(statement).await.unwrap();
    }

    pub async fn try_execute(&self, statement: &str) -> sqlx::Result<()> {
        self.database.execute(statement).await
    }

    /// Everything that is stored.
    pub async fn database_bytes(&self) -> Vec<u8> {
        self.database.bytes().await
    }

    /// Every row of every table, apart from when something was last used.
    pub async fn stored(&self) -> Stored {
        self.database.stored().await
    }
}

/// Sends a request and reads the whole answer. Every answer names its trace.
pub async fn send<E: Endpoint>(request: TestRequestBuilder<'_, E>) -> Answer {
    let answer = Answer::read(request.send().await.0).await;
    assert!(
        answer.header("x-trace-id").is_some_and(|id| id.len() == 32),
        "no trace id: {answer:?}"
    );
    answer
}

/// Signs in with e-mail address and password; the access token.
pub async fn sign_in(services: &Services, (email, password): (&str, &str)) -> String {
    let origin = Origin::default();
    let signed_in = services
        .sign_in
        .by_password(email, password, &origin, Wanted::Tokens)
        .await
        .unwrap();
    match signed_in.credential {
        Credential::Tokens(pair) => pair.access_token,
        Credential::Cookie { .. } => unreachable!("tokens were wanted"),
    }
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A migrated database, and the key and the admin's token that it knows.
struct Template {
    database: Database,
    key: String,
    token: String,
}

/// The admin of every test's database.
pub const ADMIN: (&str, &str) = ("admin@example.org", "seven green bicycles in the rain");

impl Template {
    async fn make(with_demo: bool) -> Self {
        let database = Database::new().await;
        let app = App::build(config(&database), Clock::fixed(time(MORNING)))
            .await
            .unwrap();
        let everything = ApiKeyFields {
            scopes: Scopes::ALL,
            ..ApiKeyFields::named("test").unwrap()
        };
        let (_, secret) = app
            .services
            .api_keys
            .create(&Actor::operator(), everything)
            .await
            .unwrap();
        app.services.users.create_first_admin(ADMIN.0, ADMIN.1).await.unwrap();
        let token = sign_in(&app.services, ADMIN).await;
        if with_demo {
            demo::load(&app.services).await.unwrap();
        }
        // Closing folds the write-ahead log into the file, and ends the connections.
        Box::pin(app.close()).await;
        Self {
            database,
            key: secret.reveal().to_owned(),
            token,
        }
    }

    async fn copy(&self) -> Self {
        Self {
            database: self.database.copy().await,
            key: self.key.clone(),
            token: self.token.clone(),
        }
    }
}

fn config(database: &Database) -> Config {
    let mut config = Config::default();
    config.database.url = DatabaseUrl::new(database.url());
    config
}
