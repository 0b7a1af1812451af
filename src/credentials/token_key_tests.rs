//! Which keys sign and verify, what is published of them, and the tokens of devices.

use super::*;

#[test]
fn a_retired_key_verifies_for_a_while_and_signs_no_more() {
    let mut old = key(Algorithm::HS256);
    let token = tokens(&[&old]).sign(&claims()).unwrap();
    old.retired_at = Some(later(0));
    let new = SigningKey::generate(Algorithm::EdDSA, at(NOW));
    let older = SigningKey::generate(Algorithm::EdDSA, at("2025-01-01T00:00:00Z"));
    let keys = vec![older, old.clone(), new.clone()];
    let mut all = Tokens::new("synoptic", "everyone", keys, Duration::minutes(5)).unwrap();
    assert!(all.verify(&token, later(299)).is_ok());
    assert_eq!(all.verify(&token, later(300)), Err(Refusal::TokenUnknownKey));
    let fresh = all.sign(&claims()).unwrap();
    assert_eq!(jsonwebtoken::decode_header(&fresh).unwrap().kid, Some(new.id));
    all.keys.retain(|key| key.retired_at.is_some());
    assert!(matches!(all.sign(&claims()), Err(Error::Internal { .. })));
}

#[test]
fn public_keys_are_published_while_they_verify_and_secrets_never() {
    let (secret, new) = (key(Algorithm::HS256), key(Algorithm::EdDSA));
    let mut old = key(Algorithm::EdDSA);
    old.retired_at = Some(at(NOW));
    let all = tokens(&[&secret, &old, &new]);
    let ids = |now| {
        let keys = all.jwks(now)["keys"].as_array().unwrap().clone();
        let mut ids: Vec<String> = keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut both = [old.id.clone(), new.id.clone()];
    both.sort();
    assert_eq!(ids(later(0)), both);
    assert_eq!(ids(later(3600)), std::slice::from_ref(&new.id));
    let published = all.jwks(at(NOW)).to_string();
    for key in [&secret, &old, &new] {
        assert!(!published.contains(&URL_SAFE_NO_PAD.encode(&key.secret)));
    }
    // Anybody's library verifies with what is published.
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&published).unwrap();
    let token = tokens(&[&new]).sign(&claims()).unwrap();
    let verifies = DecodingKey::from_jwk(set.find(&new.id).unwrap()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let algorithm = jsonwebtoken::Algorithm::EdDSA;
    assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &verifies, algorithm).unwrap());
    assert_eq!(set.find(&secret.id), None);
}

/// RFC 8037, appendix A.1 to A.4: the key pair, and what signing with it gives.
#[test]
fn the_example_of_the_standard_comes_out() {
    let seed = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap();
    let key = SigningKey {
        secret: seed,
        ..key(Algorithm::EdDSA)
    };
    let published = tokens(&[&key]).jwks(at(NOW))["keys"][0].clone();
    assert_eq!(published["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signs = Key::new(key).unwrap().signs;
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(
        jsonwebtoken::crypto::sign(message, &signs, jsonwebtoken::Algorithm::EdDSA).unwrap(),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn a_device_token_opens_nothing() {
    for algorithm in BOTH {
        let key = key(algorithm);
        let tokens = tokens(&[&key]);
        let user = UserId::generate();
        let device = tokens.sign_device(user, at(NOW)).unwrap();
        assert_eq!(refusal(&tokens, &device), Refusal::TokenAudience);
        let known = tokens.verify_device(&device, later(179 * 86_400)).unwrap();
        assert_eq!(known.user, user);
        let other = tokens.sign_device(user, at(NOW)).unwrap();
        let other = tokens.verify_device(&other, at(NOW)).unwrap();
        assert!(other.user == user && other.id != known.id);
        assert_eq!(tokens.verify_device(&device, later(180 * 86_400)), None);
        assert_eq!(tokens.verify_device(&tokens.sign(&claims()).unwrap(), at(NOW)), None);
        assert_eq!(tokens.verify_device("", at(NOW)), None);
    }
}

#[test]
fn keys_that_cannot_sign_are_a_fault() {
    for length in [0, 31, 33] {
        for algorithm in BOTH {
            let mut key = key(algorithm);
            key.secret = vec![7; length];
            assert!(Tokens::new("synoptic", "everyone", vec![key], Duration::ZERO).is_err());
        }
    }
    let key = key(Algorithm::HS256);
    assert!(Tokens::new("synoptic", "everyone", vec![key.clone(), key.clone()], Duration::ZERO).is_err());
    let printed = format!("{:?}", tokens(&[&key]));
    assert!(printed.contains(&key.id) && printed.len() < 80, "{printed}");
}
