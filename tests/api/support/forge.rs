//! Access tokens as somebody would forge them: any header, any claims, signed with any key.

use super::TestApp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::Value;
use synoptic::domain::signing_keys::{Algorithm, SigningKey};

/// A genuine token taken apart, and the key that signed it.
#[derive(Clone)]
pub struct Forge {
    pub header: Value,
    pub claims: Value,
    pub key: SigningKey,
}

impl Forge {
    pub async fn new(app: &TestApp, token: &str) -> Self {
        let mut parts = token.split('.').map(decode);
        let (header, claims) = (parts.next().unwrap(), parts.next().unwrap());
        let keys = app.services.signing_keys.list().await.unwrap();
        let key = keys.into_iter().find(|key| header["kid"] == *key.id).unwrap();
        Self { header, claims, key }
    }

    /// With another value in the header; `None` leaves it out.
    #[must_use]
    pub fn header(&self, name: &str, value: impl Into<Option<Value>>) -> Self {
        let mut forged = self.clone();
        set(&mut forged.header, name, value.into());
        forged
    }

    /// With another claim; `None` leaves it out.
    #[must_use]
    pub fn claim(&self, name: &str, value: impl Into<Option<Value>>) -> Self {
        let mut forged = self.clone();
        set(&mut forged.claims, name, value.into());
        forged
    }

    /// Everything that a signature covers.
    pub fn message(&self) -> String {
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }

    /// Signed with the server's own key, as only the server can.
    pub fn genuine(&self) -> String {
        sign(&self.message(), &self.key)
    }

    /// Signed with HMAC-SHA-256 and a secret of one's choice.
    pub fn hmac(&self, secret: &[u8]) -> String {
        hmac(&self.message(), secret)
    }
}

/// Signs a message with the server's own key.
pub fn sign(message: &str, key: &SigningKey) -> String {
    match key.algorithm {
        Algorithm::HS256 => hmac(message, &key.secret),
        Algorithm::EdDSA => {
            use ed25519_dalek::Signer;
            let seed = key.secret.as_slice().try_into().unwrap();
            let signature = ed25519_dalek::SigningKey::from_bytes(seed).sign(message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
        }
    }
}

fn hmac(message: &str, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

pub fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

fn set(object: &mut Value, name: &str, value: Option<Value>) {
    let fields = object.as_object_mut().unwrap();
    match value {
        Some(value) => drop(fields.insert(name.to_owned(), value)),
        None => drop(fields.remove(name)),
    }
}
