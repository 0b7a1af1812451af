//! Access tokens that are forged, altered, of another kind, or no more.

use crate::{
    attacks::Watch,
    support::{
        Request, TestApp,
        forge::{Forge, encode, sign},
        send,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use synoptic::{
    config::Algorithm,
    domain::{permissions::Role, refusals::Refusal, signing_keys::SigningKey},
};
use uuid::Uuid;

pub const COUNT: usize = HEADERS + CLAIMS + FORMS;
const HEADERS: usize = 44;
const CLAIMS: usize = 26;
const FORMS: usize = 33;

const ME: &str = "/api/auth/me";

fn get<'a>(app: &'a TestApp, token: &str) -> Request<'a> {
    app.with_token(token, "GET", ME)
}

#[tokio::test]
async fn a_token_does_not_say_how_it_is_verified() {
    let app = TestApp::new().await;
    let forge = Forge::new(&app, &app.token).await;
    send(get(&app, &forge.genuine())).await.ok();
    let mut watch = Watch::over(&app).await;
    for name in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "hs256",
        "HS256 ",
        "HS384",
        "HS512",
        "RS256",
        "RS512",
        "PS256",
        "ES256",
        "ES384",
        "EdDSA",
        "Ed25519",
        "dir",
        "A256KW",
        "HMACSHA256",
    ] {
        let forged = forge.header("alg", json!(name));
        let unsigned = format!("{}.", forged.message());
        let label = format!("the algorithm {name:?}, without a signature");
        watch
            .refused(&label, get(&app, &unsigned), Refusal::TokenAlgorithm)
            .await;
    }
    for name in ["none", "EdDSA", "RS256"] {
        let forged = forge.header("alg", json!(name)).genuine();
        let label = format!("the algorithm {name} over the right signature");
        watch.refused(&label, get(&app, &forged), Refusal::TokenAlgorithm).await;
    }
    let malformed = [
        ("no algorithm", forge.header("alg", None)),
        ("an algorithm that is a number", forge.header("alg", json!(256))),
        ("a list of algorithms", forge.header("alg", json!(["none", "HS256"]))),
        ("no type", forge.header("typ", None)),
        ("another type", forge.header("typ", json!("at+jwt"))),
        ("a key id that is a number", forge.header("kid", json!(1))),
        ("a list of key ids", forge.header("kid", json!([forge.header["kid"]]))),
        (
            "its own key as `jwk`",
            forge.header("jwk", json!({"kty": "oct", "k": "c2VjcmV0"})),
        ),
        (
            "a place of keys as `jku`",
            forge.header("jku", json!("https://example.org/keys")),
        ),
        ("a certificate as `x5c`", forge.header("x5c", json!(["MIIB"]))),
        (
            "a place of certificates as `x5u`",
            forge.header("x5u", json!("https://example.org/c")),
        ),
        ("critical extensions", forge.header("crit", json!(["b64"]))),
        ("an unencoded payload", forge.header("b64", json!(false))),
        ("compression", forge.header("zip", json!("DEF"))),
    ];
    for (name, forged) in malformed {
        watch
            .refused(name, get(&app, &forged.genuine()), Refusal::Malformed)
            .await;
    }
    let unknown = [
        ("no key id", Value::Null),
        ("a key id that was never one", json!("AAAAAAAAAAAAAAAA")),
        ("an empty key id", json!("")),
        ("a file as key id", json!("../../../../dev/null")),
        ("SQL as key id", json!("' UNION SELECT 'secret' --")),
        ("a web address as key id", json!("https://example.org/key")),
    ];
    for (name, kid) in unknown {
        let forged = forge.header("kid", Some(kid).filter(|kid| !kid.is_null()));
        watch
            .refused(name, get(&app, &forged.genuine()), Refusal::TokenUnknownKey)
            .await;
    }
    let twice = forge.header.to_string().replacen('{', "{\"alg\":\"none\",", 1);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(twice), encode(&forge.claims));
    let twice = sign(&message, &forge.key);
    watch
        .refused("the algorithm twice", get(&app, &twice), Refusal::Malformed)
        .await;
    let no_object = format!("{}.{}", encode(&json!("none")), encode(&forge.claims));
    let no_object = sign(&no_object, &forge.key);
    watch
        .refused("a header that is no object", get(&app, &no_object), Refusal::Malformed)
        .await;
    watch.finish(HEADERS);
}

