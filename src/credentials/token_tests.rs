//! Attacks on tokens, and what each is refused as; what befalls the keys is in `key_tests`.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::new(at(NOW).as_offset_date_time() + Duration::seconds(seconds))
}

fn seconds(time: Timestamp) -> i64 {
    time.as_offset_date_time().unix_timestamp()
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, at("2026-01-01T00:00:00Z"))
}

fn tokens(keys: &[&SigningKey]) -> Tokens {
    let keys = keys.iter().map(|key| (*key).clone()).collect();
    Tokens::new("synoptic", "everyone", keys, Duration::hours(1)).unwrap()
}

fn claims() -> Claims {
    let now = seconds(at(NOW));
    Claims {
        iss: "synoptic".to_owned(),
        aud: "everyone".to_owned(),
        sub: UserId::generate(),
        sid: SessionId::generate(),
        jti: Uuid::new_v4(),
        iat: now,
        nbf: now,
        exp: now + 600,
    }
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token with any header and claims, properly signed by `key` with its own algorithm.
fn forge(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signs = Key::new(key.clone()).unwrap().signs;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &signs, key.algorithm.into()).unwrap();
    format!("{message}.{signature}")
}

fn header(key: &SigningKey) -> Value {
    json!({ "alg": key.algorithm.name(), "kid": key.id, "typ": "JWT" })
}

fn refusal(tokens: &Tokens, token: &str) -> Refusal {
    tokens.verify(token, at(NOW)).unwrap_err()
}

const BOTH: [Algorithm; 2] = [Algorithm::HS256, Algorithm::EdDSA];

#[test]
fn a_token_says_what_was_signed() {
    for algorithm in BOTH {
        let key = key(algorithm);
        let (tokens, claims) = (tokens(&[&key]), claims());
        let token = tokens.sign(&claims).unwrap();
        assert_eq!(tokens.verify(&token, at(NOW)).unwrap(), claims);
        let parsed = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((parsed.kid, parsed.typ), (Some(key.id.clone()), Some("JWT".to_owned())));
        let forged = forge(&key, &header(&key), &serde_json::to_value(&claims).unwrap());
        assert_eq!(tokens.verify(&forged, at(NOW)).unwrap(), claims);
    }
}

#[test]
fn the_algorithm_is_that_of_the_key_and_never_that_of_the_token() {
    let (secret, pair) = (key(Algorithm::HS256), key(Algorithm::EdDSA));
    let tokens = tokens(&[&secret, &pair]);
    let claims = serde_json::to_value(claims()).unwrap();
    for alg in [
        "none", "None", "nOnE", "", "HS256", "HS384", "RS256", "ES256", "EdDSA ", "eddsa",
    ] {
        let header = json!({ "alg": alg, "kid": pair.id, "typ": "JWT" });
        assert_eq!(
            refusal(&tokens, &forge(&pair, &header, &claims)),
            Refusal::TokenAlgorithm,
            "{alg}"
        );
        let unsigned = format!("{}.{}.", encode(&header), encode(&claims));
        assert_eq!(refusal(&tokens, &unsigned), Refusal::TokenAlgorithm, "{alg}");
    }
    // The public key, which anybody may have, as the secret of HS256: as bytes, as base 64, as DER.
    let public = ed25519_dalek::SigningKey::from_bytes(pair.secret.as_slice().try_into().unwrap()).verifying_key();
    let der = ed25519_dalek::pkcs8::EncodePublicKey::to_public_key_der(&public).unwrap();
    let x = URL_SAFE_NO_PAD.encode(public.to_bytes());
    for known in [&public.to_bytes()[..], x.as_bytes(), der.as_bytes()] {
        for alg in ["HS256", "EdDSA"] {
            let message = format!(
                "{}.{}",
                encode(&json!({ "alg": alg, "kid": pair.id, "typ": "JWT" })),
                encode(&claims)
            );
            let secret = EncodingKey::from_secret(known);
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &secret, jsonwebtoken::Algorithm::HS256).unwrap();
            let refused = refusal(&tokens, &format!("{message}.{signature}"));
            // An HMAC is half as long as a signature of Ed25519.
            let expected = if alg == "HS256" {
                Refusal::TokenAlgorithm
            } else {
                Refusal::Malformed
            };
            assert_eq!(refused, expected);
        }
    }
}

