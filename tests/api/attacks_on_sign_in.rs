//! Guessing passwords, and telling from an answer who has an account.

use crate::{
    attacks::{Watch, words},
    support::{
        ADMIN, Request, TestApp,
        access::{PASSWORD, Tokens},
        send,
    },
};
use serde_json::{Value, json};
use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use synoptic::{
    auth::ClientAddress,
    domain::{
        permissions::Role,
        principal::{Actor, Reach},
        refusals::Refusal,
        users::{UserFields, UserState},
    },
};

pub const COUNT: usize = REFUSED + UNREADABLE;
const REFUSED: usize = 36;
const UNREADABLE: usize = 18;

pub const LOGIN: &str = "/api/auth/login";
pub const ANN: &str = "ann@example.org";
/// After some failures of one account the answers take longer, so that they are shared among two.
const BEA: &str = "bea@example.org";

/// Each comes from an address where nobody has tried before.
fn login<'a>(app: &'a TestApp, email: &str, password: &str) -> Request<'a> {
    let body = json!({"email": email, "password": password});
    app.anonymous("POST", LOGIN).data(elsewhere()).body_json(&body)
}

fn oauth<'a>(app: &'a TestApp, fields: &Value) -> Request<'a> {
    app.anonymous("POST", "/api/auth/token").data(elsewhere()).form(fields)
}

fn elsewhere() -> ClientAddress {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0000);
    ClientAddress(Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed)).into())
}

/// Somebody with a password, somebody disabled, and somebody who signs in elsewhere.
pub async fn people(app: &TestApp) -> String {
    let ann = app.user(ANN, Role::Editor, Reach::Everything).await;
    app.user(BEA, Role::Editor, Reach::Everything).await;
    let gone = app.user("gone@example.org", Role::Editor, Reach::Everything).await;
    let address = format!("/api/users/{}", gone.row.id.0);
    app.patch(&address, json!({"state": "disabled"})).await.ok();
    let email = "elsewhere@example.org";
    let fields = UserFields::new(email, None, Role::Editor, UserState::Active, Reach::Everything).unwrap();
    app.services
        .users
        .create(&Actor::operator(), fields, None)
        .await
        .unwrap();
    ann.row.password_hash.unwrap()
}

#[tokio::test]
async fn every_failed_sign_in_reads_the_same() {
    let app = TestApp::new().await;
    let hash = people(&app).await;
    let mut watch = Watch::over(&app).await;
    let wrong = [
        ("a wrong password", ANN, "something else altogether"),
        ("no password", ANN, ""),
        ("a space", ANN, " "),
        ("the password in capitals", ANN, &PASSWORD.to_uppercase()),
        ("the password and a space", ANN, &format!("{PASSWORD} ")),
        ("the password without its end", ANN, &PASSWORD[..PASSWORD.len() - 1]),
    ];
    let more = [
        ("the hash that is stored", ANN, hash.as_str()),
        ("the password of another", ANN, ADMIN.1),
        ("an API key", ANN, &app.key),
        ("an access token", ANN, &app.token),
        ("U+0000 for a password", ANN, "\0"),
        ("the password and U+0000", ANN, &format!("{PASSWORD}\0")),
    ];
    let odd = [
        ("SQL for a password", BEA, "' OR '1'='1"),
        ("15 kB for a password", BEA, &"a".repeat(15_000)),
        (
            "letters with a thousand marks",
            BEA,
            &format!("a{}", "\u{301}".repeat(1000)),
        ),
        ("a ligature that is longer than it looks", BEA, &"\u{fdfa}".repeat(1000)),
        ("a password that no font shows", BEA, "\u{202e}\u{feff}"),
        ("a password that is not assigned", BEA, "\u{e000}\u{10ffff}"),
    ];
    let nobody = [
        ("an account that there is not", "nobody@example.org", PASSWORD),
        ("a disabled account", "gone@example.org", "something else altogether"),
        ("somebody who signs in elsewhere", "elsewhere@example.org", PASSWORD),
        (
            "somebody who signs in elsewhere, with nothing",
            "elsewhere@example.org",
            "",
        ),
        ("no address", "", PASSWORD),
        ("an address without a domain", "ann", PASSWORD),
    ];
    let alike = [
        ("a letter that looks alike", "аnn@example.org", PASSWORD),
        ("a domain that looks alike", "ann@exаmple.org", PASSWORD),
        ("an invisible letter", "an\u{200b}n@example.org", PASSWORD),
        ("a comment", "ann(comment)@example.org", PASSWORD),
        ("a sub-address", "ann+admin@example.org", PASSWORD),
        ("a pattern", "%@example.org", PASSWORD),
        ("SQL for an address", "ann@example.org' OR 1=1 --", PASSWORD),
        ("U+0000 in the address", "ann@example.org\0", PASSWORD),
        ("two addresses", "ann@example.org,admin@example.org", PASSWORD),
        (
            "15 kB for an address",
            &format!("{}@example.org", "a".repeat(14_000)),
            PASSWORD,
        ),
    ];
    let mut said = Vec::new();
    for (name, email, password) in wrong.into_iter().chain(more).chain(odd).chain(nobody).chain(alike) {
        let answer = watch
            .not_signed_in(name, login(&app, email, password), Refusal::WrongPassword)
            .await;
        said.push(words(&answer));
    }
    let disabled = login(&app, "gone@example.org", PASSWORD);
    said.push(words(
        &watch
            .not_signed_in("disabled, with the password", disabled, Refusal::InactiveUser)
            .await,
    ));
    let by_form = oauth(
        &app,
        &json!({"grant_type": "password", "username": ANN, "password": "wrong"}),
    );
    said.push(words(
        &watch
            .not_signed_in("a wrong password, as OAuth", by_form, Refusal::WrongPassword)
            .await,
    ));
    said.dedup();
    assert_eq!(said.len(), 1, "{said:#?}");
    let trail = app.get("/api/audit?action=sign_in&result=refused&limit=200").await;
    assert_eq!(trail.items().len(), REFUSED);
    for secret in [PASSWORD, "something else", "1=1", "elsewhere\"", &hash] {
        assert!(!trail.text.contains(secret), "{secret} is in {}", trail.text);
    }
    watch.finish(REFUSED);
}

