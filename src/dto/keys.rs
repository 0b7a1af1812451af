//! Bodies of the API key operations.

use super::body::given;
use crate::{
    domain::{
        Result, Timestamp,
        api_keys::{self as domain, ApiKeyFields, SecretKey},
        etags::etag,
        permissions::{Scope, Scopes},
        principal::Reach,
    },
    services::api_keys::ApiKeyPatch,
};
use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// A program's credential, without its secret.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    /// The visible beginning of the key.
    pub prefix: String,
    /// The user whose key it is: it can do no more than they, and ends with them. Not there for one from the command line.
    pub owner_id: Option<Uuid>,
    /// What it may do, such as `documents:read`; docs/permissions.md explains them.
    pub scopes: Vec<String>,
    /// The slugs of the only collections that it knows of; not there when it knows of all.
    pub collections: Option<Vec<String>>,
    pub expires_at: Option<OffsetDateTime>,
    /// To the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// Until when the secret from before the last rotation works.
    pub previous_secret_until: Option<OffsetDateTime>,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub revoked_at: Option<OffsetDateTime>,
}

impl ApiKey {
    /// With the slugs of the collections within reach, if that is restricted.
    #[must_use]
    pub fn new(key: domain::ApiKey, collections: Option<Vec<String>>) -> Self {
        let scopes = key.row.scopes().iter().map(|scope| scope.name().to_owned()).collect();
        let row = key.row;
        let time = |time: Option<Timestamp>| time.map(Timestamp::as_offset_date_time);
        Self {
            id: row.id.0,
            name: row.name,
            prefix: row.prefix,
            owner_id: row.owner_id.map(|id| id.0),
            scopes,
            collections,
            expires_at: time(row.expires_at),
            last_used_at: time(row.last_used_at),
            previous_secret_until: time(row.previous_until),
            version: row.version,
            created_at: row.created_at.as_offset_date_time(),
            revoked_at: time(row.revoked_at),
        }
    }

    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/keys/{}", self.id)
    }
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Clone, Object)]
pub struct KeyWithSecret {
    /// Send it as `Authorization: Bearer syn_…`. It is stored nowhere and cannot be shown again.
    pub secret: String,
    pub key: ApiKey,
}

impl KeyWithSecret {
    #[must_use]
    pub fn new(secret: &SecretKey, key: ApiKey) -> Self {
        Self {
            secret: secret.reveal().to_owned(),
            key,
        }
    }
}

/// A key to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewKey {
    /// What it is for.
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    /// What it may do: a part of what you may. Left out: everything of that with documents and answers.
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(max_items = 64))]
    pub scopes: Option<Vec<String>>,
    /// Slugs or ids of the only collections that it is to know of; all that you know of when left out or `null`.
    #[serde(default)]
    #[oai(validator(max_items = 1000))]
    pub collections: Option<Vec<String>>,
    /// When it ends (RFC 3339); never when left out or `null`.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

impl NewKey {
    /// `own` is what the caller may do.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn into_domain(self, own: Scopes, reach: Reach, now: Timestamp) -> Result<ApiKeyFields> {
        let scopes = match &self.scopes {
            Some(names) => Scopes::parse("/scopes", names),
            None => Ok(Scopes::DATA.intersect(own)),
        };
        ApiKeyFields::new(&self.name, scopes, reach, self.expires_at.map(Timestamp::new), now)
    }
}

impl Example for NewKey {
    fn example() -> Self {
        Self {
            name: "help desk import".to_owned(),
            scopes: Some(vec![
                Scope::CollectionsRead.name().to_owned(),
                Scope::DocumentsRead.name().to_owned(),
            ]),
            collections: Some(vec!["tickets".to_owned()]),
            expires_at: None,
        }
    }
}

/// A change to a key; what is left out stays.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct KeyChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    /// What it may do: a part of what you may.
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none, validator(max_items = 64))]
    pub scopes: Option<Vec<String>>,
    /// Slugs or ids of the only collections that it is to know of; `null` for all that you know of.
    #[serde(default)]
    #[oai(skip_serializing_if_is_none, validator(max_items = 1000))]
    pub collections: MaybeUndefined<Vec<String>>,
    /// When it ends (RFC 3339); `null` for never.
    #[serde(default, deserialize_with = "time_or_null")]
    #[oai(skip_serializing_if_is_none)]
    pub expires_at: MaybeUndefined<OffsetDateTime>,
}

impl KeyChange {
    /// # Errors
    /// `Error::Invalid` for a scope that there is not.
    pub fn into_patch(self, reach: Option<Reach>) -> Result<ApiKeyPatch> {
        let scopes = self.scopes.map(|names| Scopes::parse("/scopes", &names)).transpose()?;
        Ok(ApiKeyPatch {
            name: self.name,
            scopes,
            reach,
            expires_at: match self.expires_at {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(time) => Some(Some(Timestamp::new(time))),
            },
        })
    }
}

fn time_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<MaybeUndefined<OffsetDateTime>, D::Error> {
    let time = time::serde::rfc3339::option::deserialize(deserializer)?;
    Ok(time.map_or(MaybeUndefined::Null, MaybeUndefined::Value))
}

impl Example for KeyChange {
    fn example() -> Self {
        Self {
            name: Some("help desk, read only".to_owned()),
            scopes: Some(vec![Scope::DocumentsRead.name().to_owned()]),
            collections: MaybeUndefined::Undefined,
            expires_at: MaybeUndefined::Undefined,
        }
    }
}

/// How a key is rotated.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct KeyRotation {
    /// For how many seconds the secret it has now goes on working, at most 30 days; 0 ends it at once.
    #[oai(validator(maximum(value = "2592000")))]
    pub overlap_seconds: u32,
}

impl Example for KeyRotation {
    fn example() -> Self {
        Self { overlap_seconds: 3600 }
    }
}

/// A page of keys, in the order of creation.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct KeyPage {
    pub items: Vec<ApiKey>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