/// Each of these is signed with the server's own key: as if it had been made for something else.
#[tokio::test]
async fn every_claim_is_looked_at() {
    let app = TestApp::new().await;
    let (other, tokens) = app.signed_in("other@example.org", Role::Admin).await;
    let theirs = Forge::new(&app, &tokens.access).await;
    let browser = app.browser("other@example.org").await;
    let listed = send(app.with_cookie(&browser, "GET", "/api/auth/sessions")).await;
    let of_browser = listed.items()[0]["id"].clone();
    let forge = Forge::new(&app, &app.token).await;
    let now = app.clock.now().as_offset_date_time().unix_timestamp();
    let others = [
        (
            "somebody else's subject",
            forge.claim("sub", json!(other.row.id.0)),
            Refusal::SessionEnded,
        ),
        (
            "somebody else's session",
            forge.claim("sid", theirs.claims["sid"].clone()),
            Refusal::SessionEnded,
        ),
        (
            "the session of a browser",
            theirs.claim("sid", of_browser),
            Refusal::SessionEnded,
        ),
    ];
    let mut watch = Watch::over(&app).await;
    for (name, forged, reason) in claims(&forge, now).into_iter().chain(others) {
        watch.refused(name, get(&app, &forged.genuine()), reason).await;
    }
    let list = Forge {
        claims: json!([forge.claims]),
        ..forge.clone()
    };
    watch
        .refused("a list of claims", get(&app, &list.genuine()), Refusal::Malformed)
        .await;
    send(get(&app, &forge.genuine())).await.ok();
    watch.finish(CLAIMS);
}

fn claims(forge: &Forge, now: i64) -> Vec<(&'static str, Forge, Refusal)> {
    vec![
        (
            "another issuer",
            forge.claim("iss", json!("synoptic.example")),
            Refusal::TokenIssuer,
        ),
        ("an empty issuer", forge.claim("iss", json!("")), Refusal::TokenIssuer),
        (
            "an issuer in capitals",
            forge.claim("iss", json!("SYNOPTIC")),
            Refusal::TokenIssuer,
        ),
        ("no issuer", forge.claim("iss", None), Refusal::Malformed),
        (
            "another audience",
            forge.claim("aud", json!("billing")),
            Refusal::TokenAudience,
        ),
        (
            "the audience of a device",
            forge.claim("aud", json!("synoptic device")),
            Refusal::TokenAudience,
        ),
        (
            "several audiences",
            forge.claim("aud", json!(["synoptic", "billing"])),
            Refusal::Malformed,
        ),
        ("no audience", forge.claim("aud", None), Refusal::Malformed),
        (
            "expired this second",
            forge.claim("exp", json!(now)),
            Refusal::TokenExpired,
        ),
        ("expired in 1970", forge.claim("exp", json!(0)), Refusal::TokenExpired),
        (
            "expired before 1970",
            forge.claim("exp", json!(i64::MIN)),
            Refusal::TokenExpired,
        ),
        ("never expiring", forge.claim("exp", None), Refusal::Malformed),
        (
            "expiring beyond all numbers",
            forge.claim("exp", json!(1e300)),
            Refusal::Malformed,
        ),
        (
            "an expiry in words",
            forge.claim("exp", json!("9999999999")),
            Refusal::Malformed,
        ),
        (
            "not valid yet",
            forge.claim("nbf", json!(now + 61)),
            Refusal::TokenNotYetValid,
        ),
        (
            "issued in the future",
            forge.claim("iat", json!(now + 3600)),
            Refusal::TokenNotYetValid,
        ),
        ("without a beginning", forge.claim("nbf", None), Refusal::Malformed),
        (
            "a subject that is nobody",
            forge.claim("sub", json!(Uuid::nil())),
            Refusal::SessionEnded,
        ),
        (
            "a subject that is no id",
            forge.claim("sub", json!("admin")),
            Refusal::Malformed,
        ),
        ("no subject", forge.claim("sub", None), Refusal::Malformed),
        (
            "a session that never was",
            forge.claim("sid", json!(Uuid::now_v7())),
            Refusal::SessionEnded,
        ),
        ("no session", forge.claim("sid", None), Refusal::Malformed),
    ]
}

