//! The protocol against a provider that lies, errs and changes: a small server whose every word a test can choose.

use super::{ClientId, ClientSecret, Identity, IssuerUrl, Provider, ProviderError, RedirectUrl, Settings};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use poem::{Endpoint, Request, Response, Server, http::StatusCode, listener::TcpAcceptor};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

const SECRET: &str = "the secret of client and provider";

/// What the provider says next.
struct Words {
    issuer: String,
    /// Merged into the discovery document, the id token's header and its claims.
    discovery: Value,
    header: Value,
    claims: Value,
    userinfo: Value,
    signs_with: u8,
    shows: Vec<u8>,
    /// Instead of a signature with `signs_with`.
    signature: Option<fn(&str) -> Vec<u8>>,
    token_answer: Option<(StatusCode, Value)>,
    asked: Vec<String>,
}

struct Lying(Arc<Mutex<Words>>);

impl Endpoint for Lying {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let form = request.take_body().into_string().await.unwrap_or_default();
        let mut words = self.0.lock().unwrap();
        let path = request.uri().path().to_owned();
        words.asked.push(format!("{path} {form}"));
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => (StatusCode::OK, words.discovered()),
            "/keys" => (
                StatusCode::OK,
                json!({"keys": words.shows.iter().map(|key| public(*key)).collect::<Vec<_>>()}),
            ),
            "/token" => match words.token_answer.clone() {
                Some(answer) => answer,
                None => (
                    StatusCode::OK,
                    json!({"access_token": "opaque", "token_type": "Bearer", "id_token": words.id_token()}),
                ),
            },
            "/userinfo" => (StatusCode::OK, words.userinfo.clone()),
            _ => (StatusCode::NOT_FOUND, Value::Null),
        };
        Ok(Response::builder()
            .status(status)
            .content_type("application/json")
            .body(body.to_string()))
    }
}

impl Words {
    fn discovered(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let document = json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "jwks_uri": at("/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
        merged(document, &self.discovery)
    }

    fn id_token(&self) -> String {
        let header = merged(
            json!({"alg": "EdDSA", "kid": self.signs_with.to_string()}),
            &self.header,
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": self.issuer,
            "aud": "synoptic",
            "sub": "ann",
            "iat": now,
            "exp": now + 60,
            "nonce": "the nonce",
            "email": "ann@example.org",
            "email_verified": true,
        });
        let claims = merged(claims, &self.claims);
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = match self.signature {
            Some(sign) => sign(&signed),
            None => key(self.signs_with).sign(signed.as_bytes()).to_vec(),
        };
        format!("{signed}.{}", encode(&signature))
    }
}

/// Members that are null are taken away.
fn merged(mut document: Value, change: &Value) -> Value {
    json_patch::merge(&mut document, change);
    document
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn public(number: u8) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(number).verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": number.to_string(), "x": x})
}