#[tokio::test]
async fn what_is_no_sign_in_is_not_tried() {
    let app = TestApp::new().await;
    people(&app).await;
    let mut watch = Watch::over(&app).await;
    let post = || app.anonymous("POST", LOGIN);
    let good = json!({"email": ANN, "password": PASSWORD});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (name, body, status, code) in [
        ("a role of one's choice", with("role", json!("admin")), 422, "invalid"),
        (
            "scopes of one's choice",
            with("scopes", json!(["users:write"])),
            422,
            "invalid",
        ),
        (
            "a session of another kind",
            with("session", json!("root")),
            422,
            "invalid",
        ),
        ("a list of addresses", with("email", json!([ANN])), 422, "invalid"),
        (
            "an operator for a password",
            with("password", json!({"$ne": ""})),
            422,
            "invalid",
        ),
        ("true for a password", with("password", json!(true)), 422, "invalid"),
        ("null for a password", with("password", json!(null)), 422, "invalid"),
        (
            "a list of sign-ins",
            json!([good.clone(), good.clone()]),
            422,
            "invalid",
        ),
        ("nothing", json!({}), 422, "invalid"),
    ] {
        watch.denied(name, post().body_json(&body), status, code).await;
    }
    let twice = format!(
        r#"{{"email": "{ANN}", "email": "{}", "password": "{PASSWORD}"}}"#,
        ADMIN.0
    );
    let json_type = || post().content_type("application/json");
    watch
        .denied("two addresses", json_type().body(twice), 422, "invalid")
        .await;
    let large = format!(r#"{{"email": "{ANN}", "password": "{}"}}"#, "a".repeat(17_000));
    watch
        .denied("a large body", json_type().body(large), 413, "payload-too-large")
        .await;
    let nested = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
    watch
        .denied("a deep body", json_type().body(nested), 400, "malformed-request")
        .await;
    let text = || post().content_type("text/plain").body(good.to_string());
    watch
        .denied(
            "text, as a form of another site sends it",
            text(),
            415,
            "unsupported-media-type",
        )
        .await;
    let form = post().form(&good);
    watch.denied("a form", form, 415, "unsupported-media-type").await;
    let address = format!("{LOGIN}?email={ANN}&password=x");
    let asked = app.request("GET", address);
    watch.denied("by GET", asked, 405, "method-not-allowed").await;
    for (name, grant) in [
        (
            "no password, as OAuth",
            json!({"grant_type": "password", "username": ANN}),
        ),
        (
            "a grant for programs",
            json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}),
        ),
        (
            "a grant that is none",
            json!({"grant_type": "", "username": ANN, "password": PASSWORD}),
        ),
    ] {
        watch.denied(name, oauth(&app, &grant), 422, "invalid").await;
    }
    watch.finish(UNREADABLE);
}

#[tokio::test]
async fn one_person_has_one_account_however_the_address_is_typed() {
    let app = TestApp::new().await;
    people(&app).await;
    let me = async |email: &str| {
        let tokens = Tokens::of(app.log_in(email, PASSWORD).await.ok());
        send(app.with_token(&tokens.access, "GET", "/api/auth/me"))
            .await
            .ok()
            .body["name"]
            .clone()
    };
    for email in [
        "ann@example.org",
        " Ann@Example.ORG ",
        "ａｎｎ@example.org",
        "ann@ｅxample。org",
    ] {
        assert_eq!(me(email).await, ANN, "{email:?}");
    }
    for taken in ["ANN@EXAMPLE.ORG", "ａnn@example.org"] {
        let body = json!({"email": taken, "role": "viewer"});
        app.post("/api/users", body).await.problem(409, "conflict");
    }
    let mixed = json!({"email": "аnn@example.org", "role": "viewer"});
    app.post("/api/users", mixed).await.invalid_at(&["/email"]);
}

/// The answer to a wrong password does not come faster for an account that there is not: the hash that it is compared with
/// costs as much. Without that it would be twenty times as fast, so that a wide margin will do.
#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_who_has_an_account() {
    let app = TestApp::new().await;
    people(&app).await;
    let mut times: Vec<(&str, Vec<Duration>)> = [
        ANN,
        "nobody@example.org",
        "elsewhere@example.org",
        "gone@example.org",
        "no address",
    ]
    .map(|email| (email, Vec::new()))
    .into();
    for _ in 0..8 {
        for (email, times) in &mut times {
            let request = login(&app, email, "something else altogether");
            let begun = Instant::now();
            send(request).await.problem(401, "unauthorized");
            times.push(begun.elapsed());
        }
    }
    let quickest = |times: &[Duration]| *times.iter().min().unwrap();
    let known = quickest(&times[0].1);
    for (email, times) in &times[1..] {
        let unknown = quickest(times);
        assert!(
            unknown * 4 > known && unknown < known * 4,
            "{email}: {unknown:?} and {known:?}"
        );
    }
}