#[test]
fn the_key_is_found_by_its_id_and_nothing_else() {
    for algorithm in BOTH {
        let (mine, other, stranger) = (key(algorithm), key(algorithm), key(algorithm));
        let tokens = tokens(&[&mine, &other]);
        let claims = serde_json::to_value(claims()).unwrap();
        assert_eq!(
            refusal(&tokens, &forge(&other, &header(&mine), &claims)),
            Refusal::TokenSignature
        );
        assert_eq!(
            refusal(&tokens, &forge(&stranger, &header(&mine), &claims)),
            Refusal::TokenSignature
        );
        assert_eq!(
            refusal(&tokens, &forge(&stranger, &header(&stranger), &claims)),
            Refusal::TokenUnknownKey
        );
        for kid in [
            Value::Null,
            json!(""),
            json!("../../dev/null"),
            json!("' OR 1=1 --"),
            json!("\0"),
        ] {
            let header = json!({ "alg": algorithm.name(), "kid": kid, "typ": "JWT" });
            assert_eq!(
                refusal(&tokens, &forge(&mine, &header, &claims)),
                Refusal::TokenUnknownKey
            );
        }
        let header = json!({ "alg": algorithm.name(), "typ": "JWT" });
        assert_eq!(
            refusal(&tokens, &forge(&mine, &header, &claims)),
            Refusal::TokenUnknownKey
        );
    }
}

#[test]
fn a_header_may_not_say_how_to_verify() {
    let key = key(Algorithm::EdDSA);
    let tokens = tokens(&[&key]);
    let claims = serde_json::to_value(claims()).unwrap();
    let jwk = tokens.jwks(at(NOW))["keys"][0].clone();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!([])),
        ("x5t", json!("")),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("nonce", Value::Null),
    ] {
        let mut header = header(&key);
        header[name] = value;
        assert_eq!(
            refusal(&tokens, &forge(&key, &header, &claims)),
            Refusal::Malformed,
            "{name}"
        );
    }
    for wrong in [
        json!({ "kid": key.id, "typ": "JWT" }),
        json!({ "alg": "EdDSA", "kid": key.id }),
        json!({ "alg": "EdDSA", "kid": key.id, "typ": "at+jwt" }),
        json!({ "alg": ["EdDSA"], "kid": key.id, "typ": "JWT" }),
        json!({ "alg": "EdDSA", "kid": 7, "typ": "JWT" }),
        json!([]),
        json!("EdDSA"),
        Value::Null,
    ] {
        assert_eq!(
            refusal(&tokens, &forge(&key, &wrong, &claims)),
            Refusal::Malformed,
            "{wrong}"
        );
    }
    let twice = format!(r#"{{"alg":"none","alg":"EdDSA","kid":"{}","typ":"JWT"}}"#, key.id);
    let token = forge(&key, &header(&key), &claims);
    let rest = token.split_once('.').unwrap().1;
    assert_eq!(
        refusal(&tokens, &format!("{}.{rest}", URL_SAFE_NO_PAD.encode(twice))),
        Refusal::Malformed
    );
}

#[test]
fn a_payload_does_not_move_to_another_signature() {
    for algorithm in BOTH {
        let key = key(algorithm);
        let tokens = tokens(&[&key]);
        let (mine, theirs) = (tokens.sign(&claims()).unwrap(), tokens.sign(&claims()).unwrap());
        let (mine, theirs): (Vec<&str>, Vec<&str>) = (mine.split('.').collect(), theirs.split('.').collect());
        let swapped = [mine[0], theirs[1], mine[2]].join(".");
        assert_eq!(refusal(&tokens, &swapped), Refusal::TokenSignature);
    }
}

#[test]
fn what_is_no_token_is_malformed() {
    let key = key(Algorithm::HS256);
    let tokens = tokens(&[&key]);
    let token = tokens.sign(&claims()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut wrong = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        "ключ.ключ.ключ".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        token.replace('.', ".."),
        format!("{token}.{token}"),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\0"),
        format!("{token}é"),
        format!("Bearer {token}"),
        "a".repeat(1 << 20),
        ".".repeat(1 << 20),
        format!("{}.{}.{}", parts[0], "A".repeat(1 << 20), parts[2]),
    ];
    wrong.extend((0..token.len()).map(|length| token[..length].to_owned()));
    for text in &wrong {
        assert_eq!(
            refusal(&tokens, text),
            Refusal::Malformed,
            "{}",
            text.chars().take(80).collect::<String>()
        );
    }
}