struct World {
    words: Arc<Mutex<Words>>,
    provider: Provider,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let words = Arc::new(Mutex::new(Words {
            issuer: issuer.clone(),
            discovery: json!({}),
            header: json!({}),
            claims: json!({}),
            userinfo: json!({}),
            signs_with: 1,
            shows: vec![1],
            signature: None,
            token_answer: None,
            asked: Vec::new(),
        }));
        let acceptor = TcpAcceptor::from_std(listener).unwrap();
        let server = Server::new_with_acceptor(acceptor).run(Lying(Arc::clone(&words)));
        tokio_util::task::TaskTracker::new().spawn(server);
        let mut settings = Settings {
            issuer: IssuerUrl::new(issuer).unwrap(),
            client_id: ClientId::new("synoptic".to_owned()),
            client_secret: Some(ClientSecret::new(SECRET.to_owned())),
            redirect_uri: RedirectUrl::new("https://synoptic.example/auth/oidc/callback".to_owned()).unwrap(),
            scopes: vec!["groups".to_owned()],
            role_claim: None,
            trust_email: false,
        };
        change(&mut settings);
        Self {
            words,
            provider: Provider::new(settings).unwrap(),
        }
    }

    fn say(&self, change: impl FnOnce(&mut Words)) {
        change(&mut self.words.lock().unwrap());
    }

    fn asked(&self, path: &str) -> usize {
        let words = self.words.lock().unwrap();
        words.asked.iter().filter(|asked| asked.starts_with(path)).count()
    }

    async fn exchange(&self) -> Result<Identity, ProviderError> {
        let exchange = self
            .provider
            .exchange("the code".to_owned(), "v".repeat(43), "the nonce".to_owned());
        exchange.await
    }

    async fn assert_untrusted(&self, what: &str) {
        let outcome = self.exchange().await;
        assert!(
            matches!(outcome, Err(ProviderError::Untrusted(_))),
            "{what}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_browser_is_sent_with_state_nonce_and_challenge() {
    let world = World::new();
    let authorization = world.provider.authorization("the state").await.unwrap();
    for part in [
        "/authorize?response_type=code",
        "client_id=synoptic",
        "state=the+state",
        "code_challenge_method=S256",
        "scope=openid+email+profile+groups",
        "redirect_uri=https%3A%2F%2Fsynoptic.example%2Fauth%2Foidc%2Fcallback",
        &format!("nonce={}", authorization.nonce),
    ] {
        assert!(authorization.url.contains(part), "{part}: {}", authorization.url);
    }
    assert!(!authorization.url.contains(&authorization.verifier));
    let another = world.provider.authorization("the state").await.unwrap();
    assert!(another.nonce != authorization.nonce && another.verifier != authorization.verifier);
}

#[tokio::test]
async fn a_sound_token_says_who_it_is_and_the_verifier_goes_along() {
    let world = World::new();
    let identity = world.exchange().await.unwrap();
    assert_eq!((identity.subject.as_str(), identity.email_verified), ("ann", true));
    let words = world.words.lock().unwrap();
    assert_eq!(identity.issuer, words.issuer);
    let request = words.asked.iter().find(|asked| asked.starts_with("/token")).unwrap();
    assert!(
        request.contains(&format!("code_verifier={}", "v".repeat(43))),
        "{request}"
    );
    assert!(
        !request.contains("client_secret"),
        "in the header unless the provider asks otherwise: {request}"
    );
}

#[tokio::test]
async fn a_token_that_is_not_the_providers_word_to_us_now_is_refused() {
    for (what, claims) in [
        ("another issuer", json!({"iss": "https://other.example"})),
        ("another audience", json!({"aud": "somebody-else"})),
        ("several audiences", json!({"aud": ["synoptic", "somebody-else"]})),
        ("no audience", json!({"aud": null})),
        ("expired", json!({"exp": 1_700_000_000})),
        ("no expiry", json!({"exp": null})),
        ("another nonce", json!({"nonce": "another"})),
        ("no nonce", json!({"nonce": null})),
        ("another party", json!({"azp": "somebody-else"})),
    ] {
        let world = World::new();
        world.say(|words| words.claims = claims);
        let outcome = world.exchange().await;
        assert!(outcome.is_err(), "{what}: {outcome:?}");
    }
    let world = World::new();
    world.say(|words| words.claims = json!({"sub": " "}));
    world.assert_untrusted("no subject").await;
}

#[tokio::test]
async fn a_signature_must_be_the_providers() {
    let world = World::new();
    world.say(|words| {
        words.header = json!({"alg": "none", "kid": null});
        words.signature = Some(|_| Vec::new());
    });
    world.assert_untrusted("no signature").await;
    let world = World::new();
    world.say(|words| {
        words.header = json!({"alg": "HS256", "kid": null});
        words.signature = Some(|signed| hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    });
    world.assert_untrusted("our own secret as the key").await;
    let world = World::new();
    world.say(|words| words.signature = Some(|signed| key(2).sign(signed.as_bytes()).to_vec()));
    world.assert_untrusted("another key under the same name").await;
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_then_not_for_a_while() {
    let world = World::new();
    world.exchange().await.unwrap();
    world.exchange().await.unwrap();
    assert_eq!(world.asked("/keys"), 1, "kept");
    // The provider signs with another key just after its keys were fetched: they are not fetched for every such token.
    world.say(|words| (words.signs_with, words.shows) = (2, vec![1, 2]));
    world.assert_untrusted("a key that is not known yet").await;
    assert_eq!(world.asked("/keys"), 1);
    world.provider.age_metadata(super::COOL_DOWN).await;
    world.exchange().await.unwrap();
    assert_eq!(world.asked("/keys"), 2);
    world.say(|words| words.signs_with = 3);
    world.assert_untrusted("a key that nobody shows").await;
    assert_eq!(world.asked("/keys"), 2);
}

#[tokio::test]
async fn userinfo_is_asked_for_what_the_token_lacks_and_only_of_the_same_subject() {
    let world = World::with(|settings| settings.role_claim = Some("access.roles".to_owned()));
    world.say(|words| {
        words.claims = json!({"email": null, "email_verified": null});
        words.userinfo = json!({"sub": "ann", "email": "ann@example.org", "email_verified": "true", "name": "Ann",
            "access": {"roles": ["owners"]}});
    });
    let identity = world.exchange().await.unwrap();
    assert_eq!(
        (identity.email.as_deref(), identity.email_verified),
        (Some("ann@example.org"), true)
    );
    assert_eq!(
        (identity.name.as_deref(), identity.roles),
        (Some("Ann"), vec!["owners".to_owned()])
    );
    world.say(|words| words.userinfo["sub"] = "bob".into());
    world.assert_untrusted("somebody else's userinfo").await;
}

#[tokio::test]
async fn a_code_that_is_refused_is_told_from_a_provider_that_fails() {
    let world = World::new();
    let answer = |status, error: &str| Some((status, json!({"error": error, "error_description": "no"})));
    world.say(|words| words.token_answer = answer(StatusCode::BAD_REQUEST, "invalid_grant"));
    assert!(matches!(world.exchange().await, Err(ProviderError::CodeRefused(_))));
    world.say(|words| words.token_answer = answer(StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(matches!(world.exchange().await, Err(ProviderError::Unreachable(_))));
    let secret = "a-token-that-no-log-may-have";
    world.say(|words| words.token_answer = Some((StatusCode::OK, json!({"access_token": secret}))));
    let error = world.exchange().await.unwrap_err();
    assert!(!format!("{error:?}").contains(secret), "{error:?}");
    let large = json!({"access_token": "x".repeat(2 * 1024 * 1024)});
    world.say(|words| words.token_answer = Some((StatusCode::OK, large)));
    let error = world.exchange().await.unwrap_err();
    assert!(format!("{error:?}").contains("larger"), "{error:?}");
}

#[tokio::test]
async fn neither_browser_nor_secret_goes_over_an_open_line() {
    let world = World::new();
    world.say(|words| words.discovery = json!({"authorization_endpoint": "http://accounts.example/authorize"}));
    assert!(matches!(
        world.provider.authorization("s").await,
        Err(ProviderError::Untrusted(_))
    ));
    let world = World::new();
    world.say(|words| words.discovery = json!({"token_endpoint": "http://accounts.example/token"}));
    let error = world.exchange().await.unwrap_err();
    assert!(format!("{error:?}").contains("neither https"), "{error:?}");
    let world = World::new();
    world.say(|words| words.discovery = json!({"issuer": "https://other.example"}));
    assert!(world.exchange().await.is_err(), "a document of another issuer");
}

#[tokio::test]
async fn a_provider_that_failed_is_left_alone_for_a_moment_and_what_was_known_goes_on() {
    let world = World::new();
    world.say(|words| words.discovery = json!({"jwks_uri": 7}));
    for _ in 0..3 {
        assert!(matches!(
            world.provider.authorization("s").await,
            Err(ProviderError::Unreachable(_))
        ));
    }
    assert_eq!(world.asked("/.well-known"), 1);
    let world = World::new();
    world.exchange().await.unwrap();
    world.say(|words| words.discovery = json!({"jwks_uri": 7}));
    world.provider.age_metadata(super::KEPT_FOR).await;
    world.exchange().await.unwrap();
    assert_eq!(world.asked("/.well-known"), 2, "asked again, in vain");
}

#[tokio::test]
async fn the_secret_goes_in_the_body_for_those_who_take_it_only_there() {
    let world = World::new();
    world.say(|words| words.discovery = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
    world.exchange().await.unwrap();
    let words = world.words.lock().unwrap();
    let request = words.asked.iter().find(|asked| asked.starts_with("/token")).unwrap();
    assert!(request.contains("client_secret=the+secret"), "{request}");
}

/// RFC 2104, for a key of at most a block.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let padded = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}