#[tokio::test]
async fn a_token_that_was_altered_or_made_elsewhere_is_none() {
    let app = TestApp::with(|config| config.auth.algorithm = Algorithm::EdDSA).await;
    let token = app.tokens(crate::support::ADMIN.0).await.access;
    let forge = Forge::new(&app, &token).await;
    assert_eq!(forge.header["alg"], "EdDSA");
    let mut watch = Watch::over(&app).await;
    let secret = forge.key.secret.as_slice().try_into().unwrap();
    let public = ed25519_dalek::SigningKey::from_bytes(secret).verifying_key().to_bytes();
    let keys = send(app.anonymous("GET", "/.well-known/jwks.json")).await;
    let shown = keys.ok().body["keys"][0]["x"].as_str().unwrap().to_owned();
    assert_eq!(shown, URL_SAFE_NO_PAD.encode(public));
    // The public key taken for a secret: as it is, as it is shown, and in the forms of files.
    let hmac = forge.header("alg", json!("HS256"));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{shown}\n-----END PUBLIC KEY-----\n");
    for (name, secret) in [
        ("the bytes of the public key", public.as_slice()),
        ("the public key as it is shown", shown.as_bytes()),
        ("the public key as a file", pem.as_bytes()),
        ("the whole key set", keys.text.as_bytes()),
    ] {
        let label = format!("HS256 with {name}");
        watch
            .refused(&label, get(&app, &hmac.hmac(secret)), Refusal::TokenAlgorithm)
            .await;
        let label = format!("EdDSA claimed over HS256 with {name}");
        watch
            .refused(&label, get(&app, &forge.hmac(secret)), Refusal::Malformed)
            .await;
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{token}")
    };
    let stranger = SigningKey::generate(forge.key.algorithm, forge.key.created_at);
    let admin = encode(&forge.claim("role", json!("admin")).claims);
    let null_signature = URL_SAFE_NO_PAD.encode([0; 64]);
    let flipped: String = signature.chars().rev().collect();
    for (name, forged) in [
        ("signed with another key", sign(&forge.message(), &stranger)),
        ("another payload", format!("{header}.{admin}.{signature}")),
        (
            "another payload and no proof",
            format!("{header}.{admin}.{null_signature}"),
        ),
        ("an empty payload", format!("{header}..{signature}")),
        ("a signature of nothing", format!("{header}.{payload}.{null_signature}")),
        ("the signature backwards", format!("{header}.{payload}.{flipped}")),
        ("the signature of other words", {
            let other = sign("x.y", &forge.key);
            format!("{header}.{payload}.{}", other.rsplit('.').next().unwrap())
        }),
    ] {
        let backwards = name == "the signature backwards";
        // Backwards, the last character may hold bits that no base 64 has.
        let reason = if backwards && URL_SAFE_NO_PAD.decode(&flipped).is_err() {
            Refusal::Malformed
        } else {
            Refusal::TokenSignature
        };
        watch.refused(name, get(&app, &forged), reason).await;
    }
    let refresh = app.tokens(crate::support::ADMIN.0).await.refresh;
    let device = app.browser(crate::support::ADMIN.0).await.device;
    watch
        .refused("a device's token", get(&app, &device), Refusal::TokenAudience)
        .await;
    for (name, forged) in [
        ("a refresh token", refresh),
        ("the header alone", header.to_owned()),
        ("no signature", format!("{header}.{payload}")),
        ("an empty signature", format!("{header}.{payload}.")),
        ("an empty header", format!(".{payload}.{signature}")),
        ("two dots", "..".to_owned()),
        ("a dot before", format!(".{token}")),
        ("a dot behind", format!("{token}.")),
        ("five parts, as if encrypted", format!("{token}.{payload}.{signature}")),
        ("cut off by one", token[..token.len() - 1].to_owned()),
        ("one character more", format!("{token}A")),
        ("padded", format!("{token}==")),
        ("a megabyte", format!("{header}.{}.{signature}", "A".repeat(1 << 20))),
        ("a megabyte of dots", ".".repeat(1 << 20)),
        ("other letters", format!("{header}.пейлоуд.{signature}")),
        ("a space within", format!("{header}. {payload}.{signature}")),
        ("a quotation mark", format!("\"{token}\"")),
    ] {
        watch.refused(name, get(&app, &forged), Refusal::Malformed).await;
    }
    send(get(&app, &token)).await.ok();
    watch.finish(FORMS);
}
