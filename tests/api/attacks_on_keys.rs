//! API keys that are none, are no more, or come the wrong way.

use crate::{
    attacks::Watch,
    support::{Request, TestApp, send},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;
use synoptic::domain::{
    permissions::{Role, Scopes},
    principal::Reach,
    refusals::Refusal,
};

pub const COUNT: usize = 54;

const ADDRESS: &str = "/api/collections";

fn authorised(app: &TestApp, value: impl AsRef<[u8]>) -> Request<'_> {
    app.anonymous("GET", ADDRESS).header("authorization", value.as_ref())
}

#[tokio::test]
async fn no_key_that_is_not_one_opens_anything() {
    let app = TestApp::new().await;
    let mut watch = Watch::over(&app).await;
    what_is_no_key(&app, &mut watch).await;
    what_comes_another_way(&app, &mut watch).await;
    what_is_no_key_any_more(&app, &mut watch).await;
    send(authorised(&app, format!("bearer {}", app.key))).await.ok();
    watch.finish(COUNT);
}

async fn what_is_no_key(app: &TestApp, watch: &mut Watch<'_>) {
    let key = app.key.clone();
    let end = key.len() - 1;
    let swapped: String = key
        .chars()
        .enumerate()
        .map(|(index, character)| match character {
            _ if index < 4 => character,
            _ if character.is_lowercase() => character.to_ascii_uppercase(),
            _ => character.to_ascii_lowercase(),
        })
        .collect();
    let hash = Sha256::digest(key.as_bytes());
    let another = TestApp::new().await;
    let (_, foreign) = another.key_with(Scopes::ALL, Reach::Everything).await;
    let unknown = [
        ("a key that was never made", format!("syn_{}", "A".repeat(43))),
        ("a key of another server", foreign),
        ("upper and lower case swapped", swapped),
        (
            "the last character changed",
            format!("{}{}", &key[..end], if key.ends_with('A') { 'B' } else { 'A' }),
        ),
        (
            "the visible beginning and a guess",
            format!("{}{}", &key[..10], "0".repeat(37)),
        ),
        ("a pattern", format!("syn_{}", "%".repeat(43))),
        (
            "the hash that is stored",
            format!("syn_{}", URL_SAFE_NO_PAD.encode(hash)),
        ),
    ];
    for (name, key) in unknown {
        let request = authorised(app, format!("Bearer {key}"));
        watch.refused(name, request, Refusal::UnknownKey).await;
    }
    let malformed = [
        ("an empty header", String::new()),
        ("the scheme alone", "Bearer".to_owned()),
        ("the scheme and a space", "Bearer ".to_owned()),
        ("the key without a scheme", key.clone()),
        ("one character short", format!("Bearer {}", &key[..end])),
        ("one character more", format!("Bearer {key}x")),
        ("the prefix alone", "Bearer syn_".to_owned()),
        ("all in upper case", format!("Bearer {}", key.to_uppercase())),
        ("the prefix in another case", format!("Bearer Syn_{}", &key[4..])),
        ("without its prefix", format!("Bearer {}", &key[4..])),
        ("twice with a comma", format!("Bearer {key}, Bearer {key}")),
        ("twice with a space", format!("Bearer {key} {key}")),
        ("in quotation marks", format!("Bearer \"{key}\"")),
        ("percent-encoded", format!("Bearer {}", key.replace("syn_", "syn%5F"))),
        ("after a tab", format!("Bearer\t{key}")),
        ("as Basic", format!("Basic {}", STANDARD.encode(format!("{key}:")))),
        ("as Basic without encoding", format!("Basic {key}")),
        ("as Digest", format!("Digest {key}")),
        ("as a token", format!("Token {key}")),
        ("with the scheme twice", format!("Bearer Bearer {key}")),
        ("a statement of SQL", "Bearer syn_' OR 1=1 --".to_owned()),
        ("of 100 kB", format!("Bearer syn_{}", "A".repeat(100_000))),
        ("a format string", "Bearer ${jndi:ldap://example.org/a}".to_owned()),
        (
            "another character that looks alike",
            format!("Bearer ѕyn_{}", &key[4..]),
        ),
        (
            "the right length in another script",
            format!("Bearer syn_{}é", &key[4..key.len() - 2]),
        ),
    ];
    for (name, header) in malformed {
        let request = authorised(app, header);
        watch.refused(name, request, Refusal::Malformed).await;
    }
    let binary = authorised(app, b"Bearer syn_\xff\xfe\x80".as_slice());
    watch
        .refused("bytes that are no text", binary, Refusal::Malformed)
        .await;
}

