//! What recognising a caller costs: one small answer at a public address and at one that needs a credential, inside all layers
//! of the real server. `scripts/bench/access.sh` sends the same requests to both, with an access token, an API key and a cookie.

use poem::{Server, listener::TcpListener};
use poem_openapi::{Object, OpenApi, payload::Json};
use std::io::Write;
use synoptic::{
    app::App,
    auth::Caller,
    config::{Config, DatabaseUrl, Limits},
    domain::{Clock, api_keys::ApiKeyFields, principal::Actor},
    services::sign_in::{Credential, Origin, Wanted},
};

const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "nine wet paper boats in a row";

struct Api;

#[derive(Object)]
struct Answer {
    status: String,
    text: String,
}

/// The operations bear the ids of a public one and of one that is open to everybody who is recognised.
#[expect(clippy::unused_async, reason = "poem-openapi takes asynchronous handlers only")]
#[OpenApi]
impl Api {
    #[oai(path = "/api/public", method = "get", operation_id = "jwks")]
    async fn public(&self) -> Json<Answer> {
        answer()
    }

    #[oai(path = "/api/protected", method = "get", operation_id = "getMe")]
    async fn protected(&self, _caller: Caller) -> Json<Answer> {
        answer()
    }
}

fn answer() -> Json<Answer> {
    Json(Answer {
        status: "ok".to_owned(),
        text: "a small answer".to_owned(),
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("synoptic-access-cost-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut config = Config::default();
    config.database.url = DatabaseUrl::new(format!("sqlite:{}", folder.join("bench.db").display()));
    // Every request is counted and none is refused.
    config.limits = Limits {
        principal_per_second: 1_000_000,
        principal_burst: 1_000_000,
        address_per_second: 1_000_000,
        address_burst: 1_000_000,
    };
    let app = App::build(config, Clock::system()).await?;
    app.services.users.create_first_admin(EMAIL, PASSWORD).await?;
    let (_, key) = app
        .services
        .api_keys
        .create(&Actor::operator(), ApiKeyFields::named("bench")?)
        .await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "key {}", key.reveal())?;
    for wanted in [Wanted::Tokens, Wanted::Cookie] {
        let signed_in = app
            .services
            .sign_in
            .by_password(EMAIL, PASSWORD, &Origin::default(), wanted)
            .await?;
        match signed_in.credential {
            Credential::Tokens(pair) => writeln!(out, "token {}", pair.access_token)?,
            Credential::Cookie { token } => writeln!(out, "cookie {}", token.reveal())?,
        }
    }
    drop(out);
    Server::new(TcpListener::bind("127.0.0.1:18082"))
        .run(app.endpoint_of(Api)?)
        .await?;
    Ok(())
}
