//! Access tokens: JSON Web Tokens (RFC 7519) that name a user and a session, and device tokens, which only say that somebody
//! signed in from this browser before.
//!
//! RFC 8725 lists how such tokens are attacked. Against that: which algorithm verifies is a property of our key, found by the
//! token's `kid`, and never read from the token; a header may hold `alg`, `kid` and `typ` and nothing else; nothing of the
//! claims is read before the signature is verified; and issuer, audience and times are always checked.

pub use crate::domain::signing_keys::{Algorithm, SigningKey};

use crate::domain::{
    Error, Result, Timestamp,
    identifiers::{SessionId, UserId},
    refusals::Refusal,
    signing_keys::SECRET_LENGTH,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;
use time::Duration;
use uuid::Uuid;

/// A token of ours has about 500 bytes; what is much longer is not worth decoding.
const LONGEST_TOKEN: usize = 4096;
const TYPE: &str = "JWT";

/// By how many seconds the clock of the replica that issued a token may be ahead of ours. Expiry allows for none, since nobody
/// is refused by it who could not have come a minute earlier.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// How long a browser is known as one that somebody signed in from.
const DEVICE_DAYS: i64 = 180;

/// What an access token says. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub jti: Uuid,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
}

/// A browser from which somebody has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub user: UserId,
    /// Of its token: another sign-in makes another device.
    pub id: Uuid,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeviceClaims {
    iss: String,
    aud: String,
    sub: UserId,
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// What every token of ours says, whatever it is for.
#[derive(Deserialize)]
struct RegisteredClaims {
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// The whole header. RFC 7515 has more members, each of which would let a token say how it is to be verified (`jwk`, `jku`,
/// `x5u`, `x5c`, `crit`, `b64`); a token with one of them is not ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenHeader {
    alg: String,
    typ: String,
    #[serde(default)]
    kid: Option<String>,
}

/// Signs and verifies with a set of keys that does not change; a rotation makes a new one.
pub struct Tokens {
    issuer: String,
    audience: String,
    /// The newest first.
    keys: Vec<Key>,
    overlap: Duration,
}

struct Key {
    id: String,
    algorithm: Algorithm,
    created_at: Timestamp,
    retired_at: Option<Timestamp>,
    signs: EncodingKey,
    verifies: DecodingKey,
    /// The public half, where there is one.
    public: Option<[u8; SECRET_LENGTH]>,
}

impl Tokens {
    /// `overlap` is how long a retired key goes on verifying: at least as long as an access token is valid.
    ///
    /// # Errors
    /// `Error::Internal` when a key's secret has not 32 bytes, or two keys have one id.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: Vec<SigningKey>,
        overlap: Duration,
    ) -> Result<Self> {
        let mut keys = keys.into_iter().map(Key::new).collect::<Result<Vec<Key>>>()?;
        keys.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        let mut ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::internal("two signing keys have the same id"));
        }
        Ok(Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys,
            overlap,
        })
    }

    /// Signs with the newest key that is not retired.
    ///
    /// # Errors
    /// `Error::Internal` when every key is retired.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        self.encode(claims)
    }

    /// What the token says, if it is a valid access token of ours at this time.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        self.decode(token, &self.audience, now)
    }

    /// A token for the cookie of a browser from which this user has signed in.
    ///
    /// # Errors
    /// `Error::Internal` when every key is retired.
    pub fn sign_device(&self, user: UserId, now: Timestamp) -> Result<String> {
        let issued_at = now.as_offset_date_time().unix_timestamp();
        self.encode(&DeviceClaims {
            iss: self.issuer.clone(),
            aud: self.device_audience(),
            sub: user,
            jti: Uuid::new_v4(),
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + Duration::days(DEVICE_DAYS).whole_seconds(),
        })
    }

    /// Who has signed in from the browser with this cookie; `None` when it says nothing that can be trusted.
    #[must_use]
    pub fn verify_device(&self, token: &str, now: Timestamp) -> Option<Device> {
        let claims: DeviceClaims = self.decode(token, &self.device_audience(), now).ok()?;
        Some(Device {
            user: claims.sub,
            id: claims.jti,
        })
    }

    /// The public keys that verify at this time (RFC 7517, RFC 8037). Keys of HS256 have no public half and are not among them.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> serde_json::Value {
        let keys = self.keys.iter().filter(|key| key.verifies_at(now, self.overlap));
        let keys: Vec<serde_json::Value> = keys
            .filter_map(|key| {
                let x = URL_SAFE_NO_PAD.encode(key.public?);
                Some(serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "x": x, "kid": key.id, "use": "sig", "alg": key.algorithm.name(),
                }))
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }

    fn device_audience(&self) -> String {
        format!("{} device", self.audience)
    }

    fn encode(&self, claims: &impl Serialize) -> Result<String> {
        let key = self.keys.iter().find(|key| key.retired_at.is_none());
        let key = key.ok_or_else(|| Error::internal("there is no key that signs tokens"))?;
        let mut header = Header::new(key.algorithm.into());
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, claims, &key.signs).map_err(Error::internal)
    }

    fn decode<T: DeserializeOwned>(&self, token: &str, audience: &str, now: Timestamp) -> Result<T, Refusal> {
        let payload = self.verified_payload(token, now)?;
        let claims: RegisteredClaims = serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)?;
        let now = now.as_offset_date_time().unix_timestamp();
        if claims.iss != self.issuer {
            return Err(Refusal::TokenIssuer);
        }
        if claims.aud != audience {
            return Err(Refusal::TokenAudience);
        }
        if claims.exp <= now {
            return Err(Refusal::TokenExpired);
        }
        if claims.nbf.max(claims.iat) > now + CLOCK_SKEW_SECONDS {
            return Err(Refusal::TokenNotYetValid);
        }
        serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)
    }

    /// The claims as JSON, once the signature has been verified.
    fn verified_payload(&self, token: &str, now: Timestamp) -> Result<Vec<u8>, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Refusal::Malformed)?;
        let header: TokenHeader = serde_json::from_slice(&header).map_err(|_| Refusal::Malformed)?;
        // A dot too many is in the payload, and no character of base 64.
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Refusal::Malformed)?;
        let kid = header.kid.ok_or(Refusal::TokenUnknownKey)?;
        let key = self.keys.iter().find(|key| key.id == kid);
        let key = key
            .filter(|key| key.verifies_at(now, self.overlap))
            .ok_or(Refusal::TokenUnknownKey)?;
        if header.alg != key.algorithm.name() {
            return Err(Refusal::TokenAlgorithm);
        }
        if header.typ != TYPE {
            return Err(Refusal::Malformed);
        }
        if signature.len() != key.signature_length() {
            return Err(Refusal::Malformed);
        }
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.verifies, key.algorithm.into()) {
            Ok(true) => Ok(payload),
            Ok(false) => Err(Refusal::TokenSignature),
            Err(_) => Err(Refusal::Malformed),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        formatter
            .debug_struct("Tokens")
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn new(key: SigningKey) -> Result<Self> {
        let Ok(secret) = <[u8; SECRET_LENGTH]>::try_from(key.secret.as_slice()) else {
            return Err(Error::internal(format!(
                "the secret of the signing key `{}` is cut",
                key.id
            )));
        };
        let (signs, verifies, public) = match key.algorithm {
            Algorithm::HS256 => (
                EncodingKey::from_secret(&secret),
                DecodingKey::from_secret(&secret),
                None,
            ),
            Algorithm::EdDSA => {
                let private = ed25519_dalek::SigningKey::from_bytes(&secret);
                let public = private.verifying_key().to_bytes();
                let document = private
                    .to_pkcs8_der()
                    .map_err(|error| Error::internal(error.to_string()))?;
                (
                    EncodingKey::from_ed_der(document.as_bytes()),
                    DecodingKey::from_ed_der(&public),
                    Some(public),
                )
            }
        };
        Ok(Self {
            id: key.id,
            algorithm: key.algorithm,
            created_at: key.created_at,
            retired_at: key.retired_at,
            signs,
            verifies,
            public,
        })
    }

    /// In base 64: of 32 bytes and of 64.
    fn signature_length(&self) -> usize {
        match self.algorithm {
            Algorithm::HS256 => 43,
            Algorithm::EdDSA => 86,
        }
    }

    fn verifies_at(&self, now: Timestamp, overlap: Duration) -> bool {
        let now = now.as_offset_date_time();
        self.retired_at
            .is_none_or(|retired| now < retired.as_offset_date_time().saturating_add(overlap))
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HS256 => Self::HS256,
            Algorithm::EdDSA => Self::EdDSA,
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