async fn what_comes_another_way(app: &TestApp, watch: &mut Watch<'_>) {
    let key = app.key.clone();
    let bearer = format!("Bearer {key}");
    let twice = authorised(app, &bearer).header("authorization", &bearer);
    watch.refused("in two headers", twice, Refusal::Malformed).await;
    let second = authorised(app, "Bearer x").header("authorization", &bearer);
    watch.refused("behind another header", second, Refusal::Malformed).await;
    let cookie = app
        .anonymous("GET", ADDRESS)
        .header("cookie", format!("synoptic_session={key}"));
    watch
        .refused("as the session's cookie", cookie, Refusal::Malformed)
        .await;
    let nowhere = [
        ("as another cookie", "cookie", format!("authorization=Bearer {key}")),
        ("in X-API-Key", "x-api-key", key.clone()),
        ("in Proxy-Authorization", "proxy-authorization", bearer.clone()),
        ("in X-Authorization", "x-authorization", bearer.clone()),
        (
            "in X-Forwarded-Authorization",
            "x-forwarded-authorization",
            bearer.clone(),
        ),
    ];
    for (name, header, value) in nowhere {
        let request = app.anonymous("GET", ADDRESS).header(header, value);
        watch.refused(name, request, Refusal::None).await;
    }
    for parameter in ["access_token", "api_key", "key", "authorization"] {
        let request = app.anonymous("GET", format!("{ADDRESS}?{parameter}={key}"));
        watch
            .refused(&format!("in the query as {parameter}"), request, Refusal::None)
            .await;
    }
    let body = json!({"name": "Mine", "access_token": key});
    let in_body = app.anonymous("POST", ADDRESS).body_json(&body);
    watch.refused("in the body", in_body, Refusal::None).await;
}

async fn what_is_no_key_any_more(app: &TestApp, watch: &mut Watch<'_>) {
    let get = |key: &str| app.with_token(key, "GET", ADDRESS);
    let rotate = async |id: &str, seconds: u32| {
        let body = json!({"overlap_seconds": seconds});
        let rotated = app.post(format!("/api/keys/{id}/rotate"), body).await;
        rotated.ok().body["secret"].as_str().unwrap().to_owned()
    };
    // A key in use is known at hand; each is used before it ends, so that what is remembered has to be forgotten.
    let used = async |key: &str| send(get(key)).await.ok().status;

    let (revoked, key) = app.key_with(Scopes::DATA, Reach::Everything).await;
    used(&key).await;
    app.delete(format!("/api/keys/{}", revoked.row.id.0)).await.gone();
    watch.refused("revoked", get(&key), Refusal::RevokedKey).await;

    let (key, _) = app
        .key_of(&app.key, json!({"name": "k", "expires_at": "2026-03-01T09:00:00Z"}))
        .await;
    used(&key).await;
    app.let_pass(Duration::from_hours(1));
    watch
        .refused("expired this moment", get(&key), Refusal::ExpiredKey)
        .await;
    app.let_pass(Duration::from_hours(24 * 365));
    watch.refused("expired long ago", get(&key), Refusal::ExpiredKey).await;

    let (rotated, key) = app.key_with(Scopes::DATA, Reach::Everything).await;
    let id = rotated.row.id.0.to_string();
    used(&key).await;
    let second = rotate(&id, 60).await;
    used(&key).await;
    app.let_pass(Duration::from_mins(1));
    watch
        .refused("rotated, after the overlap", get(&key), Refusal::UnknownKey)
        .await;
    let third = rotate(&id, 3600).await;
    rotate(&id, 3600).await;
    used(&third).await;
    watch
        .refused("rotated twice within the overlap", get(&second), Refusal::UnknownKey)
        .await;
    rotate(&id, 0).await;
    watch
        .refused("rotated without an overlap", get(&third), Refusal::UnknownKey)
        .await;

    let (owner, tokens) = app.signed_in("owner@example.org", Role::Editor).await;
    let (key, _) = app.key_of(&tokens.access, json!({"name": "theirs"})).await;
    let address = format!("/api/users/{}", owner.row.id.0);
    used(&key).await;
    app.patch(&address, json!({"state": "disabled"})).await.ok();
    watch
        .refused("of a disabled owner", get(&key), Refusal::InactiveUser)
        .await;
    app.patch(&address, json!({"state": "active"})).await.ok();
    used(&key).await;
    app.delete(&address).await.gone();
    watch
        .refused("of an owner who was deleted", get(&key), Refusal::RevokedKey)
        .await;
}