#[test]
fn claims_must_all_be_there_and_of_their_types() {
    let key = key(Algorithm::EdDSA);
    let tokens = tokens(&[&key]);
    let sound = serde_json::to_value(claims()).unwrap();
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"] {
        for wrong in [
            None,
            Some(Value::Null),
            Some(json!([sound[name]])),
            Some(json!({})),
            Some(json!(true)),
        ] {
            let mut claims = sound.clone();
            match wrong {
                None => drop(claims.as_object_mut().unwrap().remove(name)),
                Some(wrong) => claims[name] = wrong,
            }
            assert_eq!(
                refusal(&tokens, &forge(&key, &header(&key), &claims)),
                Refusal::Malformed,
                "{name}"
            );
        }
    }
    for (name, wrong) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("sub", json!("ann@example.org")),
        ("sid", json!(7)),
    ] {
        let mut claims = sound.clone();
        claims[name] = wrong;
        assert_eq!(
            refusal(&tokens, &forge(&key, &header(&key), &claims)),
            Refusal::Malformed,
            "{name}"
        );
    }
    for payload in [json!([]), json!("text"), Value::Null] {
        assert_eq!(
            refusal(&tokens, &forge(&key, &header(&key), &payload)),
            Refusal::Malformed
        );
    }
    // What a newer replica adds is no harm.
    let mut claims = sound;
    claims["more"] = json!(1);
    assert!(tokens.verify(&forge(&key, &header(&key), &claims), at(NOW)).is_ok());
}

type Change = Box<dyn Fn(&mut Claims)>;

#[test]
fn issuer_audience_and_times_are_checked() {
    let key = key(Algorithm::EdDSA);
    let tokens = tokens(&[&key]);
    let now = seconds(at(NOW));
    let cases: Vec<(Change, Option<Refusal>)> = vec![
        (
            Box::new(|claims| claims.iss = "Synoptic".to_owned()),
            Some(Refusal::TokenIssuer),
        ),
        (Box::new(|claims| claims.iss.clear()), Some(Refusal::TokenIssuer)),
        (
            Box::new(|claims| claims.aud = "everyone else".to_owned()),
            Some(Refusal::TokenAudience),
        ),
        (
            Box::new(|claims| claims.aud = "everyone device".to_owned()),
            Some(Refusal::TokenAudience),
        ),
        (Box::new(move |claims| claims.exp = now), Some(Refusal::TokenExpired)),
        (Box::new(|claims| claims.exp = i64::MIN), Some(Refusal::TokenExpired)),
        (Box::new(move |claims| claims.exp = now + 1), None),
        (Box::new(|claims| claims.exp = i64::MAX), None),
        (Box::new(move |claims| claims.nbf = now + 60), None),
        (
            Box::new(move |claims| claims.nbf = now + 61),
            Some(Refusal::TokenNotYetValid),
        ),
        (Box::new(move |claims| claims.iat = now + 60), None),
        (
            Box::new(move |claims| claims.iat = now + 61),
            Some(Refusal::TokenNotYetValid),
        ),
        (
            Box::new(|claims| claims.iat = i64::MAX),
            Some(Refusal::TokenNotYetValid),
        ),
        (Box::new(|claims| claims.nbf = i64::MIN), None),
    ];
    for (index, (change, expected)) in cases.into_iter().enumerate() {
        let mut claims = claims();
        change(&mut claims);
        let token = tokens.sign(&claims).unwrap();
        assert_eq!(tokens.verify(&token, at(NOW)).err(), expected, "case {index}");
    }
}

proptest! {
    #[test]
    fn a_token_with_any_byte_changed_is_refused(place in any::<prop::sample::Index>(), byte in 1_u8..128, eddsa: bool) {
        let key = key(if eddsa { Algorithm::EdDSA } else { Algorithm::HS256 });
        let tokens = tokens(&[&key]);
        let mut token = tokens.sign(&claims()).unwrap().into_bytes();
        let place = place.index(token.len());
        prop_assume!(token[place] != byte);
        token[place] = byte;
        let token = String::from_utf8(token).unwrap();
        prop_assert!(tokens.verify(&token, at(NOW)).is_err());
    }

    #[test]
    fn no_text_makes_it_fail_otherwise(text in "\\PC{0,200}", parts in prop::array::uniform3("[A-Za-z0-9_-]{0,60}")) {
        let tokens = tokens(&[&key(Algorithm::EdDSA)]);
        prop_assert!(tokens.verify(&text, at(NOW)).is_err());
        prop_assert!(tokens.verify(&parts.join("."), at(NOW)).is_err());
    }
}

#[path = "token_key_tests.rs"]
mod key_tests;
